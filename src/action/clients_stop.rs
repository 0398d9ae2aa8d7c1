//! `clients.stop` and `clients.start`: the inventory's commands around a restore (safety 24), carried out on the bastion. Where it names
//! none, that is said and nothing is done.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, GiveBack, Named, Probe, Risk, Site};
use crate::base::duration::Span;
use crate::call::{Call, Look, Reply, Sight, To};
use crate::cluster::host::Clients;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientsStop {}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientsStart {}

/// One of the two commands.
#[derive(Clone, Copy)]
enum Wanted {
    Stopped,
    Started,
}

impl Wanted {
    fn command(self, clients: &Clients) -> &str {
        match self {
            Self::Stopped => &clients.stop,
            Self::Started => &clients.start,
        }
    }

    fn describe(self, site: &Site<'_>) -> String {
        let verb = match self {
            Self::Stopped => "stop",
            Self::Started => "start",
        };
        match &site.cluster.clients {
            Some(clients) => format!("{verb} the clients, on the bastion: {}", self.command(clients)),
            None => format!("{verb} the clients: the inventory names no commands for that"),
        }
    }

    fn probe(self, site: &Site<'_>, seen: &[Sight]) -> Probe {
        let Some(clients) = &site.cluster.clients else {
            return Probe::Done(json!({}));
        };
        if clients.check.is_none() {
            return Probe::NotYet(
                "the inventory names no command that tells whether the clients are stopped".to_owned(),
            );
        }
        let stopped = match seen.first() {
            Some(Sight::Ran(ran)) => ran.code == 0,
            Some(Sight::Blind(error)) => return Probe::Unknown(error.to_string()),
            _ => return Probe::Unknown("the clients were not looked at".to_owned()),
        };
        match (self, stopped) {
            (Self::Stopped, true) | (Self::Started, false) => Probe::Done(json!({})),
            (Self::Stopped, false) => Probe::NotYet("the check says that clients are not stopped".to_owned()),
            (Self::Started, true) => Probe::NotYet("the check says that clients are stopped".to_owned()),
        }
    }

    fn call(self, site: &Site<'_>) -> Option<Call> {
        let clients = site.cluster.clients.as_ref()?;
        let to = To::Bastion {
            command: self.command(clients).to_owned(),
            change: true,
        };
        Some(Call {
            to,
            timeout: site.timeout.max(Span::seconds(300)),
        })
    }
}

fn looks(site: &Site<'_>) -> Vec<Look> {
    let check = site.cluster.clients.as_ref().and_then(|clients| clients.check.clone());
    check.map(|command| Look::Bastion { command }).into_iter().collect()
}

macro_rules! clients {
    ($kind:ty, $wanted:expr, $release:expr) => {
        impl Action for $kind {
            fn risk(&self) -> Risk {
                Risk::Change
            }

            fn describe(&self, site: &Site<'_>) -> String {
                $wanted.describe(site)
            }

            fn nothing_to_do(&self, site: &Site<'_>) -> Option<&'static str> {
                let none = site.cluster.clients.is_none();
                none.then_some(
                    "clients are neither stopped nor started: the inventory has no `clients` commands for it",
                )
            }

            fn looks(&self, site: &Site<'_>) -> Vec<Look> {
                looks(site)
            }

            fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
                $wanted.probe(site, seen)
            }

            fn call(&self, site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
                $wanted.call(site)
            }

            /// With a check it is looked at; without one the command's good end is all there is.
            fn settled_by(&self, reply: &Reply) -> Option<Value> {
                matches!(reply, Reply::Ran(_)).then(|| json!({}))
            }

            fn repeatable(&self) -> bool {
                true
            }

            fn release(&self) -> Option<(GiveBack, Named)> {
                $release
            }
        }
    };
}

clients!(
    ClientsStop,
    Wanted::Stopped,
    Some((
        GiveBack::OnSuccess,
        Named {
            name: "clients.start".to_owned(),
            with: json!({}),
        },
    ))
);
clients!(ClientsStart, Wanted::Started, None);
