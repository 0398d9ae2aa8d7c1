//! `file.move_aside`: nothing is deleted. A folder is renamed; of a mount point the contents go into a folder inside it. Where its
//! owner could not make a folder again, an empty one with its owner and mode stays: etcd must find one to begin in.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Late, Probe, Risk, Site, sight};
use crate::call::host::{DetachedState, HostAnswer, HostOp};
use crate::call::{Call, Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileMoveAside {
    /// A file or folder on the host; of a mount point its contents are moved.
    pub path: Late<String>,
    /// Default: beside it, with the run in its name.
    #[serde(default)]
    pub to: Option<Late<String>>,
}

impl FileMoveAside {
    fn to(&self, site: &Site<'_>) -> Option<String> {
        match &self.to {
            Some(to) => to.known().cloned(),
            None => Some(format!(
                "{}.etcdops-{}.old",
                self.path.known()?.trim_end_matches('/'),
                site.run
            )),
        }
    }

    /// What takes the place of a folder that its owner could not make again.
    fn empty(&self) -> Option<String> {
        Some(format!("{}.etcdops-empty", self.path.known()?.trim_end_matches('/')))
    }

    /// Where it goes when `path` is a mount point.
    fn inside(&self, site: &Site<'_>) -> Option<String> {
        let to = self.to(site)?;
        let name = to.trim_end_matches('/').rsplit('/').next()?;
        Some(format!("{}/{name}", self.path.known()?.trim_end_matches('/')))
    }
}

impl Action for FileMoveAside {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, site: &Site<'_>) -> String {
        let to = self.to(site).map(|to| format!(" to {to}")).unwrap_or_default();
        format!("move {} aside{to}", self.path)
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let paths = [
            self.path.known().cloned(),
            self.to(site),
            self.inside(site),
            self.empty(),
        ];
        let stats = paths
            .into_iter()
            .flatten()
            .map(|path| Look::stat(site.host_name(), &path));
        stats.chain(site.last_call()).collect()
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let (path, to, inside) = match (sight::stat(seen, 0), sight::stat(seen, 1), sight::stat(seen, 2)) {
            (Ok(path), Ok(to), Ok(inside)) => (path, to, inside),
            (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => return Probe::Unknown(why),
        };
        let done = |went: Option<String>| Probe::Done(json!({ "path": went }));
        if path.is_mount {
            let ended = seen.iter().any(|sight| {
                matches!(
                    sight,
                    Sight::Host(HostAnswer::Detached(DetachedState::Ended { code: 0, .. }))
                )
            });
            return match (inside.kind.is_some(), path.empty) {
                (_, true) => done(None),
                (true, _) if ended => done(self.inside(site)),
                (true, _) => Probe::NotYet("moved in part, or by another run".to_owned()),
                (false, _) => Probe::NotYet("a mount point with contents".to_owned()),
            };
        }
        // Made before the rename: until it is at its place, the rename alone is not all.
        if sight::stat(seen, 3).is_ok_and(|empty| empty.kind.is_some()) {
            return Probe::NotYet("the empty folder is not at its place yet".to_owned());
        }
        let emptied = path.kind.as_deref() == Some("dir") && path.empty;
        match (
            path.kind.is_some() && !(emptied && to.kind.is_some()),
            to.kind.is_some(),
        ) {
            (false, true) => done(self.to(site)),
            // Nothing was there to be moved.
            (false, false) => done(None),
            (true, false) => Probe::NotYet("still there".to_owned()),
            (true, true) => Probe::Conflict(format!("{} is there already", self.to(site).unwrap_or_default())),
        }
    }

    fn call(&self, site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        let op = HostOp::MoveAside {
            path: self.path.known()?.trim_end_matches('/').to_owned(),
            to: self.to(site)?,
        };
        Some(sight::on_host(site, op))
    }

    fn repeatable(&self) -> bool {
        true
    }
}
