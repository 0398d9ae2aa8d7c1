//! `restorable`: hosts have what makes a data directory from a backup and then runs on it, found out before anything changes.

use serde::{Deserialize, Serialize};

use super::disk::hosts;
use super::etcd_restore::fitting;
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
    /// The host that restores for those that lack the tool (default: none does).
    #[serde(default)]
    #[schemars(extend("x-host" = true))]
    pub helper: Option<String>,
}

impl Restorable {
    /// What restores for this host: its own tool, or another host's.
    fn made_by(&self, host: &str, service: &ServiceSeen, helping: Option<&ServiceSeen>) -> Result<String, String> {
        if !service.exists {
            return Err(format!("{host} has no unit of etcd"));
        }
        let own = fitting(service, host, self.bump);
        let by = match (own, self.helper.as_deref().zip(helping)) {
            (Ok((tool, version)), _) => format!("{host}: {tool} {version}"),
            (Err(_), Some((helper, helping))) => self.helped(host, service, helper, helping)?,
            (Err(why), None) => return Err(format!("{why} (with Debian's etcd: apt-get install etcd-client)")),
        };
        let needed = self
            .version
            .as_ref()
            .and_then(|version| version.parse::<Version>().ok());
        match needed.zip(service.version) {
            Some((needed, installed)) if minor(installed) < minor(needed) => Err(format!(
                "the backup was taken from etcd {needed}, and {host} has {installed}, which cannot run on its data: install {}.{} there",
                needed.major, needed.minor
            )),
            _ => Ok(by),
        }
    }

    fn helped(&self, host: &str, service: &ServiceSeen, helper: &str, helping: &ServiceSeen) -> Result<String, String> {
        let (tool, version) = fitting(helping, helper, self.bump)?;
        match service.version {
            Some(installed) if minor(installed) != minor(version) => Err(format!(
                "{host} lacks the tool, and {helper} cannot restore for it: {tool} {version} there, etcd {installed} on {host}; install etcdutl {}.{} on {host}",
                installed.major, installed.minor
            )),
            _ => Ok(format!("{host}: {helper} restores for it with {tool} {version}")),
        }
    }
}

/// What is made by one version serves those with the same two numbers in front.
fn minor(version: Version) -> (u16, u16) {
    (version.major, version.minor)
}

impl Condition for Restorable {
    fn text(&self, site: &Site<'_>) -> String {
        format!(
            "{} can restore a backup and run on it",
            hosts(&self.on, site).join(", ")
        )
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let hosts = hosts(&self.on, site).into_iter().map(Look::service);
        hosts.chain(self.helper.as_deref().map(Look::service)).collect()
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let on = hosts(&self.on, site);
        let mut services = Vec::new();
        for (place, host) in on.iter().copied().chain(self.helper.as_deref()).enumerate() {
            match seen.get(place) {
                Some(Sight::Host(HostAnswer::Service(service))) => services.push(service.as_ref()),
                Some(Sight::Blind(error)) => return Verdict::Unknown(error.to_string()),
                _ => return Verdict::Unknown(format!("etcd's programs on {host} were not looked at")),
            }
        }
        let helping = self.helper.as_ref().and_then(|_| services.get(on.len()).copied());
        let (mut able, mut lacking) = (Vec::new(), Vec::new());
        for (host, service) in on.into_iter().zip(services) {
            match self.made_by(host, service, helping) {
                Ok(by) => able.push(by),
                Err(why) => lacking.push(why),
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

    fn sight(tools: &[(&str, &str)], etcd: &str) -> Sight {
        let service = ServiceSeen {
            exists: true,
            version: etcd.parse().ok(),
            tools: tools
                .iter()
                .map(|(name, version)| ((*name).to_owned(), version.parse().unwrap()))
                .collect(),
            ..ServiceSeen::default()
        };
        Sight::Host(HostAnswer::Service(Box::new(service)))
    }

    fn judged(seen: &[Sight], condition: &Restorable) -> Verdict {
        let mut verdict = None;
        site_of(|site| verdict = Some(condition.judge(site, seen, None)));
        verdict.unwrap()
    }

    #[test]
    fn what_a_host_lacks_is_named() {
        let plain = Restorable {
            on: vec!["etcd-1".to_owned()],
            version: Some("3.6.16".to_owned()),
            bump: 0,
            helper: None,
        };
        let bumped = Restorable {
            version: Some("3.4.23".to_owned()),
            bump: 7,
            ..plain.clone()
        };
        assert!(matches!(
            judged(&[sight(&[("etcdutl", "3.6.16")], "3.6.16")], &plain),
            Verdict::Holds(_)
        ));
        for (tools, etcd, condition, words) in [
            (&[][..], "3.6.16", &plain, "neither etcdutl nor etcdctl"),
            (&[("etcdctl", "3.6.16")], "3.6.16", &plain, "no etcdutl"),
            (&[("etcdutl", "3.5.35")], "3.5.35", &plain, "cannot run on its data"),
            (&[("etcdctl", "3.4.23")], "3.4.23", &bumped, "cannot raise the revision"),
        ] {
            let Verdict::Not { saw, .. } = judged(&[sight(tools, etcd)], condition) else {
                panic!("{words}: it passed")
            };
            assert!(saw.contains(words) && saw.contains("etcd-1"), "{saw}");
        }
    }
    #[test]
    fn another_host_restores_only_with_a_tool_that_fits() {
        let condition = Restorable {
            on: vec!["etcd-1".to_owned()],
            version: None,
            bump: 7,
            helper: Some("etcd-2".to_owned()),
        };
        let bare = sight(&[], "3.5.30");
        let Verdict::Holds(said) = judged(&[bare.clone(), sight(&[("etcdutl", "3.5.16")], "3.5.16")], &condition)
        else {
            panic!("etcd-2 can");
        };
        assert_eq!(said, "etcd-1: etcd-2 restores for it with etcdutl 3.5.16");
        for (tool, version, words) in [
            ("etcdutl", "3.6.16", "etcd-2 cannot restore for it"),
            ("etcdctl", "3.4.23", "on etcd-2 cannot raise the revision"),
            ("etcdctl", "3.6.16", "etcd-2 has no etcdutl"),
        ] {
            let helper = sight(&[(tool, version)], version);
            let Verdict::Not { saw, .. } = judged(&[bare.clone(), helper], &condition) else {
                panic!("{words}: it passed")
            };
            assert!(saw.contains(words), "{saw}");
        }
    }
}
