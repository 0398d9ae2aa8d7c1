//! `config.freeze` and `config.thaw`: configuration management leaves the host alone. What was frozen before us stays frozen.
//! A freeze never ends by itself: an agent that comes back too early starts what is fenced or stopped.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, GiveBack, Named, Probe, Risk, Site, sight};
use crate::base::duration::Span;
use crate::call::host::{Command, DetachedState, HostAnswer, HostOp, RunOutput};
use crate::call::{Call, Look, Sight};
use crate::cluster::host::Freeze;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigFreeze {
    /// How long the freeze is meant to last. It is given back when the steps inside have succeeded; if it still stands when the
    /// time has passed, the host itself says so loudly, every hour, and thaws nothing.
    #[serde(default)]
    pub at_most: Option<Span>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigThaw {}

/// How long a run of the agent that is going on is waited for.
const RUN_BOUND: u64 = 15 * 60;

fn commands<'a>(site: &Site<'a>) -> Option<&'a Freeze> {
    site.host.and_then(|host| host.freeze.as_ref())
}

fn described(site: &Site<'_>, verb: &str, more: &str) -> String {
    if commands(site).is_none() {
        return format!("{verb} configuration management: the inventory names no commands for that");
    }
    format!("{verb} configuration management{more}")
}

fn looks(site: &Site<'_>, busy: Option<String>) -> Vec<Look> {
    let on_host = |op: HostOp| Look::Host {
        host: site.host_name().to_owned(),
        op,
    };
    let check = commands(site).and_then(|freeze| freeze.check.as_ref());
    let check = check.map(|_| on_host(HostOp::FreezeCheck));
    let busy = busy.map(|command| {
        on_host(HostOp::Run {
            command: Command::Script(command),
            become_root: true,
            look: true,
        })
    });
    let last = commands(site).and_then(|_| site.last_call());
    check.into_iter().chain(busy).chain(last).collect()
}

/// What was seen; `frozen` as far as a command or our own call tells.
struct Seen {
    frozen: Option<bool>,
    /// Our last call on this host ended well.
    ended: bool,
    busy: bool,
    blind: Option<String>,
}

fn read(seen: &[Sight]) -> Seen {
    let mut found = Seen {
        frozen: None,
        ended: false,
        busy: false,
        blind: None,
    };
    for sight in seen {
        match sight {
            Sight::Host(HostAnswer::Frozen(frozen)) => found.frozen = Some(*frozen),
            Sight::Host(HostAnswer::Ran(RunOutput { code, .. })) => found.busy = *code == 0,
            Sight::Host(HostAnswer::Detached(DetachedState::Ended { code: 0, .. })) => found.ended = true,
            Sight::Blind(error) => found.blind = Some(error.to_string()),
            _ => {}
        }
    }
    found
}

/// Towards `frozen` or away from it.
fn probe(site: &Site<'_>, seen: &[Sight], wanted: bool) -> Probe {
    if commands(site).is_none() {
        return Probe::Done(json!({ "frozen": false }));
    }
    let found = read(seen);
    let at_end = match (found.frozen, found.blind) {
        (Some(frozen), _) if frozen == wanted => Some(frozen),
        // It was frozen before us, and stays so.
        (Some(true), _) if found.ended => Some(true),
        (None, None) if found.ended => Some(wanted),
        (None, Some(why)) => return Probe::Unknown(why),
        _ => None,
    };
    match at_end {
        None if wanted => Probe::NotYet("not frozen".to_owned()),
        None => Probe::NotYet("still frozen".to_owned()),
        Some(true) if wanted && found.busy => {
            Probe::NotYet("frozen; a run of configuration management is going on and its end is waited for".to_owned())
        }
        Some(frozen) => Probe::Done(json!({ "frozen": frozen })),
    }
}

impl Action for ConfigFreeze {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, site: &Site<'_>) -> String {
        let limit = self
            .at_most
            .map(|span| format!(", for at most {span}"))
            .unwrap_or_default();
        let waits = commands(site).is_some_and(|freeze| freeze.busy_command().is_some());
        let waits = if waits { "; wait for the end of a run of it" } else { "" };
        described(site, "freeze", &format!("{limit}{waits}"))
    }

    fn nothing_to_do(&self, site: &Site<'_>) -> Option<&'static str> {
        commands(site)
            .is_none()
            .then_some("configuration management is left alone: the inventory has no `freeze` commands for it")
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        looks(site, commands(site).and_then(Freeze::busy_command))
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        probe(site, seen, true)
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        // Only a run of the agent is waited for.
        let now = read(seen);
        let frozen = now.frozen.unwrap_or(now.ended);
        (!frozen).then(|| sight::on_host(site, HostOp::Freeze { at_most: self.at_most }))
    }

    fn release(&self) -> Option<(GiveBack, Named)> {
        let thaw = Named {
            name: "config.thaw".to_owned(),
            with: json!({}),
        };
        Some((GiveBack::OnSuccess, thaw))
    }

    fn repeatable(&self) -> bool {
        true
    }

    fn patience(&self) -> Span {
        Span::seconds(RUN_BOUND)
    }
}

impl Action for ConfigThaw {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, site: &Site<'_>) -> String {
        described(site, "thaw", ", unless it was frozen before")
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        looks(site, None)
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        probe(site, seen, false)
    }

    fn call(&self, site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        Some(sight::on_host(site, HostOp::Thaw))
    }

    fn repeatable(&self) -> bool {
        true
    }
}
