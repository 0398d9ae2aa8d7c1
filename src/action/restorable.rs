//! `restorable`: hosts have what makes a data directory from a backup and then runs on it, found out before anything changes.

use serde::{Deserialize, Serialize};

use super::disk::hosts;
use super::etcd_restore::tool;
use super::{Condition, Site, Verdict};
use crate::call::host::{HostAnswer, ServiceSeen};
use crate::call::{Look, Sight};
use crate::cluster::version::Version;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restorable {
    /// The hosts; default: the step's.
    #[serde(default)]
    #[schemars(extend("x-host" = true))]
    pub on: Vec<String>,
    /// The version of the etcd that the backup was taken from: an older minor version cannot run on its data.
    #[serde(default)]
    pub version: Option<String>,
    /// By how much the revision is raised: not every tool can.
    #[serde(default)]
    pub bump: u64,
}

impl Restorable {
    fn why_not(&self, host: &str, service: &ServiceSeen) -> Option<String> {
        if !service.exists {
            return Some(format!("{host} has no unit of etcd"));
        }
        let (tool, with) = match tool(service, host) {
            Ok(found) => found,
            Err(why) => return Some(format!("{why} (with Debian's etcd: apt-get install etcd-client)")),
        };
        if self.bump > 0 && !with.restore_can_bump() {
            return Some(format!(
                "{tool} {with} on {host} cannot raise the revision (3.4.27, 3.5.10 and newer can): use a newer one, or restore without"
            ));
        }
        let needed = self.version.as_ref()?.parse::<Version>().ok()?;
        let installed = service.version?;
        ((installed.major, installed.minor) < (needed.major, needed.minor)).then(|| {
            format!("the backup was taken from etcd {needed}, and {host} has {installed}, which cannot run on its data: install {}.{} there", needed.major, needed.minor)
        })
    }
}

impl Condition for Restorable {
    fn text(&self, site: &Site<'_>) -> String {
        format!(
            "{} can restore a backup and run on it",
            hosts(&self.on, site).join(", ")
        )
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        hosts(&self.on, site).into_iter().map(Look::service).collect()
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let (mut able, mut lacking) = (Vec::new(), Vec::new());
        for (host, sight) in hosts(&self.on, site).into_iter().zip(seen) {
            match sight {
                Sight::Host(HostAnswer::Service(service)) => match (self.why_not(host, service), tool(service, host)) {
                    (Some(why), _) | (None, Err(why)) => lacking.push(why),
                    (None, Ok((tool, version))) => able.push(format!("{host}: {tool} {version}")),
                },
                Sight::Blind(error) => return Verdict::Unknown(error.to_string()),
                _ => return Verdict::Unknown(format!("{host} was not looked at")),
            }
        }
        if !lacking.is_empty() {
            return Verdict::Not {
                saw: lacking.join("; "),
                hint: Some("put it there, or leave the host out: --members HOST,…".to_owned()),
            };
        }
        Verdict::Holds(able.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::membership::tests::site_of;

    fn judged(tools: &[(&str, &str)], etcd: &str, condition: &Restorable) -> Verdict {
        let service = ServiceSeen {
            exists: true,
            version: etcd.parse().ok(),
            tools: tools
                .iter()
                .map(|(name, version)| ((*name).to_owned(), version.parse().unwrap()))
                .collect(),
            ..ServiceSeen::default()
        };
        let sight = Sight::Host(HostAnswer::Service(Box::new(service)));
        let mut verdict = None;
        site_of(|site| verdict = Some(condition.judge(site, std::slice::from_ref(&sight), None)));
        verdict.unwrap()
    }

    #[test]
    fn what_a_host_lacks_is_named() {
        let plain = Restorable {
            on: vec!["etcd-1".to_owned()],
            version: Some("3.6.16".to_owned()),
            bump: 0,
        };
        let bumped = Restorable {
            version: Some("3.4.23".to_owned()),
            bump: 7,
            ..plain.clone()
        };
        assert!(matches!(
            judged(&[("etcdutl", "3.6.16")], "3.6.16", &plain),
            Verdict::Holds(_)
        ));
        for (tools, etcd, condition, words) in [
            (&[][..], "3.6.16", &plain, "neither etcdutl nor etcdctl"),
            (&[("etcdctl", "3.6.16")], "3.6.16", &plain, "no etcdutl"),
            (&[("etcdutl", "3.5.35")], "3.5.35", &plain, "cannot run on its data"),
            (&[("etcdctl", "3.4.23")], "3.4.23", &bumped, "cannot raise the revision"),
        ] {
            let Verdict::Not { saw, .. } = judged(tools, etcd, condition) else {
                panic!("{words}: it passed")
            };
            assert!(saw.contains(words) && saw.contains("etcd-1"), "{saw}");
        }
    }
}
