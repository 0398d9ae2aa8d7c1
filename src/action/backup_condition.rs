//! `backup`: a backup of the library is there, verified, of this cluster.

use serde::{Deserialize, Serialize};

use super::{Condition, Late, Site, Verdict, sight};
use crate::base::clock::rfc3339;
use crate::call::{Look, Sight};
use crate::snapshot::Manifest;
use crate::snapshot::choice::doubt;

/// A backup of the library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupIs {
    /// Its name.
    pub is: Late<String>,
    /// It was verified.
    #[serde(default)]
    pub verified: bool,
    /// It is a file that a restore takes, not an archive of a data directory.
    #[serde(default)]
    pub restorable: bool,
    /// It holds what `etcdctl backup` made, from which v2 data comes back.
    #[serde(default)]
    pub v2_backup: bool,
    /// It was taken from the cluster with this ID. Nothing where no member tells the ID any more.
    #[serde(default)]
    pub of_cluster: Option<String>,
    /// Where it has no ID (others made it): one of the members recorded in it stands in the inventory, or has one of these peer URLs.
    #[serde(default)]
    pub of_members: Option<Vec<String>>,
}

impl BackupIs {
    fn asks_whose(&self) -> bool {
        self.of_cluster.is_some() || self.of_members.is_some()
    }

    /// Nothing but whose backup it is.
    fn asks_only_whose(&self) -> bool {
        self.asks_whose() && !self.verified && !self.restorable && !self.v2_backup
    }

    /// Why it may be another cluster's.
    fn another_clusters(&self, site: &Site<'_>, manifest: &Manifest) -> Option<String> {
        let id = self.of_cluster.as_ref().and_then(|id| id.parse().ok());
        let urls = self.of_members.as_deref();
        if manifest.source.cluster_id.is_none() && urls.is_none() {
            return None;
        }
        doubt(manifest, site.cluster, id, urls.unwrap_or_default())
    }

    fn name(&self) -> &str {
        self.is.known().map_or("", String::as_str)
    }
}

impl Condition for BackupIs {
    fn text(&self, _site: &Site<'_>) -> String {
        let mut text = format!("backup {}", self.is);
        text.push_str(if self.verified { " is verified" } else { " is there" });
        if self.restorable {
            text.push_str(" and can be restored");
        }
        if self.v2_backup {
            text.push_str(" and holds what `etcdctl backup` made");
        }
        match &self.of_cluster {
            Some(id) => text.push_str(&format!(" and of cluster {id}")),
            None if self.of_members.is_some() => text.push_str(" and of this cluster"),
            None => {}
        }
        text
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::backup(self.name())]
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
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
        if let Some(damage) = manifest.damage.as_ref().filter(|_| !self.asks_only_whose()) {
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
        if self.restorable && !manifest.is_restorable() {
            return not(
                format!("backup {name} is an archive of a data directory, which no tool of etcd restores"),
                "choose a snapshot: etcdops backups list".to_owned(),
            );
        }
        if self.v2_backup && !manifest.is_v2_backup() {
            return not(
                format!("backup {name} holds nothing that `etcdctl backup` made: v2 data cannot come back from it"),
                format!("etcdops recover --from-backup {name}"),
            );
        }
        if let Some(why) = self.another_clusters(site, manifest) {
            return not(why, "take one of this cluster: etcdops backups list".to_owned());
        }
        Verdict::Holds(format!("taken {}", rfc3339(manifest.taken)))
    }

    /// Only whose backup it is may be accepted; never a damaged or an unproved one (safety 9).
    fn accept_name(&self) -> Option<&'static str> {
        self.asks_only_whose().then_some("backup")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::membership::tests::site_of;
    use crate::call::LibraryAnswer;
    use crate::snapshot::manifest::tests::sample;

    #[test]
    fn whose_it_is_may_be_accepted_and_that_it_is_damaged_may_not() {
        let proved = BackupIs {
            is: Late::Known("b".to_owned()),
            verified: true,
            restorable: true,
            v2_backup: false,
            of_cluster: None,
            of_members: None,
        };
        let ours = BackupIs {
            of_cluster: Some("2b".to_owned()),
            verified: false,
            restorable: false,
            ..proved.clone()
        };
        let both = BackupIs {
            of_cluster: Some("2b".to_owned()),
            ..proved.clone()
        };
        assert_eq!(
            [&proved, &ours, &both].map(Condition::accept_name),
            [None, Some("backup"), None]
        );
        let mut kept = sample("b", jiff::Timestamp::UNIX_EPOCH);
        kept.manifest.damage = Some("page 3".to_owned());
        let seen = [Sight::Library(LibraryAnswer::Found(Some(Box::new(kept))))];
        site_of(|site| {
            let Verdict::Not { saw, .. } = proved.judge(site, &seen, None) else {
                panic!("damaged");
            };
            assert_eq!(saw, "backup b is damaged: page 3");
            let Verdict::Not { saw, .. } = ours.judge(site, &seen, None) else {
                panic!("another cluster's");
            };
            assert!(saw.contains("is of cluster 1a"), "{saw}");
        });
    }

    #[test]
    fn one_without_an_id_is_ours_only_by_its_members() {
        let whose = BackupIs {
            is: Late::Known("b".to_owned()),
            verified: false,
            restorable: false,
            v2_backup: false,
            of_cluster: None,
            of_members: Some(Vec::new()),
        };
        assert_eq!(whose.accept_name(), Some("backup"));
        let mut kept = sample("b", jiff::Timestamp::UNIX_EPOCH);
        kept.manifest.source.cluster_id = None;
        let seen = [Sight::Library(LibraryAnswer::Found(Some(Box::new(kept))))];
        site_of(|site| {
            let Verdict::Not { saw, .. } = whose.judge(site, &seen, None) else {
                panic!("a stranger's");
            };
            assert!(saw.contains("does not tell of which cluster it is"), "{saw}");
        });
    }
}
