//! `file.own`: owner and mode, of a folder with all that is in it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::file_write::{same_mode, same_owner};
use super::{Action, Late, Probe, Risk, Site, sight};
use crate::call::host::{DetachedState, HostAnswer, HostOp};
use crate::call::{Call, Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileOwn {
    /// Absolute path on the host.
    pub path: Late<String>,
    /// `user` or `user:group`; of a folder for everything below it too.
    pub owner: Late<String>,
    /// Octal, of the path itself.
    #[serde(default)]
    pub mode: Option<String>,
}

impl Action for FileOwn {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        let mode = self
            .mode
            .as_ref()
            .map(|mode| format!(", mode {mode}"))
            .unwrap_or_default();
        format!("give {} to {}{mode}", self.path, self.owner)
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let stat = self.path.known().map(|path| Look::stat(site.host_name(), path));
        stat.into_iter().chain(site.last_call()).collect()
    }

    fn probe(&self, _site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let there = match sight::stat(seen, 0) {
            Ok(there) => there,
            Err(why) => return Probe::Unknown(why),
        };
        let (Some(path), Some(owner)) = (self.path.known(), self.owner.known()) else {
            return Probe::Unknown("the path is not known yet".to_owned());
        };
        if there.kind.is_none() {
            return Probe::Conflict(format!("{path} is not there"));
        }
        // What lies below a folder is not seen from here: only our own call, ended well, tells.
        let all_seen = there.kind.as_deref() != Some("dir")
            || seen.iter().any(|sight| {
                matches!(
                    sight,
                    Sight::Host(HostAnswer::Detached(DetachedState::Ended { code: 0, .. }))
                )
            });
        let mode = self.mode.as_ref().is_none_or(|mode| same_mode(mode, &there.mode));
        if all_seen && mode && same_owner(owner, &there.owner) {
            return Probe::Done(json!({ "path": path }));
        }
        Probe::NotYet(format!("it belongs to {} with mode {}", there.owner, there.mode))
    }

    fn call(&self, site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        let op = HostOp::Own {
            path: self.path.known()?.clone(),
            owner: self.owner.known()?.clone(),
            mode: self.mode.clone(),
        };
        Some(sight::on_host(site, op))
    }

    fn repeatable(&self) -> bool {
        true
    }
}
