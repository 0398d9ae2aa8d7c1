//! `service.restart`: one restart, told from none by systemd's InvocationID (process kind: pid and start time).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Probe, Risk, Site, service_start, sight};
use crate::call::host::HostOp;
use crate::call::{Call, Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceRestart {}

impl Action for ServiceRestart {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        "restart etcd".to_owned()
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
        if service.fenced {
            return Probe::Conflict("etcd is fenced here; a restart would leave it stopped".to_owned());
        }
        let Some(before) = before.and_then(|before| before.get("invocation")) else {
            return Probe::NotYet("not restarted yet".to_owned());
        };
        let renewed = service.invocation.is_some() && before.as_str() != service.invocation.as_deref();
        if renewed && service.is_active() && service.main_pid.is_some() {
            return Probe::Done(json!({ "invocation": service.invocation }));
        }
        match service_start::ended_again(service, Some(&json!({ "invocation": before })), site.host_name()) {
            Some(why) => Probe::Conflict(why),
            None => Probe::NotYet(format!("unit is {} ({})", service.active, service.sub)),
        }
    }

    fn before(&self, _site: &Site<'_>, seen: &[Sight]) -> Value {
        sight::service(seen).map_or(Value::Null, |service| json!({ "invocation": service.invocation }))
    }

    fn call(&self, site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        Some(sight::on_host(site, HostOp::Restart))
    }

    fn takes_member_down(&self) -> bool {
        true
    }
}
