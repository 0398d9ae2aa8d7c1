//! `etcd.restore`: makes a data directory from a backup, beside the old one; nothing has to be stopped for it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Late, Probe, Risk, SAYS, Site, sight};
use crate::base::duration::Span;
use crate::call::host::{HostOp, Restore, ServiceSeen};
use crate::call::{Call, Look, Sight};
use crate::cluster::model::Model;
use crate::cluster::version::Version;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EtcdRestore {
    /// The backup's file on the host.
    pub file: Late<String>,
    /// Its digest, 64 hex digits.
    pub sha256: Late<String>,
    /// The data directory to make: beside the old one, with `.etcdops-` in its name, and not there yet.
    pub into: String,
    /// The log's directory to make, where the unit has a separate one.
    #[serde(default)]
    pub wal_into: Option<String>,
    /// The file is an archive with what `etcdctl backup` made: that is unpacked, to be started with `force-new-cluster`.
    #[serde(default)]
    pub v2_backup: bool,
    /// The file is an archive that `etcd.restore_for` has made on another host, which has the tool: it is unpacked.
    #[serde(default)]
    pub packed: bool,
    /// The members of the new cluster, as `name=peer-url,…`; the same on every host.
    pub initial_cluster: String,
    /// The member's name in it (default: as the unit names it).
    #[serde(default)]
    pub name: Option<String>,
    /// Raise the revision by this much and mark what is older as compacted, for clients that watch (Kubernetes).
    #[serde(default)]
    pub bump: Option<u64>,
}

/// A cluster token that no other cluster has: with an old one, old members would join (safety 15).
pub(super) fn token(site: &Site<'_>) -> String {
    format!("etcdops-{}", site.run)
}

/// Names with their peer URLs, in the order of the text.
///
/// # Errors
/// What is wrong with it.
pub(super) fn members(initial_cluster: &str) -> Result<Vec<(String, Vec<String>)>, String> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for part in initial_cluster.split(',').filter(|part| !part.is_empty()) {
        let Some((name, url)) = part
            .split_once('=')
            .filter(|(name, url)| !name.is_empty() && !url.is_empty())
        else {
            return Err(format!(
                "`{part}` is no member: a name and its peer URL are needed, as in name=http://host:2380"
            ));
        };
        if found.iter().any(|(_, urls)| urls.iter().any(|known| known == url)) {
            return Err(format!("two members have the peer URL {url}"));
        }
        let known = found.iter().position(|(known, _)| known == name);
        match known {
            None => found.push((name.to_owned(), vec![url.to_owned()])),
            Some(place) if place + 1 == found.len() => found[place].1.push(url.to_owned()),
            Some(_) => {
                return Err(format!(
                    "two members have the name {name}: give each host's etcd a name of its own"
                ));
            }
        }
    }
    if found.is_empty() {
        return Err("the new cluster has no members".to_owned());
    }
    Ok(found)
}

/// Not etcd's: it only unpacks.
const UNPACK: &str = "tar";
/// Where the data lies in an archive with what `etcdctl backup` made, and in one of `etcd.restore_for`.
const V2_BACKUP: &str = "./v2/member";
const PACKED: &str = "./member";
/// From here on etcd knows nothing of v2 data.
const NO_V2: Version = Version::new(3, 6, 0);

/// The tool that restores on this host.
///
/// # Errors
/// There is none, with what to do.
pub(super) fn tool(service: &ServiceSeen, host: &str) -> Result<(&'static str, Version), String> {
    if let Some(version) = service.tools.get("etcdutl") {
        return Ok(("etcdutl", *version));
    }
    match service.tools.get("etcdctl") {
        Some(version) if *version < Version::new(3, 6, 0) => Ok(("etcdctl", *version)),
        Some(version) => Err(format!(
            "{host} has no etcdutl, and its etcdctl {version} cannot restore (from 3.6 on only etcdutl can): install etcdutl there"
        )),
        None => Err(format!("{host} has neither etcdutl nor etcdctl: install etcdutl there")),
    }
}

