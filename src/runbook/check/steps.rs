//! Steps: their names, what they may hold, and what each sees of the steps before it.

use std::collections::BTreeSet;

use super::seen::Seen;
use super::texts::{Known, Texts};
use super::{Checker, gives, identifier, is_identifier};
use crate::action::registry::ACTIONS;
use crate::runbook::place::child;
use crate::runbook::scope::{RESERVED, Type};
use crate::runbook::types::Step;

/// Keys that only some kinds of step have.
const ACTION_ONLY: [&str; 8] = [
    "guard",
    "done_when",
    "expect",
    "within",
    "timeout",
    "at_once",
    "risk",
    "allow",
];
const GROUP_ONLY: [&str; 3] = ["for_each", "as", "hold"];

impl<'a> Checker<'a> {
    pub(super) fn steps(&mut self) {
        let mut seen = self.seen();
        let mut known = BTreeSet::new();
        self.list(&self.runbook.steps, "/steps", &mut seen, &mut known);
    }

    /// Steps one after another: each sees those before it.
    fn list(&mut self, steps: &'a [Step], pointer: &str, seen: &mut Seen<'a>, known: &mut BTreeSet<&'a str>) {
        for (index, step) in steps.iter().enumerate() {
            let below = child(pointer, &index.to_string());
            self.id(step, &below, known);
            self.misplaced(step, &below);
            let mut inner = seen.clone();
            self.step(step, &below, &mut inner, known);
            // What a loop did is not known outside of it: which of its rounds would be meant?
            if step.for_each.is_none() {
                seen.steps = inner.steps;
            }
            seen.steps.push((&step.id, gives(step)));
        }
    }

    fn id(&mut self, step: &'a Step, pointer: &str, known: &mut BTreeSet<&'a str>) {
        let at = child(pointer, "id");
        if !is_identifier(&step.id) {
            let message = format!("`{}` cannot be the ID of a step", step.id);
            let hint = format!("write `{}`: lower-case letters, digits and `_`", identifier(&step.id));
            self.found.push(self.place.at_value(&at, message).hint(hint));
        } else if !known.insert(&step.id) {
            let one = self
                .place
                .at_value(&at, format!("a step `{}` stands before already", step.id));
            self.found.push(one.hint("each step of a file has an ID of its own"));
        }
    }

    fn misplaced(&mut self, step: &Step, pointer: &str) {
        let (what, wrong): (&str, Vec<&str>) = if step.action.is_some() {
            ("an action", GROUP_ONLY.iter().copied().chain(["with"]).collect())
        } else if step.include.is_some() {
            let wrong = ACTION_ONLY.iter().chain(&GROUP_ONLY).copied().chain(["hosts"]);
            ("an include", wrong.collect())
        } else {
            // What a hold takes may need leave.
            let wrong = ACTION_ONLY
                .iter()
                .copied()
                .filter(|key| *key != "allow" || step.hold.is_none());
            ("a group", wrong.chain(["with"]).collect())
        };
        for key in wrong {
            let at = child(pointer, key);
            if self.place.positions.key(&at).is_none() {
                continue;
            }
            let hint = match (key, what) {
                ("hosts", _) => "an included runbook takes its hosts as a parameter",
                ("with", _) => "`with` gives an included runbook its parameters",
                ("for_each" | "as" | "hold", _) => "put the step into a group: `steps:`",
                (_, "a group") => "give it to the steps inside",
                _ => "it belongs to a step that does an action",
            };
            let one = self.place.at_key(&at, format!("{what} has no `{key}`"));
            self.found.push(one.hint(hint));
        }
        if step.item.is_some() && step.for_each.is_none() {
            let one = self.place.at_key(
                &child(pointer, "as"),
                "`as` names the item of a `for_each`, and there is none",
            );
            self.found.push(one);
        }
        if step.at_once == Some(0) {
            let one = self
                .place
                .at_value(&child(pointer, "at_once"), "at least one host is done at once");
            self.found.push(one.hint("leave `at_once` away for all hosts at once"));
        }
    }

