//! `service.start`: starts etcd without waiting for quorum; `expect` says what must hold afterwards.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::explain::how_it_ended;
use super::{Action, Probe, Risk, Site, sight};
use crate::call::host::{HostOp, ServiceSeen};
use crate::call::{Call, Look, Sight};
use crate::cluster::model::Model;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceStart {
    /// Lift our fence first.
    #[serde(default)]
    pub unfence: bool,
    /// Started at boot from now on.
    #[serde(default)]
    pub enable: bool,
}

impl Action for ServiceStart {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        let mut text = "start etcd".to_owned();
        if self.unfence {
            text = "lift the fence, start etcd".to_owned();
        }
        if self.enable {
            text.push_str(", also at boot");
        }
        text
    }

    fn effect(&self, site: &Site<'_>, model: &mut Model) -> Result<(), String> {
        if let Some(member) = model.on_host_mut(site.host_name()) {
            member.up = true;
        }
        model.stopped.remove(site.host_name());
        Ok(())
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        vec![Look::service(site.host_name())]
    }

    fn probe(&self, site: &Site<'_>, before: Option<&Value>, seen: &[Sight]) -> Probe {
        let service = match sight::service(seen) {
            Ok(service) => service,
            Err(why) => return Probe::Unknown(why),
        };
        if !service.exists {
            return Probe::Conflict("there is no such unit on the host".to_owned());
        }
        if service.fenced && !self.unfence {
            return Probe::Conflict("etcd is fenced here; a run that fenced it has not ended".to_owned());
        }
        if service.fenced {
            return Probe::NotYet("fenced".to_owned());
        }
        if self.enable && service.enabled == Some(false) {
            return Probe::NotYet("not enabled".to_owned());
        }
        if service.is_active() && service.main_pid.is_some() {
            return Probe::Done(json!({ "invocation": service.invocation }));
        }
        if let Some(why) = ended_again(service, before, site.host_name()) {
            return Probe::Conflict(why);
        }
        Probe::NotYet(format!("unit is {}", service.active))
    }

    fn before(&self, _site: &Site<'_>, seen: &[Sight]) -> Value {
        sight::service(seen).map_or(Value::Null, |service| json!({ "invocation": service.invocation }))
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let service = sight::service(seen).ok()?;
        if service.fenced {
            return self.unfence.then(|| {
                sight::on_host(
                    site,
                    HostOp::Unfence {
                        cluster: site.cluster.name.clone(),
                    },
                )
            });
        }
        Some(sight::on_host(site, HostOp::Start { enable: self.enable }))
    }

    fn by_hand(&self, site: &Site<'_>) -> Vec<Call> {
        let unfence = sight::on_host(
            site,
            HostOp::Unfence {
                cluster: site.cluster.name.clone(),
            },
        );
        let start = sight::on_host(site, HostOp::Start { enable: self.enable });
        if self.unfence {
            vec![unfence, start]
        } else {
            vec![start]
        }
    }
}

/// It was started by us (its invocation differs from the one before) and is not running any more.
pub(super) fn ended_again(service: &ServiceSeen, before: Option<&Value>, host: &str) -> Option<String> {
    let before = before?.get("invocation")?;
    let ours = service.invocation.is_some() && before.as_str() != service.invocation.as_deref();
    if !ours || service.is_active() {
        return None;
    }
    Some(format!("etcd started and ended again{}", how_it_ended(service, host)))
}
