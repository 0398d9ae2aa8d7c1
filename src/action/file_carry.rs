//! `file.carry`: a file of one host for another, through the bastion; it gets its name there only when its digest is right.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Late, Probe, Risk, Site, sight};
use crate::base::duration::Span;
use crate::call::host::HostOp;
use crate::call::{Call, CallError, Fault, Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileCarry {
    /// The host that has it.
    #[schemars(extend("x-host" = true))]
    pub from: String,
    /// Its path there. Here it gets the same name, in `files` in the run's folder, with mode 600.
    pub file: Late<String>,
    /// Its digest, 64 hex digits.
    pub sha256: Late<String>,
}

impl FileCarry {
    fn path(&self, site: &Site<'_>) -> Option<String> {
        site.own_file(self.file.known()?.rsplit('/').next()?)
    }
}

impl Action for FileCarry {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        let file = self.file.named("file");
        format!("carry {file} over from {}, through this machine", self.from)
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let path = self.path(site);
        path.map(|path| Look::stat(site.host_name(), &path))
            .into_iter()
            .collect()
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        match sight::stat(seen, 0) {
            Err(why) => Probe::Unknown(why),
            Ok(there) if there.kind.as_deref() == Some("dir") => {
                Probe::Conflict("there is a folder of that name".to_owned())
            }
            Ok(there) if there.sha256.is_some() && there.sha256.as_ref() == self.sha256.known() => {
                Probe::Done(json!({ "path": self.path(site), "sha256": there.sha256 }))
            }
            Ok(_) => Probe::NotYet("not there".to_owned()),
        }
    }

    fn call(&self, site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        let op = HostOp::Carry {
            from: self.from.clone(),
            file: self.file.known()?.clone(),
            path: self.path(site)?,
            sha256: self.sha256.known()?.clone(),
        };
        Some(sight::on_host_within(site, op, site.timeout.max(Span::seconds(600))))
    }

    fn by_hand(&self, site: &Site<'_>) -> Vec<Call> {
        let file = self.file.to_string();
        let op = HostOp::Carry {
            from: self.from.clone(),
            path: self.path(site).unwrap_or_else(|| file.clone()),
            file,
            sha256: self.sha256.to_string(),
        };
        vec![sight::on_host(site, op)]
    }

    fn repeatable(&self) -> bool {
        true
    }

    fn passes_by_itself(&self, error: &CallError) -> bool {
        matches!(error.fault, Fault::Connect | Fault::Timeout | Fault::Lost)
    }
}
