//! `disk`: free space on hosts.

use serde::{Deserialize, Serialize};

use super::{Condition, Site, Verdict};
use crate::call::host::{HostAnswer, HostOp};
use crate::call::{Look, Sight};

const DEFAULT_PATH: &str = "/var/lib/etcd";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// The hosts; default: the step's.
    #[serde(default)]
    #[schemars(extend("x-host" = true))]
    pub of: Vec<String>,
    /// Bytes.
    pub free: f64,
    /// Default: the host's data directory.
    #[serde(default)]
    pub path: Option<String>,
}

/// The named hosts, or the step's own.
pub(super) fn hosts<'a>(named: &'a [String], site: &'a Site<'_>) -> Vec<&'a str> {
    if named.is_empty() {
        return vec![site.host_name()];
    }
    named.iter().map(String::as_str).collect()
}

/// Bytes for people.
pub(super) fn readable(bytes: f64) -> String {
    let mut left = bytes;
    for unit in ["B", "KiB", "MiB"] {
        if left < 1024.0 {
            return format!("{left:.0} {unit}");
        }
        left /= 1024.0;
    }
    format!("{left:.1} GiB")
}

impl Condition for Disk {
    fn text(&self, site: &Site<'_>) -> String {
        format!("{} has {} free", hosts(&self.of, site).join(", "), readable(self.free))
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let path_on = |host: &str| {
            let known = site.cluster.host(host).and_then(|host| host.data_dir.clone());
            self.path.clone().or(known).unwrap_or_else(|| DEFAULT_PATH.to_owned())
        };
        let names = hosts(&self.of, site).into_iter();
        names
            .map(|host| Look::Host {
                host: host.to_owned(),
                op: HostOp::Disk { path: path_on(host) },
            })
            .collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "sizes of disks are far below 2^53")]
    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let mut least = f64::INFINITY;
        for (host, sight) in hosts(&self.of, site).into_iter().zip(seen) {
            match sight {
                Sight::Host(HostAnswer::Disk { free, .. }) if (*free as f64) < self.free => {
                    return Verdict::Not {
                        saw: format!("{host} has only {} free", readable(*free as f64)),
                        hint: Some("make room there, then try again".to_owned()),
                    };
                }
                Sight::Host(HostAnswer::Disk { free, .. }) => least = least.min(*free as f64),
                Sight::Blind(error) => return Verdict::Unknown(error.to_string()),
                _ => return Verdict::Unknown(format!("the disk of {host} was not looked at")),
            }
        }
        if least.is_infinite() {
            return Verdict::Unknown("no disk was looked at".to_owned());
        }
        Verdict::Holds(format!("at least {} free", readable(least)))
    }

    fn accept_name(&self) -> Option<&'static str> {
        Some("disk")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::membership::tests::site_of;

    #[test]
    fn the_fullest_disk_decides() {
        site_of(|site| {
            let disk = Disk {
                of: vec!["etcd-1".to_owned(), "etcd-2".to_owned()],
                free: 2048.0,
                path: None,
            };
            let has = |free| Sight::Host(HostAnswer::Disk { free, total: 1 << 40 });
            assert_eq!(disk.looks(site).len(), 2);
            assert!(matches!(
                disk.judge(site, &[has(4096), has(2048)], None),
                Verdict::Holds(_)
            ));
            let not = disk.judge(site, &[has(4096), has(1000)], None);
            assert!(matches!(not, Verdict::Not { saw, .. } if saw.contains("etcd-2")));
            assert!(matches!(disk.judge(site, &[], None), Verdict::Unknown(_)));
        });
    }
}