/// The same, and it can raise the revision where that is wanted.
///
/// # Errors
/// There is none, with what to do.
pub(super) fn fitting(service: &ServiceSeen, host: &str, bump: u64) -> Result<(&'static str, Version), String> {
    let (tool, version) = tool(service, host)?;
    if bump > 0 && !version.restore_can_bump() {
        return Err(format!(
            "{tool} {version} on {host} cannot raise the revision (3.4.27, 3.5.10 and newer can): use a newer one, or restore without"
        ));
    }
    Ok((tool, version))
}

/// Looks at what a restore needs and has made on the step's host.
pub(super) fn looks_at(site: &Site<'_>, into: &str) -> Vec<Look> {
    let host = site.host_name();
    vec![
        Look::service(host),
        Look::stat(host, into),
        Look::stat(host, &Restore::marker(into)),
    ]
}

/// What has been made of a restore, by those looks: a directory, whose digest is that of the backup, or an archive.
pub(super) fn probed(seen: &[Sight], wanted: impl FnOnce(&ServiceSeen) -> Result<Restore, String>) -> Probe {
    let (service, made, marker) = match (sight::service(seen), sight::stat(seen, 0), sight::stat(seen, 1)) {
        (Ok(service), Ok(made), Ok(marker)) => (service, made, marker),
        (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => return Probe::Unknown(why),
    };
    let restore = match wanted(service) {
        Ok(restore) => restore,
        Err(why) => return Probe::Conflict(why),
    };
    let (kind, sha256) = if restore.pack {
        ("file", made.sha256.as_deref())
    } else {
        ("dir", Some(restore.sha256.as_str()))
    };
    let whole = marker.content.as_deref().map(str::trim) == Some(restore.stamp().as_str());
    match made.kind.as_deref() {
        Some(found) if found == kind && whole => Probe::Done(json!({
            "path": restore.into,
            "sha256": sha256,
            SAYS: trap(&restore, service.tools.get(&restore.tool)),
        })),
        Some(_) => Probe::Conflict(format!(
            "{} is there already, and no restore of this run made it",
            restore.into
        )),
        None => Probe::NotYet("not restored yet".to_owned()),
    }
}

/// The call that carries it out. A big database takes its time.
pub(super) fn carried_out(site: &Site<'_>, restore: Restore) -> Call {
    let bound = site.timeout.max(Span::seconds(600));
    sight::on_host_within(site, HostOp::Restore(Box::new(restore)), bound)
}

impl EtcdRestore {
    fn bumped(&self) -> u64 {
        self.bump.unwrap_or(0)
    }

    /// Of an archive: where the data lies in it.
    fn inside(&self) -> Option<&'static str> {
        match (self.v2_backup, self.packed) {
            (true, _) => Some(V2_BACKUP),
            (false, true) => Some(PACKED),
            (false, false) => None,
        }
    }

    fn restore(&self, site: &Site<'_>, service: &ServiceSeen) -> Result<Restore, String> {
        let host = site.host_name();
        let tool = match (self.inside(), service.version) {
            (Some(_), Some(version)) if self.v2_backup && version >= NO_V2 => {
                return Err(format!(
                    "etcd {version} on {host} has no v2 API: install the version that made the backup"
                ));
            }
            (Some(_), _) => UNPACK,
            (None, _) => fitting(service, host, self.bumped())?.0,
        };
        let (Some(file), Some(sha256)) = (self.file.known(), self.sha256.known()) else {
            return Err("the file is not known yet".to_owned());
        };
        let name = match &self.name {
            Some(name) => name.clone(),
            None => super::service_inspect::name(service, site),
        };
        let members = members(&self.initial_cluster)?;
        let Some((_, urls)) = members.iter().find(|(member, _)| *member == name) else {
            return Err(format!("{name} of {host} is not among {}", self.initial_cluster));
        };
        Ok(Restore {
            tool: tool.to_owned(),
            file: file.clone(),
            sha256: sha256.clone(),
            into: self.into.clone(),
            wal_into: self.wal_into.clone(),
            data_dir: service.data_dir.clone().unwrap_or_default(),
            user: service.user.clone(),
            name,
            initial_cluster: self.initial_cluster.clone(),
            peer_urls: urls.join(","),
            token: token(site),
            bump: self.bumped(),
            pack: false,
            inside: self.inside().map(str::to_owned),
        })
    }
}

