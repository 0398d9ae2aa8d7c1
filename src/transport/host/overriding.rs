//! Writes an override where the setting lives (safety 27). Pure: decides what the drop-in, its environment file and the copy
//! of a config file hold; refuses, with the lines to change by hand, what it cannot read for sure.

use std::collections::BTreeMap;

use super::frame::encode_base64;
use super::inspect::Inspected;
use super::shell::Details;
use crate::base::systemd::{command_of, env_file, flags};
use crate::base::yaml;

use crate::call::host::SettingFrom;
use crate::cluster::host::{Host, ServiceKind};

/// What is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Draft {
    /// Environment file: name → value.
    environment: BTreeMap<String, String>,
    /// The new `ExecStart=`; process kind: flags to add.
    exec: Option<String>,
    flags: Vec<String>,
    /// The config file that is copied, and its new text.
    config: Option<(String, String)>,
}

/// The shell variables of `op_override`.
pub(super) fn details(
    host: &Host,
    seen: &Inspected,
    name: &str,
    settings: &BTreeMap<String, String>,
) -> Result<Details, String> {
    if let Some(why) = &seen.service.unreadable {
        return Err(by_hand(why, settings));
    }
    if let Some(other) = seen.service.overrides.keys().find(|other| *other != name) {
        return Err(format!("the override `{other}` is in place; take it away first"));
    }
    for (key, value) in settings {
        if value.contains(['\n', '\0']) || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(format!("`{key}` cannot be set to `{value}`"));
        }
    }
    let draft = draft(host, seen, name, settings)?;
    let environment: String = match host.service.kind {
        ServiceKind::Systemd => draft
            .environment
            .iter()
            .map(|(name, value)| env_file::line(name, value))
            .collect(),
        ServiceKind::Process => draft
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect(),
    };
    let exec = match host.service.kind {
        ServiceKind::Systemd => draft
            .exec
            .map(|exec| format!("ExecStart=\nExecStart={exec}\n"))
            .unwrap_or_default(),
        ServiceKind::Process => draft.flags.iter().map(|flag| format!("{flag}\n")).collect(),
    };
    let (original, copy) = draft.config.unwrap_or_default();
    let lines: Vec<String> = settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
    Ok(Details {
        variables: vec![
            ("env", encode_base64(environment.as_bytes())),
            ("exec", encode_base64(exec.as_bytes())),
            ("original", original),
            ("copy", encode_base64(copy.as_bytes())),
            ("settings", lines.join("\n")),
        ],
    })
}

fn draft(host: &Host, seen: &Inspected, name: &str, settings: &BTreeMap<String, String>) -> Result<Draft, String> {
    let mut draft = Draft::default();
    let config = seen.configured.settings.get("config-file");
    match config {
        // With a config file, etcd ignores flags and environment without a word.
        Some(file) => {
            if host.service.kind == ServiceKind::Process {
                return Err(by_hand("etcd is started with a config file", settings));
            }
            let original = file.value.clone();
            let text = seen
                .configs
                .get(&original)
                .ok_or_else(|| by_hand(&format!("{original} cannot be read"), settings))?;
            let mut text = text.clone();
            for (key, value) in settings {
                text = in_config(&text, key, value)
                    .ok_or_else(|| by_hand(&format!("{original} is no simple YAML"), settings))?;
            }
            let unit = host.service.unit.trim_end_matches(".service");
            let copy = format!("/run/etcdops/{unit}/{name}.yaml");
            place(&mut draft, host, seen, "config-file", &copy)?;
            draft.config = Some((original, text));
        }
        None => {
            for (key, value) in settings {
                place(&mut draft, host, seen, key, value)?;
            }
        }
    }
    Ok(draft)
}

/// Settings that are text for etcd whatever they look like (`configYAML`). It reads its config file by type, and ends where a quoted
/// `true` stands for a truth.
const TEXTS: [&str; 7] = [
    "name",
    "data-dir",
    "wal-dir",
    "initial-cluster-token",
    "auto-compaction-retention",
    "auth-token",
    "discovery-token",
];

fn in_config(text: &str, key: &str, value: &str) -> Option<String> {
    let looks_plain = matches!(value, "true" | "false") || value.parse::<u64>().is_ok();
    if looks_plain && !TEXTS.contains(&key) {
        yaml::edit::set_plain(text, key, value)
    } else {
        yaml::edit::set(text, key, value)
    }
}

