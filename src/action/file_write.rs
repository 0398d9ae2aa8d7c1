//! `file.write`: a whole file with given content. The old one is kept under the run's folder on the host.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Late, Probe, Risk, Site, sight};
use crate::base::hash::sha256_hex;
use crate::call::host::{HostOp, Stood};
use crate::call::{Call, Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileWrite {
    /// Absolute path on the host.
    pub path: Late<String>,
    /// The whole content.
    pub content: Late<String>,
    /// Octal; default: as the file that is replaced, else 644.
    #[serde(default)]
    pub mode: Option<String>,
    /// `user` or `user:group`; default: as the file that is replaced.
    #[serde(default)]
    pub owner: Option<String>,
}

impl Action for FileWrite {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        format!("write {}", self.path)
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let path = self.path.known();
        path.map(|path| Look::stat(site.host_name(), path))
            .into_iter()
            .collect()
    }

    fn probe(&self, _site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let (Some(path), Some(content)) = (self.path.known(), self.content.known()) else {
            return Probe::Unknown("the path or the content is not known yet".to_owned());
        };
        let there = match sight::stat(seen, 0) {
            Ok(there) => there,
            Err(why) => return Probe::Unknown(why),
        };
        match there.kind.as_deref() {
            Some("dir") => return Probe::Conflict(format!("{path} is a folder")),
            None => return Probe::NotYet("not there".to_owned()),
            _ => {}
        }
        if there.sha256.as_deref() != Some(sha256_hex(content.as_bytes()).as_str()) {
            return Probe::NotYet("it has other content".to_owned());
        }
        if self.mode.as_ref().is_some_and(|mode| !same_mode(mode, &there.mode)) {
            return Probe::NotYet(format!("its mode is {}", there.mode));
        }
        if self
            .owner
            .as_ref()
            .is_some_and(|owner| !same_owner(owner, &there.owner))
        {
            return Probe::NotYet(format!("it belongs to {}", there.owner));
        }
        Probe::Done(json!({ "path": path }))
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let there = sight::stat(seen, 0).ok()?;
        let op = HostOp::WriteFile {
            was: match (&there.kind, &there.sha256) {
                (None, _) => Some(Stood::Nothing),
                (_, sha256) => sha256.clone().map(Stood::File),
            },
            path: self.path.known()?.clone(),
            content: self.content.known()?.clone(),
            mode: self.mode.clone(),
            owner: self.owner.clone(),
        };
        Some(sight::on_host(site, op))
    }
}

/// `0640` and `640` are the same.
pub(super) fn same_mode(wanted: &str, found: &str) -> bool {
    wanted.trim_start_matches('0') == found.trim_start_matches('0')
}

/// `user` says nothing of the group.
pub(super) fn same_owner(wanted: &str, found: &str) -> bool {
    match wanted.split_once(':') {
        Some((user, "")) => found.split(':').next() == Some(user),
        Some(_) => wanted == found,
        None => found.split(':').next() == Some(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_and_owners_are_compared_as_meant() {
        assert!(same_mode("0640", "640") && !same_mode("644", "640"));
        assert!(same_owner("etcd", "etcd:adm") && same_owner("etcd:", "etcd:adm"));
        assert!(!same_owner("etcd:etcd", "etcd:adm") && !same_owner("root", "etcd:etcd"));
    }
}
