//! `service.inspect`: the unit, its settings, its process and its data directory.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::etcd_restore::tool;
use super::{Action, Kind, Probe, Risk, SAYS, Site, backup_copy, etcd_log_level, sight};
use crate::call::host::ServiceSeen;
use crate::call::{Call, Look, Sight};
use crate::cluster::version::Version;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceInspect {
    /// Up to etcd 3.4 the level that was set while etcd ran is looked for in its log; otherwise the level that the unit configures is told.
    #[serde(default)]
    pub log_level: bool,
}

/// Fields of its output.
pub const OUTPUT: &[(&str, Kind)] = &[
    ("exists", Kind::Bool),
    ("active", Kind::Bool),
    ("version", Kind::Text),
    ("data_dir", Kind::Text),
    ("data_dir_empty", Kind::Bool),
    ("data_dir_is_mount", Kind::Bool),
    ("copy_size", Kind::Number),
    ("wal_dir", Kind::Text),
    ("wal_dir_is_mount", Kind::Bool),
    ("unit_file", Kind::Text),
    ("name", Kind::Text),
    ("as_member", Kind::Text),
    ("configured", Kind::Bool),
    ("fenced", Kind::Bool),
    ("overrides", Kind::List),
    ("leases", Kind::List),
    ("lease_ends", Kind::Object),
    ("log_level", Kind::Text),
    ("debug_until_restart", Kind::Bool),
    ("can_restore", Kind::Bool),
    ("can_bump", Kind::Bool),
    (SAYS, Kind::Text),
];

impl Action for ServiceInspect {
    fn risk(&self) -> Risk {
        Risk::Look
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        "look at the service".to_owned()
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let mut looks = vec![Look::service(site.host_name())];
        looks.extend(self.log_level.then(|| etcd_log_level::log(site)));
        looks
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        match sight::service(seen) {
            Err(why) => Probe::Unknown(why),
            Ok(service) => Probe::Done(json!({
                "exists": service.exists,
                "active": service.is_active(),
                "version": service.version,
                "data_dir": service.data_dir,
                "data_dir_empty": service.data_dir_empty || !service.data_dir_exists,
                "data_dir_is_mount": service.data_dir_is_mount,
                "copy_size": backup_copy::takes(service),
                "wal_dir": service.wal_dir,
                "wal_dir_is_mount": service.wal_dir_is_mount,
                "name": name(service, site),
                "as_member": as_member(service, site),
                "configured": advertised(service).is_some(),
                "unit_file": service.unit_file,
                "fenced": service.fenced,
                "overrides": service.overrides.keys().collect::<Vec<_>>(),
                "leases": service.leases.keys().collect::<Vec<_>>(),
                "lease_ends": service.leases,
                "log_level": self.level(service, seen),
                "debug_until_restart": debug_until_restart(service),
                "can_restore": tool(service, site.host_name()).is_ok(),
                "can_bump": tool(service, site.host_name()).is_ok_and(|(_, version)| version.restore_can_bump()),
                SAYS: words(service, &self.level(service, seen)),
            })),
        }
    }

    fn call(&self, _site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        None
    }
}

/// The member's name, as the unit gives it; else the host's.
pub(super) fn name(service: &ServiceSeen, site: &Site<'_>) -> String {
    let given = service.settings.get("name").map(|setting| setting.value.clone());
    given
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| site.host_name().to_owned())
}

/// The peer URLs that the unit gives, unless nobody else could reach them.
fn advertised(service: &ServiceSeen) -> Option<&str> {
    let given = service.settings.get("initial-advertise-peer-urls")?;
    Some(given.value.as_str()).filter(|urls| !urls.is_empty() && !urls.contains("//localhost"))
}

/// `name=peer-url,…` for an initial cluster: the URLs that the unit advertises, or the inventory's where it advertises none that others
/// could reach. Empty where neither knows.
fn as_member(service: &ServiceSeen, site: &Site<'_>) -> String {
    let urls = advertised(service).or_else(|| site.host.and_then(|host| host.peer_url.as_deref()));
    let name = name(service, site);
    let entries = urls.unwrap_or_default().split(',').filter(|url| !url.trim().is_empty());
    let entries: Vec<String> = entries
        .map(|url| format!("{name}={}", url.trim().trim_end_matches('/')))
        .collect();
    entries.join(",")
}

impl ServiceInspect {
    /// The level that etcd runs with.
    fn level(&self, service: &ServiceSeen, seen: &[Sight]) -> String {
        let configured = etcd_log_level::configured(service).to_lowercase();
        let set_at_start = service.version.is_none_or(Version::log_level_needs_restart);
        if !self.log_level || set_at_start || etcd_log_level::impossible(service).is_some() || !service.is_active() {
            return configured;
        }
        match etcd_log_level::current(service, seen) {
            Ok(Some(level)) => level.to_lowercase(),
            Ok(None) => "not known (one was set just when etcd was started)".to_owned(),
            Err(_) => format!("{configured}, if none was set since its start (its log cannot be read)"),
        }
    }
}

