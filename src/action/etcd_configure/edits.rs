//! From what etcd would read to what must be written where, so that it reads what is wanted. Pure.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::wanted::Wanted;
use crate::base::diff;
use crate::base::systemd::{command_of, words};
use crate::call::configured::ConfigSeen;
use crate::call::host::SettingFrom;

/// One file that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// Where it truly lies.
    pub(super) path: String,
    pub(super) before: String,
    pub(super) after: String,
    /// What changes in it, in a few words.
    pub(super) says: String,
}

impl Edit {
    pub(super) fn diff(&self) -> Vec<String> {
        diff::lines(&self.before, &self.after)
    }
}

/// It cannot be written for sure: why, and the lines for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) why: String,
    pub(super) lines: Vec<String>,
}

/// The edits, or why there can be none; none at all where everything is as wanted.
pub(super) fn edits(unit: &str, seen: &ConfigSeen, wanted: &Wanted) -> Result<Vec<Edit>, Refused> {
    let differing: BTreeMap<&String, &String> = wanted
        .set
        .iter()
        .filter(|(key, value)| seen.settings.get(*key).map(|setting| &setting.value) != Some(*value))
        .collect();
    let unwanted: Vec<&String> = wanted
        .without
        .iter()
        .filter(|key| seen.settings.contains_key(*key))
        .collect();
    if differing.is_empty() && unwanted.is_empty() {
        return Ok(Vec::new());
    }
    let refuse = |why: String| Refused {
        why,
        lines: by_hand(seen, &differing, &unwanted),
    };
    if let Some(why) = seen.unreadable.clone().or_else(|| shell_of(seen)) {
        return Err(refuse(why));
    }
    let mut draft = Draft::new(unit, seen);
    for key in &unwanted {
        draft.take_out(key).map_err(&refuse)?;
    }
    for (key, value) in &differing {
        draft.set(key, value).map_err(&refuse)?;
    }
    Ok(draft.finish())
}

/// The lines that a person would write, for the place where they belong.
fn by_hand(seen: &ConfigSeen, differing: &BTreeMap<&String, &String>, unwanted: &[&String]) -> Vec<String> {
    let file = seen.settings.get("config-file");
    let mut lines = Vec::new();
    for key in unwanted {
        lines.push(format!("take out {}", written(seen, key, None)));
    }
    for (key, value) in differing {
        lines.push(match file {
            Some(_) => format!("{key}: '{}'", value.replace('\'', "''")),
            None => written(seen, key, Some(value)),
        });
    }
    lines
}

fn written(seen: &ConfigSeen, key: &str, value: Option<&str>) -> String {
    let is_flag = seen
        .settings
        .get(key)
        .is_some_and(|setting| matches!(setting.from, SettingFrom::Flag | SettingFrom::ArgsVariable { .. }));
    match (is_flag, value) {
        (true, Some(value)) => format!("--{key}={value}"),
        (true, None) => format!("--{key}"),
        (false, Some(value)) => format!("{}=\"{value}\"", variable_of(key)),
        (false, None) => variable_of(key),
    }
}

/// `initial-cluster` → `ETCD_INITIAL_CLUSTER`.
pub(in crate::action) fn variable_of(key: &str) -> String {
    format!("ETCD_{}", key.to_ascii_uppercase().replace('-', "_"))
}

/// A shell that makes the command line: what etcd is started with cannot be told from the unit.
fn shell_of(seen: &ConfigSeen) -> Option<String> {
    let (command, _) = command_of(seen.command.as_deref()?);
    let first = words(command)?.into_iter().next()?.text;
    let name = first.rsplit('/').next().unwrap_or_default();
    let shells = ["sh", "bash", "dash", "ksh", "zsh", "env"];
    shells
        .contains(&name)
        .then(|| format!("the unit starts etcd through {first}, and its command line is made there"))
}

#[cfg(test)]
mod tests;
