//! `configurable`: the settings with which a host's etcd will join can be written for sure, found out before anything changes.

use serde::{Deserialize, Serialize};

use super::etcd_configure::{ClusterState, EtcdConfigure, seen_config};
use super::{Condition, Late, Site, Verdict, sight};
use crate::call::{Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Configurable {
    /// The host; default: the step's.
    #[serde(default)]
    pub on: Option<String>,
}

impl Configurable {
    fn host<'a>(&'a self, site: &'a Site<'_>) -> &'a str {
        self.on.as_deref().unwrap_or_else(|| site.host_name())
    }
}

/// The members with which the host would join, as far as they are known: `name=url,…`.
fn members(site: &Site<'_>, seen: &[Sight], own: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let others = sight::cluster(seen).map_or(&[][..], |observed| &observed.members);
    for member in others.iter().filter_map(|seen| seen.member.as_ref()) {
        if member.name != own {
            parts.extend(member.peer_urls.iter().map(|url| format!("{}={url}", member.name)));
        }
    }
    let url = site.cluster.host(own).and_then(|host| host.peer_url.as_deref());
    parts.extend(url.map(|url| format!("{own}={}", url.trim_end_matches('/'))));
    parts.join(",")
}

impl Condition for Configurable {
    fn text(&self, site: &Site<'_>) -> String {
        format!("the settings of etcd on {} can be written", self.host(site))
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        vec![Look::config(self.host(site)), Look::Cluster]
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let host = self.host(site);
        let config = match seen_config(seen) {
            Ok(config) => config,
            Err(why) => return Verdict::Unknown(why),
        };
        let not = |saw: String| Verdict::Not { saw, hint: None };
        if !config.exists {
            return not(format!("{host}: there is no such unit"));
        }
        let joining = EtcdConfigure {
            initial_cluster: Some(Late::Known(members(site, seen, host))),
            state: Some(ClusterState::Existing),
            name: None,
            token: None,
            settings: std::collections::BTreeMap::new(),
        };
        let there = Site {
            host: site.cluster.host(host),
            ..*site
        };
        match joining.outlook(&there, config) {
            Err(why) => not(format!("{host}: {why}")),
            Ok(changes) => Verdict::Holds(format!("{host}: {changes}")),
        }
    }
}
