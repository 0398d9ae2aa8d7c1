//! Finds every mistake of a runbook for which no cluster is needed.

mod actions;
mod includes;
mod parameters;
mod seen;
mod steps;
mod texts;

use std::collections::BTreeMap;

use serde_json::Value;

use self::seen::{Gives, Seen, reaches};
use self::texts::{Known, Texts};
use super::catalogue::Catalogue;
use super::place::{Document, Place, child};
use super::scope::{RESERVED, Type};
use super::types::{Runbook, Step};
use crate::action::Risk;
use crate::action::registry::{action_kind, is_literal};
use crate::base::yaml::Diagnostic;

/// All mistakes, in the order of the file. A document with none can be planned, as far as can be told without a cluster.
pub fn check(document: &Document, catalogue: &Catalogue) -> Vec<Diagnostic> {
    let runbook = &document.runbook;
    let all_steps = all_steps(&runbook.steps);
    let mut checker = Checker {
        runbook,
        place: Place {
            source: &document.source,
            positions: &document.positions,
        },
        catalogue,
        all_steps: &all_steps,
        found: Vec::new(),
    };
    checker.head();
    checker.steps();
    let mut found = checker.found;
    found.sort_by_key(|one| (one.span.start, one.span.end));
    found.dedup();
    found
}

struct Checker<'a> {
    runbook: &'a Runbook,
    place: Place<'a>,
    catalogue: &'a Catalogue,
    all_steps: &'a BTreeMap<&'a str, Gives>,
    found: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    fn seen(&self) -> Seen<'a> {
        Seen::whole(self.runbook, self.all_steps)
    }

    fn head(&mut self) {
        let whole = self.seen();
        self.template("/title", &self.runbook.title, &whole);
        for (name, parameter) in &self.runbook.parameters {
            self.parameter(name, parameter);
        }
        for (name, text) in &self.runbook.names {
            self.named(name, text);
        }
        for name in self.runbook.facts.keys() {
            self.fact(name);
        }
        for (index, condition) in self.runbook.requires.iter().enumerate() {
            self.condition(condition, &format!("/requires/{index}"), &whole, Known::Early);
        }
    }

    /// A `let` alone: what it can mean at the best of places.
    fn named(&mut self, name: &'a str, text: &'a str) {
        let pointer = child("/let", name);
        self.new_name(&pointer, name, "name");
        if reaches(self.runbook, name, name) {
            let one = self.place.at_key(&pointer, format!("`{name}` needs itself"));
            self.found
                .push(one.hint("a `let` may use other names, but not in a circle"));
            return;
        }
        let mut best = self.seen();
        best.on_hosts = true;
        best.items = items(&self.runbook.steps);
        best.steps = self.all_steps.iter().map(|(id, gives)| (*id, *gives)).collect();
        let texts = Texts {
            place: &self.place,
            seen: &best,
        };
        texts.template(&pointer, text, Known::Late, &mut self.found);
    }

    fn fact(&mut self, name: &'a str) {
        let fact = &self.runbook.facts[name];
        let pointer = child("/facts", name);
        if !is_identifier(name) {
            self.bad_name(&pointer, name, "fact");
        }
        let mut seen = self.seen();
        seen.facts = false;
        if let Some(hosts) = &fact.hosts {
            self.hosts(hosts, &child(&pointer, "hosts"), &seen);
            seen.on_hosts = true;
        }
        let below = child(&pointer, "do");
        self.action(&fact.action, &below, &seen, Known::Early);
        if let Some((name, with)) = fact.action.iter().next()
            && is_literal(with)
            && crate::action::registry::risk(name, with).is_some_and(|risk| risk != Risk::Look)
        {
            let one = self.place.at_key(
                &child(&below, name),
                format!("`{name}` changes something, a fact only looks"),
            );
            self.found.push(one.hint("make it a step"));
        }
    }

    /// A host, a list of hosts, or an expression that gives one of them; always known early.
    fn hosts(&mut self, hosts: &Value, pointer: &str, seen: &Seen<'a>) {
        match hosts {
            Value::String(text) => {
                let texts = Texts {
                    place: &self.place,
                    seen,
                };
                let given = texts.template(pointer, text, Known::Early, &mut self.found);
                if let super::shape::Given::Typed(of) = given {
                    self.type_of_hosts(of, pointer);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let below = child(pointer, &index.to_string());
                    if item.is_string() {
                        self.hosts(item, &below, seen);
                    } else {
                        self.found.push(self.place.at_value(&below, "a host is named by text"));
                    }
                }
            }
            _ => {
                let one = self
                    .place
                    .at_value(pointer, "hosts are a name, a list of names or an expression");
                self.found.push(one.hint("write for example `hosts: ${{ members }}`"));
            }
        }
    }

    fn type_of_hosts(&mut self, of: Type, pointer: &str) {
        let hint = match of {
            Type::Host | Type::Text | Type::Any | Type::List(Type::Host | Type::Text | Type::Any) => return,
            Type::Member => "write `.host` behind it",
            Type::List(Type::Member) => "write `… | map(attribute='host')`, or use `cluster.hosts`",
            _ => "give a host or a list of hosts",
        };
        let one = self
            .place
            .at_value(pointer, format!("this gives {}, but hosts are wanted here", of.words()));
        self.found.push(one.hint(hint));
    }

    fn template(&mut self, pointer: &str, text: &str, seen: &Seen<'a>) {
        let texts = Texts {
            place: &self.place,
            seen,
        };
        texts.template(pointer, text, Known::Early, &mut self.found);
    }

    /// A name that the author makes: well-formed and not taken.
    fn new_name(&mut self, pointer: &str, name: &str, what: &str) {
        if !is_identifier(name) {
            self.bad_name(pointer, name, what);
        } else if RESERVED.contains(&name) {
            let one = self.place.at_key(pointer, format!("the name `{name}` is taken"));
            self.found
                .push(one.hint("expressions mean something else by it: choose another"));
        } else if pointer.starts_with("/let/") && self.runbook.parameters.contains_key(name) {
            let one = self.place.at_key(pointer, format!("`{name}` is a parameter already"));
            self.found.push(one.hint("choose another name"));
        }
    }

    fn bad_name(&mut self, pointer: &str, name: &str, what: &str) {
        let one = self
            .place
            .at_key(pointer, format!("`{name}` cannot be the name of a {what}"));
        self.found
            .push(one.hint(format!("write `{}`: letters, digits and `_`", identifier(name))));
    }
}

