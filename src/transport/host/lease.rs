//! The way back that a host carries out by itself (safety 28). Pure: fills in what `lease.sh` needs to know.

use std::collections::BTreeMap;
use std::time::Duration;

use super::frame::encode_base64;
use super::shell::{Details, Place};
use crate::action::etcd_log_level::configured;
use crate::base::quote::quote;
use crate::call::host::{ServiceSeen, Setting};
use crate::cluster::version::Version;

/// Where `--cacert`, `--cert`, `--key` come from, as flags and as keys of a config file.
const CLIENT_FILES: [(&str, &str, &str); 3] = [
    (
        "--cacert",
        "trusted-ca-file",
        "client-transport-security.trusted-ca-file",
    ),
    ("--cert", "cert-file", "client-transport-security.cert-file"),
    ("--key", "key-file", "client-transport-security.key-file"),
];
/// The same, as `openssl s_client` names them.
const OPENSSL_FILES: [(&str, &str, &str); 3] = [
    (
        "-CAfile",
        "trusted-ca-file",
        "client-transport-security.trusted-ca-file",
    ),
    ("-cert", "cert-file", "client-transport-security.cert-file"),
    ("-key", "key-file", "client-transport-security.key-file"),
];
const PEER_FILES: [(&str, &str, &str); 3] = [
    (
        "--cacert",
        "peer-trusted-ca-file",
        "peer-transport-security.trusted-ca-file",
    ),
    ("--cert", "peer-cert-file", "peer-transport-security.cert-file"),
    ("--key", "peer-key-file", "peer-transport-security.key-file"),
];

/// The shell variables of `op_arm_lease`.
pub(super) fn details(place: Place<'_>, seen: &ServiceSeen, name: &str, stagger: Duration) -> Result<Details, String> {
    let version = seen.version.ok_or("the version of etcd on this host is not known")?;
    let by_restart = version >= Version::new(3, 5, 0);
    let settings = &seen.settings;
    let host = place.host;
    let own_client = first_url(settings, "advertise-client-urls").or_else(|| host.client_url.clone());
    let own_peer = first_url(settings, "initial-advertise-peer-urls").or_else(|| host.peer_url.clone());
    let own_client = own_client.ok_or("it is not known under which client URL this member is reached")?;
    let own_peer = match own_peer {
        Some(url) => url,
        None if by_restart => return Err("it is not known under which peer URL this member is reached".to_owned()),
        None => String::new(),
    };
    let way = if by_restart { "restart" } else { "put" };
    // What does where there is no curl.
    let instead = match (by_restart, own_client.starts_with("https:")) {
        (true, _) => "etcdctl",
        (false, true) => "openssl",
        (false, false) => "bash",
    };
    let client = |insecure| tls_flags(settings, &CLIENT_FILES, "auto-tls", insecure);
    let variables = [
        ("way", way.to_owned()),
        ("name", name.to_owned()),
        ("stagger", stagger.as_secs().to_string()),
        ("own_client", own_client),
        ("own_peer", own_peer),
        ("client_tls", client("-k")),
        ("client_flags", client("--insecure-skip-tls-verify")),
        ("openssl_tls", tls_flags(settings, &OPENSSL_FILES, "", "")),
        ("peer_tls", tls_flags(settings, &PEER_FILES, "peer-auto-tls", "-k")),
        // What the unit configures; the runtime level of a running member cannot be read.
        ("level", configured(seen)),
    ];
    let script = place.lease(&variables)?;
    Ok(Details {
        variables: vec![
            ("way", way.to_owned()),
            ("instead", instead.to_owned()),
            ("lease_script", encode_base64(script.as_bytes())),
        ],
    })
}

fn first_url(settings: &BTreeMap<String, Setting>, key: &str) -> Option<String> {
    let urls = &settings.get(key)?.value;
    let url = urls.split(',').next()?.trim().trim_end_matches('/');
    (!url.is_empty()).then(|| url.to_owned())
}

