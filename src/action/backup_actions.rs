//! `backup.take`, `backup.fetch`, `backup.verify`: the backup library. Not carried out yet.

use serde::{Deserialize, Serialize};

use super::later::planned_only;
use super::{Kind, Late, Risk};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupTake {
    /// Copy the data directory of the step's host, where etcd must be stopped; the copy stays there until `backup.fetch`.
    /// Otherwise a snapshot is streamed from a healthy member into the library.
    #[serde(default)]
    pub cold: bool,
}

/// Fields of its output.
pub const TAKE_OUTPUT: &[(&str, Kind)] = &[
    ("name", Kind::Text),
    ("path", Kind::Text),
    ("size", Kind::Number),
    ("sha256", Kind::Text),
    ("revision", Kind::Number),
];

planned_only!(BackupTake, "backup.take", Risk::Change, |action| {
    if action.cold {
        "copy the data directory, with its log".to_owned()
    } else {
        "take a snapshot from a healthy member into the library".to_owned()
    }
});

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupFetch {
    /// The copy on the host.
    pub path: Late<String>,
}

/// Fields of its output.
pub const FETCH_OUTPUT: &[(&str, Kind)] = &[
    ("name", Kind::Text),
    ("path", Kind::Text),
    ("size", Kind::Number),
    ("sha256", Kind::Text),
];

planned_only!(BackupFetch, "backup.fetch", Risk::Change, |action| {
    format!("fetch {} into the library", action.path)
});

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupVerify {
    /// The backup's name in the library.
    pub backup: Late<String>,
    /// Prove it also by starting a throw-away etcd from it.
    #[serde(default)]
    pub boot: bool,
}

/// Fields of its output.
pub const VERIFY_OUTPUT: &[(&str, Kind)] = &[
    ("name", Kind::Text),
    ("sha256", Kind::Text),
    ("revision", Kind::Number),
    ("keys", Kind::Number),
];

planned_only!(BackupVerify, "backup.verify", Risk::Change, |action| {
    let how = if action.boot {
        ", also by starting etcd from it"
    } else {
        ""
    };
    format!("verify backup {}{how}", action.backup)
});
