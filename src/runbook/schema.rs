//! The JSON Schema of runbooks, with the parameters of every action and condition: for editors.

use schemars::Schema;
use serde_json::{Map, Value, json};

use super::types::Runbook;
use crate::action::registry::{ACTIONS, CONDITIONS};

/// The schema of a whole file.
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(Runbook).to_value();
    let mut definitions = schema
        .get_mut("$defs")
        .and_then(Value::as_object_mut)
        .map(std::mem::take)
        .unwrap_or_default();
    let actions = ACTIONS.iter().map(|kind| (kind.name, kind.doc, kind.schema, true));
    let with_release = ACTIONS
        .iter()
        .filter(|kind| kind.holds)
        .map(|kind| (kind.name, kind.doc, kind.schema, false));
    let conditions = CONDITIONS.iter().map(|kind| (kind.name, kind.doc, kind.schema, true));
    let action = one_of("action", actions, &mut definitions);
    let hold = one_of("action", with_release, &mut definitions);
    let condition = one_of("condition", conditions, &mut definitions);
    definitions.insert("action".to_owned(), action);
    definitions.insert("hold".to_owned(), hold);
    definitions.insert("condition".to_owned(), condition);
    definitions.insert(
        "expression".to_owned(),
        json!({"type": "string", "pattern": "\\$\\{\\{"}),
    );
    refer(&mut definitions);
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("title".to_owned(), json!("etcdops runbook"));
        fields.insert("$defs".to_owned(), Value::Object(definitions));
        put(&mut schema, "/properties/requires/items", "condition");
    }
    schema
}

/// Puts the actions and conditions where the Rust types say only "an object with one key".
fn refer(definitions: &mut Map<String, Value>) {
    if let Some(fact) = definitions.get_mut("Fact") {
        put(fact, "/properties/do", "action");
    }
    let Some(step) = definitions.get_mut("Step") else {
        return;
    };
    put(step, "/properties/do", "action");
    put(step, "/properties/hold", "hold");
    for list in ["guard", "done_when", "expect"] {
        put(step, &format!("/properties/{list}/items"), "condition");
    }
    if let Some(fields) = step.as_object_mut() {
        let one_of = ["do", "include", "steps"].map(|key| json!({"required": [key]}));
        fields.insert("oneOf".to_owned(), json!(one_of));
    }
}

fn put(schema: &mut Value, pointer: &str, definition: &str) {
    let Some(place) = schema.pointer_mut(pointer) else {
        return;
    };
    let mut reference = json!({"$ref": format!("#/$defs/{definition}")});
    if let (Some(doc), Some(fields)) = (place.get("description"), reference.as_object_mut()) {
        fields.insert("description".to_owned(), doc.clone());
    }
    *place = reference;
}

/// An object with exactly one of the names, and that one's parameters below.
fn one_of(
    what: &str,
    kinds: impl Iterator<Item = (&'static str, &'static str, fn() -> Schema, bool)>,
    definitions: &mut Map<String, Value>,
) -> Value {
    let mut properties = Map::new();
    for (name, doc, schema, is_new) in kinds {
        let place = format!("{what}.{name}");
        if is_new {
            define(&place, doc, schema().to_value(), definitions);
        }
        properties.insert(name.to_owned(), json!({"$ref": format!("#/$defs/{place}")}));
    }
    json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    })
}

/// Moves one schema with all that it needs under the definitions of the whole.
fn define(place: &str, doc: &str, mut schema: Value, definitions: &mut Map<String, Value>) {
    let inner = schema
        .get_mut("$defs")
        .and_then(Value::as_object_mut)
        .map(std::mem::take);
    for (name, mut definition) in inner.unwrap_or_default() {
        rename(&mut definition, place);
        definitions.insert(format!("{place}.{name}"), definition);
    }
    rename(&mut schema, place);
    expressions(&mut schema);
    if let Some(fields) = schema.as_object_mut() {
        for name in ["$schema", "$defs", "title"] {
            fields.remove(name);
        }
        fields.insert("description".to_owned(), Value::String(doc.to_owned()));
    }
    definitions.insert(place.to_owned(), schema);
}

/// References point to the moved definitions.
fn rename(schema: &mut Value, place: &str) {
    match schema {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(to) if name == "$ref" => *to = to.replace("#/$defs/", &format!("#/$defs/{place}.")),
                    other => rename(other, place),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, place)),
        _ => {}
    }
}

/// A parameter that is not plain text may also be an expression.
fn expressions(schema: &mut Value) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for of in properties.values_mut() {
        let is_plain_text = of.get("type").and_then(Value::as_str) == Some("string")
            && of.get("pattern").is_none()
            && of.get("enum").is_none();
        if is_plain_text {
            continue;
        }
        let doc = of.get("description").cloned();
        let mut either = json!({"anyOf": [of.take(), {"$ref": "#/$defs/expression"}]});
        if let (Some(doc), Some(fields)) = (doc, either.as_object_mut()) {
            fields.insert("description".to_owned(), doc);
        }
        *of = either;
    }
}
