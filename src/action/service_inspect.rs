//! `service.inspect`: the unit, its settings, its process and its data directory.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Kind, Probe, Risk, SAYS, Site, sight};
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
    ("wal_dir", Kind::Text),
    ("unit_file", Kind::Text),
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

    fn probe(&self, _site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        match sight::service(seen) {
            Err(why) => Probe::Unknown(why),
            Ok(service) => Probe::Done(json!({
                "exists": service.exists,
                "active": service.is_active(),
                "version": service.version,
                "data_dir": service.data_dir,
                "data_dir_empty": service.data_dir_empty || !service.data_dir_exists,
                "wal_dir": service.wal_dir,
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
