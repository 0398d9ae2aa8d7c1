//! `configurable`: the settings with which etcd on hosts will start can be written for sure, found out before anything changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::etcd_configure::{ClusterState, EtcdConfigure};
use super::{Condition, Late, Site, Verdict, sight};
use crate::call::configured::ConfigSeen;
use crate::call::host::HostAnswer;
use crate::call::{Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Configurable {
    /// The hosts; default: the step's.
    #[serde(default)]
    #[schemars(extend("x-host" = true))]
    pub of: Option<Vec<String>>,
    /// The members with which they begin a new cluster, as `name=peer-url,…` (default: they join the cluster that there is).
    #[serde(default)]
    pub begins: Option<String>,
    /// The settings that will be written there, and no others: they neither join nor begin.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

impl Configurable {
    fn hosts<'a>(&'a self, site: &'a Site<'_>) -> Vec<&'a str> {
        let step = || vec![site.host_name()];
        let named = self.of.as_ref();
        named.map_or_else(step, |hosts| hosts.iter().map(String::as_str).collect())
    }

    /// What will be written there.
    fn configure(&self, site: &Site<'_>, seen: &[Sight], config: &ConfigSeen, host: &str) -> EtcdConfigure {
        if !self.settings.is_empty() {
            return EtcdConfigure {
                initial_cluster: None,
                state: None,
                name: None,
                token: None,
                settings: self.settings.clone(),
            };
        }
        let (members, state) = match &self.begins {
            Some(members) => (members.clone(), ClusterState::New),
            None => (members(site, seen, host), ClusterState::Existing),
        };
        let own = config.settings.get("name").map(|setting| setting.value.clone());
        EtcdConfigure {
            initial_cluster: Some(Late::Known(members)),
            state: Some(state),
            name: own.filter(|name| self.begins.is_some() && !name.is_empty()),
            token: None,
            settings: BTreeMap::new(),
        }
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
        format!("the settings of etcd on {} can be written", self.hosts(site).join(", "))
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let hosts = self.hosts(site).into_iter().map(Look::config);
        hosts.chain([Look::Cluster]).collect()
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let mut holds = Vec::new();
        for (host, sight) in self.hosts(site).into_iter().zip(seen) {
            let config = match sight {
                Sight::Host(HostAnswer::Config(config)) => config.as_ref(),
                Sight::Blind(error) => return Verdict::Unknown(error.to_string()),
                _ => return Verdict::Unknown(format!("the configuration of {host} was not looked at")),
            };
            let not = |saw: String| Verdict::Not { saw, hint: None };
            if !config.exists {
                return not(format!("{host}: there is no such unit"));
            }
            let there = Site {
                host: site.cluster.host(host),
                ..*site
            };
            match self.configure(site, seen, config, host).outlook(&there, config) {
                Err(why) => return not(format!("{host}: {why}")),
                Ok(changes) => holds.push(format!("{host}: {changes}")),
            }
        }
        if holds.is_empty() {
            return Verdict::Holds("no host is to be configured".to_owned());
        }
        Verdict::Holds(holds.join("; "))
    }
}