/// etcd has the debug level from an override that is gone: the host's timer takes that away long before it may restart etcd.
fn debug_until_restart(service: &ServiceSeen) -> bool {
    let value = |key: &str| service.settings.get(key).map(|setting| setting.value.as_str());
    // What the override's copy of a config file said is gone with it.
    let by_copy = value("config-file").is_some_and(|path| path.starts_with("/run/etcdops/"));
    service.main_pid.is_some() && service.outdated("log-level") && (by_copy || value("log-level") == Some("debug"))
}

/// One line for people.
fn words(service: &ServiceSeen, level: &str) -> String {
    if !service.exists {
        return "no such unit".to_owned();
    }
    let version = service
        .version
        .map(|version| format!("etcd {version}, "))
        .unwrap_or_default();
    let mut text = format!("{version}{}, log level {level}", service.active);
    for (name, ends) in &service.leases {
        text.push_str(&format!("; {name} taken back by the host at {ends}"));
    }
    if service.fenced {
        text.push_str("; fenced");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::configured;
    use crate::call::host::{HostAnswer, Setting, SettingFrom};

    fn set((key, value): &(&str, &str)) -> (String, Setting) {
        let setting = Setting {
            value: (*value).to_owned(),
            from: SettingFrom::Process,
        };
        ((*key).to_owned(), setting)
    }

    /// What `debug-log status` says of a member that has run since noon.
    fn says(version: Version, settings: &[(&str, &str)], log: &[&str]) -> String {
        let service = ServiceSeen {
            exists: true,
            active: "active".to_owned(),
            version: Some(version),
            started_at: Some(1_763_640_000),
            settings: settings.iter().map(set).collect(),
            ..ServiceSeen::default()
        };
        let lines = log.iter().map(|line| (*line).to_owned()).collect();
        let seen = [
            Sight::Host(HostAnswer::Service(Box::new(service.clone()))),
            Sight::Host(HostAnswer::Log(lines)),
        ];
        let action = ServiceInspect { log_level: true };
        words(&service, &action.level(&service, &seen))
    }

    #[test]
    fn a_level_from_an_override_that_is_gone_lasts_until_the_restart() {
        let copy = "/run/etcdops/etcd/debug-log.yaml";
        for (runs_with, configured, left) in [
            (&[("log-level", "debug")][..], &[][..], true),
            (&[("log-level", "debug")], &[("log-level", "warn")], true),
            (&[("log-level", "debug")], &[("log-level", "debug")], false),
            (&[("log-level", "warn")], &[], false),
            (&[], &[("log-level", "warn")], false),
            (&[("config-file", copy)], &[("config-file", "/etc/etcd.yaml")], true),
            (
                &[("config-file", "/old.yaml")],
                &[("config-file", "/etc/etcd.yaml")],
                false,
            ),
        ] {
            let configured = configured.iter().map(set).collect();
            let mut service = ServiceSeen {
                main_pid: Some(1),
                settings: runs_with.iter().map(set).collect(),
                ..ServiceSeen::default()
            };
            service.at_next_start = configured::changes(&service.settings, &configured);
            assert_eq!(debug_until_restart(&service), left, "{runs_with:?} {configured:?}");
        }
    }

    #[test]
    fn the_level_is_the_one_that_was_set_last_by_whichever_way() {
        let set = |level: &str| format!("2025-11-20T12:30:00Z etcd[1]: globalLogLevel set to \"{level}\"");
        let (old, new) = (Version::new(3, 4, 23), Version::new(3, 5, 30));
        for (version, settings, log, level) in [
            (old, &[][..], vec![], "info"),
            (old, &[], vec![set("DEBUG")], "debug"),
            (old, &[], vec![set("DEBUG"), set("INFO")], "info"),
            (old, &[("debug", "true")], vec![], "debug"),
            (old, &[("debug", "true")], vec![set("INFO")], "info"),
            // It answered, logged the change, and did nothing.
            (old, &[("logger", "zap")], vec![set("DEBUG")], "info"),
            (new, &[("log-level", "debug")], vec![], "debug"),
            (new, &[], vec![set("DEBUG")], "info"),
        ] {
            let log: Vec<&str> = log.iter().map(String::as_str).collect();
            let said = says(version, settings, &log);
            let expected = format!("etcd {version}, active, log level {level}");
            assert_eq!(said, expected, "{settings:?} {log:?}");
        }
    }
}
