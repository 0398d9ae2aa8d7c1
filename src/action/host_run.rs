//! `host.run`: the author's own command. Its end is found again by its tag on the host, with status and output.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Probe, Risk, Site, sight};
use crate::call::host::{Command, DetachedState, HostAnswer, HostOp, RunOutput};
use crate::call::{Call, Look, Sight};
use crate::cluster::model::Model;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostRun {
    /// Program and arguments, each taken literally.
    #[serde(default)]
    pub argv: Vec<String>,
    /// Shell text instead; write values as `${{ value | quote }}`.
    #[serde(default)]
    pub script: Option<String>,
    /// As root (default), or as the user of ssh.
    #[serde(default = "yes", rename = "become")]
    pub as_root: bool,
    /// `look`: it changes nothing, and is asked again whenever its answer is needed.
    #[serde(default = "change")]
    pub risk: Risk,
    /// Doing it twice does no harm.
    #[serde(default)]
    pub repeatable: bool,
    /// What it does to the member on this host.
    #[serde(default)]
    pub affects: Affects,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Affects {
    #[default]
    None,
    /// The member goes down while it runs.
    MemberDown,
}

fn yes() -> bool {
    true
}

fn change() -> Risk {
    Risk::Change
}

impl HostRun {
    fn command(&self) -> Command {
        match &self.script {
            Some(script) => Command::Script(script.clone()),
            None => Command::Argv(self.argv.clone()),
        }
    }

    fn op(&self) -> HostOp {
        HostOp::Run {
            command: self.command(),
            become_root: self.as_root,
            look: self.risk == Risk::Look,
        }
    }
}

fn output(ran: &RunOutput) -> Value {
    json!({ "code": ran.code, "stdout": ran.stdout.trim_end(), "stderr": ran.stderr.trim_end() })
}

impl Action for HostRun {
    fn risk(&self) -> Risk {
        self.risk
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        let text = match &self.script {
            Some(script) => script.trim().to_owned(),
            None => crate::base::quote::join(&self.argv),
        };
        format!("run: {text}")
    }

    fn effect(&self, _site: &Site<'_>, _model: &mut Model) -> Result<(), String> {
        if self.script.is_some() == self.argv.is_empty() {
            return Ok(());
        }
        Err("host.run needs exactly one of `argv` and `script`".to_owned())
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        if self.risk == Risk::Look {
            return vec![Look::Host {
                host: site.host_name().to_owned(),
                op: self.op(),
            }];
        }
        site.last_call().into_iter().collect()
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        match seen.first() {
            None if site.attempts == 0 => Probe::NotYet("not run yet".to_owned()),
            None => Probe::Unknown("it was not looked at".to_owned()),
            Some(Sight::Host(HostAnswer::Ran(ran))) if ran.code == 0 => Probe::Done(output(ran)),
            Some(Sight::Host(HostAnswer::Ran(ran))) => {
                let last = ran.stderr.lines().last().unwrap_or_default();
                Probe::Conflict(format!("the command ended with status {}: {last}", ran.code))
            }
            Some(Sight::Host(HostAnswer::Detached(state))) => self.ended(state),
            Some(Sight::Blind(error)) => Probe::Unknown(error.to_string()),
            Some(_) => Probe::Unknown("something else was looked at".to_owned()),
        }
    }

    fn call(&self, site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        (self.risk > Risk::Look).then(|| sight::on_host(site, self.op()))
    }

    fn repeatable(&self) -> bool {
        self.repeatable
    }

    fn takes_member_down(&self) -> bool {
        self.affects == Affects::MemberDown
    }
}

impl HostRun {
    fn ended(&self, state: &DetachedState) -> Probe {
        match state {
            DetachedState::Ended {
                code: 0,
                stdout,
                stderr,
            } => Probe::Done(output(&RunOutput {
                code: 0,
                stdout: stdout.clone(),
                stderr: stderr.clone(),
            })),
            DetachedState::Ended { code, .. } => Probe::NotYet(format!("it ended with status {code}")),
            DetachedState::Absent => Probe::NotYet("it was never started".to_owned()),
            DetachedState::Running { seconds } => Probe::Unknown(format!("it runs since {seconds} s")),
            DetachedState::Vanished if self.repeatable => Probe::NotYet("it broke off".to_owned()),
            DetachedState::Vanished => Probe::Unknown("it broke off, and may have done a part".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(with: Value) -> HostRun {
        serde_json::from_value(with).unwrap()
    }

    #[test]
    fn a_command_is_a_change_unless_its_author_says_otherwise() {
        assert_eq!(parsed(json!({ "argv": ["true"] })).risk(), Risk::Change);
        let look = parsed(json!({ "script": "cat /proc/uptime", "risk": "look" }));
        assert!(!look.op().is_change());
        assert!(serde_json::from_value::<HostRun>(json!({ "argv": ["x"], "sudo": true })).is_err());
    }

    #[test]
    fn doubt_stays_doubt_unless_repeatable() {
        let once = parsed(json!({ "argv": ["x"] }));
        assert!(matches!(once.ended(&DetachedState::Vanished), Probe::Unknown(_)));
        let again = parsed(json!({ "argv": ["x"], "repeatable": true }));
        assert!(matches!(again.ended(&DetachedState::Vanished), Probe::NotYet(_)));
    }
}
