//! From what etcd would read to what must be written where, so that it reads what is wanted. Pure.

use std::collections::BTreeMap;

use super::wanted::Wanted;
use crate::base::systemd::{env_file, flags};
use crate::base::{diff, yaml};
use crate::call::configured::{ConfigKind, ConfigSeen};
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

/// In which places a sibling tells where a setting belongs that is set nowhere yet.
const SIBLINGS: [&str; 9] = [
    "initial-cluster",
    "initial-cluster-state",
    "initial-cluster-token",
    "initial-advertise-peer-urls",
    "listen-peer-urls",
    "advertise-client-urls",
    "listen-client-urls",
    "name",
    "data-dir",
];

/// The edits, or why there can be none; none at all where everything is as wanted.
pub(super) fn edits(seen: &ConfigSeen, wanted: &Wanted) -> Result<Vec<Edit>, Refused> {
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
    if let Some(why) = &seen.unreadable {
        return Err(refuse(why.clone()));
    }
    let mut draft = Draft {
        seen,
        texts: BTreeMap::new(),
    };
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
pub(super) fn variable_of(key: &str) -> String {
    format!("ETCD_{}", key.to_ascii_uppercase().replace('-', "_"))
}

/// Texts being changed.
struct Draft<'a> {
    seen: &'a ConfigSeen,
    /// By path: as it is, as it will be, what changes.
    texts: BTreeMap<String, (String, String, Vec<String>)>,
}

impl Draft<'_> {
    /// Changes the file that the unit knows as `path`.
    fn change(&mut self, path: &str, says: String, edit: impl FnOnce(&str) -> Option<String>) -> Result<(), String> {
        let known = self.seen.files.iter().find(|file| file.path == path);
        let known = known.ok_or_else(|| format!("{path} was not read"))?;
        if known.there && known.text.is_none() {
            return Err(format!("{path} is no text file"));
        }
        let before = known.text.clone().unwrap_or_default();
        let entry = self
            .texts
            .entry(known.target.clone())
            .or_insert_with(|| (before.clone(), before, Vec::new()));
        let after =
            edit(&entry.1).ok_or_else(|| format!("{path} is written in a way that cannot be changed for sure"))?;
        if after != entry.1 {
            entry.1 = after;
            entry.2.push(says);
        }
        Ok(())
    }

    fn finish(self) -> Vec<Edit> {
        let changed = self.texts.into_iter().filter(|(_, (before, after, _))| before != after);
        changed
            .map(|(path, (before, after, says))| Edit {
                says: says.join(", "),
                path,
                before,
                after,
            })
            .collect()
    }

    /// etcd's own file silences everything else.
    fn etcd_file(&self) -> Option<String> {
        let named = self.seen.settings.get("config-file")?;
        Some(named.value.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        if value.contains(['\n', '\r', '\0']) || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(format!("`{key}` cannot be set to `{value}`"));
        }
        if let Some(path) = self.etcd_file() {
            return self.change(&path, key.to_owned(), |text| yaml::edit::set(text, key, value));
        }
        match self.seen.settings.get(key).map(|setting| setting.from.clone()) {
            Some(SettingFrom::EnvFile(path)) => self.set_in_env_file(&path, key, value),
            Some(SettingFrom::ArgsVariable {
                variable,
                file: Some(path),
            }) => self.change(&path, key.to_owned(), |text| {
                set_flag_in_env_file(text, &variable, key, value)
            }),
            Some(SettingFrom::UnitEnvironment) | None => self.set_at_home(key, value),
            Some(from) => Err(format!("{key} is set {}, which cannot be changed yet", place_of(&from))),
        }
    }

    fn set_in_env_file(&mut self, path: &str, key: &str, value: &str) -> Result<(), String> {
        let name = variable_of(key);
        self.change(path, key.to_owned(), |text| {
            if sets(text, &name) {
                env_file::set(text, &name, value)
            } else {
                Some(env_file::add(text, "ETCD_", &name, value))
            }
        })
    }

    /// Beside its siblings; an environment file wins over what the unit sets.
    fn set_at_home(&mut self, key: &str, value: &str) -> Result<(), String> {
        let siblings = SIBLINGS.iter().filter_map(|sibling| self.seen.settings.get(*sibling));
        let mut places = siblings.map(|setting| setting.from.clone());
        let home = places.find(|from| !matches!(from, SettingFrom::UnitEnvironment | SettingFrom::Process));
        let last_env_file = self.seen.files.iter().rfind(|file| file.kind == ConfigKind::EnvFile);
        match (home, last_env_file) {
            (Some(SettingFrom::EnvFile(path)), _) => self.set_in_env_file(&path, key, value),
            (
                Some(SettingFrom::ArgsVariable {
                    variable,
                    file: Some(path),
                }),
                _,
            ) if !self.seen.settings.contains_key(key) => self.change(&path, key.to_owned(), |text| {
                let now = env_file::value(text, &variable)?;
                let more = flags::add(&now, key, value)?;
                env_file::replace(text, &variable, now.len()..now.len(), &more)
            }),
            (_, Some(file)) => {
                let path = file.path.clone();
                self.set_in_env_file(&path, key, value)
            }
            _ => Err("the unit reads no environment file".to_owned()),
        }
    }

    /// Takes a setting out of everything, as a comment where there can be one.
    fn take_out(&mut self, key: &str) -> Result<(), String> {
        let says = format!("{key} made a comment");
        if let Some(path) = self.etcd_file() {
            return self.change(&path, says, |text| yaml::edit::comment_out(text, key));
        }
        match self.seen.settings.get(key).map(|setting| setting.from.clone()) {
            None => Ok(()),
            Some(SettingFrom::EnvFile(_)) => {
                let name = variable_of(key);
                let files = self.seen.files.iter().filter(|file| file.kind == ConfigKind::EnvFile);
                let paths: Vec<String> = files.map(|file| file.path.clone()).collect();
                for path in paths {
                    self.change(&path, says.clone(), |text| env_file::comment_out(text, &name))?;
                }
                Ok(())
            }
            Some(SettingFrom::ArgsVariable {
                variable,
                file: Some(path),
            }) => self.change(&path, format!("{key} taken out of {variable}"), |text| {
                take_flag_out_of_env_file(text, &variable, key)
            }),
            Some(from) => Err(format!("{key} is set {}, which cannot be changed yet", place_of(&from))),
        }
    }
}

