//! `service.stop`: stops etcd and proves it; with `fence`, makes sure that nothing starts it again.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, GiveBack, Named, Probe, Risk, Site, sight};
use crate::base::duration::Span;
use crate::call::host::HostOp;
use crate::call::{Call, Look, Sight};
use crate::cluster::model::Model;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceStop {
    /// Nothing may start it again until it is unfenced: not a boot, not an agent (safety 17).
    #[serde(default)]
    pub fence: bool,
    /// Not started at boot.
    #[serde(default)]
    pub disable: bool,
    /// A timer on the host starts it again after this time if nobody else has: for a stop that is held only for a while.
    #[serde(default)]
    pub start_again_after: Option<Span>,
}

impl ServiceStop {
    fn stop(&self) -> HostOp {
        HostOp::Stop {
            disable: self.disable,
            start_again: self.start_again_after,
        }
    }
}

impl Action for ServiceStop {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        match (self.fence, self.disable) {
            (true, true) => "stop etcd, prove it stopped, fence and disable it".to_owned(),
            (true, false) => "stop etcd, prove it stopped, fence it".to_owned(),
            (false, true) => "stop etcd, prove it stopped, disable it".to_owned(),
            (false, false) => "stop etcd, prove it stopped".to_owned(),
        }
    }

    fn loses(&self, site: &Site<'_>) -> Option<String> {
        Some(format!("etcd on {} no longer serves", site.host_name()))
    }

    fn effect(&self, site: &Site<'_>, model: &mut Model) -> Result<(), String> {
        if let Some(member) = model.on_host_mut(site.host_name()) {
            member.up = false;
        }
        model.stopped.insert(site.host_name().to_owned());
        Ok(())
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        vec![Look::service(site.host_name())]
    }

    fn probe(&self, _site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let service = match sight::service(seen) {
            Ok(service) => service,
            Err(why) => return Probe::Unknown(why),
        };
        if !service.exists {
            return Probe::Conflict("there is no such unit on the host".to_owned());
        }
        if !service.proved_stopped() {
            return Probe::NotYet(still_running(service));
        }
        if self.fence && !service.fenced {
            return Probe::NotYet("stopped, not fenced yet".to_owned());
        }
        if self.disable && service.enabled == Some(true) {
            return Probe::NotYet("stopped, still started at boot".to_owned());
        }
        Probe::Done(json!({ "data_dir": service.data_dir, "fenced": service.fenced }))
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let service = sight::service(seen).ok()?;
        // The fence stands before it stops: otherwise what minds no freeze starts it in between.
        if service.is_active() && (!self.fence || self.disable) {
            return Some(sight::on_host(site, self.stop()));
        }
        if self.fence && (!service.fenced || service.is_active()) {
            return Some(sight::on_host(
                site,
                HostOp::Fence {
                    cluster: site.cluster.name.clone(),
                },
            ));
        }
        // It had stopped by itself: a removed member ends without us.
        let comes_back = self.disable && service.enabled == Some(true);
        comes_back.then(|| sight::on_host(site, self.stop()))
    }

    fn by_hand(&self, site: &Site<'_>) -> Vec<Call> {
        let stop = sight::on_host(site, self.stop());
        let fence = sight::on_host(
            site,
            HostOp::Fence {
                cluster: site.cluster.name.clone(),
            },
        );
        if self.fence { vec![stop, fence] } else { vec![stop] }
    }

    fn release(&self) -> Option<(GiveBack, Named)> {
        let start = Named {
            name: "service.start".to_owned(),
            with: json!({ "unfence": self.fence }),
        };
        // A fence that is lifted after a failure would let a stale member return.
        Some((
            if self.fence {
                GiveBack::OnSuccess
            } else {
                GiveBack::Always
            },
            start,
        ))
    }

    fn takes_member_down(&self) -> bool {
        true
    }

    fn patience(&self) -> Span {
        // The leader may wait for a hand-over to members that are stopping too (safety 40).
        Span(std::time::Duration::from_secs(90))
    }
}

fn still_running(service: &crate::call::host::ServiceSeen) -> String {
    if service.is_active() {
        return format!("unit is {} ({})", service.active, service.sub);
    }
    let mut found = Vec::new();
    if let Some(pid) = service.main_pid {
        found.push(format!("process {pid} still runs"));
    }
    if !service.holders.is_empty() {
        found.push(format!("data directory held by {}", service.holders.join(", ")));
    }
    if !service.ports_open.is_empty() {
        let ports: Vec<String> = service.ports_open.iter().map(u16::to_string).collect();
        found.push(format!("port {} still answers", ports.join(", ")));
    }
    format!("unit is {}, but {}", service.active, found.join("; "))
}

#[cfg(test)]
mod tests {
    use super::{ServiceStop, still_running};
    use crate::action::membership::tests::site_of;
    use crate::action::{Action, Probe};
    use crate::call::host::{HostAnswer, HostOp, ServiceSeen};
    use crate::call::{Sight, To};

    #[test]
    fn what_stopped_by_itself_is_disabled_all_the_same() {
        let stop = ServiceStop {
            fence: true,
            disable: true,
            start_again_after: None,
        };
        let seen = |enabled| {
            [Sight::Host(HostAnswer::Service(Box::new(ServiceSeen {
                exists: true,
                active: "inactive".to_owned(),
                fenced: true,
                enabled,
                ..ServiceSeen::default()
            })))]
        };
        site_of(|site| {
            let enabled = seen(Some(true));
            assert!(matches!(stop.probe(site, None, &enabled), Probe::NotYet(_)));
            let call = stop.call(site, &enabled).map(|call| call.to);
            let disables = |to: &To| {
                matches!(
                    to,
                    To::Host {
                        op: HostOp::Stop { disable: true, .. },
                        ..
                    }
                )
            };
            assert!(call.as_ref().is_some_and(disables), "{call:?}");
            // A unit that cannot be enabled is not asked for more.
            for enabled in [Some(false), None] {
                assert!(matches!(stop.probe(site, None, &seen(enabled)), Probe::Done(_)));
            }
        });
    }

    #[test]
    fn an_inactive_unit_with_a_holder_is_not_stopped() {
        let seen = ServiceSeen {
            exists: true,
            active: "inactive".to_owned(),
            holders: vec!["4711 etcd".to_owned()],
            ..ServiceSeen::default()
        };
        assert!(!seen.proved_stopped());
        assert!(still_running(&seen).contains("4711 etcd"));
    }
}
