//! `config.freeze` and `config.thaw`: configuration management leaves the host alone. What was frozen before us stays frozen.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, GiveBack, Named, Probe, Risk, Site, sight};
use crate::base::duration::Span;
use crate::call::host::{DetachedState, HostAnswer, HostOp};
use crate::call::{Call, Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigFreeze {
    /// How long the freeze is meant to last; said in the plan. It is given back when the steps inside have succeeded.
    #[serde(default)]
    pub at_most: Option<Span>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigThaw {}

const NO_COMMANDS: &str = "the inventory names no commands for that";

fn looks(site: &Site<'_>) -> Vec<Look> {
    let Some(freeze) = site.host.and_then(|host| host.freeze.as_ref()) else {
        return Vec::new();
    };
    let check = freeze.check.as_ref().map(|_| Look::Host {
        host: site.host_name().to_owned(),
        op: HostOp::FreezeCheck,
    });
    check.into_iter().chain(site.last_call()).collect()
}

struct Seen {
    frozen: Option<bool>,
    /// Our last call on this host ended well.
    ended: bool,
    blind: Option<String>,
}

fn read(seen: &[Sight]) -> Seen {
    let mut found = Seen {
        frozen: None,
        ended: false,
        blind: None,
    };
    for sight in seen {
        match sight {
            Sight::Host(HostAnswer::Frozen(frozen)) => found.frozen = Some(*frozen),
            Sight::Host(HostAnswer::Detached(DetachedState::Ended { code: 0, .. })) => found.ended = true,
            Sight::Blind(error) => found.blind = Some(error.to_string()),
            _ => {}
        }
    }
    found
}

fn without_commands(site: &Site<'_>) -> bool {
    site.host.is_none_or(|host| host.freeze.is_none())
}

impl Action for ConfigFreeze {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, site: &Site<'_>) -> String {
        if without_commands(site) {
            return format!("freeze configuration management: {NO_COMMANDS}");
        }
        let limit = self
            .at_most
            .map(|span| format!(", for at most {span}"))
            .unwrap_or_default();
        format!("freeze configuration management{limit}")
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        looks(site)
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        if without_commands(site) {
            return Probe::Done(json!({ "frozen": false }));
        }
        let found = read(seen);
        match (found.frozen, found.blind) {
            (Some(true), _) => Probe::Done(json!({ "frozen": true })),
            (None, None) if found.ended => Probe::Done(json!({ "frozen": true })),
            (None, Some(why)) => Probe::Unknown(why),
            _ => Probe::NotYet("not frozen".to_owned()),
        }
    }

    fn call(&self, site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        Some(sight::on_host(site, HostOp::Freeze))
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
}

impl Action for ConfigThaw {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, site: &Site<'_>) -> String {
        if without_commands(site) {
            return format!("thaw configuration management: {NO_COMMANDS}");
        }
        "thaw configuration management, unless it was frozen before".to_owned()
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        looks(site)
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        if without_commands(site) {
            return Probe::Done(json!({ "frozen": false }));
        }
        let found = read(seen);
        match (found.frozen, found.blind) {
            (Some(false), _) => Probe::Done(json!({ "frozen": false })),
            // It was frozen before us, and stays so.
            (Some(true), _) if found.ended => Probe::Done(json!({ "frozen": true })),
            (None, None) if found.ended => Probe::Done(json!({ "frozen": Value::Null })),
            (None, Some(why)) => Probe::Unknown(why),
            _ => Probe::NotYet("still frozen".to_owned()),
        }
    }

    fn call(&self, site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        Some(sight::on_host(site, HostOp::Thaw))
    }

    fn repeatable(&self) -> bool {
        true
    }
}
