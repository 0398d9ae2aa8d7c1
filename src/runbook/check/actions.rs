//! Actions and conditions: known by name, and their parameters held against the schema that their Rust type gives.

use serde_json::Value;

use super::Checker;
use super::seen::Seen;
use super::texts::{Known, Texts};
use crate::action::Named;
use crate::action::registry::{self, ACTIONS, ActionKind, CONDITIONS, action_kind, condition_kind, is_literal};
use crate::base::nearest::nearest;
use crate::base::yaml::Diagnostic;
use crate::runbook::parse::diagnostic;
use crate::runbook::place::child;
use crate::runbook::shape::{Misfit, misfits};
use crate::runbook::types::Keyed;

/// Conditions that ask the host of their step where this parameter names none.
const ASK_THE_STEPS_HOST: [(&str, &str); 5] = [
    ("clock", "of"),
    ("command", "on"),
    ("disk", "of"),
    ("service", "on"),
    ("version", "of"),
];

impl<'a> Checker<'a> {
    /// An action with its parameters; gives its kind where it is known.
    pub(super) fn action(
        &mut self,
        keyed: &Keyed,
        pointer: &str,
        seen: &Seen<'a>,
        known: Known,
    ) -> Option<&'static ActionKind> {
        let (name, with) = keyed.iter().next()?;
        let below = child(pointer, name);
        let Some(kind) = action_kind(name) else {
            let is_condition = condition_kind(name).is_some();
            let names = ACTIONS.iter().map(|kind| kind.name);
            self.unknown(&below, "action", name, &names.collect::<Vec<_>>(), is_condition);
            self.unread(with, &below, seen);
            return None;
        };
        let before = self.found.len();
        self.with(with, &(kind.schema)().to_value(), &below, seen, known);
        if self.found.len() == before && is_literal(with) {
            let built = registry::action(&Named {
                name: name.clone(),
                with: with.clone(),
            });
            self.found
                .extend(built.err().map(|why| self.place.at_value(&below, why)));
        }
        if kind.on_hosts && !seen.on_hosts {
            let one = self
                .place
                .at_key(&below, format!("`{name}` is done on hosts, and the step has none"));
            self.found
                .push(one.hint("give the step, or a group around it, `hosts:`"));
        }
        Some(kind)
    }

    /// A condition with its parameters.
    pub(super) fn condition(&mut self, keyed: &Keyed, pointer: &str, seen: &Seen<'a>, known: Known) {
        let Some((name, with)) = keyed.iter().next() else {
            return;
        };
        let below = child(pointer, name);
        let Some(kind) = condition_kind(name) else {
            let is_action = action_kind(name).is_some();
            let names = CONDITIONS.iter().map(|kind| kind.name);
            self.unknown(&below, "condition", name, &names.collect::<Vec<_>>(), is_action);
            self.unread(with, &below, seen);
            return;
        };
        let hosts = ASK_THE_STEPS_HOST.iter().find(|(condition, _)| condition == name);
        if let Some((_, parameter)) = hosts.filter(|(_, parameter)| !seen.on_hosts && with.get(parameter).is_none()) {
            let message = format!("`{name}` asks a host, and this place has none");
            let one = self.place.at_key(&below, message);
            let hint = format!("name it, `{parameter}: …`, or give the step `hosts:`");
            self.found.push(one.hint(hint));
        }
        let before = self.found.len();
        self.with(with, &(kind.schema)().to_value(), &below, seen, known);
        if self.found.len() == before && is_literal(with) {
            let built = registry::condition(&Named {
                name: name.clone(),
                with: with.clone(),
            });
            self.found
                .extend(built.err().map(|why| self.place.at_value(&below, why)));
        }
    }

    fn unknown(&mut self, pointer: &str, what: &str, name: &str, known: &[&'static str], is_other: bool) {
        let hint = match (nearest(name, known.iter().copied()), is_other, what) {
            (_, true, "action") => {
                format!("`{name}` is a condition: it stands under requires, guard, done_when or expect")
            }
            (_, true, _) => format!("`{name}` is an action: it stands under do or hold"),
            (Some(near), ..) => format!("did you mean `{near}`?"),
            (None, ..) => format!("known: {}", known.join(", ")),
        };
        let one = self.place.at_key(pointer, format!("there is no {what} `{name}`"));
        self.found.push(one.hint(hint));
    }

    /// Parameters of something unknown: their expressions may still be wrong.
    fn unread(&mut self, with: &Value, pointer: &str, seen: &Seen<'a>) {
        let texts = Texts {
            place: &self.place,
            seen,
        };
        let mut told: Vec<Diagnostic> = Vec::new();
        let _ = misfits(
            with,
            &Value::Bool(true),
            pointer,
            "parameter",
            &mut |pointer, text, _| texts.template(pointer, text, Known::Late, &mut told),
        );
        self.found.extend(told);
    }

    /// Parameters against a schema, each text read as a template.
    pub(super) fn with(&mut self, with: &Value, schema: &Value, pointer: &str, seen: &Seen<'a>, known: Known) {
        let mut told: Vec<Diagnostic> = Vec::new();
        let texts = Texts {
            place: &self.place,
            seen,
        };
        let found: Vec<Misfit> = misfits(with, schema, pointer, "parameter", &mut |pointer, text, late| {
            let known = if late { known } else { Known::Early };
            texts.template(pointer, text, known, &mut told)
        });
        self.found
            .extend(found.into_iter().map(|misfit| diagnostic(&self.place, misfit)));
        self.found.extend(told);
    }
}
