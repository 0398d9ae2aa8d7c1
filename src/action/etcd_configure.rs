//! `etcd.configure`: writes settings of etcd wherever each of them lives on the host. The old files are kept, and every line,
//! comment and order in them that is not ours.

mod draft;
mod edits;
mod wanted;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Kind, Late, Probe, Risk, SAYS, Site, sight};
use crate::base::duration::Span;
use crate::call::configured::ConfigSeen;
use crate::call::host::{Command, HostAnswer, HostOp, Stood};
use crate::call::{Call, Look, Sight};
pub(super) use edits::variable_of;
use edits::{Edit, Refused};
use wanted::Wanted;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EtcdConfigure {
    /// The members with which etcd starts, as `name=peer-url,…`. Discovery settings become comments.
    #[serde(default)]
    pub initial_cluster: Option<Late<String>>,
    /// `existing` for a member that joins, `new` for a cluster that begins.
    #[serde(default)]
    pub state: Option<ClusterState>,
    /// The member's name (default with `initial_cluster`: the host's).
    #[serde(default)]
    pub name: Option<String>,
    /// The token of a new cluster.
    #[serde(default)]
    pub token: Option<String>,
    /// More settings by name, such as `snapshot-count`.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClusterState {
    New,
    Existing,
}

/// Fields of its output.
pub const OUTPUT: &[(&str, Kind)] = &[("files", Kind::List), ("diff", Kind::Text), (SAYS, Kind::Text)];

/// Files on one host, and systemd reading them.
const PATIENCE: u64 = 60;

pub(super) fn seen_config(seen: &[Sight]) -> Result<&ConfigSeen, String> {
    sight::pick(seen, "the configuration was not looked at", |sight| match sight {
        Sight::Host(HostAnswer::Config(config)) => Some(config.as_ref()),
        _ => None,
    })
}

impl EtcdConfigure {
    /// What would be written where, in a few words; or why it cannot be, with the lines to change by hand.
    pub(super) fn outlook(&self, site: &Site<'_>, seen: &ConfigSeen) -> Result<String, String> {
        self.edits(site, seen).map(|edits| summary(&edits))
    }

    /// What is to be written, from what was seen.
    fn edits(&self, site: &Site<'_>, seen: &ConfigSeen) -> Result<Vec<Edit>, String> {
        let wanted = Wanted::of(self, site, seen)?;
        let unit = site.host.map_or("etcd", |host| host.service.unit.as_str());
        edits::edits(unit, seen, &wanted).map_err(|refused| told(site.host_name(), &refused))
    }
}

/// What is written where.
fn summary(edits: &[Edit]) -> String {
    if edits.is_empty() {
        return "the settings are so already".to_owned();
    }
    let says: Vec<String> = edits
        .iter()
        .map(|edit| format!("{}: {}", edit.path, edit.says))
        .collect();
    says.join("; ")
}

/// A refusal with the lines to change by hand.
fn told(host: &str, refused: &Refused) -> String {
    format!(
        "{}; nothing was written. Change by hand on {host}: {}",
        refused.why,
        refused.lines.join("  ")
    )
}

impl Action for EtcdConfigure {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        let mut parts = Vec::new();
        if let Some(state) = self.state {
            parts.push(match state {
                ClusterState::New => "begin a cluster".to_owned(),
                ClusterState::Existing => "join the cluster".to_owned(),
            });
        }
        parts.extend(
            self.initial_cluster
                .iter()
                .map(|members| format!("initial-cluster {members}")),
        );
        parts.extend(self.name.iter().map(|name| format!("name {name}")));
        parts.extend(self.settings.iter().map(|(name, value)| format!("{name} {value}")));
        format!("configure etcd: {}", parts.join(", "))
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        vec![Look::config(site.host_name())]
    }

    fn probe(&self, site: &Site<'_>, before: Option<&Value>, seen: &[Sight]) -> Probe {
        let config = match seen_config(seen) {
            Ok(config) => config,
            Err(why) => return Probe::Unknown(why),
        };
        if !config.exists {
            return Probe::Conflict("there is no such unit on the host".to_owned());
        }
        // What is in force is known only once systemd has read it.
        if config.stale {
            return Probe::NotYet("systemd has not read the files of the unit as they are now".to_owned());
        }
        match self.edits(site, config) {
            Err(why) => Probe::Conflict(why),
            Ok(edits) if edits.is_empty() => Probe::Done(
                before
                    .cloned()
                    .filter(|before| !before.is_null())
                    .unwrap_or_else(|| json!({ "files": [], "diff": "", SAYS: summary(&[]) })),
            ),
            Ok(edits) => {
                let paths: Vec<&str> = edits.iter().map(|edit| edit.path.as_str()).collect();
                Probe::NotYet(format!("{} to be changed", paths.join(", ")))
            }
        }
    }

    /// What will be changed: the output, once it has been.
    fn before(&self, site: &Site<'_>, seen: &[Sight]) -> Value {
        let edits = seen_config(seen)
            .and_then(|config| self.edits(site, config))
            .unwrap_or_default();
        let paths: Vec<&str> = edits.iter().map(|edit| edit.path.as_str()).collect();
        let diff: Vec<String> = edits.iter().flat_map(Edit::diff).collect();
        json!({ "files": paths, "diff": diff.join("\n"), SAYS: summary(&edits) })
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let config = seen_config(seen).ok()?;
        if config.stale {
            return Some(sight::on_host(site, HostOp::Reload));
        }
        let edit = self.edits(site, config).ok()?.into_iter().next()?;
        let there = config.files.iter().any(|file| file.target == edit.path && file.there);
        let op = HostOp::WriteFile {
            was: Some(Stood::of(there.then_some(edit.before.as_str()))),
            path: edit.path,
            content: edit.after,
            mode: None,
            owner: None,
        };
        Some(sight::on_host(site, op))
    }

    fn by_hand(&self, site: &Site<'_>) -> Vec<Call> {
        let named = site.host.and_then(|host| host.service.env_file.as_deref());
        let place = named.unwrap_or("the files that `systemctl cat` names, where its siblings are set");
        let lines = self
            .lines_by_hand(site)
            .into_iter()
            .map(|line| format!("# in {place}: {line}"));
        lines
            .chain(["systemctl daemon-reload".to_owned()])
            .map(|line| {
                let op = HostOp::Run {
                    command: Command::Script(line),
                    become_root: true,
                    look: false,
                };
                sight::on_host(site, op)
            })
            .collect()
    }

    fn patience(&self) -> Span {
        Span::seconds(PATIENCE)
    }
}
