//! Steps, groups, includes and holds, flattened in order.

use serde_json::Value;

use crate::action::{Action, Named, registry};
use crate::plan::bind::{self, Scope};
use crate::plan::types::HoldRole;
use crate::runbook::scope::plain;
use crate::runbook::types::{Keyed, Step, Unreachable};

use super::{Builder, Refusal};

/// Deepest nesting of groups and includes.
const DEEPEST: usize = 32;

impl<'a> Builder<'a> {
    pub(super) fn walk(&mut self, steps: &[Step], parent: &str, hosts: &[String], scope: &mut Scope<'a>) {
        for step in steps {
            let path = if parent.is_empty() {
                step.id.clone()
            } else {
                format!("{parent}/{}", step.id)
            };
            if path.matches('/').count() > DEEPEST {
                self.refusals.push(Refusal::at(&path, "steps are nested too deep"));
                return;
            }
            let around = self.stuck.clone();
            if let Err(why) = self.step(step, &path, hosts, scope) {
                self.refusals.push(Refusal::at(&path, why));
            }
            self.stuck = around;
        }
    }

    fn step(&mut self, step: &Step, path: &str, inherited: &[String], scope: &mut Scope<'a>) -> Result<(), String> {
        // `cluster` and `inventory` follow the model from step to step.
        scope.drawn = self.drawn();
        if let Some(list) = &step.for_each {
            let Value::Array(items) = scope.decide(list)? else {
                return Err(format!("`{list}` is no list"));
            };
            let name = step.item.clone().unwrap_or_else(|| "item".to_owned());
            for item in items {
                let key = match plain(item.clone()) {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                let mut inner = scope.clone();
                inner.roots.insert(name.clone(), item.into());
                let once = Step {
                    for_each: None,
                    ..step.clone()
                };
                self.step(&once, &format!("{path}[{key}]"), inherited, &mut inner)?;
            }
            return Ok(());
        }
        if let Some(text) = &step.if_stuck {
            self.stuck = Some(scope.text(text)?);
        }
        let hosts = match &step.hosts {
            Some(hosts) => self.known_hosts(&bind::words(scope.value(hosts, None)?)?)?,
            None => inherited.to_vec(),
        };
        if let Some(when) = &step.when
            && !self.holds_now(when, &hosts, scope)?
        {
            return Ok(());
        }
        let hosts = match step.unreachable {
            Unreachable::Refuse => hosts,
            Unreachable::Skip => self.answering(hosts, path),
        };
        if hosts.is_empty() && step.hosts.is_some() {
            if step.unreachable == Unreachable::Refuse {
                self.notes.push(format!("{path} is left out: there is no host for it"));
            }
            return Ok(());
        }
        if let Some(name) = &step.include {
            return self.include(name, step, path, &hosts, scope);
        }
        if let Some(action) = &step.action {
            // An action on the cluster as a whole has one output, wherever its step stands.
            let outputs = if runs_on_hosts(action) {
                hosts.clone()
            } else {
                Vec::new()
            };
            scope.earlier.add(&step.id, path, outputs);
            return self.action(action, step, path, &hosts, scope);
        }
        self.group(step, path, &hosts, scope)
    }

    pub(super) fn note_once(&mut self, note: &str) {
        if !self.notes.iter().any(|known| known == note) {
            self.notes.push(note.to_owned());
        }
    }

    /// The hosts that answer; of the others it is said that their part is still to do.
    fn answering(&mut self, hosts: Vec<String>, path: &str) -> Vec<String> {
        let (mute, answering): (Vec<String>, Vec<String>) = hosts
            .into_iter()
            .partition(|host| matches!(self.known.service(host), Some(Err(_))));
        for host in mute {
            self.notes.push(format!(
                "{host} does not answer: {path} is left out there and is still to do"
            ));
        }
        answering
    }

    /// `when` may speak of the host where there is exactly one.
    fn holds_now(&self, when: &str, hosts: &[String], scope: &Scope) -> Result<bool, String> {
        let value = match hosts {
            [only] => self.on_host(scope, only).decide(when)?,
            _ => scope.decide(when)?,
        };
        value
            .as_bool()
            .ok_or_else(|| format!("`{when}` is neither true nor false"))
    }

    fn group(&mut self, step: &Step, path: &str, hosts: &[String], scope: &mut Scope<'a>) -> Result<(), String> {
        let Some(hold) = &step.hold else {
            self.walk(&step.steps, path, hosts, scope);
            return Ok(());
        };
        let take = Step {
            id: "hold".to_owned(),
            allow: step.allow.clone(),
            ..Step::default()
        };
        let places = self.not_held_yet(hold, hosts, scope)?;
        if let Some(why) = self.takes_nothing(hold, path, &places, scope)? {
            self.note_once(why);
            self.walk(&step.steps, path, hosts, scope);
            return Ok(());
        }
        let taken_at = self.steps.len();
        if !places.is_empty() {
            let takers: Vec<String> = places.into_iter().flatten().collect();
            let hosts = if takers.is_empty() { hosts } else { &takers };
            self.action(hold, &take, &format!("{path}/hold"), hosts, scope)?;
        }
        let Some(taken) = self.steps.get_mut(taken_at) else {
            // Nothing is held: what stands inside is done all the same.
            self.walk(&step.steps, path, hosts, scope);
            return Ok(());
        };
        let mut releases = Vec::new();
        for call in &taken.calls {
            let action = registry::action(&call.action)?;
            let (give_back, named) = action
                .release()
                .ok_or_else(|| format!("`{}` cannot be held", call.action.name))?;
            releases.push((call.host.clone(), give_back, named));
        }
        let Some((_, give_back, _)) = releases.first() else {
            return Ok(());
        };
        let give_back = *give_back;
        taken.hold = Some(HoldRole::Take {
            hold: path.to_owned(),
            give_back,
        });
        let given: Vec<(Option<String>, Named)> = releases.into_iter().map(|(host, _, named)| (host, named)).collect();
        let around = self.held.len();
        self.held.extend(given.iter().cloned());
        self.walk(&step.steps, path, hosts, scope);
        self.held.truncate(around);
        let given_at = self.steps.len();
        scope.drawn = self.drawn();
        self.planned(&Step::default(), &format!("{path}/give-back"), given, scope)?;
        if let Some(step) = self.steps.get_mut(given_at) {
            step.hold = Some(HoldRole::Give {
                hold: path.to_owned(),
                give_back,
            });
        }
        Ok(())
    }

    /// Where no hold around this one has taken the same: it would be given back here, too early for the one around.
    fn not_held_yet(&self, hold: &Keyed, hosts: &[String], scope: &Scope<'_>) -> Result<Vec<Option<String>>, String> {
        let mut places: Vec<Option<String>> = vec![None];
        if runs_on_hosts(hold) {
            places = hosts.iter().cloned().map(Some).collect();
        }
        let mut free = Vec::new();
        for place in places {
            let release = self.held_by(hold, place.as_deref(), scope)?.release();
            if !release.is_some_and(|(_, named)| self.held.contains(&(place.clone(), named))) {
                free.push(place);
            }
        }
        Ok(free)
    }

    /// The action of a hold at a place.
    fn held_by(&self, hold: &Keyed, host: Option<&str>, scope: &Scope<'_>) -> Result<Box<dyn Action>, String> {
        let here = host.map_or_else(|| scope.clone(), |host| self.on_host(scope, host));
        registry::action(&self.named(hold, &here, host)?)
    }

    /// Why a hold would take nothing at any of these places. A step of its own stays: others may use its output.
    fn takes_nothing(
        &self,
        hold: &Keyed,
        path: &str,
        places: &[Option<String>],
        scope: &Scope<'_>,
    ) -> Result<Option<&'static str>, String> {
        let mut why = None;
        for host in places {
            let host = host.as_deref();
            let action = self.held_by(hold, host, scope)?;
            why = action.nothing_to_do(&self.site(host, path));
            if why.is_none() {
                break;
            }
        }
        Ok(why)
    }

