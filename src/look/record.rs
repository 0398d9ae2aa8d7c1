//! What was last known of a cluster, kept on the bastion: what a recovery would lose (safety 23), and names for completion.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::clock::rfc3339;
use crate::base::files::{FileError, create_private_dir, write_private};
use crate::cluster::host::ClusterConfig;
use crate::cluster::member::{Id, Member};
use crate::cluster::observed::{Observed, Remembered};

/// The format of the file.
pub const SCHEMA: &str = "etcdops/record/v1";

/// A record older than this is written anew, also if nothing has changed.
const LONG_AGO: jiff::SignedDuration = jiff::SignedDuration::from_mins(1);

/// What was last known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub schema: String,
    pub cluster: String,
    pub cluster_id: Option<Id>,
    /// RFC 3339.
    pub at: String,
    /// The highest revision seen of this cluster ID.
    pub revision: Option<u64>,
    pub members: Vec<Member>,
    pub hosts: Vec<String>,
}

impl Record {
    /// What this look adds to what was known. `None`: it saw no member list, so there is nothing to remember.
    pub fn update(
        before: Option<&Self>,
        cluster: &ClusterConfig,
        seen: &Observed,
        now: jiff::Timestamp,
    ) -> Option<Self> {
        if !seen.member_list_known {
            return None;
        }
        let same = before.filter(|before| before.cluster_id == seen.cluster_id);
        let highest = seen.members.iter().filter_map(|member| member.revision).max();
        Some(Self {
            schema: SCHEMA.to_owned(),
            cluster: cluster.name.clone(),
            cluster_id: seen.cluster_id,
            at: rfc3339(now),
            revision: highest.max(same.and_then(|before| before.revision)),
            members: seen.members.iter().filter_map(|row| row.member.clone()).collect(),
            hosts: cluster.hosts.iter().map(|host| host.name.clone()).collect(),
        })
    }

    /// What a plan needs of it.
    pub fn remembered(&self) -> Remembered {
        Remembered {
            cluster_id: self.cluster_id,
            revision: self.revision.unwrap_or_default(),
            members: self.members.clone(),
        }
    }

    /// Nothing but the time has changed, and that not by much: not worth the disk.
    pub fn says_the_same(&self, before: &Self) -> bool {
        let time = |record: &Self| record.at.parse::<jiff::Timestamp>().ok();
        let recent = match (time(before), time(self)) {
            (Some(before), Some(now)) => now.duration_since(before).abs() < LONG_AGO,
            _ => false,
        };
        let timeless = Self {
            at: before.at.clone(),
            ..self.clone()
        };
        recent && timeless == *before
    }

    /// The file `CLUSTER.json` in a folder; anything unreadable counts as nothing known.
    pub fn read(folder: &Path, cluster: &str) -> Option<Self> {
        let text = std::fs::read(folder.join(file_name(cluster))).ok()?;
        let record: Self = serde_json::from_slice(&text).ok()?;
        (record.schema == SCHEMA).then_some(record)
    }

    /// Writes the file, readable only by its owner.
    pub fn write(&self, folder: &Path) -> Result<(), FileError> {
        create_private_dir(folder)?;
        let text = serde_json::to_vec_pretty(self).expect("a record has text keys");
        write_private(&folder.join(file_name(&self.cluster)), &text)
    }
}

/// A cluster's name as a file name: names that come from endpoints may hold anything.
fn file_name(cluster: &str) -> String {
    let safe: String = cluster
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() || "-_.".contains(letter) {
                letter
            } else {
                '_'
            }
        })
        .collect();
    format!("{}.json", safe.trim_start_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(at: &str, revision: u64) -> Record {
        Record {
            schema: SCHEMA.to_owned(),
            cluster: "c".to_owned(),
            cluster_id: None,
            at: at.to_owned(),
            revision: Some(revision),
            members: Vec::new(),
            hosts: Vec::new(),
        }
    }

    #[test]
    fn only_news_and_old_records_are_worth_writing() {
        let before = record("2026-11-20T12:00:00Z", 7);
        assert!(record("2026-11-20T12:00:59Z", 7).says_the_same(&before));
        assert!(!record("2026-11-20T12:01:00Z", 7).says_the_same(&before));
        assert!(!record("2026-11-20T12:00:01Z", 8).says_the_same(&before));
    }
}
