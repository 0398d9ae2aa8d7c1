//! `backup.fetch`: a cold copy comes into the library. Not carried out yet.

use serde::{Deserialize, Serialize};

use super::later::planned_only;
use super::{Kind, Late, Risk};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupFetch {
    /// The copy on the host.
    pub path: Late<String>,
}

/// Fields of its output.
pub const OUTPUT: &[(&str, Kind)] = &[
    ("name", Kind::Text),
    ("path", Kind::Text),
    ("size", Kind::Number),
    ("sha256", Kind::Text),
];

planned_only!(BackupFetch, "backup.fetch", Risk::Change, |action| {
    format!("fetch {} into the library", action.path)
});
