//! `service`: the unit on a host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Condition, Site, Verdict, sight};
use crate::call::host::ServiceSeen;
use crate::call::{Look, Sight};
use crate::cluster::model::Model;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceIs {
    /// The host; default: the step's.
    #[serde(default)]
    #[schemars(extend("x-host" = true))]
    pub on: Option<String>,
    /// The unit is there (`false`: is not).
    #[serde(default)]
    pub exists: Option<bool>,
    /// It runs (`false`: it is proved stopped: inactive, nothing holds its directories, its ports are closed).
    #[serde(default)]
    pub running: Option<bool>,
    /// The data directory is absent or empty.
    #[serde(default)]
    pub data_dir_empty: Option<bool>,
    /// etcd, as the user that it runs as, may make what it needs where its data and its log lie.
    #[serde(default)]
    pub may_begin: bool,
    /// Our fence stands.
    #[serde(default)]
    pub fenced: Option<bool>,
    /// Settings that are in force in the running process, such as `log-level: debug`.
    #[serde(default)]
    pub runs_with: BTreeMap<String, String>,
    /// Settings that the running process does not have, such as `force-new-cluster`.
    #[serde(default)]
    pub runs_without: Vec<String>,
    /// Settings of the running process that are as the unit configures them, also where that is not at all, such as `log-level`.
    #[serde(default)]
    pub runs_as_configured: Vec<String>,
    /// Our override of this name is in place.
    #[serde(default, rename = "override")]
    pub with_override: Option<String>,
    /// Our override of this name is not in place.
    #[serde(default)]
    pub no_override: Option<String>,
}

impl ServiceIs {
    fn host<'a>(&'a self, site: &'a Site<'_>) -> &'a str {
        self.on.as_deref().unwrap_or_else(|| site.host_name())
    }
}

impl Condition for ServiceIs {
    fn text(&self, site: &Site<'_>) -> String {
        let mut parts = Vec::new();
        for (wanted, yes, no) in [
            (self.exists, "has the unit", "has no such unit"),
            (self.running, "runs etcd", "is proved stopped"),
            (self.data_dir_empty, "has an empty data directory", "has data"),
            (self.fenced, "is fenced", "is not fenced"),
        ] {
            parts.extend(wanted.map(|wanted| if wanted { yes } else { no }.to_owned()));
        }
        if self.may_begin {
            parts.push("lets etcd make its data and its log where they lie".to_owned());
        }
        parts.extend(
            self.runs_with
                .iter()
                .map(|(name, value)| format!("runs with {name} {value}")),
        );
        parts.extend(self.runs_without.iter().map(|name| format!("runs without {name}")));
        let as_configured = self.runs_as_configured.iter();
        parts.extend(as_configured.map(|name| format!("runs with {name} as its unit configures it")));
        parts.extend(self.with_override.iter().map(|name| format!("has the override {name}")));
        parts.extend(self.no_override.iter().map(|name| format!("has no override {name}")));
        format!("{} {}", self.host(site), parts.join(", "))
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        vec![Look::service(self.host(site))]
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let service = match sight::service(seen) {
            Ok(service) => service,
            Err(why) => return Verdict::Unknown(why),
        };
        let not = |saw: String| Verdict::Not {
            saw: format!("{}: {saw}", self.host(site)),
            hint: None,
        };
        if let Some(wanted) = self.exists
            && service.exists != wanted
        {
            return not(if wanted {
                "there is no such unit".to_owned()
            } else {
                "the unit is there".to_owned()
            });
        }
        match self.running {
            Some(true) if !service.is_active() => return not(format!("unit is {}", service.active)),
            Some(false) if !service.proved_stopped() => {
                return not(format!("unit is {}, not proved stopped", service.active));
            }
            _ => {}
        }
        let empty = service.data_dir_empty || !service.data_dir_exists;
        if self.data_dir_empty.is_some_and(|wanted| wanted != empty) {
            let directory = service.data_dir.clone().unwrap_or_default();
            return not(format!("{directory} is {}", if empty { "empty" } else { "not empty" }));
        }
        let known = service.data_dir.as_deref().is_some_and(|path| path.starts_with('/'));
        if self.may_begin && !known {
            let host = self.host(site);
            return Verdict::Not {
                saw: match &service.data_dir {
                    None => format!("{host}: nothing says where etcd has its data"),
                    Some(path) => {
                        format!("{host}: its data directory is {path}, and from where that counts is not known")
                    }
                },
                hint: Some(format!(
                    "give etcd on {host} an absolute data-dir (ETCD_DATA_DIR=/var/lib/etcd/default), or the inventory its `data_dir:`"
                )),
            };
        }
        if let Some(why) = service.cannot_begin.as_ref().filter(|_| self.may_begin) {
            return Verdict::Not {
                saw: format!("{}: {why}", self.host(site)),
                hint: Some(
                    "give etcd's user a folder of its own there, and let the setting name a folder inside it"
                        .to_owned(),
                ),
            };
        }
        if self.fenced.is_some_and(|wanted| wanted != service.fenced) {
            return not(if service.fenced {
                "it is fenced".to_owned()
            } else {
                "it is not fenced".to_owned()
            });
        }
        if let Some(saw) = self.wrong_settings(service) {
            return not(saw);
        }
        Verdict::Holds(format!("{}: unit is {}", self.host(site), service.active))
    }

    fn on_model(&self, site: &Site<'_>, model: &Model) -> Option<Verdict> {
        let host = self.host(site);
        let only_whether_it_runs = Self {
            on: self.on.clone(),
            exists: self.exists,
            running: self.running,
            ..Self::default()
        };
        let stopped_by_then = model.stopped.contains(host) && self.exists != Some(false) && self.running == Some(false);
        (stopped_by_then && *self == only_whether_it_runs)
            .then(|| Verdict::Holds(format!("{host}: this plan has stopped it by then")))
    }
}

impl ServiceIs {
    fn wrong_settings(&self, service: &ServiceSeen) -> Option<String> {
        if let Some(name) = self
            .with_override
            .as_ref()
            .filter(|name| !service.overrides.contains_key(*name))
        {
            return Some(format!("the override {name} is not in place"));
        }
        if let Some(name) = self
            .no_override
            .as_ref()
            .filter(|name| service.overrides.contains_key(*name))
        {
            return Some(format!("the override {name} is still in place"));
        }
        let about_process =
            !(self.runs_with.is_empty() && self.runs_without.is_empty() && self.runs_as_configured.is_empty());
        if about_process && service.main_pid.is_none() {
            return Some("etcd does not run".to_owned());
        }
        let set = |name: &&String| {
            service
                .settings
                .get(*name)
                .is_some_and(|setting| setting.value != "false")
        };
        if let Some(name) = self.runs_without.iter().find(set) {
            return Some(format!("it still runs with {name}"));
        }
        let found = |name: &String| match service.settings.get(name) {
            Some(found) => format!("it runs with {name} {}", found.value),
            None => format!("it runs without {name}"),
        };
        if let Some(name) = self.runs_as_configured.iter().find(|name| service.outdated(name)) {
            return Some(format!("{}, and its unit configures it otherwise", found(name)));
        }
        let differs = |(name, wanted): &(&String, &String)| {
            let value = service.settings.get(*name).map(|setting| &setting.value);
            value != Some(*wanted)
        };
        self.runs_with.iter().find(differs).map(|(name, _)| found(name))
    }
}
