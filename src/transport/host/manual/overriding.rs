//! An override as commands that a person could type: written where the setting lives (safety 27).

use std::collections::BTreeMap;

use super::super::overriding::edit_flag;
use crate::base::quote::{join, quote};
use crate::call::host::{ServiceSeen, SettingFrom};
use crate::cluster::host::Host;

/// What the drop-in says.
#[derive(Default)]
struct Draft {
    environment: Vec<String>,
    exec: Option<String>,
    /// What a person must change where it stands.
    notes: Vec<String>,
}

impl Draft {
    fn set(&mut self, seen: &ServiceSeen, key: &str, value: &str) {
        match seen.settings.get(key).map(|setting| &setting.from) {
            Some(SettingFrom::Flag) => {
                let exec = self.exec.as_ref().or_else(|| seen.exec_start.first());
                match exec.and_then(|exec| edit_flag(exec, key, value)) {
                    Some(changed) => self.exec = Some(changed),
                    None => self.notes.push(format!("# set --{key}={value} in ExecStart= by hand")),
                }
            }
            Some(SettingFrom::ArgsVariable { variable, .. }) => {
                self.notes.push(format!("# set --{key}={value} in {variable} by hand"));
            }
            _ => {
                let name = key.to_ascii_uppercase().replace('-', "_");
                self.environment.push(format!("ETCD_{name}={value}"));
            }
        }
    }
}

/// The commands, one per line.
pub(super) fn commands(
    host: &Host,
    name: &str,
    settings: &BTreeMap<String, String>,
    seen: &ServiceSeen,
) -> Vec<String> {
    let unit = host.service.unit.trim_end_matches(".service");
    let ours = format!("/run/etcdops/{unit}");
    let folder = format!("/run/systemd/system/{unit}.service.d");
    let mut lines = vec![join(["mkdir", "-p", &ours, &folder])];
    let mut draft = Draft::default();
    if let Some(file) = seen.settings.get("config-file") {
        // With a config file, etcd ignores flags and environment without a word.
        let copy = format!("{ours}/{name}.yaml");
        lines.push(join(["cp", "-p", &file.value, &copy]));
        for (key, value) in settings {
            let (drop, add) = (format!("/^{key} *:/d"), format!("$a {key}: {value}"));
            lines.push(join(["sed", "-i", "-e", &drop, "-e", &add, &copy]));
        }
        draft.set(seen, "config-file", &copy);
    } else {
        for (key, value) in settings {
            draft.set(seen, key, value);
        }
    }
    let written = |lines: &[String], path: &str| {
        let words: Vec<String> = lines.iter().map(|line| quote(line)).collect();
        format!("printf '%s\\n' {} >{}", words.join(" "), quote(path))
    };
    let mut drop_in = vec!["[Service]".to_owned()];
    if !draft.environment.is_empty() {
        let file = format!("{ours}/{name}.env");
        lines.push(written(&draft.environment, &file));
        drop_in.push(format!("EnvironmentFile={file}"));
    }
    if let Some(exec) = &draft.exec {
        drop_in.extend(["ExecStart=".to_owned(), format!("ExecStart={exec}")]);
    }
    if drop_in.len() > 1 {
        lines.push(written(&drop_in, &format!("{folder}/zz-etcdops-{name}.conf")));
    }
    lines.extend(draft.notes);
    lines.push("systemctl daemon-reload".to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::host::Setting;

    fn typed(key: &str, value: &str, from: SettingFrom, exec: &str) -> String {
        let setting = Setting {
            value: value.to_owned(),
            from,
        };
        let seen = ServiceSeen {
            settings: BTreeMap::from([(key.to_owned(), setting)]),
            exec_start: vec![exec.to_owned()],
            ..ServiceSeen::default()
        };
        let wanted = BTreeMap::from([("log-level".to_owned(), "debug".to_owned())]);
        commands(&Host::named("etcd-1"), "debug-log", &wanted, &seen).join("\n")
    }

    #[test]
    fn a_config_file_is_copied_and_edited() {
        let text = typed(
            "config-file",
            "/etc/etcd.yaml",
            SettingFrom::Flag,
            "/usr/bin/etcd --config-file /etc/etcd.yaml",
        );
        for wanted in [
            "cp -p /etc/etcd.yaml /run/etcdops/etcd/debug-log.yaml",
            "'$a log-level: debug' /run/etcdops/etcd/debug-log.yaml",
            "'ExecStart=/usr/bin/etcd --config-file /run/etcdops/etcd/debug-log.yaml'",
        ] {
            assert!(text.contains(wanted), "{text}");
        }
        assert!(!text.contains("ETCD_LOG_LEVEL"), "{text}");
    }

    #[test]
    fn a_flag_is_changed_in_the_command_and_anything_else_in_the_environment() {
        let flag = typed("log-level", "info", SettingFrom::Flag, "/usr/bin/etcd --log-level info");
        assert!(flag.contains("'ExecStart=/usr/bin/etcd --log-level debug'"), "{flag}");
        let variable = typed("name", "etcd-1", SettingFrom::Flag, "/usr/bin/etcd --name etcd-1");
        assert!(
            variable.contains("ETCD_LOG_LEVEL=debug") && variable.contains("EnvironmentFile="),
            "{variable}"
        );
    }
}
