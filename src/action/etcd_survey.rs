//! `etcd.survey`: reads the data directory of a host without changing it. Not carried out yet.

use serde::{Deserialize, Serialize};

use super::later::planned_only;
use super::{Kind, Risk};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EtcdSurvey {}

/// Fields of its output. `commit` is the greater of the log's commit index and the database's consistent index (safety 13).
pub const OUTPUT: &[(&str, Kind)] = &[
    ("intact", Kind::Bool),
    ("cluster_id", Kind::Text),
    ("member_id", Kind::Text),
    ("voter", Kind::Bool),
    ("commit", Kind::Number),
    ("last_term", Kind::Number),
    ("last_index", Kind::Number),
    ("uncommitted", Kind::Number),
    ("revision", Kind::Number),
    ("size", Kind::Number),
    ("data_dir", Kind::Text),
    ("peer_url", Kind::Text),
];

planned_only!(EtcdSurvey, "etcd.survey", Risk::Look, |_| {
    "read the data directory: how far its log and database go".to_owned()
});
