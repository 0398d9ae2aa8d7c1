//! `backup`: a backup of the library is there, verified, of this cluster.

use serde::{Deserialize, Serialize};

use super::{Condition, Late, Site, Verdict, sight};
use crate::call::{Look, Sight};
use crate::cluster::member::Id;

/// A backup of the library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupIs {
    /// Its name.
    pub is: Late<String>,
    /// It was verified.
    #[serde(default)]
    pub verified: bool,
    /// It was taken from the cluster with this ID. Nothing where no member tells the ID any more.
    #[serde(default)]
    pub of_cluster: Option<String>,
}

impl BackupIs {
    fn name(&self) -> &str {
        self.is.known().map_or("", String::as_str)
    }
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
        vec![Look::backup(self.name())]
    }

    fn judge(&self, _site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let not = |saw: String, hint: String| Verdict::Not { saw, hint: Some(hint) };
        let manifest = match sight::backup(seen) {
            Ok(Some(kept)) => &kept.manifest,
            Ok(None) => {
                let saw = format!("there is no backup {}", self.name());
                return not(saw, "etcdops backups list".to_owned());
            }
            Err(why) => return Verdict::Unknown(why),
        };
        let name = &manifest.name;
        if let Some(damage) = &manifest.damage {
            return not(
                format!("backup {name} is damaged: {damage}"),
                "choose another one: etcdops backups list".to_owned(),
            );
        }
        if self.verified && manifest.verified.is_none() {
            return not(
                format!("backup {name} was never verified"),
                format!("etcdops backups verify {name}"),
            );
        }
        if let Some(wanted) = &self.of_cluster
            && let Some(own) = manifest.source.cluster_id
            && wanted.parse::<Id>().ok() != Some(own)
        {
            return not(
                format!("backup {name} is of cluster {own} ({}), not {wanted}", manifest.cluster),
                "take one of this cluster: etcdops backups list".to_owned(),
            );
        }
        Verdict::Holds(format!("taken {}", manifest.taken))
    }

    fn accept_name(&self) -> Option<&'static str> {
        self.of_cluster.as_ref().map(|_| "backup")
    }
}
