//! What etcd reads when its unit starts: settings with the places they come from, and the files that they stand in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::host::{Setting, SettingFrom};
use crate::base::systemd::{self, Argument, env_file};
use crate::base::yaml::edit::scalar;

/// The configuration of etcd on a host: what is in force at the next start, and the texts that say so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConfigSeen {
    /// The unit is there.
    pub exists: bool,
    /// In systemd's order: the unit, its drop-ins, environment files, etcd's own file. Also those that are not there yet.
    pub files: Vec<ConfigText>,
    /// As etcd would read them at the next start; keyed as in `ServiceSeen`.
    pub settings: BTreeMap<String, Setting>,
    /// Variables of the unit's environment.
    pub variables: BTreeMap<String, String>,
    /// The last `ExecStart=` as written, continuations joined.
    pub command: Option<String>,
    /// What could not be read for sure.
    pub unreadable: Option<String>,
    /// Whom etcd runs as, where the unit says so.
    pub user: Option<String>,
    /// systemd has not read the unit's files as they are now.
    pub stale: bool,
}

/// One file that configures etcd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigText {
    /// As the unit names it.
    pub path: String,
    /// Where it truly lies: links followed.
    pub target: String,
    pub kind: ConfigKind,
    /// `None`: not there, or no text.
    pub text: Option<String>,
    pub there: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigKind {
    Unit,
    DropIn,
    EnvFile,
    /// etcd's `--config-file`.
    EtcdFile,
}

/// Settings with the environment that they come from.
#[derive(Clone, Debug, Default)]
pub struct Configured {
    pub settings: BTreeMap<String, Setting>,
    pub environment: BTreeMap<String, (String, SettingFrom)>,
}

/// What systemd makes of a unit with its drop-ins on a machine of this name, and etcd of that; `file` gives the files that
/// they name.
pub fn assemble(machine: &str, parts: Vec<ConfigText>, file: &dyn Fn(&str, ConfigKind) -> ConfigText) -> ConfigSeen {
    let texts: Vec<&str> = parts.iter().filter_map(|part| part.text.as_deref()).collect();
    let lines = systemd::section(&texts.join("\n"), "Service");
    let mut seen = ConfigSeen {
        exists: true,
        command: systemd::list(&lines, "ExecStart").pop(),
        user: systemd::list(&lines, "User").pop(),
        files: parts,
        ..ConfigSeen::default()
    };
    let mut problems = Vec::new();
    let mut environment = BTreeMap::new();
    for line in systemd::list(&lines, "Environment") {
        for word in systemd::words(&line).unwrap_or_default() {
            if let Some((name, value)) = word.text.split_once('=') {
                let value = expanded(value, machine);
                environment.insert(name.to_owned(), (value, SettingFrom::UnitEnvironment));
            }
        }
    }
    for named in systemd::list(&lines, "EnvironmentFile") {
        let path = named.trim_start_matches('-');
        let text = file(path, ConfigKind::EnvFile);
        let read = env_file::read(text.text.as_deref().unwrap_or_default());
        problems.extend(read.doubtful.iter().map(|why| format!("{path}: {why}")));
        for one in read.values {
            environment.insert(one.name, (one.value, SettingFrom::EnvFile(path.to_owned())));
        }
        seen.files.push(text);
    }
    seen.variables = environment
        .iter()
        .map(|(name, (value, _))| (name.clone(), value.clone()))
        .collect();
    let (line, expand) = systemd::command_of(seen.command.as_deref().unwrap_or_default());
    let arguments = systemd::arguments(line, expand, &seen.variables).unwrap_or_default();
    let mut configs = BTreeMap::new();
    for (key, value, _) in flags(&arguments).into_iter().chain(
        environment
            .get("ETCD_CONFIG_FILE")
            .map(|(value, _)| ("config-file".to_owned(), value.clone(), None)),
    ) {
        if key == "config-file" {
            let named = file(&value, ConfigKind::EtcdFile);
            configs.extend(named.text.clone().map(|text| (value, text)));
            seen.files.push(named);
        }
    }
    seen.settings = settings(environment, &arguments, &configs, &mut problems).settings;
    for setting in seen
        .settings
        .values_mut()
        .filter(|setting| setting.from == SettingFrom::Flag)
    {
        setting.value = expanded(&setting.value, machine);
    }
    seen.unreadable = (!problems.is_empty()).then(|| problems.join("; "));
    seen
}

