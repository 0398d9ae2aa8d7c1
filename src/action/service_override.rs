//! `service.override`: settings for etcd that hold until they are taken away or the host restarts (safety 27, 28). It restarts nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, GiveBack, Named, Probe, Risk, Site, sight};
use crate::base::duration::Span;
use crate::call::host::HostOp;
use crate::call::{Call, Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceOverride {
    /// Letters, digits and dashes.
    pub name: String,
    /// Settings by etcd's names, such as `log-level: debug`.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// After this time the host itself takes the override away and restarts etcd, when all voters are healthy.
    #[serde(default)]
    pub lease: Option<Span>,
    /// Takes the override and its lease away instead.
    #[serde(default)]
    pub off: bool,
}

/// Between the hosts' restarts at the end of their leases.
const STAGGER: u64 = 30;

/// Hosts take turns at the end of their leases, in the order of the inventory.
pub(super) fn stagger(site: &Site<'_>) -> Span {
    let place = site.cluster.hosts.iter().position(|host| host.name == site.host_name());
    Span::seconds(place.unwrap_or(0) as u64 * STAGGER)
}

impl Action for ServiceOverride {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        if self.off {
            return format!("take the override {} away", self.name);
        }
        let settings: Vec<String> = self
            .settings
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let lease = self
            .lease
            .map(|span| format!(", taken back by the host itself after {span}"));
        format!(
            "override {} under /run{}",
            settings.join(" "),
            lease.unwrap_or_default()
        )
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        vec![Look::service(site.host_name())]
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let service = match sight::service(seen) {
            Ok(service) => service,
            Err(why) => return Probe::Unknown(why),
        };
        let lease = service.leases.get(&self.name);
        if self.off {
            return match (service.overrides.contains_key(&self.name), lease) {
                (false, None) => Probe::Done(json!({})),
                (true, _) => Probe::NotYet("the override is in place".to_owned()),
                (false, Some(_)) => Probe::NotYet("the host's timer is armed".to_owned()),
            };
        }
        if !service.exists {
            return Probe::Conflict("there is no such unit on the host".to_owned());
        }
        // A lease that an earlier run armed is replaced: only one of ours counts.
        if self.lease.is_some() && (lease.is_none() || site.attempts == 0) {
            return Probe::NotYet("the host's timer is not armed".to_owned());
        }
        if service.overrides.get(&self.name) != Some(&self.settings) {
            return Probe::NotYet("the override is not in place".to_owned());
        }
        Probe::Done(json!({ "lease_ends": lease }))
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let service = sight::service(seen).ok()?;
        let name = self.name.clone();
        let armed = service.leases.contains_key(&self.name);
        let op = match (self.off, self.lease) {
            (true, _) if armed => HostOp::DisarmLease { name },
            (true, _) => HostOp::DropOverride { name },
            // The way back comes first: it must stand before anything is to be taken back.
            (false, Some(after)) if !armed || site.attempts == 0 => HostOp::ArmLease {
                name,
                after,
                stagger: stagger(site),
                cluster: site.cluster.name.clone(),
            },
            (false, _) => HostOp::Override {
                name,
                settings: self.settings.clone(),
            },
        };
        Some(sight::on_host(site, op))
    }

    fn release(&self) -> Option<(GiveBack, Named)> {
        let off = Named {
            name: "service.override".to_owned(),
            with: json!({ "name": self.name, "off": true }),
        };
        Some((GiveBack::Always, off))
    }

    fn repeatable(&self) -> bool {
        true
    }
}