fn place_of(from: &SettingFrom) -> String {
    match from {
        SettingFrom::UnitEnvironment => "in the unit's Environment=".to_owned(),
        SettingFrom::EnvFile(path) | SettingFrom::ConfigFile(path) => format!("in {path}"),
        SettingFrom::Flag => "as a flag in the unit's ExecStart=".to_owned(),
        SettingFrom::ArgsVariable { variable, file } => match file {
            Some(path) => format!("as a flag in {variable} of {path}"),
            None => format!("as a flag in {variable} of the unit"),
        },
        SettingFrom::Process => "in the running process only".to_owned(),
    }
}

fn sets(text: &str, name: &str) -> bool {
    env_file::value(text, name).is_some()
}

fn set_flag_in_env_file(text: &str, variable: &str, key: &str, value: &str) -> Option<String> {
    let now = env_file::value(text, variable)?;
    let (place, shown) = flags::set(&now, key, value)?;
    env_file::replace(text, variable, place, &shown)
}

/// The flag goes, and a comment above says what stood there.
fn take_flag_out_of_env_file(text: &str, variable: &str, key: &str) -> Option<String> {
    let mut changed = text.to_owned();
    loop {
        let now = env_file::value(&changed, variable)?;
        let Some(place) = flags::places(&now, key)?.into_iter().next() else {
            return Some(changed);
        };
        let was = now.get(place.clone())?.trim().to_owned();
        changed = env_file::replace(&changed, variable, place, "")?;
        changed = env_file::comment_above(&changed, variable, &format!("{variable} had {was}"))?;
    }
}
