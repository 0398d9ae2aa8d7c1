//! What a runbook has looked up before its steps are planned, and what to do where a host cannot be asked.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::action::{Probe, registry};
use crate::base::quote::quote;
use crate::runbook::types::{Fact, Keyed, Unreachable};

use super::super::bind::{self, Scope};
use super::{Builder, Refusal};

impl Builder<'_> {
    pub(super) fn facts(&mut self, facts: &BTreeMap<String, Fact>, scope: &Scope) -> Option<Map<String, Value>> {
        let mut found = Map::new();
        for (name, fact) in facts {
            let place = format!("facts.{name}");
            match self.fact(fact, scope) {
                Ok(Some(value)) => {
                    found.insert(name.clone(), value);
                }
                // Not looked at yet: the steps cannot be walked without it.
                Ok(None) => return None,
                Err(why) => {
                    let hint = self.other_host(fact, scope);
                    self.refusals.push(Refusal {
                        hint,
                        ..Refusal::at(&place, why)
                    });
                    return None;
                }
            }
        }
        Some(found)
    }

    /// Hosts that cannot be asked: what is to be done, where the runbook would do without them, or take another one.
    fn other_host(&self, fact: &Fact, scope: &Scope) -> Option<String> {
        let hosts = bind::words(scope.value(fact.hosts.as_ref()?, None).ok()?).ok()?;
        let mute = hosts
            .iter()
            .filter(|host| matches!(self.known.service(host), Some(Err(_))));
        let mute: Vec<&str> = mute.map(String::as_str).collect();
        let first = *mute.first()?;
        let chosen = &self.request.runbook.parameters;
        if self.takes_the_word_for_dead() {
            return Some(self.without(&mute));
        }
        let check = "etcdops config check";
        if !chosen.contains_key("host") {
            return Some(check.to_owned());
        }
        let carries = |name: &str| self.model.on_host(name).is_some();
        let spare = self.request.cluster.hosts.iter().map(|host| host.name.as_str());
        let spare: Vec<&str> = spare.filter(|name| *name != first && !carries(name)).collect();
        let other = if spare.is_empty() {
            "--host HOST (the inventory names none that is free)".to_owned()
        } else {
            format!("--host {}", spare.join(" or --host "))
        };
        Some(format!(
            "{check}; if {first} is gone for good, take another host: {other}"
        ))
    }

    /// The runbook goes without hosts that are declared dead, and checks that they are.
    pub(super) fn takes_the_word_for_dead(&self) -> bool {
        let checks = |keyed: &Keyed| keyed.contains_key("dead") || keyed.contains_key("newest");
        self.request.runbook.requires.iter().any(checks)
    }

    /// How to go on without hosts that do not answer.
    pub(super) fn without(&self, mute: &[&str]) -> String {
        let flags: Vec<String> = mute.iter().map(|host| format!("--dead {}", quote(host))).collect();
        let elsewhere = self.request.runbook.parameters.contains_key("members");
        let first = mute.first().filter(|_| elsewhere).map(|host| quote(host));
        let other = first.map(|host| format!("; with another host in its place: besides --host-map {host}=NEW"));
        let other = other.unwrap_or_default();
        format!(
            "reach it again (etcdops config check), or, if it is gone for good: {}, which is checked first{other}",
            flags.join(" ")
        )
    }

    /// The output of the one call; with hosts, besides, `all`: each host's output with its name.
    fn fact(&self, fact: &Fact, scope: &Scope) -> Result<Option<Value>, String> {
        let Some(hosts) = &fact.hosts else {
            return self.fact_on(fact, scope, None);
        };
        let hosts = bind::words(scope.value(hosts, None)?)?;
        let mut all = Vec::new();
        let mut skipped = 0;
        for host in &hosts {
            if fact.unreachable == Unreachable::Skip && matches!(self.known.service(host), Some(Err(_))) {
                skipped += 1;
            } else if let Some(Value::Object(mut output)) = self.fact_on(fact, scope, Some(host))? {
                output.insert("host".to_owned(), Value::from(host.as_str()));
                all.push(Value::Object(output));
            }
        }
        if all.len() + skipped < hosts.len() {
            return Ok(None);
        }
        let mut found = match all.as_slice() {
            [Value::Object(only)] => only.clone(),
            _ => Map::new(),
        };
        found.insert("all".to_owned(), Value::Array(all));
        Ok(Some(Value::Object(found)))
    }

    fn fact_on(&self, fact: &Fact, scope: &Scope, host: Option<&str>) -> Result<Option<Value>, String> {
        let named = self.named(&fact.action, scope, host)?;
        let action = registry::action(&named)?;
        let site = self.site(host, "facts");
        let Some(seen) = self.known.all(&action.looks(&site)) else {
            return Ok(None);
        };
        match action.probe(&site, None, &seen) {
            Probe::Done(value) => Ok(Some(value)),
            Probe::NotYet(why) | Probe::Conflict(why) | Probe::Unknown(why) => Err(why),
        }
    }
}