    fn step(&mut self, step: &'a Step, pointer: &str, seen: &mut Seen<'a>, known: &mut BTreeSet<&'a str>) {
        if let Some(text) = &step.for_each {
            self.for_each(step, text, pointer, seen);
        }
        if let Some(hosts) = &step.hosts {
            self.hosts(hosts, &child(pointer, "hosts"), seen);
            seen.on_hosts = true;
        }
        if let Some(text) = &step.when {
            self.when(text, &child(pointer, "when"), seen);
        }
        if let Some(title) = &step.title {
            self.template(&child(pointer, "title"), title, seen);
        }
        if let Some(text) = &step.if_stuck {
            self.template(&child(pointer, "if_stuck"), text, seen);
        }
        if let Some(hold) = &step.hold {
            self.hold(hold, &child(pointer, "hold"), seen);
        }
        if let Some(action) = &step.action {
            self.action(action, &child(pointer, "do"), seen, Known::Late);
            self.conditions(step, pointer, seen);
        }
        if let Some(name) = &step.include {
            self.include(step, name, pointer, seen);
        }
        self.list(&step.steps, &child(pointer, "steps"), seen, known);
    }

    fn conditions(&mut self, step: &'a Step, pointer: &str, seen: &Seen<'a>) {
        let mut after = seen.clone();
        // What must hold after the call may read the call's own output.
        after.steps.push((&step.id, gives(step)));
        let lists = [
            ("guard", &step.guard, seen),
            ("done_when", &step.done_when, seen),
            ("expect", &step.expect, &after),
        ];
        for (key, conditions, seen) in lists {
            for (index, condition) in conditions.iter().enumerate() {
                let below = child(&child(pointer, key), &index.to_string());
                self.condition(condition, &below, seen, Known::Late);
            }
        }
    }

    fn for_each(&mut self, step: &'a Step, text: &str, pointer: &str, seen: &mut Seen<'a>) {
        let at = child(pointer, "for_each");
        let texts = Texts {
            place: &self.place,
            seen,
        };
        let of = texts.bare(&at, text, &mut self.found);
        let item = match of {
            Type::List(item) => *item,
            Type::Any => Type::Any,
            other => {
                let message = format!("this gives {}, but `for_each` needs a list", other.words());
                self.found.push(self.place.at_value(&at, message));
                Type::Any
            }
        };
        let name = step.item.as_deref().unwrap_or("item");
        let is_taken = RESERVED.contains(&name) || name == "host" || self.runbook.parameters.contains_key(name);
        if step.item.is_some() && (is_taken || !is_identifier(name)) {
            let one = self.place.at_value(
                &child(pointer, "as"),
                format!("`{name}` cannot be the name of the item"),
            );
            let hint = if is_taken {
                "it means something else already"
            } else {
                "write lower-case letters, digits and `_`"
            };
            self.found.push(one.hint(hint));
        }
        seen.items.push((name, item));
    }

    fn when(&mut self, text: &str, pointer: &str, seen: &Seen<'a>) {
        let texts = Texts {
            place: &self.place,
            seen,
        };
        let of = texts.bare(pointer, text, &mut self.found);
        if !matches!(of, Type::Bool | Type::Any) {
            let one = self.place.at_value(
                pointer,
                format!("this gives {}, but `when` needs true or false", of.words()),
            );
            let hint = match of {
                Type::List(_) => "write `… | length > 0`",
                _ => "compare it with something",
            };
            self.found.push(one.hint(hint));
        }
    }

    fn hold(&mut self, hold: &crate::runbook::types::Keyed, pointer: &str, seen: &Seen<'a>) {
        let Some(kind) = self.action(hold, pointer, seen, Known::Early) else {
            return;
        };
        if !kind.holds {
            let others: Vec<&str> = ACTIONS.iter().filter(|kind| kind.holds).map(|kind| kind.name).collect();
            let message = format!("`{}` cannot be held: nothing gives it back", kind.name);
            let one = self.place.at_key(&child(pointer, kind.name), message);
            self.found.push(one.hint(format!("these can: {}", others.join(", "))));
        }
    }
}
