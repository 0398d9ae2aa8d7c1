//! Certificates for tests: an authority, servers with and without names, clients, keys in two formats, any dates.

use std::io::Write;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair, SanType};

/// Signs certificates into a folder.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
    /// The authority's own certificate.
    pub certificate: PathBuf,
}

impl Authority {
    /// The authority's certificate is `ca.pem`; a client certificate for `root` stands beside it.
    pub fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = named(name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let certificate = folder.join("ca.pem");
        write(&certificate, &issuer.pem());
        let authority = Self {
            issuer,
            folder: folder.to_owned(),
            certificate,
        };
        authority.issue_as(folder, "client", &[], "root");
        authority
    }

    /// The client certificate and its key.
    pub fn client(&self) -> (PathBuf, PathBuf) {
        (self.folder.join("client.pem"), self.folder.join("client.key"))
    }

    /// `FILE.pem` and `FILE.key` for these DNS names and addresses.
    pub fn issue(&self, folder: &Path, file: &str, names: &[&str]) {
        self.issue_as(folder, file, names, names.first().copied().unwrap_or("nobody"));
    }

    /// With this common name.
    pub fn issue_as(&self, folder: &Path, file: &str, names: &[&str], common_name: &str) {
        self.issue_until(folder, file, names, common_name, (2040, 1, 1));
    }

    /// Valid until this day.
    pub fn issue_until(&self, folder: &Path, file: &str, names: &[&str], common_name: &str, until: (i32, u8, u8)) {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(common_name);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
        for name in names {
            params.subject_alt_names.push(match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName((*name).try_into().unwrap()),
            });
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        write(&folder.join(format!("{file}.pem")), &certificate.pem());
        write(&folder.join(format!("{file}.key")), &key.serialize_pem());
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn write(path: &Path, text: &str) {
    std::fs::File::create(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .unwrap();
}
