//! `version`: the etcd that a host has.

use serde::{Deserialize, Serialize};

use super::{Condition, Site, Verdict, sight};
use crate::call::{Look, Sight};
use crate::cluster::version::Version;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionIs {
    /// The host; default: the step's.
    #[serde(default)]
    #[schemars(extend("x-host" = true))]
    pub of: Option<String>,
    /// It may join: not below the cluster's version, and the same as some started voter's (safety 30).
    #[serde(default)]
    pub may_join: bool,
    /// At least this one, such as `3.5.0`.
    #[serde(default)]
    pub at_least: Option<String>,
    /// Lower than this one.
    #[serde(default)]
    pub below: Option<String>,
}

impl VersionIs {
    fn host<'a>(&'a self, site: &'a Site<'_>) -> &'a str {
        self.of.as_deref().unwrap_or_else(|| site.host_name())
    }

    fn bounds(&self, version: Version) -> Result<(), String> {
        let parsed = |text: &Option<String>| text.as_deref().map(str::parse::<Version>).transpose();
        let at_least = parsed(&self.at_least).map_err(|error| error.to_string())?;
        let below = parsed(&self.below).map_err(|error| error.to_string())?;
        if at_least.is_some_and(|least| version < least) || below.is_some_and(|below| version >= below) {
            return Err(format!("etcd {version}"));
        }
        Ok(())
    }

    fn joins(version: Version, seen: &[Sight]) -> Result<(), Verdict> {
        let observed = sight::cluster(seen).map_err(Verdict::Unknown)?;
        let model = observed.model();
        let voters: Vec<Version> = model
            .voters()
            .filter(|member| member.up)
            .filter_map(|member| member.version)
            .collect();
        let Some(lowest) = voters.iter().min() else {
            return Err(Verdict::Unknown("no voter tells its version".to_owned()));
        };
        if voters.contains(&version) && (version.major, version.minor) >= (lowest.major, lowest.minor) {
            return Ok(());
        }
        let list: Vec<String> = voters.iter().map(Version::to_string).collect();
        Err(Verdict::Not {
            saw: format!("etcd {version} there, {} among the voters", list.join(", ")),
            hint: Some("install the same version as the voters have".to_owned()),
        })
    }
}

impl Condition for VersionIs {
    fn text(&self, site: &Site<'_>) -> String {
        let mut parts = Vec::new();
        if self.may_join {
            parts.push("that may join".to_owned());
        }
        parts.extend(self.at_least.iter().map(|version| format!("not below {version}")));
        parts.extend(self.below.iter().map(|version| format!("below {version}")));
        format!("{} has an etcd {}", self.host(site), parts.join(", "))
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let mut looks = vec![Look::service(self.host(site))];
        if self.may_join {
            looks.push(Look::Cluster);
        }
        looks
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let service = match sight::service(seen) {
            Ok(service) => service,
            Err(why) => return Verdict::Unknown(why),
        };
        let Some(version) = service.version else {
            return Verdict::Not {
                saw: format!("no etcd was found on {}", self.host(site)),
                hint: Some("install etcd there first".to_owned()),
            };
        };
        if let Err(saw) = self.bounds(version) {
            return Verdict::Not { saw, hint: None };
        }
        if self.may_join
            && let Err(verdict) = Self::joins(version, seen)
        {
            return verdict;
        }
        Verdict::Holds(format!("etcd {version}"))
    }

    fn accept_name(&self) -> Option<&'static str> {
        Some("version")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::membership::tests::{seen, site_of, three};
    use crate::call::HostAnswer;
    use crate::call::host::ServiceSeen;

    /// What is said of a joiner with this etcd among voters with these.
    fn judged(joiner: Option<&str>, voters: [&str; 3]) -> Verdict {
        let mut members = three();
        for (member, version) in members.iter_mut().zip(voters) {
            member.version = Some(version.parse().unwrap());
        }
        let service = ServiceSeen {
            version: joiner.map(|version| version.parse().unwrap()),
            ..ServiceSeen::default()
        };
        let mut sights = seen(members);
        sights.push(Sight::Host(HostAnswer::Service(Box::new(service))));
        let condition = VersionIs {
            of: Some("etcd-4".to_owned()),
            may_join: true,
            at_least: None,
            below: None,
        };
        let mut said = None;
        site_of(|site| said = Some(condition.judge(site, &sights, None)));
        said.unwrap()
    }

    #[test]
    fn who_joins_has_the_etcd_of_a_voter_and_none_below_the_lowest_minor() {
        let same = ["3.5.16"; 3];
        assert_eq!(judged(Some("3.5.16"), same), Verdict::Holds("etcd 3.5.16".to_owned()));
        for other in ["3.4.23", "3.5.15", "3.5.30", "3.6.16"] {
            let said = judged(Some(other), same);
            assert!(
                matches!(&said, Verdict::Not { saw, hint: Some(hint) }
                    if saw.contains(other) && saw.contains("3.5.16, 3.5.16, 3.5.16") && hint.contains("the same version")),
                "{other}: {said:?}"
            );
        }
        // In the middle of an upgrade the cluster's version is the lowest one's: who has a newer etcd may join as well.
        let mixed = ["3.5.16", "3.6.16", "3.5.16"];
        for either in ["3.5.16", "3.6.16"] {
            assert!(matches!(judged(Some(either), mixed), Verdict::Holds(_)), "{either}");
        }
        assert!(matches!(judged(Some("3.7.3"), mixed), Verdict::Not { .. }));
        let said = judged(None, same);
        assert!(
            matches!(&said, Verdict::Not { saw, hint: Some(hint) } if saw.contains("no etcd was found on etcd-4") && hint.contains("install etcd")),
            "{said:?}"
        );
    }
}
