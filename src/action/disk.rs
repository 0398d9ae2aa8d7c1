//! `disk`: free space on hosts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Condition, Site, Verdict};
use crate::call::host::{HostAnswer, HostOp};
use crate::call::{Look, Sight};
use crate::cluster::host::Host;

const DEFAULT_PATH: &str = "/var/lib/etcd";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// The hosts; default: the step's.
    #[serde(default)]
    #[schemars(extend("x-host" = true))]
    pub of: Vec<String>,
    /// Bytes where etcd has its data.
    #[serde(default)]
    pub free: f64,
    /// Bytes where etcd has its log; beside its data, if it lies there.
    #[serde(default)]
    pub log: f64,
    /// Bytes in etcdops' own folder on the host, for uploads and copies.
    #[serde(default)]
    pub own: f64,
    /// Default: the host's data directory.
    #[serde(default)]
    pub path: Option<String>,
    /// What `service.inspect` found, as `${{ facts.….all }}`: where data and log lie (default: what the inventory says).
    #[serde(default)]
    pub found: Vec<Found>,
}

/// Where a host has its data and its log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Found {
    pub host: String,
    #[serde(default)]
    pub data_dir: Option<String>,
    #[serde(default)]
    pub wal_dir: Option<String>,
}

/// What is needed on one file system.
struct Need {
    paths: Vec<String>,
    bytes: f64,
    free: f64,
}

impl Disk {
    /// The paths on a host, and how many bytes must be free for each.
    fn paths(&self, site: &Site<'_>, host: &str) -> Vec<(String, f64)> {
        let known = site.cluster.host(host);
        let found = self.found.iter().find(|found| found.host == host);
        let absolute = |path: &Option<String>| path.clone().filter(|path| path.starts_with('/'));
        let data = self
            .path
            .clone()
            .or_else(|| found.and_then(|found| absolute(&found.data_dir)));
        let data = data.or_else(|| known.and_then(|host| host.data_dir.clone()));
        let log = found.and_then(|found| absolute(&found.wal_dir));
        let log = log.or_else(|| known.and_then(|host| host.wal_dir.clone()));
        let beside = if log.is_none() { self.log } else { 0.0 };
        let all = [
            (data.or_else(|| Some(DEFAULT_PATH.to_owned())), self.free + beside),
            (log, self.log - beside),
            (known.map(Host::state_root), self.own),
        ];
        let needed = all.into_iter().filter_map(|(path, bytes)| Some((path?, bytes)));
        needed.filter(|(_, bytes)| *bytes > 0.0).collect()
    }
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
        let parts = [
            (self.free, "for data"),
            (self.log, "for its log"),
            (self.own, "for uploads and copies"),
        ];
        let parts = parts.iter().filter(|(bytes, _)| *bytes > 0.0);
        let parts: Vec<String> = parts
            .map(|(bytes, what)| format!("{} {what}", readable(*bytes)))
            .collect();
        format!("{} has {} free", hosts(&self.of, site).join(", "), parts.join(", "))
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let places = hosts(&self.of, site).into_iter();
        let places = places.flat_map(|host| self.paths(site, host).into_iter().map(move |(path, _)| (host, path)));
        places
            .map(|(host, path)| Look::Host {
                host: host.to_owned(),
                op: HostOp::Disk { path },
            })
            .collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "sizes of disks are far below 2^53")]
    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let mut sights = seen.iter();
        let (mut short, mut least) = (Vec::new(), f64::INFINITY);
        for host in hosts(&self.of, site) {
            let mut needs: BTreeMap<String, Need> = BTreeMap::new();
            for (path, bytes) in self.paths(site, host) {
                let (free, device) = match sights.next() {
                    Some(Sight::Host(HostAnswer::Disk { free, device, .. })) => (*free as f64, device),
                    Some(Sight::Blind(error)) => return Verdict::Unknown(error.to_string()),
                    _ => return Verdict::Unknown(format!("the disk of {host} was not looked at")),
                };
                // What lands on one file system adds up.
                let need = needs
                    .entry(device.clone().unwrap_or_else(|| path.clone()))
                    .or_insert(Need {
                        paths: Vec::new(),
                        bytes: 0.0,
                        free,
                    });
                need.paths.push(path);
                need.bytes += bytes;
                need.free = need.free.min(free);
            }
            for need in needs.values() {
                least = least.min(need.free);
                if need.free < need.bytes {
                    let (free, bytes) = (readable(need.free), readable(need.bytes));
                    short.push(format!(
                        "{host} has only {free} free for {}, {bytes} needed",
                        need.paths.join(" and ")
                    ));
                }
            }
        }
        if !short.is_empty() {
            return Verdict::Not {
                saw: short.join("; "),
                hint: Some("make room there, then try again".to_owned()),
            };
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

    fn has(free: u64, device: Option<&str>) -> Sight {
        Sight::Host(HostAnswer::Disk {
            free,
            total: 1 << 40,
            device: device.map(str::to_owned),
        })
    }

    fn needs(free: f64) -> Disk {
        Disk {
            of: vec!["etcd-1".to_owned(), "etcd-2".to_owned()],
            free,
            log: 0.0,
            own: 0.0,
            path: None,
            found: Vec::new(),
        }
    }

    #[test]
    fn the_fullest_disk_decides() {
        site_of(|site| {
            let disk = needs(2048.0);
            let has = |free| has(free, None);
            assert_eq!(disk.looks(site).len(), 2);
            assert!(matches!(
                disk.judge(site, &[has(4096), has(2048)], None),
                Verdict::Holds(_)
            ));
            let not = disk.judge(site, &[has(4096), has(1000)], None);
            assert!(matches!(not, Verdict::Not { saw, .. } if saw.contains("etcd-2")));
            let not = disk.judge(site, &[has(40), has(1000)], None);
            assert!(matches!(not, Verdict::Not { saw, .. } if saw.contains("etcd-1") && saw.contains("etcd-2")));
            assert!(matches!(disk.judge(site, &[], None), Verdict::Unknown(_)));
        });
    }

    #[test]
    fn the_disk_on_which_the_data_truly_lies_is_looked_at_and_what_lands_on_one_adds_up() {
        site_of(|site| {
            let disk = Disk {
                of: vec!["etcd-1".to_owned()],
                log: 500.0,
                own: 300.0,
                found: vec![Found {
                    host: "etcd-1".to_owned(),
                    data_dir: Some("/srv/data".to_owned()),
                    wal_dir: Some("/srv/log".to_owned()),
                }],
                ..needs(1000.0)
            };
            let paths: Vec<String> = disk
                .looks(site)
                .into_iter()
                .map(|look| match look {
                    Look::Host {
                        op: HostOp::Disk { path },
                        ..
                    } => path,
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(paths, ["/srv/data", "/srv/log", "/var/lib/etcdops"]);
            let apart = [has(1000, Some("1")), has(500, Some("2")), has(300, Some("3"))];
            assert!(matches!(disk.judge(site, &apart, None), Verdict::Holds(_)));
            let together = [has(1499, Some("1")), has(1499, Some("1")), has(300, Some("3"))];
            let Verdict::Not { saw, .. } = disk.judge(site, &together, None) else {
                panic!("1500 are needed");
            };
            assert_eq!(
                saw,
                "etcd-1 has only 1 KiB free for /srv/data and /srv/log, 1 KiB needed"
            );
            let beside = Disk {
                found: Vec::new(),
                ..disk
            };
            let beside = beside.paths(site, "etcd-1");
            assert!(
                beside.len() == 2 && (beside[0].1 - 1500.0).abs() < 1.0,
                "no log of its own: {beside:?}"
            );
        });
    }
}
