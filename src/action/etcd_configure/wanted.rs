//! What etcd must read at its next start, from the step's parameters and what the host sets already. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::edits::variable_of;
use super::{ClusterState, EtcdConfigure};
use crate::action::Site;
use crate::call::configured::ConfigSeen;
use crate::cluster::inventory::address::located;

/// Settings by name, and those that must be set nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) set: BTreeMap<String, String>,
    pub(super) without: Vec<String>,
}

impl Wanted {
    pub(super) fn of(action: &EtcdConfigure, site: &Site<'_>, seen: &ConfigSeen) -> Result<Self, String> {
        let mut wanted = Self {
            set: action.named(site),
            without: Vec::new(),
        };
        let Some(members) = &action.initial_cluster else {
            return Ok(wanted);
        };
        let members = members.known().ok_or("the members are not known yet")?;
        wanted.set.insert("initial-cluster".to_owned(), members.clone());
        // With an initial cluster, etcd refuses any way of discovery.
        let discovery = seen
            .settings
            .keys()
            .filter(|key| key.split('-').next() == Some("discovery"));
        wanted.without = discovery.cloned().collect();
        wanted.add_urls(members, site, seen)?;
        Ok(wanted)
    }

    /// The URLs that the member list has of it; and where it listens, if the host says nothing of that.
    fn add_urls(&mut self, members: &str, site: &Site<'_>, seen: &ConfigSeen) -> Result<(), String> {
        let name = self.set.get("name").cloned().unwrap_or_default();
        let own: Vec<&str> = members
            .split(',')
            .filter_map(|part| part.split_once('='))
            .filter(|(member, _)| *member == name)
            .map(|(_, url)| url)
            .collect();
        if own.is_empty() {
            return Err(format!("the initial cluster {members} has no member {name}"));
        }
        let set = |key: &str| seen.settings.get(key).map(|setting| setting.value.as_str());
        if !set("initial-advertise-peer-urls").is_some_and(|urls| same(urls, &own)) {
            self.default_to("initial-advertise-peer-urls", own.join(","));
        }
        if set("listen-peer-urls").is_none() {
            self.default_to("listen-peer-urls", listening(&own)?);
        }
        let client = site.host.and_then(|host| host.client_url.as_deref());
        if let Some(client) = client.map(|url| url.trim_end_matches('/')) {
            if set("advertise-client-urls").is_none() {
                self.default_to("advertise-client-urls", client.to_owned());
            }
            if set("listen-client-urls").is_none() {
                self.default_to("listen-client-urls", listening(&[client])?);
            }
        }
        Ok(())
    }

    fn default_to(&mut self, key: &str, value: String) {
        self.set.entry(key.to_owned()).or_insert(value);
    }
}

impl EtcdConfigure {
    /// The settings that the step itself names.
    fn named(&self, site: &Site<'_>) -> BTreeMap<String, String> {
        let mut set = self.settings.clone();
        let name = self.name.as_deref();
        let name = name.or_else(|| self.initial_cluster.as_ref().map(|_| site.host_name()));
        let state = self.state.map(|state| match state {
            ClusterState::New => "new",
            ClusterState::Existing => "existing",
        });
        for (key, value) in [
            ("name", name),
            ("initial-cluster-state", state),
            ("initial-cluster-token", self.token.as_deref()),
        ] {
            if let Some(value) = value {
                set.insert(key.to_owned(), value.to_owned());
            }
        }
        set
    }

    /// The settings as an environment file would hold them, for a person.
    pub(super) fn lines_by_hand(&self, site: &Site<'_>) -> Vec<String> {
        let mut set = self.named(site);
        if let Some(members) = &self.initial_cluster {
            set.insert("initial-cluster".to_owned(), members.to_string());
        }
        let mut lines: Vec<String> = set
            .iter()
            .map(|(key, value)| format!("{}=\"{value}\"", variable_of(key)))
            .collect();
        if self.initial_cluster.is_some() {
            lines.push("no ETCD_DISCOVERY…".to_owned());
        }
        lines
    }
}

fn same(urls: &str, own: &[&str]) -> bool {
    let mut there: Vec<&str> = urls.split(',').map(|url| url.trim().trim_end_matches('/')).collect();
    let mut own: Vec<&str> = own.iter().map(|url| url.trim_end_matches('/')).collect();
    there.sort_unstable();
    own.sort_unstable();
    there == own
}

/// etcd listens on addresses, not on names: on all of them where only a name is known.
fn listening(urls: &[&str]) -> Result<String, String> {
    let mut found = Vec::new();
    for text in urls {
        let mut place = located(text).ok_or_else(|| format!("`{text}` is no URL of etcd"))?;
        if place.host.parse::<IpAddr>().is_err() {
            "0.0.0.0".clone_into(&mut place.host);
        }
        let one = place.url();
        if !found.contains(&one) {
            found.push(one);
        }
    }
    Ok(found.join(","))
}
