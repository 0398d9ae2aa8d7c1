//! Everything that a recovery could begin from, and what each way would lose: looked at all at once, judged purely.

#[cfg(test)]
mod tests;
mod ways;

use futures_util::future::{join, join_all};
use jiff::Timestamp;
use serde::Serialize;

use super::record::Record;
use super::{Depth, Evidence, investigate, see};
use crate::action::newest::Copies;
use crate::base::duration::Span;
use crate::call::copy::CopySeen;
use crate::call::host::{HostAnswer, HostOp};
use crate::call::{CallError, Fault, Look, Sight};
use crate::cluster::host::ClusterConfig;
use crate::cluster::observed::Remembered;
use crate::snapshot::Shelf;
use crate::snapshot::choice::doubt;
use crate::transport::Transport;

/// What was found on the hosts and from the members.
#[derive(Debug, Default)]
pub struct Found {
    pub evidence: Evidence,
    /// By host, in the inventory's order.
    pub copies: Vec<(String, Result<CopySeen, CallError>)>,
}

/// A verified backup, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupFound {
    pub name: String,
    pub taken: Timestamp,
    pub revision: u64,
    /// It is what `etcdctl backup` made, with data of the v2 API.
    pub v2: bool,
    /// Why it may be another cluster's.
    pub doubt: Option<String>,
    /// Where it holds far fewer keys than the one before it.
    pub fell: Option<String>,
}

impl BackupFound {
    /// What there is to choose from: the newest with v2 data, if there is one, and the newest snapshot.
    pub fn of(shelf: &Shelf, cluster: &ClusterConfig, known: &Remembered) -> Vec<Self> {
        let urls: Vec<String> = known
            .members
            .iter()
            .flat_map(|member| member.peer_urls.clone())
            .collect();
        let found = [
            shelf.newest_v2(known.cluster_id),
            shelf.newest_verified(known.cluster_id),
        ];
        let found = found.into_iter().flatten().map(|kept| Self {
            name: kept.manifest.name.clone(),
            taken: kept.manifest.taken,
            revision: kept.manifest.content.revision,
            v2: kept.manifest.is_v2_backup(),
            doubt: doubt(&kept.manifest, cluster, known.cluster_id, &urls),
            fell: shelf.fell(kept),
        });
        found.collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Start what is stopped.
    Start,
    FromBackup,
    FromSurvivor,
}

/// One way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    pub way: Way,
    /// `start etcd-1 and etcd-2`.
    pub what: String,
    /// What it would lose.
    pub loses: String,
    /// What to type.
    pub command: String,
    /// Why it cannot be done as things are.
    pub refused: Option<String>,
    /// The host or backup that it begins from.
    #[serde(skip)]
    pub from: Option<String>,
    /// Hosts to be declared dead for it.
    #[serde(skip)]
    pub dead: Vec<String>,
    /// Guards to be accepted for it.
    #[serde(skip)]
    pub accept: Vec<String>,
    /// It begins from a backup with v2 data.
    #[serde(skip)]
    pub v2: bool,
}

/// Every way, the one that loses least first, and which one is recommended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    pub all: Vec<Choice>,
    pub recommended: Option<usize>,
}

/// Looks at everything at once; each look is bounded.
pub async fn find(cluster: &ClusterConfig, transport: &dyn Transport, bound: Span) -> Found {
    let read = cluster.hosts.iter().map(async |host| {
        let look = Look::Host {
            host: host.name.clone(),
            op: HostOp::ReadCopy,
        };
        let copy = match see(&look, cluster, transport, bound).await {
            Sight::Host(HostAnswer::Copy(copy)) => Ok(*copy),
            Sight::Blind(error) => Err(error),
            _ => Err(CallError::new(
                Fault::Garbage,
                "read the data directory",
                &host.name,
                "another answer",
            )),
        };
        (host.name.clone(), copy)
    });
    let members = investigate(cluster, transport, bound, Depth::Thorough);
    let (evidence, copies) = join(members, join_all(read)).await;
    Found { evidence, copies }
}

impl Found {
    pub fn copies(&self) -> Copies<'_> {
        let mut found = Copies::default();
        for (host, copy) in &self.copies {
            match copy {
                Ok(copy) => found.read.push((host, copy)),
                Err(error) => found.blind.push((host, error)),
            }
        }
        found
    }

    /// The highest revision that any copy, any member or the record of earlier looks knows.
    pub fn highest_revision(&self, record: Option<&Record>) -> u64 {
        let copies = self
            .copies
            .iter()
            .filter_map(|(_, copy)| copy.as_ref().ok())
            .map(|copy| copy.revision);
        let members = self.evidence.observed.members.iter().filter_map(|row| row.revision);
        let known = record.and_then(|record| record.revision);
        copies.chain(members).chain(known).max().unwrap_or_default()
    }

    /// etcd on this host said something.
    fn serves(&self, host: &str) -> bool {
        let seen = self.evidence.observed.on_host(host);
        seen.is_some_and(|seen| seen.version.is_some() || seen.raft_term.is_some())
    }

    /// What can be done, and what each would lose.
    pub fn choices(
        &self,
        cluster: &ClusterConfig,
        backups: &[BackupFound],
        record: Option<&Record>,
        now: Timestamp,
    ) -> Choices {
        let all = self.copies();
        // After an earlier recovery there may be copies of two clusters: the one that was seen last is ours.
        let ours = record.and_then(|record| record.cluster_id);
        let clusters = all.clusters();
        let ours = ours.filter(|ours| clusters.len() > 1 && clusters.iter().any(|(id, _)| id == ours));
        let copies = ours.map_or_else(|| all.clone(), |ours| all.clone().of(ours));
        let highest = self.highest_revision(record);
        let start = ways::start(&all);
        let absence = ways::absence(&all, |host| self.serves(host));
        let v2_lost = all.read.iter().any(|(_, copy)| copy.v2_data) || backups.iter().any(|backup| backup.v2);
        let backups = backups
            .iter()
            .map(|backup| ways::from_backup(backup, &absence, v2_lost, highest, now));
        let survivor = ways::from_survivor(&copies, cluster, highest);
        let all: Vec<Choice> = [Some(start), survivor].into_iter().flatten().chain(backups).collect();
        let recommended = all.iter().position(|choice| choice.refused.is_none());
        Choices { all, recommended }
    }
}
