//! A member's copy of the data, as its directory on the disk tells it.

use serde::{Deserialize, Serialize};

use crate::cluster::member::{Id, Member};
use crate::cluster::version::Version;

/// What the data directory of a host holds. Read without changing it; while etcd runs it may be a moment old.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CopySeen {
    pub data_dir: Option<String>,
    /// Where it is not inside the data directory.
    pub wal_dir: Option<String>,
    /// There is a data directory with something in it.
    pub there: bool,
    /// etcd runs on it.
    pub running: bool,
    /// The unit is there.
    pub unit: bool,
    pub fenced: bool,
    /// Of the etcd that is installed.
    pub version: Option<Version>,
    pub member: Option<Id>,
    pub cluster: Option<Id>,
    /// The highest term that this member heard of. Says nothing about its data (safety 13).
    pub term: u64,
    /// Whom it voted for in that term; 0: nobody.
    pub vote: u64,
    /// The commit index in the log.
    pub commit: u64,
    /// The index up to which the database has the entries.
    pub consistent_index: u64,
    /// Of the last entry of the log.
    pub last_term: u64,
    pub last_index: u64,
    /// Revision of the database.
    pub revision: u64,
    pub part: Part,
    /// Who votes, as this copy knows it.
    pub voters: Vec<Id>,
    pub members: Vec<Member>,
    /// Keys of the v2 API are in it: the database holds none of them (safety 21).
    pub v2_data: bool,
    /// As etcd names them.
    pub alarms: Vec<String>,
    /// The database's file, in bytes.
    pub db_size: u64,
    /// The host's `quota-backend-bytes`; `None`: etcd's default.
    pub quota: Option<u64>,
    /// Why etcd could not start from it; empty: intact.
    pub damage: Vec<String>,
    /// What is worth saying and no damage.
    pub notes: Vec<String>,
}

/// What this copy is to the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    Voter,
    Learner,
    /// It was removed from the cluster, and knows it.
    Removed,
    #[default]
    Unknown,
}

impl CopySeen {
    /// etcd can start from it.
    pub fn intact(&self) -> bool {
        self.there && self.damage.is_empty() && self.member.is_some()
    }

    /// The index up to which entries are known to be committed.
    pub fn committed(&self) -> u64 {
        self.commit.max(self.consistent_index)
    }

    /// Entries that a forced start discards: some of them may have been acknowledged (safety 14).
    pub fn uncommitted(&self) -> u64 {
        self.last_index.saturating_sub(self.committed())
    }

    /// Greater is newer, among voters of one cluster (safety 13).
    pub fn rank(&self) -> (u64, u64, u64) {
        (self.committed(), self.last_term, self.last_index)
    }

    /// It may be chosen, or counted for a quorum.
    pub fn eligible(&self) -> bool {
        self.intact() && self.part == Part::Voter
    }

    /// This copy's member, as it knows itself.
    pub fn own(&self) -> Option<&Member> {
        self.members.iter().find(|member| Some(member.id) == self.member)
    }

    /// The peer URL under which the others know this member.
    pub fn peer_url(&self) -> Option<&str> {
        self.own()?.peer_urls.first().map(String::as_str)
    }
}
