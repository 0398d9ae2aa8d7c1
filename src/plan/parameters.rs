//! Parameters: given, defaulted, checked against their type and the inventory.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::base::duration::Span;
use crate::base::expr::Expr;
use crate::base::nearest::nearest;
use crate::cluster::host::ClusterConfig;
use crate::cluster::model::Model;
use crate::runbook::types::{Parameter, ParameterType};

use crate::runbook::scope::plain;

use super::scope;

/// Binds every declared parameter. `context` is what `default:` expressions see.
///
/// # Errors
/// All problems, each a sentence.
pub fn bind(
    declared: &BTreeMap<String, Parameter>,
    given: &BTreeMap<String, Value>,
    config: &ClusterConfig,
    model: &Model,
    context: &Value,
) -> Result<BTreeMap<String, Value>, Vec<String>> {
    let mut bound = BTreeMap::new();
    let mut problems = Vec::new();
    for name in given.keys().filter(|name| !declared.contains_key(*name)) {
        problems.push(unknown(name, declared));
    }
    for (name, parameter) in declared {
        match one(name, parameter, given.get(name), config, model, context) {
            Ok(value) => {
                bound.insert(name.clone(), value);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(bound) } else { Err(problems) }
}

fn unknown(name: &str, declared: &BTreeMap<String, Parameter>) -> String {
    match nearest(name, declared.keys().map(String::as_str)) {
        Some(close) => format!("there is no parameter `{name}`; did you mean `{close}`?"),
        None => format!("there is no parameter `{name}`"),
    }
}

fn one(
    name: &str,
    parameter: &Parameter,
    given: Option<&Value>,
    config: &ClusterConfig,
    model: &Model,
    context: &Value,
) -> Result<Value, String> {
    let value = match (given, &parameter.default) {
        (Some(value), _) => value.clone(),
        (None, Some(Value::String(text))) => {
            let expression = Expr::parse(text).map_err(|error| format!("default of `{name}`: {error}"))?;
            expression
                .eval(context)
                .map_err(|error| format!("default of `{name}`: {error}"))?
        }
        (None, Some(literal)) => literal.clone(),
        (None, None) => return Err(format!("parameter `{name}` is needed: --set {name}=…")),
    };
    let value = plain(value);
    let value = if parameter.many { listed(value) } else { value };
    let check = |value: &Value| typed(name, parameter, value, config, model);
    match (&value, parameter.many) {
        (Value::Array(items), true) => items.iter().map(check).collect::<Result<_, _>>().map(Value::Array),
        (Value::Array(_), false) => Err(format!("parameter `{name}` takes one value, not a list")),
        _ => check(&value),
    }
}

/// A list from text such as `a,b`, or from one value.
fn listed(value: Value) -> Value {
    match value {
        Value::String(text) => Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|word| !word.is_empty())
                .map(Value::from)
                .collect(),
        ),
        list @ Value::Array(_) => list,
        other => Value::Array(vec![other]),
    }
}

fn typed(
    name: &str,
    parameter: &Parameter,
    value: &Value,
    config: &ClusterConfig,
    model: &Model,
) -> Result<Value, String> {
    let text = value.as_str().map(str::to_owned).unwrap_or_else(|| value.to_string());
    let wrong = |what: &str| Err(format!("parameter `{name}`: `{text}` is no {what}"));
    match parameter.kind {
        ParameterType::Text | ParameterType::Path | ParameterType::Backup => Ok(Value::String(text)),
        ParameterType::Number => match text.parse::<i64>() {
            Ok(number) => Ok(Value::from(number)),
            Err(_) => wrong("whole number"),
        },
        ParameterType::Bool => match text.as_str() {
            "true" | "yes" => Ok(Value::Bool(true)),
            "false" | "no" => Ok(Value::Bool(false)),
            _ => wrong("yes or no"),
        },
        ParameterType::Duration => match text.parse::<Span>() {
            Ok(span) => Ok(Value::String(span.to_string())),
            Err(error) => Err(format!("parameter `{name}`: {error}")),
        },
        ParameterType::Url => match url::Url::parse(&text) {
            Ok(url) if ["http", "https"].contains(&url.scheme()) => Ok(Value::String(text)),
            _ => wrong("URL (expected something like https://host:2380)"),
        },
        ParameterType::Choice => {
            if parameter.values.contains(&text) {
                return Ok(Value::String(text));
            }
            wrong(&format!("choice; one of: {}", parameter.values.join(", ")))
        }
        ParameterType::Host => known_host(name, &text, config),
        ParameterType::Member => known_member(name, &text, model),
    }
}

fn known_host(name: &str, text: &str, config: &ClusterConfig) -> Result<Value, String> {
    if config.host(text).is_some() {
        return Ok(Value::String(text.to_owned()));
    }
    let names = config.hosts.iter().map(|host| host.name.as_str());
    Err(match nearest(text, names.clone()) {
        Some(close) => format!("parameter `{name}`: there is no host `{text}`; did you mean `{close}`?"),
        None => {
            let known: Vec<&str> = names.collect();
            format!(
                "parameter `{name}`: there is no host `{text}` in the inventory; it has: {}",
                known.join(", ")
            )
        }
    })
}

/// Members are called by host, name or hex ID; the value is the word that the model uses.
fn known_member(name: &str, text: &str, model: &Model) -> Result<Value, String> {
    if let Some(member) = model.find(text) {
        return Ok(Value::String(scope::word(member)));
    }
    let words: Vec<String> = model.members.iter().map(scope::word).collect();
    Err(match nearest(text, words.iter().map(String::as_str)) {
        Some(close) => format!("parameter `{name}`: there is no member `{text}`; did you mean `{close}`?"),
        None => format!(
            "parameter `{name}`: there is no member `{text}`; the cluster has: {}",
            words.join(", ")
        ),
    })
}