    fn include(
        &mut self,
        name: &str,
        step: &Step,
        path: &str,
        hosts: &[String],
        scope: &Scope<'_>,
    ) -> Result<(), String> {
        if self.including.iter().any(|known| known == name) {
            return Err(format!(
                "runbooks include each other in a circle: {} → {name}",
                self.including.join(" → ")
            ));
        }
        let runbook = (self.request.includes)(name)?;
        let outer = match hosts {
            [only] => self.on_host(scope, only),
            _ => scope.clone(),
        };
        let mut given = std::collections::BTreeMap::new();
        for (parameter, value) in &step.with {
            given.insert(parameter.clone(), outer.value(value, None)?);
        }
        self.including.push(name.to_owned());
        if let Some(mut inner) = self.enter(&runbook, &given) {
            self.requires(path, &runbook.requires, &inner);
            self.walk(&runbook.steps, path, &[], &mut inner);
        }
        self.including.pop();
        Ok(())
    }

    /// The scope as one host sees it: `host.*`, and of each fact what was found there.
    pub(super) fn on_host<'s>(&self, scope: &Scope<'s>, name: &str) -> Scope<'s> {
        let mut here = scope.with_facts_of(name);
        if let Some(host) = self.request.cluster.host(name) {
            here.roots.insert("host".to_owned(), scope.drawn.host(host));
        }
        here
    }

    fn known_hosts(&self, words: &[String]) -> Result<Vec<String>, String> {
        let mut hosts = Vec::new();
        for word in words {
            let host = self.request.cluster.host(word).map(|host| host.name.clone());
            let host = match host {
                Some(host) => Some(host),
                None => {
                    let member = self.model.find(word).map_err(|twice| twice.to_string())?;
                    member.and_then(|member| member.host.clone())
                }
            };
            let host = host.ok_or_else(|| format!("`{word}` is no host of the inventory"))?;
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        Ok(hosts)
    }
}

/// Whether the action has a call for each host, or one for the cluster.
pub(super) fn runs_on_hosts(keyed: &Keyed) -> bool {
    let name = keyed.keys().next();
    name.and_then(|name| registry::action_kind(name))
        .is_some_and(|kind| kind.on_hosts)
}
