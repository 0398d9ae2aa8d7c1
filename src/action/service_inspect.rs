//! `service.inspect`: the unit, its settings, its process and its data directory.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Kind, Probe, Risk, SAYS, Site, backup_copy, sight};
use crate::call::host::ServiceSeen;
use crate::call::{Call, Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceInspect {}

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
        vec![Look::service(site.host_name())]
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
                "log_level": log_level(service),
                SAYS: words(service),
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

/// One line for people.
fn words(service: &ServiceSeen) -> String {
    if !service.exists {
        return "no such unit".to_owned();
    }
    let version = service
        .version
        .map(|version| format!("etcd {version}, "))
        .unwrap_or_default();
    let mut text = format!("{version}{}, log level {}", service.active, log_level(service));
    for (name, ends) in &service.leases {
        text.push_str(&format!("; {name} taken back by the host at {ends}"));
    }
    if service.fenced {
        text.push_str("; fenced");
    }
    text
}

/// The level that etcd runs with; its own default where nothing says another.
fn log_level(service: &ServiceSeen) -> String {
    service
        .settings
        .get("log-level")
        .map_or_else(|| "info".to_owned(), |setting| setting.value.clone())
}
