//! `backup`: a backup of the library. What needs the library cannot be found out yet and says so.

use serde::{Deserialize, Serialize};

use super::{Condition, Late, Site, Verdict, later};
use crate::call::{Look, Sight};

/// A backup of the library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupIs {
    /// Its name.
    pub is: Late<String>,
    /// It was verified.
    #[serde(default)]
    pub verified: bool,
    /// It was taken from the cluster with this ID.
    #[serde(default)]
    pub of_cluster: Option<String>,
}

impl Condition for BackupIs {
    fn text(&self, _site: &Site<'_>) -> String {
        let mut text = format!("backup {}", self.is);
        text.push_str(if self.verified { " is verified" } else { " is there" });
        if let Some(id) = &self.of_cluster {
            text.push_str(" and of cluster ");
            text.push_str(id);
        }
        text
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        Vec::new()
    }

    fn judge(&self, _site: &Site<'_>, _seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        Verdict::Unknown(later::refuse("backup"))
    }

    fn accept_name(&self) -> Option<&'static str> {
        self.of_cluster.as_ref().map(|_| "backup")
    }
}
