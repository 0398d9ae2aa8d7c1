//! `v2_data`: no data of etcd's old API is left behind. A snapshot holds none of it (safety 21).

use serde::{Deserialize, Serialize};

use super::newest::copies;
use super::{Condition, Site, Verdict, sight};
use crate::call::host::HostOp;
use crate::call::{Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct V2Data {
    /// The hosts whose copies must hold none, unless the backup does.
    #[schemars(extend("x-host" = true))]
    pub on: Vec<String>,
    /// The backup that takes their place.
    pub backup: String,
}

impl V2Data {
    fn hosts(&self) -> Vec<&str> {
        self.on.iter().map(String::as_str).collect()
    }
}

impl Condition for V2Data {
    fn text(&self, _site: &Site<'_>) -> String {
        format!("no data of the v2 API is lost by backup {}", self.backup)
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        let mut looks = vec![Look::backup(&self.backup)];
        looks.extend(self.on.iter().map(|host| Look::Host {
            host: host.clone(),
            op: HostOp::ReadCopy,
        }));
        looks
    }

    fn judge(&self, _site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let manifest = match sight::backup(seen) {
            Ok(Some(kept)) => &kept.manifest,
            Ok(None) => return Verdict::Unknown(format!("there is no backup {}", self.backup)),
            Err(why) => return Verdict::Unknown(why),
        };
        if manifest.is_v2_backup() {
            return Verdict::Holds("it holds what `etcdctl backup` made".to_owned());
        }
        let hosts = self.hosts();
        let copies = copies(&hosts, seen.get(1..).unwrap_or_default());
        let holding: Vec<&str> = copies
            .read
            .iter()
            .filter(|(_, copy)| copy.v2_data)
            .map(|(host, _)| *host)
            .collect();
        if !holding.is_empty() {
            return Verdict::Not {
                saw: format!(
                    "data of the v2 API on {}, of which backup {} holds nothing: all of it would be lost to clients",
                    holding.join(", "),
                    self.backup
                ),
                hint: Some(
                    "choose a backup that holds it (form v2-backup in etcdops backups list), or take one: etcdops backup --offline HOST"
                        .to_owned(),
                ),
            };
        }
        let blind: Vec<&str> = copies.blind.iter().map(|(host, _)| *host).collect();
        Verdict::Holds(match blind.as_slice() {
            [] => "none".to_owned(),
            blind => format!("none that could be read; not read: {}", blind.join(", ")),
        })
    }

    fn accept_name(&self) -> Option<&'static str> {
        Some("v2_data")
    }
}

#[cfg(test)]
mod tests {
    use super::V2Data;
    use crate::action::membership::tests::site_of;
    use crate::action::{Condition, Verdict};
    use crate::call::copy::CopySeen;
    use crate::call::host::HostAnswer;
    use crate::call::{LibraryAnswer, Sight};
    use crate::cluster::member::Id;
    use crate::snapshot::manifest::tests::sample;
    use crate::snapshot::{Forced, Form};

    #[test]
    fn what_a_snapshot_lacks_refuses_it_and_a_v2_backup_is_good() {
        let condition = V2Data {
            on: vec!["etcd-1".to_owned(), "etcd-2".to_owned()],
            backup: "b".to_owned(),
        };
        assert_eq!(condition.accept_name(), Some("v2_data"));
        let copy = |v2_data| {
            let copy = CopySeen {
                v2_data,
                ..CopySeen::default()
            };
            Sight::Host(HostAnswer::Copy(Box::new(copy)))
        };
        let mut kept = sample("b", jiff::Timestamp::UNIX_EPOCH);
        let judged = |kept: &crate::snapshot::Kept, second: bool| {
            let found = Sight::Library(LibraryAnswer::Found(Some(Box::new(kept.clone()))));
            let mut verdict = None;
            site_of(|site| verdict = Some(condition.judge(site, &[found.clone(), copy(false), copy(second)], None)));
            verdict.unwrap()
        };
        assert!(matches!(judged(&kept, false), Verdict::Holds(_)));
        let Verdict::Not { saw, .. } = judged(&kept, true) else {
            panic!("it would be lost without a word");
        };
        assert!(saw.starts_with("data of the v2 API on etcd-2,"), "{saw}");
        kept.manifest.form = Form::V2Backup;
        kept.manifest.forced = Some(Forced {
            member_id: Id(1),
            cluster_id: Id(2),
        });
        assert!(matches!(judged(&kept, true), Verdict::Holds(_)));
    }
}
