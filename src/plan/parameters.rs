//! Parameters: given, defaulted, checked against their type and the inventory.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::base::duration::Span;
use crate::base::expr::{Expr, Seen};
use crate::base::nearest::nearest;
use crate::call::CallError;
use crate::cluster::host::ClusterConfig;
use crate::cluster::member::Id;
use crate::cluster::model::Model;
use crate::runbook::types::{DefaultValue, Parameter, ParameterType};

use crate::runbook::scope::plain;

use super::bind::Roots;
use super::build::Refusal;
use super::scope::{self, Drawn, Ground};

/// Binds every declared parameter. A `default:` sees the roots and the other parameters.
///
/// # Errors
/// All problems.
pub fn bind(
    declared: &BTreeMap<String, Parameter>,
    given: &BTreeMap<String, Value>,
    drawn: &Drawn<'_>,
) -> Result<BTreeMap<String, Value>, Vec<Refusal>> {
    let ground = &drawn.ground();
    let mut seen = Roots::new();
    let mut bound = BTreeMap::new();
    let mut problems = Vec::new();
    for name in given.keys().filter(|name| !declared.contains_key(*name)) {
        problems.push(unknown(name, declared).into());
    }
    let mut without = BTreeSet::new();
    // A default may read other parameters: those that need nothing more come first.
    let mut open: Vec<(&String, &Parameter)> = declared.iter().collect();
    while !open.is_empty() {
        let waits = |(name, parameter): &(&String, &Parameter)| {
            !given.contains_key(*name)
                && reads(parameter)
                    .iter()
                    .any(|read| open.iter().any(|(name, _)| *name == read))
        };
        let (mut later, mut now): (Vec<_>, Vec<_>) = open.iter().copied().partition(waits);
        if now.is_empty() {
            // They wait for one another: each tells what it lacks.
            now = std::mem::take(&mut later);
        }
        for (name, parameter) in now {
            // What a default lacks because of another mistake is no mistake of its own.
            if !given.contains_key(name) && reads(parameter).iter().any(|read| without.contains(read)) {
                without.insert(name.clone());
                continue;
            }
            let known = |root: &str| seen.get(root).cloned().or_else(|| drawn.root(root));
            match one(name, parameter, given.get(name), ground, &known) {
                Ok(value) => {
                    seen.insert(name.clone(), ground.parameter(parameter.kind, &value).into());
                    bound.insert(name.clone(), value);
                }
                Err(problem) => {
                    without.insert(name.clone());
                    problems.push(problem);
                }
            }
        }
        open = later;
    }
    if problems.is_empty() { Ok(bound) } else { Err(problems) }
}

fn unknown(name: &str, declared: &BTreeMap<String, Parameter>) -> String {
    match nearest(name, declared.keys().map(String::as_str)) {
        Some(close) => format!("there is no parameter `{name}`; did you mean `{close}`?"),
        None => format!("there is no parameter `{name}`"),
    }
}

/// The parameters (and roots) that a default reads.
fn reads(parameter: &Parameter) -> Vec<String> {
    let Some(DefaultValue::Expression(text)) = parameter.default_value() else {
        return Vec::new();
    };
    Expr::parse(&text)
        .map(|expression| expression.roots().map(str::to_owned).collect())
        .unwrap_or_default()
}

