//! One RPC to one endpoint.

use serde::{Deserialize, Serialize};

use crate::cluster::member::{Id, Member};
use crate::cluster::version::Version;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EtcdOp {
    // Looks: none of them writes to the log (safety 3).
    Status,
    /// The serializable list; answers without quorum.
    MemberList,
    /// A linearizable read of one key: proves quorum, and gives the revision.
    LinearizableRead,
    HashKv {
        revision: u64,
    },
    /// How many keys this member's own store has at a revision (0: now).
    CountKeys {
        revision: u64,
    },
    // Changes.
    MemberAdd {
        peer_urls: Vec<String>,
        learner: bool,
    },
    MemberRemove {
        id: Id,
    },
    MemberUpdate {
        id: Id,
        peer_urls: Vec<String>,
    },
    MemberPromote {
        id: Id,
    },
    /// Must go to the leader.
    MoveLeader {
        to: Id,
    },
    /// `member: None`: whoever raised it, also one that is no member any more.
    AlarmDisarm {
        member: Option<Id>,
        alarm: String,
    },
    /// A write and a read through this member: a transaction whose condition cannot hold goes through the log of all members and
    /// changes no key and no revision; then a linearizable read.
    Prove,
    /// Streams to a file on the bastion; partial files are never visible under `path`.
    Snapshot {
        path: String,
    },
}

impl EtcdOp {
    pub fn is_change(&self) -> bool {
        !matches!(
            self,
            Self::Status
                | Self::MemberList
                | Self::LinearizableRead
                | Self::HashKv { .. }
                | Self::CountKeys { .. }
                | Self::Snapshot { .. }
        )
    }
}

/// What Status told; fields that a version lacks are `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatusAnswer {
    pub cluster_id: u64,
    pub member_id: u64,
    pub version: Option<Version>,
    /// Bytes.
    pub db_size: u64,
    /// Bytes.
    pub db_size_in_use: Option<u64>,
    /// Bytes.
    pub db_quota: Option<u64>,
    /// `None`: it knows no leader.
    pub leader: Option<Id>,
    pub raft_term: u64,
    pub raft_index: u64,
    pub raft_applied_index: Option<u64>,
    pub learner: bool,
    /// Status.errors as etcd words them; `None` before 3.4.
    pub errors: Option<Vec<String>>,
    /// Revision in the response header.
    pub revision: u64,
    /// When the certificate that the endpoint shows ends; `None` without TLS.
    pub certificate_not_after: Option<jiff::Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EtcdAnswer {
    Status(StatusAnswer),
    Members {
        cluster_id: Id,
        members: Vec<Member>,
    },
    Read {
        cluster_id: Id,
        member_id: Id,
        revision: u64,
    },
    /// The linearizable read went through the quorum and only then was denied: quorum is proved, no revision is shown.
    ReadDenied {
        why: String,
    },
    Hash {
        hash: u32,
        revision: u64,
        compacted: u64,
    },
    Counted {
        keys: u64,
    },
    Added {
        id: Id,
        members: Vec<Member>,
    },
    Done,
    Snapshot {
        bytes: u64,
        sha256: String,
        revision: u64,
    },
}
