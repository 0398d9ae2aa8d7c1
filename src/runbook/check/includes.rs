//! Includes: there, given what they need, and never in a circle.

use serde_json::{Map, Value, json};

use super::Checker;
use super::parameters::schema_of;
use super::seen::Seen;
use super::texts::Known;
use crate::runbook::catalogue::{Catalogue, CatalogueError};
use crate::runbook::place::child;
use crate::runbook::types::{Runbook, Step};

impl<'a> Checker<'a> {
    pub(super) fn include(&mut self, step: &'a Step, name: &str, pointer: &str, seen: &Seen<'a>) {
        let at = child(pointer, "include");
        let included = match self.catalogue.load(name) {
            Ok(document) => &document.runbook,
            Err(CatalogueError::Unknown { near, .. }) => {
                let one = self.place.at_value(&at, format!("there is no runbook `{name}`"));
                let hint = near.map_or_else(
                    || "`etcdops runbooks list` shows them".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                self.found.push(one.hint(hint));
                return;
            }
            Err(_) => {
                let one = self.place.at_value(&at, format!("the runbook `{name}` cannot be read"));
                self.found
                    .push(one.hint(format!("`etcdops runbooks check {name}` tells why")));
                return;
            }
        };
        if let Some(chain) = self.circle(name) {
            let one = self.place.at_value(&at, "runbooks include each other in a circle");
            self.found.push(one.hint(chain));
            return;
        }
        self.given(step, included, pointer, seen);
    }

    /// `with` against the parameters of the included runbook.
    fn given(&mut self, step: &'a Step, included: &Runbook, pointer: &str, seen: &Seen<'a>) {
        let properties: Map<String, Value> = included
            .parameters
            .iter()
            .map(|(name, parameter)| (name.clone(), described(schema_of(parameter), &parameter.help)))
            .collect();
        let required: Vec<&String> = included
            .parameters
            .iter()
            .filter(|(_, parameter)| parameter.default.is_none())
            .map(|(name, _)| name)
            .collect();
        let schema = json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        });
        let given = Value::Object(
            step.with
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        );
        let below = child(pointer, "with");
        self.with(&given, &schema, &below, seen, Known::Early);
    }

    /// The chain of includes that leads back to where it began, shown for people.
    fn circle(&self, first: &str) -> Option<String> {
        let here = self
            .catalogue
            .entries()
            .find(|entry| entry.source.name == self.place.source.name)
            .map_or_else(|| self.place.source.name.clone(), |entry| entry.name.clone());
        let mut chain = vec![here, first.to_owned()];
        walk(self.catalogue, &mut chain).then(|| chain.join(" → "))
    }
}

/// Follows includes from the end of the chain; true when one of them stands in it already.
fn walk(catalogue: &Catalogue, chain: &mut Vec<String>) -> bool {
    let Some(last) = chain.last().cloned() else {
        return false;
    };
    if chain[..chain.len() - 1].contains(&last) {
        return true;
    }
    let Ok(document) = catalogue.load(&last) else {
        return false;
    };
    for next in names(&document.runbook.steps) {
        chain.push(next.to_owned());
        if walk(catalogue, chain) {
            return true;
        }
        chain.pop();
    }
    false
}

fn names(steps: &[Step]) -> Vec<&str> {
    steps
        .iter()
        .flat_map(|step| step.include.as_deref().into_iter().chain(names(&step.steps)))
        .collect()
}

fn described(mut schema: Value, help: &str) -> Value {
    if let Some(fields) = schema.as_object_mut()
        && !help.is_empty()
    {
        fields.insert("description".to_owned(), Value::String(help.to_owned()));
    }
    schema
}
