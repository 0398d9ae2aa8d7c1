//! `certificates`: those that etcd on hosts is set to use are valid at the host's own time (safety 7). With one that is not, a member neither
//! joins its peers nor serves its clients.

use serde::{Deserialize, Serialize};

use super::disk::hosts;
use super::{Condition, Site, Verdict};
use crate::base::clock::rfc3339;
use crate::call::host::{CertificateSeen, CertificatesSeen, HostAnswer, HostOp};
use crate::call::{Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificates {
    /// The hosts; default: the step's.
    #[serde(default)]
    #[schemars(extend("x-host" = true))]
    pub of: Vec<String>,
}

/// Why etcd cannot use the certificate.
fn why_not(host: &str, one: &CertificateSeen, seen: &CertificatesSeen) -> Option<String> {
    let CertificateSeen { setting, path, .. } = one;
    if let Some(trouble) = &one.trouble {
        return Some(format!("{host}: {path}, its {setting}, {trouble}"));
    }
    let when = if seen.now < one.not_before {
        format!("is valid only from {} on", rfc3339(one.not_before))
    } else if seen.now > one.not_after {
        format!("was valid until {}", rfc3339(one.not_after))
    } else {
        return None;
    };
    let now = rfc3339(seen.now);
    Some(format!("{host}: {path}, its {setting}, {when}; there it is {now}"))
}

impl Condition for Certificates {
    fn text(&self, site: &Site<'_>) -> String {
        format!(
            "the certificates of etcd on {} are valid there",
            hosts(&self.of, site).join(", ")
        )
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let look = |host: &str| Look::Host {
            host: host.to_owned(),
            op: HostOp::Certificates,
        };
        hosts(&self.of, site).into_iter().map(look).collect()
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let (mut wrong, mut ends) = (Vec::new(), Vec::new());
        for (host, sight) in hosts(&self.of, site).into_iter().zip(seen) {
            let seen = match sight {
                Sight::Host(HostAnswer::Certificates(seen)) => seen,
                Sight::Blind(error) => return Verdict::Unknown(error.to_string()),
                _ => return Verdict::Unknown(format!("the certificates on {host} were not looked at")),
            };
            wrong.extend(seen.files.iter().filter_map(|one| why_not(host, one, seen)));
            ends.extend(seen.files.iter().map(|one| (one.not_after, host, &one.path)));
        }
        if !wrong.is_empty() {
            return Verdict::Not {
                saw: wrong.join("; "),
                hint: Some(
                    "put certificates there that are valid now, or set the host's clock: etcd could not join its peers"
                        .to_owned(),
                ),
            };
        }
        Verdict::Holds(match ends.iter().min() {
            Some((until, host, path)) => format!("the first to end is {path} on {host}, at {}", rfc3339(*until)),
            None => "etcd is set to use none".to_owned(),
        })
    }

    fn accept_name(&self) -> Option<&'static str> {
        Some("certificates")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::membership::tests::site_of;

    fn judged(now: &str, trouble: Option<&str>) -> Verdict {
        let peer = CertificateSeen {
            setting: "peer-cert-file".to_owned(),
            path: "/etc/etcd/peer.pem".to_owned(),
            not_before: "2025-01-01T00:00:00Z".parse().unwrap(),
            not_after: "2026-01-01T00:00:00Z".parse().unwrap(),
            trouble: trouble.map(str::to_owned),
        };
        let sight = Sight::Host(HostAnswer::Certificates(CertificatesSeen {
            now: now.parse().unwrap(),
            files: vec![peer],
        }));
        let condition = Certificates {
            of: vec!["etcd-1".to_owned()],
        };
        let mut verdict = None;
        site_of(|site| verdict = Some(condition.judge(site, &[sight], None)));
        verdict.unwrap()
    }

    #[test]
    fn a_certificate_that_is_not_valid_by_the_hosts_own_clock_is_told_with_everything() {
        let Verdict::Holds(saw) = judged("2025-06-01T00:00:00Z", None) else {
            panic!("it is valid");
        };
        assert_eq!(
            saw,
            "the first to end is /etc/etcd/peer.pem on etcd-1, at 2026-01-01T00:00:00Z"
        );
        for (now, trouble, expected) in [
            (
                "2026-01-02T03:04:05Z",
                None,
                "was valid until 2026-01-01T00:00:00Z; there it is 2026-01-02T03:04:05Z",
            ),
            (
                "2024-12-31T23:59:00Z",
                None,
                "is valid only from 2025-01-01T00:00:00Z on; there it is 2024-12-31T23:59:00Z",
            ),
            ("2025-06-01T00:00:00Z", Some("is not there"), "is not there"),
        ] {
            let Verdict::Not { saw, hint } = judged(now, trouble) else {
                panic!("{now}: it passed");
            };
            assert_eq!(
                saw,
                format!("etcd-1: /etc/etcd/peer.pem, its peer-cert-file, {expected}")
            );
            assert!(hint.unwrap().contains("clock"));
        }
    }
}