fn one(
    name: &str,
    parameter: &Parameter,
    given: Option<&Value>,
    ground: &Ground<'_>,
    known: &dyn Fn(&str) -> Option<Seen>,
) -> Result<Value, Refusal> {
    let value = match (given, parameter.default_value()) {
        (Some(value), _) => value.clone(),
        (None, Some(DefaultValue::Expression(text))) => {
            let wrong = |error| format!("default of `{name}`: {error}");
            let expression = Expr::parse(&text).map_err(wrong)?;
            let seen: Vec<(&str, Seen)> = expression
                .roots()
                .filter_map(|root| Some((root, known(root)?)))
                .collect();
            let value = expression
                .eval_with(seen.iter().map(|(root, seen)| (*root, seen)))
                .map_err(wrong)?;
            if value.is_null() && parameter.kind == ParameterType::Backup && text.trim() != "none" {
                return Err(no_backup(name, ground.around.no_library).into());
            }
            if value.is_null() && text.trim() != "none" {
                let why =
                    format!("parameter `{name}` is needed: --set {name}=… (its default, `{text}`, is nothing here)");
                return Err(why.into());
            }
            value
        }
        (None, Some(DefaultValue::Value(literal))) => literal,
        (None, None) => return Err(format!("parameter `{name}` is needed: --set {name}=…").into()),
    };
    let value = plain(value);
    if value.is_null() {
        return Ok(value);
    }
    let value = if parameter.many { listed(value) } else { value };
    let check = |value: &Value| typed(name, parameter, value, ground);
    match (&value, parameter.many) {
        (Value::Array(items), true) => items.iter().map(check).collect::<Result<_, _>>().map(Value::Array),
        (Value::Array(_), false) => Err(format!("parameter `{name}` takes one value, not a list").into()),
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

fn typed(name: &str, parameter: &Parameter, value: &Value, ground: &Ground<'_>) -> Result<Value, Refusal> {
    let (config, model) = (ground.around.config, ground.model);
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let wrong = |what: &str| Err(format!("parameter `{name}`: `{text}` is no {what}").into());
    match parameter.kind {
        ParameterType::Text | ParameterType::Path => Ok(Value::String(text)),
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
            Err(error) => Err(format!("parameter `{name}`: {error}").into()),
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
        ParameterType::Host => Ok(known_host(name, &text, config)?),
        ParameterType::Backup => Ok(known_backup(name, &text, ground)?),
        ParameterType::Member => match known_member(name, &text, model) {
            Err(no) if no.usage && parameter.gone && may_be_gone(&text, config) => Ok(Value::String(text)),
            known => known,
        },
    }
}

fn no_backup(name: &str, no_library: Option<&CallError>) -> String {
    match no_library {
        Some(why) => format!("parameter `{name}`: the backup library cannot be read: {why}"),
        None => format!(
            "parameter `{name}`: the library has no verified backup of this cluster; `etcdops backups list` shows what it has, \
             `etcdops backups add FILE` takes in what others made"
        ),
    }
}

fn known_backup(name: &str, text: &str, ground: &Ground<'_>) -> Result<Value, String> {
    if ground.around.library.find(text).is_some() {
        return Ok(Value::String(text.to_owned()));
    }
    if ground.around.no_library.is_some() {
        return Err(no_backup(name, ground.around.no_library));
    }
    let names = ground
        .around
        .library
        .backups
        .iter()
        .map(|kept| kept.manifest.name.as_str());
    Err(match nearest(text, names) {
        Some(close) => format!("parameter `{name}`: there is no backup `{text}`; did you mean `{close}`?"),
        None => format!("parameter `{name}`: there is no backup `{text}`: etcdops backups list"),
    })
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

/// A host that carries no member, or an ID (not a word that happens to be hex).
fn may_be_gone(text: &str, config: &ClusterConfig) -> bool {
    const SHORTEST_ID: usize = 10;
    config.host(text).is_some() || (text.len() >= SHORTEST_ID && text.parse::<Id>().is_ok())
}

/// Members are called by host, name or hex ID. The value is the ID: no other member answers to it.
fn known_member(name: &str, text: &str, model: &Model) -> Result<Value, Refusal> {
    let found = model.find(text).map_err(|twice| Refusal {
        hint: Some(twice.hint()),
        ..Refusal::at("", format!("parameter `{name}`: {twice}"))
    })?;
    if let Some(member) = found {
        let id = member.id.map(|id| id.to_string());
        return Ok(Value::String(id.unwrap_or_else(|| scope::word(member))));
    }
    let words: Vec<String> = model.members.iter().map(scope::word).collect();
    Err(match nearest(text, words.iter().map(String::as_str)) {
        Some(close) => format!("parameter `{name}`: there is no member `{text}`; did you mean `{close}`?"),
        None => format!(
            "parameter `{name}`: there is no member `{text}`; the cluster has: {}",
            words.join(", ")
        ),
    }
    .into())
}