/// Every step with its ID; of a doubled one the first.
fn all_steps(steps: &[Step]) -> BTreeMap<&str, Gives> {
    let mut found = BTreeMap::new();
    let mut open: Vec<&Step> = steps.iter().collect();
    while let Some(step) = open.pop() {
        found.insert(step.id.as_str(), gives(step));
        open.extend(&step.steps);
    }
    found
}

fn gives(step: &Step) -> Gives {
    match step.action.as_ref().and_then(|action| action.keys().next()) {
        Some(name) => action_kind(name).map_or(Gives::Unknown, Gives::Output),
        None => Gives::Nothing,
    }
}

/// Names of all items, for a `let` that may be used within their groups.
fn items(steps: &[Step]) -> Vec<(&str, Type)> {
    let mut found = Vec::new();
    let mut open: Vec<&Step> = steps.iter().collect();
    while let Some(step) = open.pop() {
        if step.for_each.is_some() {
            found.push((step.item.as_deref().unwrap_or("item"), Type::Any));
        }
        open.extend(&step.steps);
    }
    found
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The nearest name that would do.
fn identifier(name: &str) -> String {
    let plain: String = name
        .to_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                c
            } else {
                '_'
            }
        })
        .collect();
    let plain = plain.trim_matches('_');
    if plain.starts_with(|c: char| c.is_ascii_lowercase()) {
        plain.to_owned()
    } else {
        format!("step_{plain}")
    }
}
