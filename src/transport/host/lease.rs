//! The way back that a host carries out by itself (safety 28). Pure: fills in what `lease.sh` needs to know.

use std::collections::BTreeMap;
use std::time::Duration;

use super::frame::encode_base64;
use super::shell::{Details, Place};
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
    // What the unit configures; the runtime level of a running member cannot be read.
    let level = settings
        .get("log-level")
        .map_or("INFO", |setting| setting.value.as_str());
    let way = if by_restart { "restart" } else { "put" };
    let client = tls_flags(settings, &CLIENT_FILES, "auto-tls");
    let variables = [
        ("way", way.to_owned()),
        ("name", name.to_owned()),
        ("stagger", stagger.as_secs().to_string()),
        ("own_client", own_client),
        ("own_peer", own_peer),
        ("client_tls", client.clone()),
        ("client_flags", client.replace("-k", "--insecure-skip-tls-verify")),
        ("peer_tls", tls_flags(settings, &PEER_FILES, "peer-auto-tls")),
        ("level", level.to_ascii_uppercase()),
    ];
    let script = place.lease(&variables)?;
    Ok(Details {
        variables: vec![
            ("way", way.to_owned()),
            ("lease_script", encode_base64(script.as_bytes())),
        ],
    })
}

fn first_url(settings: &BTreeMap<String, Setting>, key: &str) -> Option<String> {
    let urls = &settings.get(key)?.value;
    let url = urls.split(',').next()?.trim().trim_end_matches('/');
    (!url.is_empty()).then(|| url.to_owned())
}

/// Flags for curl (and etcdctl, which names them alike), quoted for a shell that reads them twice.
fn tls_flags(settings: &BTreeMap<String, Setting>, files: &[(&str, &str, &str)], auto: &str) -> String {
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
    if value(auto) == Some("true") {
        flags.push("-k".to_owned());
    }
    flags.join(" ")
}

#[cfg(test)]
mod tests {
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
    fn paths_with_blanks_stay_one_word() {
        let seen = seen(Version::new(3, 5, 0));
        assert_eq!(
            tls_flags(&seen.settings, &CLIENT_FILES, "auto-tls"),
            "--cacert '/etc/etcd/ca file.pem'"
        );
    }
}
