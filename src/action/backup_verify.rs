//! `backup.verify`: a backup of the library is read again, every page of it; also booted where that is asked for.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::backup_take::output;
use super::{Action, Kind, Late, Probe, Risk, SAYS, Site, sight};
use crate::base::duration::Span;
use crate::call::{Call, LibraryOp, Look, Sight, To};
use crate::snapshot::Proof;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupVerify {
    /// The backup's name in the library.
    pub backup: Late<String>,
    /// Prove it also by starting a throw-away etcd from it.
    #[serde(default)]
    pub boot: bool,
}

/// Fields of its output.
pub const OUTPUT: &[(&str, Kind)] = &[
    ("name", Kind::Text),
    ("sha256", Kind::Text),
    ("revision", Kind::Number),
    ("keys", Kind::Number),
];

impl BackupVerify {
    fn name(&self) -> &str {
        self.backup.known().map_or("", String::as_str)
    }
}

impl Action for BackupVerify {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        let how = if self.boot {
            ", also by starting etcd from it"
        } else {
            ""
        };
        format!("verify {}{how}", self.backup.named("backup"))
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::backup(self.name())]
    }

    /// Verified by this very run counts: taking a backup reads every page of it before it gets its name.
    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let kept = match sight::backup(seen) {
            Ok(Some(kept)) => kept,
            Ok(None) => return Probe::Conflict(format!("there is no backup {}", self.name())),
            Err(why) => return Probe::Unknown(why),
        };
        let manifest = &kept.manifest;
        if let Some(damage) = &manifest.damage {
            return Probe::Conflict(format!("backup {} is damaged: {damage}", manifest.name));
        }
        match &manifest.verified {
            Some(verified) if verified.run.as_ref() == Some(site.run) && (!self.boot || verified.boot.is_some()) => {
                let boot = verified.boot.as_ref().filter(|_| self.boot);
                let mut output = output(kept);
                let digest = verified
                    .digest
                    .map_or_else(String::new, |digest| format!(", its {} is right", digest.name()));
                output[SAYS] = json!(format!(
                    "every page is whole{digest}{}",
                    boot.map_or_else(String::new, says)
                ));
                Probe::Done(output)
            }
            _ => Probe::NotYet(format!("backup {} is not verified by this run", manifest.name)),
        }
    }

    fn call(&self, site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        Some(Call {
            to: To::Library(LibraryOp::Verify {
                name: self.name().to_owned(),
                boot: self.boot,
                run: Some(site.run.clone()),
            }),
            timeout: site.timeout,
        })
    }

    fn patience(&self) -> Span {
        Span::seconds(30)
    }
}

fn says(proof: &Proof) -> String {
    match proof {
        Proof::Booted { version } => format!(", etcd {version} starts from it"),
        Proof::NotTried(why) => format!(", not proved by boot: {why}"),
    }
}
