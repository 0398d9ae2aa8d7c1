//! Certificates and keys read from files, with an error that says what is wrong with which file.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error as RustlsError, InconsistentKeys};

use super::host::TlsFiles;
use crate::base::quote::quote;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read the {what} {}: {source}", path.display())]
    Unreadable {
        /// `certificate`, `key` or `CA bundle`.
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("the {what} {} holds no certificate{}", path.display(), found_instead(found.as_deref()))]
    NoCertificate {
        what: &'static str,
        path: PathBuf,
        /// The first PEM label that stands there instead.
        found: Option<String>,
    },
    #[error("the {what} {} is damaged: {why}", path.display())]
    Damaged {
        what: &'static str,
        path: PathBuf,
        why: String,
    },
    #[error("the key {} holds no private key{}", path.display(), found_instead(found.as_deref()))]
    NoKey { path: PathBuf, found: Option<String> },
    #[error(
        "the key {0} is protected by a passphrase, which nobody can type here; write it without: \
         `openssl pkey -in {0} -out PLAIN.pem` with umask 077",
        quote(&path.to_string_lossy())
    )]
    EncryptedKey { path: PathBuf },
    #[error("the key {} is of a kind that cannot be used: {why}", path.display())]
    UnusableKey { path: PathBuf, why: String },
    #[error("the key {} does not belong to the certificate {}", key.display(), cert.display())]
    Mismatch { cert: PathBuf, key: PathBuf },
    #[error("a certificate and its key belong together: {} is given, the {missing} is not", given.display())]
    Half { given: PathBuf, missing: &'static str },
}

fn found_instead(found: Option<&str>) -> String {
    found.map_or_else(String::new, |label| format!(" (it holds a `{label}`)"))
}

/// The content of the files.
#[derive(Debug)]
pub struct TlsMaterial {
    /// The authorities that are trusted; none: those of this machine.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Our own certificate with its chain, and the key.
    pub identity: Option<Identity>,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// A certificate with its chain, leaf first, and its key.
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Identity({} certificates, key hidden)", self.chain.len())
    }
}

/// Reads and checks the files: readable, of the right kind, the key that of the certificate.
pub fn read(files: &TlsFiles) -> Result<TlsMaterial, TlsError> {
    let authorities = match &files.ca {
        Some(path) => certificates("CA bundle", path)?,
        None => Vec::new(),
    };
    let mut warnings = Vec::new();
    let identity = match (&files.cert, &files.key) {
        (Some(cert), Some(key)) => Some(identity(cert, key, &mut warnings)?),
        (None, None) => None,
        (Some(given), None) => return Err(half(given, "key")),
        (None, Some(given)) => return Err(half(given, "certificate")),
    };
    Ok(TlsMaterial {
        authorities,
        identity,
        warnings,
    })
}

fn half(given: &Path, missing: &'static str) -> TlsError {
    TlsError::Half {
        given: given.to_owned(),
        missing,
    }
}

fn identity(cert: &Path, key_file: &Path, warnings: &mut Vec<String>) -> Result<Identity, TlsError> {
    let chain = certificates("certificate", cert)?;
    let text = contents("key", key_file)?;
    let key = private_key(key_file, &text)?;
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    match CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider) {
        // `Unknown`: the key type cannot tell. The server will.
        Ok(_) | Err(RustlsError::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(RustlsError::InconsistentKeys(_)) => {
            return Err(TlsError::Mismatch {
                cert: cert.to_owned(),
                key: key_file.to_owned(),
            });
        }
        Err(RustlsError::InvalidCertificate(why)) => {
            return Err(TlsError::Damaged {
                what: "certificate",
                path: cert.to_owned(),
                why: format!("{why:?}"),
            });
        }
        Err(why) => {
            return Err(TlsError::UnusableKey {
                path: key_file.to_owned(),
                why: why.to_string(),
            });
        }
    }
    warnings.extend(too_open(key_file));
    Ok(Identity { chain, key })
}

/// Others than the owner and the group can read the key.
fn too_open(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o007 != 0).then(|| {
        let command = format!("chmod o= {}", quote(&path.to_string_lossy()));
        format!(
            "the key {} can be read by every user of this machine (mode {mode:03o}); type `{command}`",
            path.display()
        )
    })
}

fn contents(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Unreadable {
        what,
        path: path.to_owned(),
        source,
    })
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = contents(what, path)?;
    let damaged = |why: String| TlsError::Damaged {
        what,
        path: path.to_owned(),
        why,
    };
    let mut found = Vec::new();
    for one in CertificateDer::pem_slice_iter(&text) {
        let one = one.map_err(|error| damaged(error.to_string()))?;
        if let Err(error) = x509_parser::parse_x509_certificate(&one) {
            return Err(damaged(format!(
                "certificate {} cannot be read: {error}",
                found.len() + 1
            )));
        }
        found.push(one);
    }
    if found.is_empty() {
        return Err(TlsError::NoCertificate {
            what,
            path: path.to_owned(),
            found: first_label(&text),
        });
    }
    Ok(found)
}

fn private_key(path: &Path, text: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    let shown = String::from_utf8_lossy(text);
    if shown.contains("ENCRYPTED") {
        return Err(TlsError::EncryptedKey { path: path.to_owned() });
    }
    match PrivateKeyDer::pem_slice_iter(text).next() {
        Some(Ok(key)) => Ok(key),
        Some(Err(error)) => Err(TlsError::Damaged {
            what: "key",
            path: path.to_owned(),
            why: error.to_string(),
        }),
        None => Err(TlsError::NoKey {
            path: path.to_owned(),
            found: first_label(text),
        }),
    }
}

/// The first `-----BEGIN LABEL-----`.
fn first_label(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, _) = rest.split_once("-----")?;
    (label.len() < 40).then(|| label.to_owned())
}

#[cfg(test)]
mod tests;
