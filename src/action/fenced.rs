//! `fenced`: old members cannot come back by themselves. What cannot be fenced is said.

use serde::{Deserialize, Serialize};

use super::{Condition, Site, Verdict};
use crate::call::host::HostAnswer;
use crate::call::{Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fenced {
    /// Members: host, name or hex ID.
    #[schemars(extend("x-host" = true))]
    pub members: Vec<String>,
    /// Hosts that the operator declared dead: they cannot be fenced, and are named.
    #[serde(default)]
    #[schemars(extend("x-host" = true))]
    pub dead: Vec<String>,
}

impl Fenced {
    /// The hosts to look at, and the members that no host of the inventory is known to carry.
    fn hosts<'a>(&'a self, site: &Site<'_>) -> (Vec<&'a str>, Vec<&'a str>) {
        let alive = self
            .members
            .iter()
            .map(String::as_str)
            .filter(|name| !self.is_dead(site, name));
        alive.partition(|name| site.cluster.host(name).is_some())
    }

    fn is_dead(&self, site: &Site<'_>, name: &str) -> bool {
        self.dead.iter().chain(site.dead).any(|dead| dead == name)
    }
}

impl Condition for Fenced {
    fn text(&self, site: &Site<'_>) -> String {
        let (hosts, strangers) = self.hosts(site);
        let mut text = format!("{} stopped and fenced", [hosts, strangers].concat().join(", "));
        let dead: Vec<&str> = self
            .members
            .iter()
            .map(String::as_str)
            .filter(|name| self.is_dead(site, name))
            .collect();
        if !dead.is_empty() {
            text = format!("{text}; NOT fenced, because declared dead: {}", dead.join(", "));
        }
        text
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        self.hosts(site).0.into_iter().map(Look::service).collect()
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let (hosts, strangers) = self.hosts(site);
        let (mut open, mut blind) = (Vec::new(), Vec::new());
        for (host, sight) in hosts.iter().zip(seen) {
            match sight {
                Sight::Host(HostAnswer::Service(service)) if service.fenced && service.proved_stopped() => {}
                Sight::Host(HostAnswer::Service(service)) if service.fenced => {
                    open.push(format!("{host} is fenced, but not proved stopped ({})", service.active));
                }
                Sight::Host(HostAnswer::Service(_)) => open.push(format!("{host} is not fenced")),
                Sight::Blind(error) => blind.push(error.to_string()),
                _ => blind.push(format!("{host} was not looked at")),
            }
        }
        open.extend(
            strangers
                .iter()
                .map(|name| format!("the inventory knows no host for {name}")),
        );
        if !open.is_empty() {
            let hint = "stop it by hand, or declare its host dead: --dead HOST";
            return Verdict::Not {
                saw: open.join("; "),
                hint: Some(hint.to_owned()),
            };
        }
        if blind.is_empty() {
            Verdict::Holds(self.text(site))
        } else {
            Verdict::Unknown(blind.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fenced;
    use crate::action::membership::tests::site_of;
    use crate::action::{Condition, Verdict};
    use crate::call::Sight;
    use crate::call::host::{HostAnswer, ServiceSeen};

    fn service(fenced: bool, active: &str) -> Sight {
        Sight::Host(HostAnswer::Service(Box::new(ServiceSeen {
            exists: true,
            fenced,
            active: active.to_owned(),
            ..ServiceSeen::default()
        })))
    }

    #[test]
    fn fenced_and_stopped_and_the_dead_are_named() {
        let condition = Fenced {
            members: vec!["etcd-1".to_owned(), "etcd-2".to_owned()],
            dead: vec!["etcd-2".to_owned()],
        };
        site_of(|site| {
            assert_eq!(condition.looks(site).len(), 1);
            assert!(
                condition
                    .text(site)
                    .contains("NOT fenced, because declared dead: etcd-2")
            );
            let judge = |sight| condition.judge(site, &[sight], None);
            assert!(matches!(judge(service(true, "inactive")), Verdict::Holds(_)));
            assert!(matches!(judge(service(true, "active")), Verdict::Not { .. }));
            assert!(matches!(judge(service(false, "inactive")), Verdict::Not { .. }));
        });
    }
}
