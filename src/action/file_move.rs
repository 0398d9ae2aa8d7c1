//! `file.move`: rename(2) and nothing else. Done when the destination is there and the source is not.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Late, Probe, Risk, Site, sight};
use crate::call::host::HostOp;
use crate::call::{Call, Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileMove {
    /// A file or folder on the host.
    pub from: Late<String>,
    /// Nothing may be there; on the same file system.
    pub to: Late<String>,
}

impl Action for FileMove {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        format!("rename {} to {}", self.from, self.to)
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let paths = [&self.from, &self.to].into_iter().filter_map(Late::known);
        paths.map(|path| Look::stat(site.host_name(), path)).collect()
    }

    fn probe(&self, _site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let there = |nth| sight::stat(seen, nth).map(|stat| stat.kind.is_some());
        match (there(0), there(1)) {
            (Err(why), _) | (_, Err(why)) => Probe::Unknown(why),
            (Ok(false), Ok(true)) => Probe::Done(json!({ "path": self.to.known() })),
            (Ok(true), Ok(false)) => Probe::NotYet("not renamed yet".to_owned()),
            (Ok(true), Ok(true)) => Probe::Conflict(format!("{} and {} are both there", self.from, self.to)),
            (Ok(false), Ok(false)) => Probe::Conflict(format!("neither {} nor {} is there", self.from, self.to)),
        }
    }

    fn call(&self, site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        let op = HostOp::Rename {
            from: self.from.known()?.clone(),
            to: self.to.known()?.clone(),
        };
        Some(sight::on_host(site, op))
    }
}
