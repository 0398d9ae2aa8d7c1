//! `file.put`: sends a file of the bastion to a host; it gets its name there only when its digest is right.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::file_write::{same_mode, same_owner};
use super::{Action, Late, Probe, Risk, Site, sight};
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
    /// On the host; default: `files` in the run's folder there, under `/var/lib/etcdops`.
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
                let name = match &self.backup {
                    Some(backup) => format!("{}.db", backup.known()?),
                    None => self.local.as_deref()?.rsplit('/').next().unwrap_or_default().to_owned(),
                };
                site.own_file(&name)
            }
        }
    }

    /// The file of the bastion and its digest: as given, or as the library has them.
    fn source(&self, seen: &[Sight]) -> Result<(String, String), String> {
        let Some(backup) = &self.backup else {
            let given = self.local.clone().zip(self.sha256.clone());
            return given.ok_or_else(|| "neither a backup nor a file with its digest is named".to_owned());
        };
        match sight::backup(seen)? {
            None => Err(format!("there is no backup {backup} any more: etcdops backups list")),
            Some(kept) => Ok((kept.path.clone(), kept.manifest.sha256.clone())),
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
            (Some(_), None, None) | (None, Some(_), Some(_)) => Ok(()),
            (Some(_), None, Some(_)) => Err("file.put of a backup takes its digest from the library".to_owned()),
            (None, Some(local), None) => Err(format!("file.put needs `sha256`: type `sha256sum {local}`")),
            _ => Err("file.put needs exactly one of `backup` and `local`".to_owned()),
        }
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let path = self.path(site);
        let stat = path.map(|path| Look::stat(site.host_name(), &path));
        let backup = self.backup.as_ref().and_then(Late::known);
        stat.into_iter().chain(backup.map(|name| Look::backup(name))).collect()
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let there = match sight::stat(seen, 0) {
            Ok(there) => there,
            Err(why) => return Probe::Unknown(why),
        };
        let sha256 = match self.source(seen) {
            Ok((_, sha256)) => sha256,
            Err(why) => return Probe::Conflict(why),
        };
        if there.kind.as_deref() == Some("dir") {
            return Probe::Conflict("there is a folder of that name".to_owned());
        }
        if there.sha256.as_ref() != Some(&sha256) {
            return Probe::NotYet("not there".to_owned());
        }
        let dressed = self.mode.as_ref().is_none_or(|mode| same_mode(mode, &there.mode))
            && self.owner.as_ref().is_none_or(|owner| same_owner(owner, &there.owner));
        if !dressed {
            return Probe::NotYet(format!("it belongs to {} with mode {}", there.owner, there.mode));
        }
        Probe::Done(json!({ "path": self.path(site), "sha256": there.sha256 }))
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let (local, sha256) = self.source(seen).ok()?;
        let op = HostOp::PutFile {
            local,
            path: self.path(site)?,
            sha256,
            mode: self.mode.clone(),
            owner: self.owner.clone(),
        };
        Some(sight::on_host_within(site, op, site.timeout.max(Span::seconds(600))))
    }

    fn by_hand(&self, site: &Site<'_>) -> Vec<Call> {
        let local = match &self.backup {
            Some(backup) => format!("LIBRARY/{backup}/snapshot.db"),
            None => self.local.clone().unwrap_or_default(),
        };
        let op = HostOp::PutFile {
            local,
            path: self.path(site).unwrap_or_default(),
            sha256: self.sha256.clone().unwrap_or_default(),
            mode: self.mode.clone(),
            owner: self.owner.clone(),
        };
        vec![sight::on_host(site, op)]
    }
}
