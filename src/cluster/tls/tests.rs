use super::*;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        crate::base::files::write_private(&path, content.as_bytes()).unwrap();
        path
    }

    /// A self-signed certificate and its key.
    fn pair(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let cert = CertificateParams::new(vec!["etcd-1".into()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        (
            self.write(&format!("{name}.pem"), &cert.pem()),
            self.write(&format!("{name}.key"), &key.serialize_pem()),
        )
    }
}

fn files(ca: Option<&PathBuf>, pair: Option<(&PathBuf, &PathBuf)>) -> TlsFiles {
    TlsFiles {
        ca: ca.cloned(),
        cert: pair.map(|(cert, _)| cert.clone()),
        key: pair.map(|(_, key)| key.clone()),
    }
}

fn error(files: &TlsFiles) -> String {
    read(files).unwrap_err().to_string()
}

/// A SEC1 key: the inner part of a P-256 PKCS#8 key, which follows 29 bytes of header.
fn sec1(pkcs8: &KeyPair) -> String {
    let der = pkcs8.serialize_der();
    let inner = &der[29..];
    let encoded = base64(inner);
    format!("-----BEGIN EC PRIVATE KEY-----\n{encoded}\n-----END EC PRIVATE KEY-----\n")
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[((word >> (18 - 6 * place)) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[test]
fn good_files_are_read() {
    let folder = Folder::new();
    let (cert, key) = folder.pair("a");
    let (other, _) = folder.pair("b");
    let both = format!(
        "{}{}",
        fs::read_to_string(&cert).unwrap(),
        fs::read_to_string(&other).unwrap()
    );
    let bundle = folder.write("bundle.pem", &both);
    let found = read(&files(Some(&bundle), Some((&cert, &key)))).unwrap();
    assert_eq!(found.authorities.len(), 2);
    assert_eq!(found.identity.as_ref().unwrap().chain.len(), 1);
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    assert!(!format!("{found:?}").contains("Pkcs8"));
    assert!(read(&TlsFiles::default()).unwrap().identity.is_none());
}

#[test]
fn sec1_keys_are_read() {
    let folder = Folder::new();
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let cert = CertificateParams::new(vec!["x".into()])
        .unwrap()
        .self_signed(&pair)
        .unwrap();
    let cert = folder.write("c.pem", &cert.pem());
    let key = folder.write("c.key", &sec1(&pair));
    let found = read(&files(None, Some((&cert, &key)))).unwrap();
    assert!(matches!(found.identity.unwrap().key, PrivateKeyDer::Sec1(_)));
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let folder = Folder::new();
    let (cert, _) = folder.pair("a");
    let (_, key) = folder.pair("b");
    let message = error(&files(None, Some((&cert, &key))));
    assert!(message.contains("does not belong to the certificate"), "{message}");
    let other_kind = KeyPair::generate_for(&PKCS_ED25519).unwrap().serialize_pem();
    let key = folder.write("ed.key", &other_kind);
    assert!(error(&files(None, Some((&cert, &key)))).contains("does not belong"));
}

#[test]
fn each_wrong_file_has_its_error() {
    let folder = Folder::new();
    let (cert, key) = folder.pair("a");
    let missing = folder.0.path().join("none");
    let empty = folder.write("empty", "");
    let garbage = folder.write(
        "garbage",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let torn = folder.write("torn", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    let locked = folder.write(
        "locked",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let old_locked = folder.write(
        "old",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    );
    let bad_key = folder.write("bad", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    for (files, part) in [
        (files(Some(&missing), None), "cannot read the CA bundle"),
        (files(Some(&empty), None), "holds no certificate"),
        (files(Some(&key), None), "it holds a `PRIVATE KEY`"),
        (files(Some(&garbage), None), "damaged"),
        (files(Some(&torn), None), "damaged"),
        (files(None, Some((&cert, &missing))), "cannot read the key"),
        (files(None, Some((&cert, &empty))), "holds no private key"),
        (files(None, Some((&cert, &cert))), "it holds a `CERTIFICATE`"),
        (files(None, Some((&cert, &locked))), "passphrase"),
        (files(None, Some((&cert, &old_locked))), "passphrase"),
        (files(None, Some((&cert, &bad_key))), "cannot be used"),
        (files(None, Some((&key, &key))), "holds no certificate"),
    ] {
        let message = error(&files);
        assert!(message.contains(part), "{part}: {message}");
    }
    let half = TlsFiles {
        cert: Some(cert),
        ..TlsFiles::default()
    };
    assert!(error(&half).contains("the key is not"));
}

#[test]
fn a_key_for_all_to_read_is_warned_of() {
    let folder = Folder::new();
    let (cert, key) = folder.pair("a");
    for (mode, warnings) in [(0o600, 0), (0o640, 0), (0o644, 1)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let found = read(&files(None, Some((&cert, &key)))).unwrap();
        assert_eq!(found.warnings.len(), warnings, "{mode:o}");
    }
}