/// Flags for curl, etcdctl or openssl, quoted for a shell that reads them twice.
fn tls_flags(settings: &BTreeMap<String, Setting>, files: &[(&str, &str, &str)], auto: &str, insecure: &str) -> String {
    let value = |key: &str| {
        settings
            .get(key)
            .map(|setting| setting.value.as_str())
            .filter(|value| !value.is_empty())
    };
    let mut flags: Vec<String> = files
        .iter()
        .filter_map(|(flag, key, in_config)| {
            let path = value(key).or_else(|| value(in_config))?;
            Some(format!("{flag} {}", quote(path)))
        })
        .collect();
    // Without an authority of its own it cannot tell whom it speaks to: it is itself, or those that it has as members.
    let nameless = !flags.is_empty() && !flags[0].starts_with(files[0].0);
    if !insecure.is_empty() && (nameless || value(auto) == Some("true")) {
        flags.push(insecure.to_owned());
    }
    flags.join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::frame::decode_base64;
    use super::*;
    use crate::call::host::SettingFrom;
    use crate::cluster::host::Host;

    fn seen(version: Version) -> ServiceSeen {
        let setting = |value: &str| Setting {
            value: value.to_owned(),
            from: SettingFrom::Process,
        };
        ServiceSeen {
            version: Some(version),
            settings: BTreeMap::from([
                ("advertise-client-urls".to_owned(), setting("https://a:2379/")),
                ("initial-advertise-peer-urls".to_owned(), setting("https://a:2380")),
                ("trusted-ca-file".to_owned(), setting("/etc/etcd/ca file.pem")),
            ]),
            ..ServiceSeen::default()
        }
    }

    #[test]
    fn the_way_back_depends_on_the_version() {
        let host = Host::named("h");
        let place = Place {
            host: &host,
            cluster: "c",
        };
        for (version, way) in [(Version::new(3, 4, 23), "put"), (Version::new(3, 5, 0), "restart")] {
            let details = details(place, &seen(version), "debug-log", Duration::from_secs(5)).unwrap();
            assert_eq!(details.variables[0], ("way", way.to_owned()));
        }
        assert!(details(place, &ServiceSeen::default(), "debug-log", Duration::ZERO).is_err());
    }

    #[test]
    fn the_level_to_go_back_to_is_the_one_that_the_unit_configures() {
        let host = Host::named("h");
        let place = Place {
            host: &host,
            cluster: "c",
        };
        for (key, value, level) in [
            ("debug", "true", "DEBUG"),
            ("log-level", "warn", "WARN"),
            ("x", "y", "INFO"),
        ] {
            let mut seen = seen(Version::new(3, 4, 23));
            let setting = Setting {
                value: value.to_owned(),
                from: SettingFrom::EnvFile("/etc/default/etcd".to_owned()),
            };
            seen.settings.insert(key.to_owned(), setting);
            let details = details(place, &seen, "debug-log", Duration::ZERO).unwrap();
            let script = decode_base64(details.variables[2].1.as_bytes()).unwrap();
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains(&format!("level={level}\n")), "{script}");
        }
    }

    #[test]
    fn without_an_authority_nobody_is_checked() {
        let mut seen = seen(Version::new(3, 5, 0));
        let ca = seen.settings.remove("trusted-ca-file").unwrap();
        assert_eq!(
            tls_flags(&seen.settings, &CLIENT_FILES, "auto-tls", "-k"),
            "",
            "no TLS at all"
        );
        seen.settings.insert("cert-file".to_owned(), ca);
        assert_eq!(
            tls_flags(&seen.settings, &CLIENT_FILES, "auto-tls", "-k"),
            "--cert '/etc/etcd/ca file.pem' -k"
        );
    }

    #[test]
    fn paths_with_blanks_stay_one_word() {
        let seen = seen(Version::new(3, 5, 0));
        assert_eq!(
            tls_flags(&seen.settings, &CLIENT_FILES, "auto-tls", "-k"),
            "--cacert '/etc/etcd/ca file.pem'"
        );
    }

    #[test]
    fn etcdctl_is_given_flags_of_its_own() {
        let mut seen = seen(Version::new(3, 5, 0));
        for (key, value) in [("auto-tls", "true"), ("key-file", "/pki/server-key.pem")] {
            let setting = Setting {
                value: value.to_owned(),
                from: SettingFrom::Process,
            };
            seen.settings.insert(key.to_owned(), setting);
        }
        assert_eq!(
            tls_flags(&seen.settings, &CLIENT_FILES, "auto-tls", "--insecure-skip-tls-verify"),
            "--cacert '/etc/etcd/ca file.pem' --key /pki/server-key.pem --insecure-skip-tls-verify"
        );
    }
}
