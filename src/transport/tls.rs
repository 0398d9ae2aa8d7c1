//! TLS as etcd's users configure it: files in, a configuration or a plain word about what is wrong with them out.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};

use crate::call::Fault;
use crate::cluster::host::TlsFiles;
use crate::cluster::tls;

/// The certificate files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error(transparent)]
    Files(#[from] tls::TlsError),
    #[error("the CA bundle {} cannot be used: {why}", path.display())]
    Authority { path: PathBuf, why: String },
    #[error("this machine has no certificate authorities; name the cluster's with `--cacert`")]
    NoRoots,
}

/// A cluster's TLS identity, read once. Without a CA file the machine's own authorities are used.
#[derive(Debug)]
pub struct Tls {
    roots: Option<Arc<RootCertStore>>,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    grpc: OnceLock<Arc<ClientConfig>>,
    http: OnceLock<Arc<ClientConfig>>,
}

/// The protocol agreed in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Grpc,
    Http1,
}

/// The cryptography of the whole process; calling it again changes nothing.
pub fn install_provider() {
    // An error only says that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Tls {
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        install_provider();
        let material = tls::read(files)?;
        let roots = match &files.ca {
            Some(path) => Some(Arc::new(trusted(material.authorities, path)?)),
            None => None,
        };
        Ok(Self {
            roots,
            identity: material.identity.map(|identity| (identity.chain, identity.key)),
            grpc: OnceLock::new(),
            http: OnceLock::new(),
        })
    }

    /// The configuration for one protocol; built when first needed, because reading the machine's authorities takes time.
    pub fn config(&self, protocol: Protocol) -> Result<Arc<ClientConfig>, TlsError> {
        let place = match protocol {
            Protocol::Grpc => &self.grpc,
            Protocol::Http1 => &self.http,
        };
        if let Some(config) = place.get() {
            return Ok(config.clone());
        }
        let mut config = self.build()?;
        config.alpn_protocols = match protocol {
            Protocol::Grpc => vec![b"h2".to_vec()],
            Protocol::Http1 => vec![b"http/1.1".to_vec()],
        };
        Ok(place.get_or_init(|| Arc::new(config)).clone())
    }

    fn build(&self) -> Result<ClientConfig, TlsError> {
        let roots = match &self.roots {
            Some(roots) => roots.clone(),
            None => Arc::new(machine_roots()?),
        };
        let verifier = WebPkiServerVerifier::builder(roots)
            .build()
            .map_err(|_| TlsError::NoRoots)?;
        let builder = ClientConfig::builder().with_webpki_verifier(verifier);
        Ok(match &self.identity {
            Some((chain, key)) => builder
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .expect("certificate and key were proved to belong together when they were read"),
            None => builder.with_no_client_auth(),
        })
    }
}

fn trusted(authorities: Vec<CertificateDer<'static>>, path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in authorities {
        roots.add(certificate).map_err(|error| TlsError::Authority {
            path: path.to_owned(),
            why: error.to_string(),
        })?;
    }
    Ok(roots)
}

fn machine_roots() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        Err(TlsError::NoRoots)
    } else {
        Ok(roots)
    }
}

/// Which check failed, in words that say what to do.
pub fn explain(error: &rustls::Error, name: &str) -> (Fault, String) {
    let text = match error {
        rustls::Error::InvalidCertificate(certificate) => certificate_problem(certificate, name),
        rustls::Error::AlertReceived(alert) => return (Fault::Tls, alert_problem(*alert)),
        rustls::Error::InvalidMessage(_) | rustls::Error::InappropriateMessage { .. } => {
            "this port does not speak TLS; is it plain http://?".to_owned()
        }
        rustls::Error::NoApplicationProtocol => "the server offers no HTTP/2: no etcd?".to_owned(),
        other => format!("TLS failed: {other}"),
    };
    (Fault::Tls, text)
}

fn certificate_problem(error: &CertificateError, name: &str) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "its certificate is signed by an unknown authority; is the right CA given (`--cacert`)?".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => format!(
            "its certificate names no host at all (only a common name, which is not enough): not valid for any names; issue it again with {name} among its subject alternative names"
        ),
        CertificateError::NotValidForNameContext { presented, .. } => format!(
            "its certificate is not valid for {name}, only for {}",
            presented.join(", ")
        ),
        CertificateError::NotValidForName => format!("its certificate is not valid for {name}"),
        CertificateError::ExpiredContext { not_after, .. } => match moment(not_after.as_secs()) {
            Some(when) => format!("its certificate has expired ({when})"),
            None => "its certificate has expired".to_owned(),
        },
        CertificateError::Expired => "its certificate has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; compare the clocks".to_owned()
        }
        CertificateError::BadSignature => {
            "its certificate is not signed by the given authority (same name, other key)".to_owned()
        }
        other => format!("its certificate is refused: {other}"),
    }
}

fn moment(seconds: u64) -> Option<String> {
    let moment = jiff::Timestamp::from_second(i64::try_from(seconds).ok()?).ok()?;
    Some(crate::base::clock::rfc3339(moment))
}

fn alert_problem(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => "it wants a client certificate; give `--cert` and `--key`".to_owned(),
        AlertDescription::BadCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::AccessDenied
        | AlertDescription::CertificateRevoked => {
            format!("it refuses our client certificate, or wants one ({alert:?}); check `--cert` and `--key`")
        }
        AlertDescription::CertificateExpired => "it says that our client certificate has expired".to_owned(),
        AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure => {
            format!("no common TLS version or cipher ({alert:?})")
        }
        other => format!("it ended the TLS connection ({other:?})"),
    }
}

/// When a certificate ends.
pub fn not_after(certificate: &CertificateDer<'_>) -> Option<jiff::Timestamp> {
    validity(certificate).map(|(_, until)| until)
}

/// From when until when a certificate is valid.
pub fn validity(certificate: &CertificateDer<'_>) -> Option<(jiff::Timestamp, jiff::Timestamp)> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let moment = |seconds| jiff::Timestamp::from_second(seconds).ok();
    let validity = parsed.validity();
    Some((
        moment(validity.not_before.timestamp())?,
        moment(validity.not_after.timestamp())?,
    ))
}
