//! `etcd.restore`: makes a data directory from a backup. Not carried out yet.

use serde::{Deserialize, Serialize};

use super::later::planned_only;
use super::{Late, Risk};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EtcdRestore {
    /// The backup's file on the host.
    pub file: Late<String>,
    /// The data directory to make; it must not be there.
    pub into: String,
    /// The hosts that make up the new cluster.
    pub members: Vec<String>,
    /// Raise the revision by this much and mark what is older as compacted, for clients that watch (Kubernetes).
    #[serde(default)]
    pub bump: Option<u64>,
}

planned_only!(EtcdRestore, "etcd.restore", Risk::Change, |action| {
    format!(
        "restore {} into {} for a cluster of {}, with a fresh token",
        action.file,
        action.into,
        action.members.join(", ")
    )
});
