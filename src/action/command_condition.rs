//! `command`: what a command on a host says. It must change nothing.

use serde::{Deserialize, Serialize};

use super::{Condition, Site, Verdict};
use crate::call::host::{Command, HostAnswer, HostOp};
use crate::call::{Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandSays {
    /// The host; default: the step's.
    #[serde(default)]
    pub on: Option<String>,
    /// Program and arguments, each taken literally.
    #[serde(default)]
    pub argv: Vec<String>,
    /// Shell text instead.
    #[serde(default)]
    pub script: Option<String>,
    /// As root (default), or as the user of ssh.
    #[serde(default = "yes", rename = "become")]
    pub as_root: bool,
    /// The exit status (default 0).
    #[serde(default)]
    pub code: i32,
    /// Its output holds this text.
    #[serde(default)]
    pub contains: Option<String>,
}

fn yes() -> bool {
    true
}

impl CommandSays {
    fn host<'a>(&'a self, site: &'a Site<'_>) -> &'a str {
        self.on.as_deref().unwrap_or_else(|| site.host_name())
    }
}

impl Condition for CommandSays {
    fn text(&self, site: &Site<'_>) -> String {
        let command = self
            .script
            .clone()
            .unwrap_or_else(|| crate::base::quote::join(&self.argv));
        let with = self
            .contains
            .as_ref()
            .map(|text| format!(" and says `{text}`"))
            .unwrap_or_default();
        format!(
            "`{}` on {} ends with {}{with}",
            command.trim(),
            self.host(site),
            self.code
        )
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let command = match &self.script {
            Some(script) => Command::Script(script.clone()),
            None => Command::Argv(self.argv.clone()),
        };
        vec![Look::Host {
            host: self.host(site).to_owned(),
            op: HostOp::Run {
                command,
                become_root: self.as_root,
                look: true,
            },
        }]
    }

    fn judge(&self, _site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        match seen.first() {
            Some(Sight::Host(HostAnswer::Ran(ran))) => {
                let found = self
                    .contains
                    .as_ref()
                    .is_none_or(|text| ran.stdout.contains(text.as_str()));
                let last = [&ran.stdout, &ran.stderr]
                    .into_iter()
                    .find_map(|text| text.trim().lines().last());
                let last = last.map(|line| format!(": {line}")).unwrap_or_default();
                let saw = format!("it ended with {}{last}", ran.code);
                if ran.code == self.code && found {
                    return Verdict::Holds(saw);
                }
                Verdict::Not { saw, hint: None }
            }
            Some(Sight::Blind(error)) => Verdict::Unknown(error.to_string()),
            _ => Verdict::Unknown("it was not run".to_owned()),
        }
    }
}
