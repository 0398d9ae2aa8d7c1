//! `clients.stop` and `clients.start`: the inventory's commands around a restore (safety 24). Not carried out yet where such commands are given.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, GiveBack, Named, Probe, Risk, Site, later};
use crate::call::{Call, Look, Sight};
use crate::cluster::model::Model;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientsStop {}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientsStart {}

fn effect(site: &Site<'_>, name: &str) -> Result<(), String> {
    match &site.cluster.clients {
        Some(_) => Err(later::refuse(name)),
        None => Ok(()),
    }
}

fn probe(site: &Site<'_>, name: &str) -> Probe {
    match &site.cluster.clients {
        Some(_) => Probe::Conflict(later::refuse(name)),
        None => Probe::Done(json!({})),
    }
}

fn describe(site: &Site<'_>, verb: &str) -> String {
    match &site.cluster.clients {
        Some(_) => format!("{verb} the clients"),
        None => format!("{verb} the clients: the inventory names no commands for that"),
    }
}

impl Action for ClientsStop {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, site: &Site<'_>) -> String {
        describe(site, "stop")
    }

    fn effect(&self, site: &Site<'_>, _model: &mut Model) -> Result<(), String> {
        effect(site, "clients.stop")
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        Vec::new()
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, _seen: &[Sight]) -> Probe {
        probe(site, "clients.stop")
    }

    fn call(&self, _site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        None
    }

    fn release(&self) -> Option<(GiveBack, Named)> {
        let start = Named {
            name: "clients.start".to_owned(),
            with: json!({}),
        };
        Some((GiveBack::OnSuccess, start))
    }
}

impl Action for ClientsStart {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, site: &Site<'_>) -> String {
        describe(site, "start")
    }

    fn effect(&self, site: &Site<'_>, _model: &mut Model) -> Result<(), String> {
        effect(site, "clients.start")
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        Vec::new()
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, _seen: &[Sight]) -> Probe {
        probe(site, "clients.start")
    }

    fn call(&self, _site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        None
    }
}