/// For plans.
pub(super) fn raised(bump: u64) -> String {
    let raised = (bump > 0).then(|| format!(", revisions raised by {bump}"));
    raised.unwrap_or_default()
}

/// What an old tool leaves in the database.
fn trap(restore: &Restore, version: Option<&Version>) -> String {
    if restore.tool == UNPACK {
        return "unpacked".to_owned();
    }
    let old = version.filter(|version| **version < Version::new(3, 5, 0));
    old.map_or_else(
        || format!("restored with {}", restore.tool),
        |version| {
            format!(
                "restored with {} {version}, which leaves the old members in the database: harmless up to 3.5, to be restored again with a newer tool before 3.6",
                restore.tool
            )
        },
    )
}

impl Action for EtcdRestore {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, site: &Site<'_>) -> String {
        if self.packed {
            return format!(
                "unpack {} into {}; nothing is stopped for it",
                self.file.named("archive"),
                self.into
            );
        }
        if self.v2_backup {
            return format!(
                "unpack what `etcdctl backup` made from {} into {}; nothing is stopped for it",
                self.file, self.into
            );
        }
        format!(
            "restore {} into {} for the new cluster {} with the token {}{}; nothing is stopped for it",
            self.file,
            self.into,
            self.initial_cluster,
            token(site),
            raised(self.bumped())
        )
    }

    fn effect(&self, _site: &Site<'_>, _model: &mut Model) -> Result<(), String> {
        if self.packed && self.v2_backup {
            return Err("etcd.restore takes one of `packed` and `v2_backup`".to_owned());
        }
        if !self.into.contains(".etcdops-") {
            return Err(format!("`into: {}` needs `.etcdops-` in its name", self.into));
        }
        members(&self.initial_cluster).map(|_| ())
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        looks_at(site, &self.into)
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        probed(seen, |service| self.restore(site, service))
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let restore = self.restore(site, sight::service(seen).ok()?).ok()?;
        Some(carried_out(site, restore))
    }

    fn by_hand(&self, site: &Site<'_>) -> Vec<Call> {
        let restore = Restore {
            tool: self.inside().map_or("etcdutl", |_| UNPACK).to_owned(),
            file: self.file.to_string(),
            sha256: self.sha256.to_string(),
            into: self.into.clone(),
            wal_into: self.wal_into.clone(),
            data_dir: site.host.and_then(|host| host.data_dir.clone()).unwrap_or_default(),
            user: Some("etcd".to_owned()),
            name: self.name.clone().unwrap_or_else(|| site.host_name().to_owned()),
            initial_cluster: self.initial_cluster.clone(),
            peer_urls: site.host.and_then(|host| host.peer_url.clone()).unwrap_or_default(),
            token: token(site),
            bump: self.bumped(),
            pack: false,
            inside: self.inside().map(str::to_owned),
        };
        vec![sight::on_host(site, HostOp::Restore(Box::new(restore)))]
    }

    fn repeatable(&self) -> bool {
        true
    }

    fn patience(&self) -> Span {
        Span::seconds(3600)
    }
}

#[cfg(test)]
mod tests {
    use super::members;

    #[test]
    fn an_initial_cluster_names_each_member_once() {
        let read = members("a=http://a:2380,a=http://a2:2380,b=http://b:2380").unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].1, ["http://a:2380", "http://a2:2380"]);
        for (text, why) in [
            ("", "no members"),
            ("a", "is no member"),
            ("=http://a:2380", "is no member"),
            (
                "a=http://a:2380,b=http://b:2380,a=http://c:2380",
                "two members have the name a",
            ),
            ("a=http://a:2380,b=http://a:2380", "two members have the peer URL"),
        ] {
            assert!(members(text).unwrap_err().contains(why), "{text}");
        }
    }
}
