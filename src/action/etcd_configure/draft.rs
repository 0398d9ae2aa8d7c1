//! Texts being changed: each setting where it lives, in the way that place is written. Pure.

use std::collections::BTreeMap;
use std::ops::Range;

use super::edits::{Edit, variable_of};
use crate::base::systemd::{command_of, env_file, flags, unit_file};
use crate::base::yaml;
use crate::call::configured::{ConfigKind, ConfigSeen};
use crate::call::host::SettingFrom;

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

/// Texts being changed.
pub(super) struct Draft<'a> {
    seen: &'a ConfigSeen,
    unit: &'a str,
    /// By path: as it is, as it will be, what changes.
    texts: BTreeMap<String, (String, String, Vec<String>)>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(unit: &'a str, seen: &'a ConfigSeen) -> Self {
        Self {
            seen,
            unit: unit.trim_end_matches(".service"),
            texts: BTreeMap::new(),
        }
    }

    /// Changes the file that the unit knows as `path`.
    fn change(&mut self, path: &str, says: String, edit: impl FnOnce(&str) -> Option<String>) -> Result<(), String> {
        let (target, before) = match self.seen.files.iter().find(|file| file.path == path) {
            Some(known) if known.there && known.text.is_none() => return Err(format!("{path} is no text file")),
            Some(known) => (known.target.clone(), known.text.clone().unwrap_or_default()),
            None if path == self.own_drop_in() => (path.to_owned(), String::new()),
            None => return Err(format!("{path} was not read")),
        };
        let entry = self
            .texts
            .entry(target)
            .or_insert_with(|| (before.clone(), before, Vec::new()));
        let after =
            edit(&entry.1).ok_or_else(|| format!("{path} is written in a way that cannot be changed for sure"))?;
        if after != entry.1 {
            entry.1 = after;
            entry.2.push(says);
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<Edit> {
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

    /// Where what a package's unit says is said otherwise: read after other drop-ins, before those for one start.
    fn own_drop_in(&self) -> String {
        format!("/etc/systemd/system/{}.service.d/zy-etcdops-settings.conf", self.unit)
    }

    /// The unit and its drop-ins as they will be, last first.
    fn unit_texts(&self) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        let own = self.own_drop_in();
        let known = self.seen.files.iter();
        for file in known.filter(|file| matches!(file.kind, ConfigKind::Unit | ConfigKind::DropIn)) {
            let text = self.texts.get(&file.target).map(|(_, after, _)| after.clone());
            let text = text.or_else(|| file.text.clone()).unwrap_or_default();
            found.push((file.path.clone(), text));
        }
        if !found.iter().any(|(path, _)| *path == own)
            && let Some((_, after, _)) = self.texts.get(&own)
        {
            found.push((own, after.clone()));
        }
        found.reverse();
        found
    }

    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        if value.contains(['\n', '\r', '\0']) || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(format!("`{key}` cannot be set to `{value}`"));
        }
        if let Some(path) = self.etcd_file() {
            return self.change(&path, key.to_owned(), |text| yaml::edit::set(text, key, value));
        }
        match self.seen.settings.get(key).map(|setting| setting.from.clone()) {
            Some(SettingFrom::EnvFile(path)) => self.set_in_env_file(&path, key, value),
            Some(SettingFrom::ArgsVariable { variable, file }) => {
                self.no_variable_besides(key)?;
                self.set_in_args(&variable, file.as_deref(), key, value)
            }
            Some(SettingFrom::Flag) => {
                self.no_variable_besides(key)?;
                self.edit_command(key.to_owned(), |command| {
                    let (place, shown) = flags::set(command, key, &in_command(value))?;
                    Some(vec![(place, shown)])
                })
            }
            Some(SettingFrom::UnitEnvironment) => self.set_in_unit(key, value),
            Some(SettingFrom::Process | SettingFrom::ConfigFile(_)) => Err(format!("where {key} is set was not found")),
            None => self.set_at_home(key, value),
        }
    }

    /// With a flag and a variable for one setting, etcd 3.4 and later does not start.
    fn no_variable_besides(&self, key: &str) -> Result<(), String> {
        let name = variable_of(key);
        if self.seen.variables.get(&name).is_some_and(|value| !value.is_empty()) {
            return Err(format!(
                "both --{key} and {name} are set, with which etcd does not start"
            ));
        }
        Ok(())
    }

    fn set_in_env_file(&mut self, path: &str, key: &str, value: &str) -> Result<(), String> {
        let name = variable_of(key);
        self.change(path, key.to_owned(), |text| {
            if env_file::value(text, &name).is_some() {
                env_file::set(text, &name, value)
            } else {
                env_file::add(text, "ETCD_", &name, value)
            }
        })
    }

    /// A flag in a variable such as `DAEMON_ARGS`, changed or added.
    fn set_in_args(&mut self, variable: &str, file: Option<&str>, key: &str, value: &str) -> Result<(), String> {
        let edited = |now: &str, value: &str| match flags::set(now, key, value) {
            Some(found) => Some(found),
            None if flags::places(now, key)?.is_empty() => Some((now.len()..now.len(), flags::add(now, key, value)?)),
            None => None,
        };
        if let Some(path) = file {
            return self.change(path, key.to_owned(), |text| {
                let (place, shown) = edited(&env_file::value(text, variable)?, value)?;
                env_file::replace(text, variable, place, &shown)
            });
        }
        let (path, text) = self.unit_file_of(variable)?;
        let specified = value.replace('%', "%%");
        if path.starts_with("/etc/") {
            return self.change(&path, key.to_owned(), |text| {
                let (_, word) = unit_file::variable(text, variable)?;
                let (place, shown) = edited(unit_file::assigned(&word, variable)?, &specified)?;
                unit_file::replace_in_variable(text, variable, place, &shown)
            });
        }
        let unclear = || format!("{variable} in {path} is written in a way that cannot be changed for sure");
        let (_, word) = unit_file::variable(&text, variable).ok_or_else(unclear)?;
        let mut now = unit_file::assigned(&word, variable).ok_or_else(unclear)?.to_owned();
        let (place, shown) = edited(&now, &specified).ok_or_else(unclear)?;
        now.replace_range(place, &shown);
        self.add_to_own(key, variable, &now)
    }

    /// The file of the unit that sets a variable, the last that counts.
    fn unit_file_of(&self, variable: &str) -> Result<(String, String), String> {
        let mut texts = self.unit_texts().into_iter();
        let found = texts.find(|(_, text)| unit_file::variable(text, variable).is_some());
        found.ok_or_else(|| format!("where the unit sets {variable} was not found"))
    }

    /// In a file of the administrator it is changed there; what a package says is overruled from elsewhere.
    fn set_in_unit(&mut self, key: &str, value: &str) -> Result<(), String> {
        let name = variable_of(key);
        let (path, _) = self.unit_file_of(&name)?;
        let specified = value.replace('%', "%%");
        if path.starts_with("/etc/") {
            return self.change(&path, key.to_owned(), |text| {
                unit_file::set_variable(text, &name, &specified)
            });
        }
        match self.last_env_file() {
            Some(file) => self.set_in_env_file(&file, key, value),
            None => self.add_to_own(key, &name, &specified),
        }
    }

    fn last_env_file(&self) -> Option<String> {
        let last = self.seen.files.iter().rfind(|file| file.kind == ConfigKind::EnvFile);
        last.map(|file| file.path.clone())
    }

    /// `Environment=` in our own drop-in.
    fn add_to_own(&mut self, key: &str, name: &str, specified: &str) -> Result<(), String> {
        let own = self.own_drop_in();
        let line = format!("Environment={}\n", unit_file::assignment(name, specified));
        self.change(&own, key.to_owned(), |text| {
            unit_file::set_variable(text, name, specified).or_else(|| Some(unit_file::add(text, None, &line)))
        })
    }

    /// A setting that is set nowhere yet: beside its siblings.
    fn set_at_home(&mut self, key: &str, value: &str) -> Result<(), String> {
        let siblings = SIBLINGS.iter().filter_map(|sibling| {
            let setting = self.seen.settings.get(*sibling)?;
            Some((variable_of(sibling), setting.from.clone()))
        });
        let mut weak = None;
        for (sibling, from) in siblings {
            match from {
                SettingFrom::EnvFile(path) => return self.set_in_env_file(&path, key, value),
                SettingFrom::ArgsVariable { variable, file } => {
                    return self.set_in_args(&variable, file.as_deref(), key, value);
                }
                SettingFrom::Flag => {
                    return self.edit_command(key.to_owned(), |command| {
                        let end = command.len();
                        Some(vec![(end..end, flags::add(command, key, &in_command(value))?)])
                    });
                }
                SettingFrom::UnitEnvironment => weak = weak.or(Some(sibling)),
                SettingFrom::Process | SettingFrom::ConfigFile(_) => {}
            }
        }
        let name = variable_of(key);
        let specified = value.replace('%', "%%");
        if let Some(sibling) = weak {
            let (path, _) = self.unit_file_of(&sibling)?;
            if path.starts_with("/etc/") {
                let line = format!("Environment={}\n", unit_file::assignment(&name, &specified));
                return self.change(&path, key.to_owned(), |text| {
                    let (entry, _) = unit_file::variable(text, &sibling)?;
                    Some(unit_file::add(text, Some(&entry), &line))
                });
            }
        }
        match self.last_env_file() {
            Some(file) => self.set_in_env_file(&file, key, value),
            None => self.add_to_own(key, &name, &specified),
        }
    }

    /// Changes places of the command line, last first; a package's unit is overruled by a whole line of our own.
    fn edit_command(
        &mut self,
        says: String,
        edit: impl Fn(&str) -> Option<Vec<(Range<usize>, String)>>,
    ) -> Result<(), String> {
        let mut texts = self.unit_texts().into_iter();
        let found = texts.find_map(|(path, text)| Some((path, unit_file::last(&text, "ExecStart")?)));
        let (path, entry) = found.ok_or("the unit has no ExecStart=")?;
        let (command, _) = command_of(&entry.value);
        let marks = entry.value.len() - command.len();
        let unclear = || format!("ExecStart= in {path} is written in a way that cannot be changed for sure");
        let places = edit(command).ok_or_else(unclear)?;
        if path.starts_with("/run/") {
            return Err(format!("ExecStart= is overruled for a while by {path}"));
        }
        if path.starts_with("/etc/") {
            return self.change(&path, says, |text| {
                let mut text = text.to_owned();
                for (place, shown) in &places {
                    let entry = unit_file::last(&text, "ExecStart")?;
                    text = unit_file::replace(&text, &entry, place.start + marks..place.end + marks, shown)?;
                }
                Some(text)
            });
        }
        let mut whole = entry.value.clone();
        for (place, shown) in &places {
            whole.replace_range(place.start + marks..place.end + marks, shown);
        }
        let own = self.own_drop_in();
        self.change(&own, says, |text| {
            Some(unit_file::add(text, None, &format!("ExecStart=\nExecStart={whole}\n")))
        })
    }

    /// Takes a setting out of everything, as a comment where there can be one.
    pub(super) fn take_out(&mut self, key: &str) -> Result<(), String> {
        let says = format!("{key} made a comment");
        if let Some(path) = self.etcd_file() {
            return self.change(&path, says, |text| yaml::edit::comment_out(text, key));
        }
        let name = variable_of(key);
        match self.seen.settings.get(key).map(|setting| setting.from.clone()) {
            Some(SettingFrom::ArgsVariable {
                variable,
                file: Some(path),
            }) => self.change(&path, says.clone(), |text| {
                take_flag_out_of_env_file(text, &variable, key)
            })?,
            Some(SettingFrom::ArgsVariable { variable, file: None }) => {
                self.take_flag_out_of_unit(&variable, key, &says)?;
            }
            Some(SettingFrom::Flag) => self.edit_command(says.clone(), |command| {
                let places = flags::places(command, key)?;
                Some(places.into_iter().map(|place| (place, String::new())).collect())
            })?,
            _ => {}
        }
        if self.seen.variables.contains_key(&name) {
            self.take_variable_out(&says, &name)?;
        }
        Ok(())
    }

    fn take_variable_out(&mut self, says: &str, name: &str) -> Result<(), String> {
        let files = self.seen.files.iter().filter(|file| file.kind == ConfigKind::EnvFile);
        let paths: Vec<String> = files.map(|file| file.path.clone()).collect();
        for path in paths {
            self.change(&path, says.to_owned(), |text| env_file::comment_out(text, name))?;
        }
        for (path, text) in self.unit_texts() {
            if unit_file::variable(&text, name).is_none() {
                continue;
            }
            if path.starts_with("/etc/") {
                self.change(&path, says.to_owned(), |text| unit_file::take_variable_out(text, name))?;
            } else {
                // etcd takes an empty variable for none.
                self.add_to_own(says, name, "")?;
            }
        }
        Ok(())
    }

    /// A flag in a variable of the unit's own: the whole variable without it, in our drop-in where a package sets it.
    fn take_flag_out_of_unit(&mut self, variable: &str, key: &str, says: &str) -> Result<(), String> {
        let (path, text) = self.unit_file_of(variable)?;
        let without = |text: &str| {
            let (_, word) = unit_file::variable(text, variable)?;
            let mut now = unit_file::assigned(&word, variable)?.to_owned();
            for place in flags::places(&now, key)? {
                now.replace_range(place, "");
            }
            Some(now)
        };
        if path.starts_with("/etc/") {
            return self.change(&path, says.to_owned(), |text| {
                let (entry, _) = unit_file::variable(text, variable)?;
                let comment = format!("# Environment={}\n", entry.value.replace('\\', " "));
                let mut changed = unit_file::set_variable(text, variable, &without(text)?)?;
                changed.insert_str(entry.lines.start, &comment);
                Some(changed)
            });
        }
        let now = without(&text)
            .ok_or_else(|| format!("{variable} in {path} is written in a way that cannot be changed for sure"))?;
        self.add_to_own(says, variable, &now)
    }
}

/// As a command line of a unit must hold it.
fn in_command(value: &str) -> String {
    value.replace('%', "%%").replace('$', "$$")
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
