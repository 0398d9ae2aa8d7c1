//! The reference of actions and conditions, made from their Rust types: what an author may write, and what it means.

use schemars::Schema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Kind;
use super::registry::{ActionKind, ConditionKind};

/// One action or condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page {
    pub name: &'static str,
    /// `action` or `condition`.
    pub sort: &'static str,
    pub doc: &'static str,
    /// Needs `hosts:`; actions only.
    pub on_hosts: bool,
    /// May stand under `hold:`; actions only.
    pub holds: bool,
    pub parameters: Vec<ParameterPage>,
    pub output: Vec<OutputPage>,
}

/// One of its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParameterPage {
    pub name: String,
    /// `text`, `true or false`, `a list of text`, the words that are allowed.
    pub takes: String,
    pub required: bool,
    /// May be an output of an earlier step.
    pub late: bool,
    pub doc: String,
}

/// One field of its output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutputPage {
    pub name: &'static str,
    pub gives: &'static str,
}

/// The page of an action.
pub fn of_action(kind: &ActionKind) -> Page {
    Page {
        name: kind.name,
        sort: "action",
        doc: kind.doc,
        on_hosts: kind.on_hosts,
        holds: kind.holds,
        parameters: parameters((kind.schema)()),
        output: kind
            .output
            .iter()
            .map(|(name, kind)| OutputPage {
                name,
                gives: words(*kind),
            })
            .collect(),
    }
}

/// The page of a condition.
pub fn of_condition(kind: &ConditionKind) -> Page {
    Page {
        name: kind.name,
        sort: "condition",
        doc: kind.doc,
        on_hosts: false,
        holds: false,
        parameters: parameters((kind.schema)()),
        output: Vec::new(),
    }
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Number => "a number",
        Kind::Bool => "true or false",
        Kind::List => "a list",
        Kind::Object => "an object",
        Kind::Any => "a value",
    }
}

fn parameters(schema: Schema) -> Vec<ParameterPage> {
    let schema = schema.to_value();
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    properties
        .iter()
        .map(|(name, of)| ParameterPage {
            name: name.clone(),
            takes: takes(of, &schema, 0),
            required: required.contains(&name.as_str()),
            late: of.get("x-late") == Some(&Value::Bool(true)),
            doc: doc(of, &schema),
        })
        .collect()
}

/// The doc comment, on one line; of a reference the one of its target where it has none itself.
fn doc(of: &Value, root: &Value) -> String {
    let own = of.get("description").and_then(Value::as_str);
    let target = follow(of, root)
        .and_then(|of| of.get("description"))
        .and_then(Value::as_str);
    own.or(target)
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn follow<'a>(of: &'a Value, root: &'a Value) -> Option<&'a Value> {
    root.pointer(of.get("$ref")?.as_str()?.trim_start_matches('#'))
}

/// What may be written there, in words.
fn takes(of: &Value, root: &Value, depth: u8) -> String {
    if depth > 4 {
        return "a value".to_owned();
    }
    if let Some(target) = follow(of, root) {
        return takes(target, root, depth + 1);
    }
    let alternatives = of.get("anyOf").or_else(|| of.get("oneOf")).and_then(Value::as_array);
    if let Some(alternatives) = alternatives {
        let parts: Vec<String> = alternatives
            .iter()
            .filter(|of| of.get("type").and_then(Value::as_str) != Some("null"))
            .map(|of| takes(of, root, depth + 1))
            .collect();
        return parts.join(" or ");
    }
    if let Some(values) = of.get("enum").and_then(Value::as_array) {
        let texts: Vec<String> = values
            .iter()
            .filter_map(Value::as_str)
            .map(|text| format!("`{text}`"))
            .collect();
        return texts.join(" or ");
    }
    if let Some(only) = of.get("const").and_then(Value::as_str) {
        return format!("`{only}`");
    }
    let is_span = of
        .get("pattern")
        .and_then(Value::as_str)
        .is_some_and(|pattern| pattern.contains("ms|us|ns"));
    let name = match of.get("type") {
        Some(Value::String(name)) => name.as_str(),
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
            .unwrap_or_default(),
        _ => "",
    };
    match name {
        "string" if is_span => "a length of time".to_owned(),
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "integer" => "a whole number".to_owned(),
        "number" => "a number".to_owned(),
        "array" => match of.get("items") {
            Some(items) => format!("a list of {}", takes(items, root, depth + 1)),
            None => "a list".to_owned(),
        },
        "object" => match of.get("additionalProperties") {
            Some(inner @ Value::Object(_)) => format!("names with {}", takes(inner, root, depth + 1)),
            _ => "an object".to_owned(),
        },
        _ => "a value".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::registry::{ACTIONS, CONDITIONS, action_kind, condition_kind};

    #[test]
    fn a_page_says_what_is_needed_and_what_may_be_late() {
        let page = of_condition(condition_kind("member").unwrap());
        let is = page.parameters.iter().find(|parameter| parameter.name == "is").unwrap();
        assert!(is.required && is.late);
        assert_eq!(is.takes, "text");
        let quorum = of_condition(condition_kind("quorum").unwrap());
        assert!(quorum.parameters[0].takes.contains("`stop` or `restart`"), "{quorum:?}");
        assert!(of_action(action_kind("service.stop").unwrap()).holds);
    }

    #[test]
    fn everything_is_documented() {
        let actions = ACTIONS.iter().map(of_action);
        let bare: Vec<String> = actions
            .chain(CONDITIONS.iter().map(of_condition))
            .flat_map(|page| {
                let bare = page.parameters.into_iter().filter(|parameter| parameter.doc.is_empty());
                bare.map(move |parameter| format!("{}.{}", page.name, parameter.name))
                    .collect::<Vec<_>>()
            })
            .collect();
        assert!(bare.is_empty(), "parameters without a doc comment: {}", bare.join(", "));
    }
}
