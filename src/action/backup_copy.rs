//! `backup.copy`: the data directory of a stopped member, as one archive under the host's folder of etcdops.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::backup_take::name;
use super::{Action, Kind, Probe, Risk, SAYS, Site, sight};
use crate::base::size::bytes;
use crate::call::host::{HostOp, ServiceSeen};
use crate::call::{Call, Look, Sight};
use crate::cluster::version::Version;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupCopy {}

/// Fields of its output.
pub const OUTPUT: &[(&str, Kind)] = &[("path", Kind::Text), ("size", Kind::Number), ("sha256", Kind::Text)];

/// From here on etcd has no tool that makes a backup of v2 data.
const NO_V2: Version = Version::new(3, 5, 0);

fn archive(site: &Site<'_>) -> String {
    let root = site
        .host
        .map(crate::cluster::host::Host::state_root)
        .unwrap_or_default();
    format!("{root}/{}/{}.tar", site.run, name(site))
}

impl Action for BackupCopy {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, site: &Site<'_>) -> String {
        format!("copy the data directory, with its log, to {}", archive(site))
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        vec![
            Look::service(site.host_name()),
            Look::stat(site.host_name(), &archive(site)),
        ]
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let path = archive(site);
        match sight::stat(seen, 0) {
            Ok(stat) if stat.kind.as_deref() == Some("file") => {
                return Probe::Done(json!({
                    "path": path,
                    "size": stat.size,
                    "sha256": stat.sha256,
                    SAYS: format!("{} in {path}", bytes(stat.size)),
                }));
            }
            Ok(_) => {}
            Err(why) => return Probe::Unknown(why),
        }
        match sight::service(seen) {
            Ok(service) if !service.proved_stopped() => {
                Probe::Conflict("etcd runs: a copy of it would be torn".to_owned())
            }
            Ok(service) if service.data_dir.is_none() => Probe::Conflict(
                "it is not known where etcd has its data: say it with `data_dir` in the inventory".to_owned(),
            ),
            Ok(_) => Probe::NotYet("not copied yet".to_owned()),
            Err(why) => Probe::Unknown(why),
        }
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let service = sight::service(seen).ok()?;
        let data_dir = service.data_dir.clone()?;
        Some(copy(site, data_dir, service.wal_dir.clone(), has_v2(service)))
    }

    fn by_hand(&self, site: &Site<'_>) -> Vec<Call> {
        let host = site.host;
        let data_dir = host.and_then(|host| host.data_dir.clone());
        let wal_dir = host.and_then(|host| host.wal_dir.clone());
        vec![copy(
            site,
            data_dir.unwrap_or_else(|| "/var/lib/etcd".to_owned()),
            wal_dir,
            false,
        )]
    }
}

fn copy(site: &Site<'_>, data_dir: String, wal_dir: Option<String>, v2: bool) -> Call {
    let op = HostOp::ColdCopy {
        data_dir,
        wal_dir,
        to: archive(site),
        v2,
    };
    sight::on_host(site, op)
}

/// Bytes that a copy takes on the host while it is made; 0 where nobody knows.
pub(super) fn takes(service: &ServiceSeen) -> u64 {
    // With v2 data: what `etcdctl backup` makes lies beside the archive before it goes into it.
    service.data_size.unwrap_or(0) * if has_v2(service) { 3 } else { 1 }
}

/// What the old API wrote is in no snapshot: the host's own etcdctl makes a backup of it, where it is old enough to have it.
fn has_v2(service: &ServiceSeen) -> bool {
    service.version.is_some_and(|version| version < NO_V2)
        && service.tools.get("etcdctl").is_some_and(|version| *version < NO_V2)
}
