//! `etcd.configure`: writes settings of etcd wherever each of them lives on the host. Not carried out yet.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::later::planned_only;
use super::{Late, Risk};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EtcdConfigure {
    /// The members with which etcd starts, as `name=peer-url,…`.
    #[serde(default)]
    pub initial_cluster: Option<Late<String>>,
    /// `existing` for a member that joins, `new` for a cluster that begins.
    #[serde(default)]
    pub state: Option<ClusterState>,
    /// The member's name (default: the host's).
    #[serde(default)]
    pub name: Option<String>,
    /// The token of a new cluster.
    #[serde(default)]
    pub token: Option<String>,
    /// More settings by name, such as `snapshot-count`.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClusterState {
    New,
    Existing,
}

planned_only!(EtcdConfigure, "etcd.configure", Risk::Change, |action| {
    let mut parts = Vec::new();
    if let Some(state) = action.state {
        parts.push(match state {
            ClusterState::New => "begin a cluster".to_owned(),
            ClusterState::Existing => "join the cluster".to_owned(),
        });
    }
    parts.extend(
        action
            .initial_cluster
            .iter()
            .map(|members| format!("initial-cluster {members}")),
    );
    parts.extend(action.settings.iter().map(|(name, value)| format!("{name} {value}")));
    format!("configure etcd: {}", parts.join(", "))
});
