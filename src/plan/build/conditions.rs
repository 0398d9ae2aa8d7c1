//! `requires`: measured or answered from the model, all told at once.

use serde_json::Value;

use crate::action::{Named, Verdict, registry};
use crate::call::{Look, Sight};
use crate::plan::bind::Scope;
use crate::plan::types::Checked;
use crate::runbook::types::Keyed;

use super::{Builder, Refusal};

impl Builder<'_> {
    /// The one entry of a `{name: {parameters}}`, with its texts computed.
    pub(super) fn named(&self, keyed: &Keyed, scope: &Scope, host: Option<&str>) -> Result<Named, String> {
        let mut entries = keyed.iter();
        let (Some((name, with)), None) = (entries.next(), entries.next()) else {
            return Err("exactly one name is expected here".to_owned());
        };
        let with = if with.is_null() {
            Value::Object(serde_json::Map::new())
        } else {
            with.clone()
        };
        let mut with = scope.value(&with, host)?;
        for field in registry::host_fields(name).iter() {
            if let Some(words) = with.get_mut(field) {
                self.name_hosts(words);
            }
        }
        Ok(Named {
            name: name.clone(),
            with,
        })
    }

    /// A member stands for its ID; where a host is wanted, for the host that carries it.
    fn name_hosts(&self, words: &mut Value) {
        match words {
            Value::Array(items) => items.iter_mut().for_each(|item| self.name_hosts(item)),
            Value::String(word) if self.request.cluster.host(word).is_none() => {
                if let Ok(Some(member)) = self.model.find(word)
                    && let Some(host) = member.host.clone()
                {
                    *word = host;
                }
            }
            _ => {}
        }
    }

    /// What a step's guards say of the model: a change that cannot be made then is not planned.
    pub(super) fn guards(&mut self, path: &str, host: Option<&str>, guards: &[Named]) -> Result<(), String> {
        for named in guards {
            let condition = registry::condition(named)?;
            let site = self.site(host, path);
            let Some(Verdict::Not { saw, hint }) = condition.on_model(&site, &self.model) else {
                continue;
            };
            let checked = Checked {
                condition: named.clone(),
                text: condition.text(&site),
                saw,
                accepted: false,
            };
            self.not_so(path, checked, hint, condition.accept_name());
        }
        Ok(())
    }

    /// Something needed does not hold: accepted beforehand, or the plan is refused.
    pub(super) fn not_so(&mut self, at: &str, found: Checked, hint: Option<String>, accept: Option<&str>) {
        if let Some(name) = accept.filter(|name| self.request.accept.iter().any(|accepted| accepted == name)) {
            self.accepted.push(name.to_owned());
            self.requires.push(Checked {
                accepted: true,
                ..found
            });
            return;
        }
        self.refusals.push(Refusal {
            hint,
            accept: accept.map(str::to_owned),
            ..Refusal::at(at, format!("needed: {}; found: {}", found.text, found.saw))
        });
    }

    /// Checks what a runbook requires; `place` is the path of the include, empty at the top.
    pub(super) fn requires(&mut self, place: &str, wanted: &[Keyed], scope: &Scope) {
        for keyed in wanted {
            let at = keyed.keys().next().map_or(place.to_owned(), |name| {
                if place.is_empty() {
                    format!("requires {name}")
                } else {
                    format!("{place}: requires {name}")
                }
            });
            if let Err(why) = self.require(&at, keyed, scope) {
                self.refusals.push(Refusal::at(&at, why));
            }
        }
    }

    fn require(&mut self, at: &str, keyed: &Keyed, scope: &Scope) -> Result<(), String> {
        let named = self.named(keyed, scope, None)?;
        if asks_nobody(&named) {
            return Ok(());
        }
        let condition = registry::condition(&named)?;
        let host = scope
            .roots
            .get("host")
            .and_then(|host| host.value().get("name"))
            .and_then(Value::as_str);
        let site = self.site(host, at);
        let text = condition.text(&site);
        let untouched = self.steps.iter().all(|step| step.model_before.is_none());
        let mut blind = None;
        let verdict = match condition.on_model(&site, &self.model) {
            Some(verdict) if !untouched => verdict,
            _ => {
                let looks = condition.looks(&site);
                let Some(seen) = self.known.all(&looks) else {
                    return Ok(());
                };
                blind = self.beyond_reach(&looks, &seen);
                condition.judge(&site, &seen, None)
            }
        };
        let (saw, hint) = match verdict {
            Verdict::Holds(saw) => {
                let found = Checked {
                    condition: named,
                    text,
                    saw,
                    accepted: false,
                };
                // What an include requires as well is told once.
                if !self.requires.contains(&found) {
                    self.requires.push(found);
                }
                return Ok(());
            }
            Verdict::Not { saw, hint } => (saw, hint),
            Verdict::Unknown(why) => (format!("could not be found out: {why}"), blind),
        };
        let accept = condition.accept_name();
        let found = Checked {
            condition: named,
            text,
            saw,
            accepted: false,
        };
        self.not_so(at, found, hint, accept);
        Ok(())
    }

    /// What to do about hosts that could not be looked at.
    fn beyond_reach(&self, looks: &[Look], seen: &[Sight]) -> Option<String> {
        let mut hosts: Vec<&str> = Vec::new();
        for (look, sight) in looks.iter().zip(seen) {
            if let (Look::Host { host, .. }, Sight::Blind(_)) = (look, sight)
                && !hosts.contains(&host.as_str())
            {
                hosts.push(host);
            }
        }
        hosts.first()?;
        let dead = |host: &&str| self.request.dead.iter().any(|dead| dead == host);
        if let Some(dead) = hosts.iter().copied().find(dead) {
            return Some(format!("{dead} is declared dead: do not ask for it as well"));
        }
        if self.takes_the_word_for_dead() {
            return Some(self.without(&hosts));
        }
        Some("etcdops config check".to_owned())
    }
}

/// It is about hosts, and there are none.
fn asks_nobody(named: &Named) -> bool {
    let fields = registry::host_fields(&named.name);
    let none = |field: &String| matches!(named.with.get(field), Some(Value::Array(hosts)) if hosts.is_empty());
    !fields.is_empty() && fields.iter().all(none)
}
