//! `file.put`: sends a file of the bastion to a host; it gets its name there only when its digest is right.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::file_write::{same_mode, same_owner};
use super::{Action, Late, Probe, Risk, Site, later, sight};
use crate::base::duration::Span;
use crate::call::host::HostOp;
use crate::call::{Call, Look, Sight};
use crate::cluster::model::Model;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilePut {
    /// A backup of the library.
    #[serde(default)]
    pub backup: Option<Late<String>>,
    /// A file of the bastion, with `sha256`.
    #[serde(default)]
    pub local: Option<String>,
    /// The digest of the file, 64 hex digits.
    #[serde(default)]
    pub sha256: Option<String>,
    /// On the host; default: under `/var/lib/etcdops/<run>/files`.
    #[serde(default)]
    pub path: Option<Late<String>>,
    /// Octal (default 644).
    #[serde(default)]
    pub mode: Option<String>,
    /// `user` or `user:group`.
    #[serde(default)]
    pub owner: Option<String>,
}

impl FilePut {
    fn path(&self, site: &Site<'_>) -> Option<String> {
        match &self.path {
            Some(path) => path.known().cloned(),
            None => {
                let name = self.local.as_deref()?.rsplit('/').next().unwrap_or_default();
                Some(format!("/var/lib/etcdops/{}/files/{name}", site.run))
            }
        }
    }
}

impl Action for FilePut {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, site: &Site<'_>) -> String {
        let what = match (&self.backup, &self.local) {
            (Some(backup), _) => format!("backup {backup}"),
            (None, local) => local.clone().unwrap_or_default(),
        };
        let path = self.path(site).map(|path| format!(" to {path}")).unwrap_or_default();
        format!("send {what}{path}")
    }

    fn effect(&self, _site: &Site<'_>, _model: &mut Model) -> Result<(), String> {
        match (&self.backup, &self.local, &self.sha256) {
            (Some(_), None, _) => Err(later::refuse("file.put of a backup")),
            (None, Some(_), Some(_)) => Ok(()),
            (None, Some(local), None) => Err(format!("file.put needs `sha256`: type `sha256sum {local}`")),
            _ => Err("file.put needs exactly one of `backup` and `local`".to_owned()),
        }
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let path = self.path(site);
        path.map(|path| Look::stat(site.host_name(), &path))
            .into_iter()
            .collect()
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let there = match sight::stat(seen, 0) {
            Ok(there) => there,
            Err(why) => return Probe::Unknown(why),
        };
        if there.kind.as_deref() == Some("dir") {
            return Probe::Conflict("there is a folder of that name".to_owned());
        }
        if there.sha256.is_none() || there.sha256 != self.sha256 {
            return Probe::NotYet("not there".to_owned());
        }
        let dressed = self.mode.as_ref().is_none_or(|mode| same_mode(mode, &there.mode))
            && self.owner.as_ref().is_none_or(|owner| same_owner(owner, &there.owner));
        if !dressed {
            return Probe::NotYet(format!("it belongs to {} with mode {}", there.owner, there.mode));
        }
        Probe::Done(json!({ "path": self.path(site), "sha256": there.sha256 }))
    }

    fn call(&self, site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        let op = HostOp::PutFile {
            local: self.local.clone()?,
            path: self.path(site)?,
            sha256: self.sha256.clone()?,
            mode: self.mode.clone(),
            owner: self.owner.clone(),
        };
        Some(sight::on_host_within(site, op, site.timeout.max(Span::seconds(600))))
    }
}