/// Sets one flag or variable where it is set now; where it is set nowhere, as a variable of the environment.
fn place(draft: &mut Draft, host: &Host, seen: &Inspected, key: &str, value: &str) -> Result<(), String> {
    let from = seen.configured.settings.get(key).map(|setting| &setting.from);
    let again = || {
        by_hand(
            &format!("--{key} is written in a way that cannot be changed for sure"),
            &single(key, value),
        )
    };
    match from {
        Some(SettingFrom::Flag) if host.service.kind == ServiceKind::Process => {
            draft.flags.push(format!("--{key}={value}"));
        }
        Some(SettingFrom::Flag) => {
            let exec = draft.exec.as_ref().or(seen.exec.as_ref()).ok_or_else(again)?;
            let (command, _) = command_of(exec);
            let marks = &exec[..exec.len() - command.len()];
            let escaped = value.replace('%', "%%").replace('$', "$$");
            let changed = edit_flag(command, key, &escaped).ok_or_else(again)?;
            draft.exec = Some(format!("{marks}{changed}"));
        }
        Some(SettingFrom::ArgsVariable { variable, .. }) => {
            let now = draft.environment.get(variable);
            let now = now
                .or_else(|| seen.configured.environment.get(variable).map(|(value, _)| value))
                .ok_or_else(again)?;
            let changed = edit_flag(now, key, value).ok_or_else(again)?;
            draft.environment.insert(variable.clone(), changed);
        }
        _ => {
            let variable = format!("ETCD_{}", key.to_ascii_uppercase().replace('-', "_"));
            draft.environment.insert(variable, value.to_owned());
        }
    }
    Ok(())
}

/// The command line with the flag's value replaced. `None`: its word is written in a way that is not understood.
pub(super) fn edit_flag(command: &str, key: &str, value: &str) -> Option<String> {
    let (place, shown) = flags::set(command, key, value)?;
    let mut changed = command.to_owned();
    changed.replace_range(place, &shown);
    Some(changed)
}

fn single(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

fn by_hand(why: &str, settings: &BTreeMap<String, String>) -> String {
    let wanted: Vec<String> = settings.iter().map(|(key, value)| format!("--{key}={value}")).collect();
    format!(
        "{why}; change it by hand to {} and restart the member",
        wanted.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::host::Setting;

    fn with(from: SettingFrom, exec: &str) -> Inspected {
        let mut seen = Inspected {
            exec: Some(exec.to_owned()),
            ..Inspected::default()
        };
        let value = "info".to_owned();
        seen.configured
            .settings
            .insert("log-level".to_owned(), Setting { value, from });
        let arguments = ("--log-level info --x".to_owned(), SettingFrom::EnvFile("/e".to_owned()));
        seen.configured.environment.insert("DAEMON_ARGS".to_owned(), arguments);
        seen
    }

    fn drafted(seen: &Inspected) -> Draft {
        draft(&Host::named("h"), seen, "debug-log", &single("log-level", "debug")).unwrap()
    }

    #[test]
    fn it_is_written_where_the_setting_lives() {
        let nowhere = drafted(&Inspected::default());
        assert_eq!(nowhere.environment, single("ETCD_LOG_LEVEL", "debug"));
        let variable = SettingFrom::ArgsVariable {
            variable: "DAEMON_ARGS".to_owned(),
            file: None,
        };
        let through = drafted(&with(variable, "/usr/bin/etcd $DAEMON_ARGS"));
        assert_eq!(through.environment, single("DAEMON_ARGS", "--log-level debug --x"));
        assert_eq!(through.exec, None);
        let flag = drafted(&with(SettingFrom::Flag, "-/usr/bin/etcd --log-level=info $A"));
        assert_eq!(flag.exec.as_deref(), Some("-/usr/bin/etcd --log-level=debug $A"));
        assert!(
            flag.environment.is_empty(),
            "a variable besides the flag keeps etcd from starting"
        );
    }

    #[test]
    fn a_config_file_has_each_value_in_its_type() {
        let text = "name: e1\nforce-new-cluster: 'false' # never\nlog-level: info\n";
        let changed = in_config(text, "force-new-cluster", "true").unwrap();
        assert_eq!(changed, "name: e1\nforce-new-cluster: true # never\nlog-level: info\n");
        assert_eq!(in_config(&changed, "force-new-cluster", "true"), Some(changed.clone()));
        assert_eq!(
            in_config("", "heartbeat-interval", "200").unwrap(),
            "heartbeat-interval: 200\n"
        );
        assert_eq!(in_config("", "name", "7").unwrap(), "name: '7'\n");
        assert_eq!(in_config("", "log-level", "debug").unwrap(), "log-level: 'debug'\n");
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_the_lines_to_change() {
        let mut seen = Inspected::default();
        seen.service.unreadable = Some("/etc/default/etcd: the quote after `A=` never ends".to_owned());
        let why = details(&Host::named("h"), &seen, "debug-log", &single("log-level", "debug")).unwrap_err();
        assert!(
            why.contains("/etc/default/etcd") && why.contains("--log-level=debug"),
            "{why}"
        );
    }
}
