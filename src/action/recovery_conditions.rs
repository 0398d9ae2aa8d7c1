//! `backup`, `content`: what must hold around a recovery. What needs the backup library cannot be found out yet and says so.

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

/// The keys and values that members hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The hosts whose members must hold the same.
    pub equal_on: Vec<String>,
    /// And as many keys and revisions as this backup.
    #[serde(default)]
    pub backup: Option<String>,
}

impl Condition for Content {
    fn text(&self, _site: &Site<'_>) -> String {
        let members = self.equal_on.join(", ");
        match &self.backup {
            Some(backup) => format!("{members} hold the same, as backup {backup} has it"),
            None => format!("{members} hold the same"),
        }
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Hashes { revision: 0 }]
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        if self.backup.is_some() {
            return Verdict::Unknown(later::refuse("content: {backup}"));
        }
        let Some(Sight::Hashes(hashes)) = seen.first() else {
            return Verdict::Unknown("the members' hashes could not be read".to_owned());
        };
        let mut first = None;
        for host in &self.equal_on {
            let url = site.cluster.host(host).and_then(|host| host.client_url.as_deref());
            let found = hashes.iter().find(|(endpoint, _)| Some(endpoint.as_str()) == url);
            let hash = match found {
                Some((_, Ok(hash))) => *hash,
                Some((_, Err(why))) => return Verdict::Unknown(format!("{host}: {why}")),
                None => return Verdict::Unknown(format!("{host}: no member answered for it")),
            };
            if *first.get_or_insert(hash) != hash {
                let saw = format!("{host} holds something else (hash {hash:08x})");
                return Verdict::Not { saw, hint: None };
            }
        }
        Verdict::Holds(format!("hash {:08x} everywhere", first.unwrap_or_default()))
    }
}
