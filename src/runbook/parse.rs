//! From text to a runbook: everything that is wrong with the shape, all at once.

use std::sync::OnceLock;

use serde_json::Value;

use super::place::{Document, Place, child};
use super::shape::{Given, Misfit, misfits};
use super::types::Runbook;
use crate::base::yaml::{self, Diagnostic, Positions, Source};

/// Reads a runbook. The mistakes are all that the shape shows; what names mean is for `check`.
pub fn parse(source: Source) -> Result<Document, Vec<Diagnostic>> {
    let positions = Positions::of(&source).map_err(|found| vec![*found])?;
    let mut found = positions.duplicates().to_vec();
    let place = Place {
        source: &source,
        positions: &positions,
    };
    match serde_yaml::from_str::<Value>(&source.text) {
        Ok(tree) => {
            let mut literal = |_: &str, _: &str, _: bool| Given::Literal;
            let misfits = misfits(&tree, schema(), "", "key", &mut literal);
            found.extend(misfits.into_iter().map(|misfit| diagnostic(&place, misfit)));
            if let Some(steps) = tree.get("steps") {
                steps_of(&place, steps, "/steps", &mut found);
            }
            keyed(&place, &tree, &mut found);
        }
        Err(_) if !found.is_empty() => {}
        Err(_) => found = yaml::parse::<Value>(&source).err().unwrap_or_default(),
    }
    if !found.is_empty() {
        found.sort_by_key(|one| one.span.start);
        return Err(found);
    }
    let runbook: Runbook = yaml::parse(&source)?;
    Ok(Document {
        runbook,
        source,
        positions,
    })
}

pub(super) fn diagnostic(place: &Place<'_>, misfit: Misfit) -> Diagnostic {
    let found = if misfit.on_key {
        place.at_key(&misfit.pointer, misfit.message)
    } else {
        place.at_value(&misfit.pointer, misfit.message)
    };
    match misfit.hint {
        Some(hint) => found.hint(hint),
        None => found,
    }
}

fn schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| schemars::schema_for!(Runbook).to_value())
}

/// Each step does exactly one thing.
fn steps_of(place: &Place<'_>, steps: &Value, pointer: &str, found: &mut Vec<Diagnostic>) {
    let Some(steps) = steps.as_array() else { return };
    if steps.is_empty() {
        found.push(
            place
                .at_key(pointer, "there are no steps here")
                .hint("a runbook or group has at least one step"),
        );
    }
    for (index, step) in steps.iter().enumerate() {
        let below = child(pointer, &index.to_string());
        let Some(fields) = step.as_object() else { continue };
        let does: Vec<&str> = ["do", "include", "steps"]
            .into_iter()
            .filter(|key| fields.contains_key(*key))
            .collect();
        match does.as_slice() {
            [] => found.push(
                place
                    .at_value(&below, "the step does nothing")
                    .hint("give it one of `do:` (an action), `include:` (a runbook) or `steps:` (a group)"),
            ),
            [_] => {}
            [_, second, ..] => found.push(
                place
                    .at_key(
                        &child(&below, second),
                        format!("a step does one thing, this one has `{}`", does.join("` and `")),
                    )
                    .hint("make it a group: put each of them into a step of its own under `steps:`"),
            ),
        }
        if let Some(inner) = fields.get("steps") {
            steps_of(place, inner, &child(&below, "steps"), found);
        }
    }
}

/// Each action and condition is written `name: {parameters}`, one for each entry.
fn keyed(place: &Place<'_>, tree: &Value, found: &mut Vec<Diagnostic>) {
    each_keyed(tree, &mut |pointer, value, what| {
        let Some(fields) = value.as_object() else { return };
        if fields.len() != 1 {
            let message = match fields.len() {
                0 => format!("{what} is missing"),
                count => format!("one {what} is wanted here, not {count}"),
            };
            let hint = match what {
                "condition" => "write each condition as an entry of its own: `- name: {…}`",
                _ => "write `name: {parameters}`, for example `service.stop: {}`",
            };
            found.push(place.at_value(pointer, message).hint(hint));
        }
        for (name, with) in fields {
            if with.is_null() {
                let message = format!("`{name}` needs its parameters");
                found.push(
                    place
                        .at_key(&child(pointer, name), message)
                        .hint(format!("write `{name}: {{}}`")),
                );
            } else if !with.is_object() {
                let message = format!("the parameters of `{name}` are an object");
                found.push(
                    place
                        .at_value(&child(pointer, name), message)
                        .hint(format!("write `{name}: {{…}}`")),
                );
            }
        }
    });
}

/// Every place of the file where an action or a condition stands.
fn each_keyed(tree: &Value, see: &mut dyn FnMut(&str, &Value, &str)) {
    list(tree, "requires", "", see);
    if let Some(facts) = tree.get("facts").and_then(Value::as_object) {
        for (name, fact) in facts {
            if let Some(action) = fact.get("do") {
                see(&child(&child("/facts", name), "do"), action, "action");
            }
        }
    }
    steps_keyed(tree, "", see);
}

fn steps_keyed(around: &Value, pointer: &str, see: &mut dyn FnMut(&str, &Value, &str)) {
    let Some(steps) = around.get("steps").and_then(Value::as_array) else {
        return;
    };
    for (index, step) in steps.iter().enumerate() {
        let below = format!("{pointer}/steps/{index}");
        for key in ["do", "hold"] {
            if let Some(action) = step.get(key) {
                see(&child(&below, key), action, "action");
            }
        }
        for key in ["guard", "done_when", "expect"] {
            list(step, key, &below, see);
        }
        steps_keyed(step, &below, see);
    }
}

fn list(around: &Value, key: &str, pointer: &str, see: &mut dyn FnMut(&str, &Value, &str)) {
    let entries = around.get(key).and_then(Value::as_array);
    for (index, entry) in entries.into_iter().flatten().enumerate() {
        see(&format!("{pointer}/{key}/{index}"), entry, "condition");
    }
}
