//! `quota`: a database of this size leaves room for writes: etcd refuses them all when it reaches the quota, and raises NOSPACE again
//! however often that is disarmed.

use serde::{Deserialize, Serialize};

use super::disk::hosts;
use super::{Condition, Site, Verdict};
use crate::base::size::bytes;
use crate::call::host::{HostAnswer, ServiceSeen};
use crate::call::{Look, Sight};

/// etcd's quota where nothing else is configured.
const DEFAULT: u64 = 2 << 30;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// The hosts; default: the step's.
    #[serde(default)]
    #[schemars(extend("x-host" = true))]
    pub of: Vec<String>,
    /// Bytes of the database.
    pub above: u64,
}

const SETTING: &str = "quota-backend-bytes";

/// That of the next start. `None`: the host's etcd knows no bound.
fn quota(service: &ServiceSeen) -> Option<u64> {
    let now = service.settings.get(SETTING).map(|setting| setting.value.as_str());
    let set = service.at_next_start.get(SETTING).map_or(now, Option::as_deref);
    match set.and_then(|value| value.trim().parse::<i64>().ok()) {
        None | Some(0) => Some(DEFAULT),
        Some(set) => u64::try_from(set).ok(),
    }
}

impl Condition for Quota {
    fn text(&self, site: &Site<'_>) -> String {
        let of = hosts(&self.of, site).join(", ");
        format!("the quota of {of} is above {}", bytes(self.above))
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        hosts(&self.of, site).into_iter().map(Look::service).collect()
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let mut least: Option<u64> = None;
        for (host, sight) in hosts(&self.of, site).into_iter().zip(seen) {
            let service = match sight {
                Sight::Host(HostAnswer::Service(service)) => service,
                Sight::Blind(error) => return Verdict::Unknown(error.to_string()),
                _ => return Verdict::Unknown(format!("{host} was not looked at")),
            };
            let Some(quota) = quota(service) else { continue };
            if quota <= self.above {
                return Verdict::Not {
                    saw: format!(
                        "the quota of {host} is {}, and the database has {}: etcd would refuse every write (NOSPACE)",
                        bytes(quota),
                        bytes(self.above)
                    ),
                    hint: Some(format!("raise quota-backend-bytes on {host}, then try again")),
                };
            }
            least = Some(least.map_or(quota, |known| known.min(quota)));
        }
        Verdict::Holds(least.map_or_else(|| "no quota".to_owned(), |least| format!("at least {}", bytes(least))))
    }

    fn accept_name(&self) -> Option<&'static str> {
        Some("quota")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::membership::tests::site_of;
    use crate::call::host::{Setting, SettingFrom};

    fn service_with(set: Option<&str>) -> ServiceSeen {
        let setting = set.map(|value| Setting {
            value: value.to_owned(),
            from: SettingFrom::Flag,
        });
        ServiceSeen {
            settings: setting
                .map(|setting| (SETTING.to_owned(), setting))
                .into_iter()
                .collect(),
            ..ServiceSeen::default()
        }
    }

    fn judged(set: Option<&str>, above: u64) -> Verdict {
        let sight = Sight::Host(HostAnswer::Service(Box::new(service_with(set))));
        let quota = Quota {
            of: vec!["etcd-1".to_owned()],
            above,
        };
        let mut verdict = None;
        site_of(|site| verdict = Some(quota.judge(site, std::slice::from_ref(&sight), None)));
        verdict.unwrap()
    }

    #[test]
    fn a_database_as_large_as_the_quota_takes_no_writes() {
        for (set, above) in [(Some("16777216"), 16 << 20), (None, 2 << 30), (Some("0"), 3 << 30)] {
            assert!(matches!(judged(set, above), Verdict::Not { .. }), "{set:?}");
        }
        let raised = ServiceSeen {
            at_next_start: [(SETTING.to_owned(), Some("33554432".to_owned()))].into(),
            ..service_with(Some("16777216"))
        };
        assert_eq!(quota(&raised), Some(32 << 20), "raised, and not restarted yet");
        for (set, above) in [
            (Some("16777216"), 1 << 20),
            (None, 2_000_000_000),
            (Some("-1"), 9 << 30),
        ] {
            assert!(matches!(judged(set, above), Verdict::Holds(_)), "{set:?}");
        }
    }
}