/// The specifiers that people use.
fn expanded(value: &str, machine: &str) -> String {
    value.replace("%H", machine).replace("%%", "%")
}

/// A config file silences everything else; a flag wins over the environment.
pub fn settings(
    environment: BTreeMap<String, (String, SettingFrom)>,
    arguments: &[Argument],
    configs: &BTreeMap<String, String>,
    problems: &mut Vec<String>,
) -> Configured {
    let mut found = BTreeMap::new();
    for (name, (value, from)) in &environment {
        // etcd takes an empty variable for none.
        if let Some(key) = name.strip_prefix("ETCD_").filter(|_| !value.is_empty()) {
            let setting = Setting {
                value: value.clone(),
                from: from.clone(),
            };
            found.insert(key.to_ascii_lowercase().replace('_', "-"), setting);
        }
    }
    for (key, value, variable) in flags(arguments) {
        let from = match variable {
            None => SettingFrom::Flag,
            Some(variable) => SettingFrom::ArgsVariable {
                file: match environment.get(&variable) {
                    Some((_, SettingFrom::EnvFile(path))) => Some(path.clone()),
                    _ => None,
                },
                variable,
            },
        };
        found.insert(key, Setting { value, from });
    }
    if let Some(config) = found.get("config-file").cloned() {
        match configs.get(&config.value) {
            None => problems.push(format!("the config file {} cannot be read", config.value)),
            Some(text) => match config_values(text) {
                None => problems.push(format!("the config file {} is no simple YAML mapping", config.value)),
                Some(values) => {
                    found = BTreeMap::from([("config-file".to_owned(), config.clone())]);
                    found.extend(values.into_iter().map(|(key, value)| {
                        let from = SettingFrom::ConfigFile(config.value.clone());
                        (key, Setting { value, from })
                    }));
                }
            },
        }
    }
    Configured {
        settings: found,
        environment,
    }
}

/// What differs in `next`; `None`: what it has not at all.
pub fn changes(now: &BTreeMap<String, Setting>, next: &BTreeMap<String, Setting>) -> BTreeMap<String, Option<String>> {
    let value = |settings: &BTreeMap<String, Setting>, key: &str| Some(settings.get(key)?.value.clone());
    let keys = now.keys().chain(next.keys());
    let changed = keys.filter(|key| value(now, key) != value(next, key));
    changed.map(|key| (key.clone(), value(next, key))).collect()
}

/// Flags with one dash or two, value after `=` or as the next word; a flag without a value is `true`.
fn flags(arguments: &[Argument]) -> Vec<(String, String, Option<String>)> {
    let mut found = Vec::new();
    let mut rest = arguments.iter().skip(1).peekable();
    while let Some(argument) = rest.next() {
        let Some(flag) = argument
            .text
            .strip_prefix("--")
            .or_else(|| argument.text.strip_prefix('-'))
        else {
            continue;
        };
        let (key, value) = match flag.split_once('=') {
            Some((key, value)) => (key, value.to_owned()),
            None => match rest.next_if(|next| !next.text.starts_with('-')) {
                Some(next) => (flag, next.text.clone()),
                None => (flag, "true".to_owned()),
            },
        };
        if !key.is_empty() {
            found.push((key.to_owned(), value, argument.variable.clone()));
        }
    }
    found
}

/// The scalar top-level values of a config file; sections such as `client-transport-security` are joined with a dot.
fn config_values(text: &str) -> Option<BTreeMap<String, String>> {
    let value: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
    let mut found = BTreeMap::new();
    for (key, value) in value.as_mapping()? {
        let key = key.as_str()?;
        match value {
            serde_yaml::Value::Mapping(inner) => {
                let scalars = inner
                    .iter()
                    .filter_map(|(name, value)| Some((name.as_str()?, scalar(value)?)));
                found.extend(scalars.map(|(name, value)| (format!("{key}.{name}"), value)));
            }
            _ => found.extend(scalar(value).map(|value| (key.to_owned(), value))),
        }
    }
    Some(found)
}
