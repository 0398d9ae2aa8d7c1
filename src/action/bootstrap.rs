//! `bootstrap`: starting etcd founds no empty cluster where a member's data was lost.

use serde::{Deserialize, Serialize};

use super::{Condition, Site, Verdict};
use crate::call::host::{HostAnswer, ServiceSeen};
use crate::call::{Look, Sight};

/// Where etcd must not begin a cluster of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    /// The hosts.
    #[schemars(extend("x-host" = true))]
    pub none_on: Vec<String>,
}

/// The data directory in which a start would begin a cluster of its own: it holds nothing, and `initial-cluster-state` is not `existing`.
pub fn bootstraps_in(service: &ServiceSeen) -> Option<&str> {
    let joins = service
        .settings
        .get("initial-cluster-state")
        .is_some_and(|setting| setting.value == "existing");
    let empty = service.data_dir_empty || !service.data_dir_exists;
    service.data_dir.as_deref().filter(|_| empty && !joins)
}

impl Condition for Bootstrap {
    fn text(&self, _site: &Site<'_>) -> String {
        format!("starting etcd on {} founds no new cluster", self.none_on.join(", "))
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        self.none_on.iter().map(|host| Look::service(host)).collect()
    }

    fn judge(&self, _site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let mut found = Vec::new();
        for (host, sight) in self.none_on.iter().zip(seen) {
            match sight {
                Sight::Host(HostAnswer::Service(service)) => {
                    if service.exists && service.data_dir.is_none() {
                        return Verdict::Unknown(format!(
                            "where etcd on {host} has its data is not known: `data_dir:` of the inventory tells it"
                        ));
                    }
                    if let Some(directory) = bootstraps_in(service) {
                        found.push(format!("{host} has no data in {directory}"));
                    }
                }
                Sight::Blind(error) => return Verdict::Unknown(error.to_string()),
                _ => return Verdict::Unknown(format!("{host} told nothing of its unit")),
            }
        }
        if found.is_empty() {
            return Verdict::Holds("data, or the setting to join a cluster, on each".to_owned());
        }
        Verdict::Not {
            saw: format!(
                "{}, and etcd there is configured to found a cluster, an empty one",
                found.join("; ")
            ),
            hint: Some(
                "where the other members have their quorum: etcdops replace-member; where they have not: etcdops recover"
                    .to_owned(),
            ),
        }
    }

    /// A new cluster on purpose.
    fn accept_name(&self) -> Option<&'static str> {
        Some("bootstrap")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::action::membership::tests::site_of;
    use crate::call::host::{Setting, SettingFrom};

    fn service(empty: bool, exists: bool, state: &str) -> ServiceSeen {
        let setting = Setting {
            value: state.to_owned(),
            from: SettingFrom::Flag,
        };
        ServiceSeen {
            exists: true,
            active: "inactive".to_owned(),
            data_dir: Some("/var/lib/etcd".to_owned()),
            data_dir_exists: exists,
            data_dir_empty: empty,
            settings: [("initial-cluster-state".to_owned(), setting)].into(),
            ..ServiceSeen::default()
        }
    }

    #[test]
    fn an_empty_directory_is_only_started_to_join() {
        assert_eq!(bootstraps_in(&service(true, true, "new")), Some("/var/lib/etcd"));
        assert_eq!(bootstraps_in(&service(false, false, "new")), Some("/var/lib/etcd"));
        assert_eq!(bootstraps_in(&service(true, true, "existing")), None);
        assert_eq!(bootstraps_in(&service(false, true, "new")), None);
        let unset = ServiceSeen {
            settings: BTreeMap::default(),
            ..service(true, true, "")
        };
        assert_eq!(bootstraps_in(&unset), Some("/var/lib/etcd"), "etcd's default is `new`");
        site_of(|site| {
            let condition = Bootstrap {
                none_on: vec!["etcd-1".to_owned(), "etcd-2".to_owned()],
            };
            let see = |service| Sight::Host(HostAnswer::Service(Box::new(service)));
            let whole = [see(service(false, true, "new")), see(service(true, true, "existing"))];
            assert!(matches!(condition.judge(site, &whole, None), Verdict::Holds(_)));
            let lost = [see(service(false, true, "new")), see(service(true, true, "new"))];
            let nowhere = ServiceSeen {
                data_dir: None,
                ..service(false, true, "new")
            };
            let unknown = [see(nowhere), see(service(false, true, "new"))];
            assert!(matches!(condition.judge(site, &unknown, None), Verdict::Unknown(_)));
            let Verdict::Not { saw, hint } = condition.judge(site, &lost, None) else {
                panic!("it would found a cluster");
            };
            assert!(saw.starts_with("etcd-2 has no data in /var/lib/etcd"), "{saw}");
            assert!(hint.unwrap().contains("etcdops recover"));
        });
    }
}
