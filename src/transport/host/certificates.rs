//! The certificates that etcd on a host is set to use, and until when they are valid. Pure.

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::frame::Frame;
use super::shell::Details;
use crate::call::configured::ConfigSeen;
use crate::call::host::{CertificateSeen, CertificatesSeen};
use crate::transport::tls::validity;

/// Settings that name a file of certificates, and how etcd's own file calls each.
const SETTINGS: [(&str, &str); 6] = [
    ("peer-cert-file", "peer-transport-security.cert-file"),
    ("peer-client-cert-file", "peer-transport-security.client-cert-file"),
    ("peer-trusted-ca-file", "peer-transport-security.trusted-ca-file"),
    ("cert-file", "client-transport-security.cert-file"),
    ("client-cert-file", "client-transport-security.client-cert-file"),
    ("trusted-ca-file", "client-transport-security.trusted-ca-file"),
];

/// A setting, and the file that it names.
pub(super) type Named = (&'static str, String);

/// The files that are named. One that is named from etcd's own working directory cannot be found.
pub(super) fn named(config: &ConfigSeen) -> Vec<Named> {
    let named = SETTINGS.iter().filter_map(|(flag, key)| {
        let set = config.settings.get(*flag).or_else(|| config.settings.get(*key))?;
        Some((*flag, set.value.clone()))
    });
    named.filter(|(_, path)| path.starts_with('/')).collect()
}

pub(super) fn details(named: &[Named]) -> Details {
    let mut files: Vec<&str> = named.iter().map(|(_, path)| path.as_str()).collect();
    files.sort_unstable();
    files.dedup();
    Details {
        variables: vec![("files", files.join("\n"))],
    }
}

/// `None`: the host tells no time.
pub(super) fn read(named: &[Named], frame: &Frame) -> Option<CertificatesSeen> {
    let now = Timestamp::from_second(frame.number("now")?).ok()?;
    let told = |field| frame.every(field).iter().map(|bytes| String::from_utf8_lossy(bytes));
    let certificates: Vec<_> = told("certificates").collect();
    let (gone, closed): (Vec<_>, Vec<_>) = (told("gone").collect(), told("closed").collect());
    let files = named.iter().map(|(setting, path)| {
        let text = certificates.iter().find_map(|text| {
            let (name, text) = text.split_once('\n').unwrap_or((text, ""));
            (name == path).then_some(text)
        });
        let found = match text {
            Some(text) => counting(text, setting.ends_with("ca-file"), now).ok_or("holds no certificate"),
            None if gone.iter().any(|name| name == path) => Err("is not there"),
            None if closed.iter().any(|name| name == path) => Err("cannot be read"),
            None => Err("was not looked at"),
        };
        let (not_before, not_after) = found.unwrap_or_default();
        CertificateSeen {
            setting: (*setting).to_owned(),
            path: path.clone(),
            not_before,
            not_after,
            trouble: found.err().map(str::to_owned),
        }
    });
    Some(CertificatesSeen {
        now,
        files: files.collect(),
    })
}

/// From when until when the certificate is valid on which it depends: the first, behind which its issuers may follow; of authorities, where
/// one that has ended may stand beside its successor, one that is valid, or else the one that lasted longest.
fn counting(text: &str, authorities: bool, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let mut all = CertificateDer::pem_slice_iter(text.as_bytes())
        .filter_map(Result::ok)
        .filter_map(|certificate| validity(&certificate));
    if !authorities {
        return all.next();
    }
    all.max_by_key(|(from, until)| (*from <= now && now <= *until, *until))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::host::{Setting, SettingFrom};

    fn certificate(years: std::ops::Range<i32>) -> String {
        let mut params = rcgen::CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn a_servers_own_certificate_counts_and_of_authorities_one_that_is_valid() {
        let now: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
        let year = |year: i32| format!("{year}-01-01T00:00:00Z").parse::<Timestamp>().unwrap();
        let both = certificate(2020..2025) + &certificate(2024..2030) + &certificate(2027..2040);
        assert_eq!(counting(&both, false, now), Some((year(2020), year(2025))));
        assert_eq!(counting(&both, true, now), Some((year(2024), year(2030))));
        let ended = certificate(2020..2025) + &certificate(2020..2022);
        assert_eq!(counting(&ended, true, now), Some((year(2020), year(2025))));
        assert_eq!(counting("", true, now), None);
        assert_eq!(counting("no certificate", false, now), None);
    }

    #[test]
    fn files_are_named_by_flags_or_by_etcds_own_file() {
        let set = |key: &str, value: &str| {
            let setting = Setting {
                value: value.to_owned(),
                from: SettingFrom::Flag,
            };
            (key.to_owned(), setting)
        };
        let config = ConfigSeen {
            settings: [
                set("peer-cert-file", "/a.pem"),
                set("client-transport-security.cert-file", "/b.pem"),
                set("trusted-ca-file", "beside.pem"),
                set("peer-key-file", "/a.key"),
            ]
            .into(),
            ..ConfigSeen::default()
        };
        let found = named(&config);
        assert_eq!(
            found,
            [
                ("peer-cert-file", "/a.pem".to_owned()),
                ("cert-file", "/b.pem".to_owned())
            ]
        );
    }
}
