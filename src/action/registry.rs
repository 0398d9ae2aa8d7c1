//! Every action and condition by its name in runbooks.

mod tables;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Action, Condition, Kind, Named};

pub use tables::{ACTIONS, CONDITIONS};

/// A kind of action, as authors see it.
pub struct ActionKind {
    pub name: &'static str,
    /// First sentence: what it does. The rest: what an author must know.
    pub doc: &'static str,
    /// Needs `hosts:`.
    pub on_hosts: bool,
    /// May stand under `hold:`.
    pub holds: bool,
    /// Changes nothing but the library on the bastion.
    pub in_library: bool,
    pub schema: fn() -> Schema,
    /// Fields of its output, as expressions see them.
    pub output: &'static [(&'static str, Kind)],
    build: fn(&Value) -> Result<Box<dyn Action>, String>,
}

/// A kind of condition, as authors see it.
pub struct ConditionKind {
    pub name: &'static str,
    pub doc: &'static str,
    pub schema: fn() -> Schema,
    build: fn(&Value) -> Result<Box<dyn Condition>, String>,
}

impl ActionKind {
    /// An entry for the table.
    pub const fn of<T: Action + DeserializeOwned + JsonSchema + 'static>(
        name: &'static str,
        doc: &'static str,
        on_hosts: bool,
        output: &'static [(&'static str, Kind)],
    ) -> Self {
        Self {
            name,
            doc,
            on_hosts,
            holds: false,
            in_library: false,
            schema: || schema_for!(T),
            output,
            build: |with| build::<T>(with).map(|action| Box::new(action) as Box<dyn Action>),
        }
    }

    /// The same, and it can be held.
    #[must_use]
    pub const fn held(self) -> Self {
        Self { holds: true, ..self }
    }

    /// The same, and neither the cluster nor a host is changed.
    #[must_use]
    pub const fn in_library(self) -> Self {
        Self {
            in_library: true,
            ..self
        }
    }
}

impl ConditionKind {
    pub const fn of<T: Condition + DeserializeOwned + JsonSchema + 'static>(
        name: &'static str,
        doc: &'static str,
    ) -> Self {
        Self {
            name,
            doc,
            schema: || schema_for!(T),
            build: |with| build::<T>(with).map(|condition| Box::new(condition) as Box<dyn Condition>),
        }
    }
}

fn build<T: DeserializeOwned>(with: &Value) -> Result<T, String> {
    let with = if with.is_null() {
        Value::Object(serde_json::Map::new())
    } else {
        with.clone()
    };
    serde_json::from_value(with).map_err(|error| error.to_string())
}

/// Conditions whose refusal an operator may take upon themselves with `--accept` (see [`Condition::accept_name`]), with their text.
pub fn acceptable() -> impl Iterator<Item = (&'static str, &'static str)> {
    const NAMES: [&str; 11] = [
        "backup",
        "bootstrap",
        "certificates",
        "clock",
        "disk",
        "listens",
        "peers",
        "quorum",
        "quota",
        "v2_data",
        "version",
    ];
    let kinds = CONDITIONS.iter().filter(|kind| NAMES.contains(&kind.name));
    kinds.map(|kind| (kind.name, kind.doc))
}

pub fn action_kind(name: &str) -> Option<&'static ActionKind> {
    ACTIONS.iter().find(|kind| kind.name == name)
}

pub fn condition_kind(name: &str) -> Option<&'static ConditionKind> {
    CONDITIONS.iter().find(|kind| kind.name == name)
}

/// The parameters of an action or condition that name hosts: a member that stands there means its host.
pub fn host_fields(name: &str) -> Arc<[String]> {
    static KNOWN: RwLock<BTreeMap<String, Arc<[String]>>> = RwLock::new(BTreeMap::new());
    if let Some(known) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(name) {
        return Arc::clone(known);
    }
    let fields: Arc<[String]> = marked_fields(name).into();
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(known.entry(name.to_owned()).or_insert(fields))
}

fn marked_fields(name: &str) -> Vec<String> {
    let schema = action_kind(name).map(|kind| (kind.schema)());
    let Some(schema) = schema.or_else(|| condition_kind(name).map(|kind| (kind.schema)())) else {
        return Vec::new();
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    let named = properties.into_iter().flatten();
    named
        .filter(|(_, of)| of.get(HOST_MARK) == Some(&Value::Bool(true)))
        .map(|(name, _)| name.clone())
        .collect()
}

/// Marks in a schema a parameter that names hosts.
const HOST_MARK: &str = "x-host";

/// Builds an action from its name and bound parameters.
pub fn action(named: &Named) -> Result<Box<dyn Action>, String> {
    let kind = action_kind(&named.name).ok_or_else(|| format!("there is no action `{}`", named.name))?;
    (kind.build)(&named.with).map_err(|why| format!("{}: {why}", named.name))
}

/// Builds a condition from its name and bound parameters.
pub fn condition(named: &Named) -> Result<Box<dyn Condition>, String> {
    let kind = condition_kind(&named.name).ok_or_else(|| format!("there is no condition `{}`", named.name))?;
    (kind.build)(&named.with).map_err(|why| format!("{}: {why}", named.name))
}

/// The risk of an action whose parameters are all known; `None` where they cannot be read.
pub fn risk(name: &str, with: &Value) -> Option<super::Risk> {
    let named = Named {
        name: name.to_owned(),
        with: with.clone(),
    };
    action(&named).ok().map(|action| action.risk())
}

/// Whether a value holds no expression.
pub fn is_literal(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.contains("${{"),
        Value::Array(items) => items.iter().all(is_literal),
        Value::Object(fields) => fields.values().all(is_literal),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The least that a condition can be given so that its refusal may be accepted, if any may.
    fn least(name: &str) -> Value {
        match name {
            "member" => json!({ "is": "etcd-1" }),
            "peers" => json!({ "between": ["etcd-1"], "and": "etcd-2" }),
            "fenced" => json!({ "members": ["etcd-1"] }),
            "quorum" => json!({ "survives": "add" }),
            "backup" => json!({ "is": "b", "of_cluster": "1" }),
            "newest" => json!({ "is": "etcd-1", "among": ["etcd-1"] }),
            "dead" => json!({ "hosts": ["etcd-1"], "asked_from": ["etcd-2"] }),
            "bootstrap" => json!({ "none_on": ["etcd-1"] }),
            "startable" => json!({ "hosts": ["etcd-1"] }),
            "content" => json!({ "equal_on": ["etcd-1"] }),
            "disk" => json!({ "free": 1 }),
            "listens" => json!({ "at": "http://etcd-1:2380" }),
            "v2_data" => json!({ "on": ["etcd-1"], "backup": "b" }),
            "quota" => json!({ "above": 1 }),
            "http" => json!({ "url": "http://etcd-1" }),
            _ => json!({}),
        }
    }

    #[test]
    fn what_can_be_accepted_is_what_conditions_say() {
        let accepted: Vec<&str> = acceptable().map(|(name, _)| name).collect();
        for kind in CONDITIONS {
            let condition = condition(&Named {
                name: kind.name.to_owned(),
                with: least(kind.name),
            })
            .unwrap();
            let listed = accepted.contains(&kind.name).then_some(kind.name);
            assert_eq!(condition.accept_name(), listed, "{}", kind.name);
        }
    }
}
