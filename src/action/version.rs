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
