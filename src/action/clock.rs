//! `clock`: the hosts' clocks agree with the bastion's (safety 7).

use serde::{Deserialize, Serialize};

use super::disk::hosts;
use super::{Condition, Site, Verdict};
use crate::base::duration::Span;
use crate::call::host::{HostAnswer, HostOp};
use crate::call::{Look, Sight};

/// Beyond this it is said, though it still holds.
const WORTH_SAYING_MS: f64 = 1000.0;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// The hosts; default: the step's.
    #[serde(default)]
    #[schemars(extend("x-host" = true))]
    pub of: Vec<String>,
    /// The most that a clock may be off (default 60s).
    #[serde(default = "minute")]
    pub within: Span,
}

fn minute() -> Span {
    Span::seconds(60)
}

impl Condition for Clock {
    fn text(&self, site: &Site<'_>) -> String {
        format!(
            "the clock of {} is right within {}",
            hosts(&self.of, site).join(", "),
            self.within
        )
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let names = hosts(&self.of, site).into_iter();
        names
            .map(|host| Look::Host {
                host: host.to_owned(),
                op: HostOp::Clock,
            })
            .collect()
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let allowed = self.within.0.as_secs_f64() * 1000.0;
        let mut said = Vec::new();
        let mut worst = 0.0_f64;
        for (host, sight) in hosts(&self.of, site).into_iter().zip(seen) {
            match sight {
                Sight::Host(HostAnswer::Clock {
                    offset_ms,
                    round_trip_ms,
                    ..
                }) => {
                    worst = worst.max(offset_ms.abs());
                    let text = format!(
                        "{host} is {:.1} s off (± {:.1} s)",
                        offset_ms / 1000.0,
                        round_trip_ms / 2000.0
                    );
                    // What lies within the error of the measurement refuses nothing.
                    if offset_ms.abs() - round_trip_ms / 2.0 > allowed {
                        return Verdict::Not {
                            saw: text,
                            hint: Some("set the host's clock, for example with chrony".to_owned()),
                        };
                    }
                    if offset_ms.abs() > WORTH_SAYING_MS {
                        said.push(text);
                    }
                }
                Sight::Blind(error) => return Verdict::Unknown(error.to_string()),
                _ => return Verdict::Unknown(format!("the clock of {host} was not looked at")),
            }
        }
        if said.is_empty() {
            said.push(format!("off by {:.2} s at most", worst / 1000.0));
        }
        Verdict::Holds(said.join(", "))
    }

    fn accept_name(&self) -> Option<&'static str> {
        Some("clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::membership::tests::site_of;

    #[test]
    fn only_a_clock_that_is_surely_wrong_is_refused() {
        site_of(|site| {
            let clock = Clock {
                of: vec!["etcd-1".to_owned()],
                within: minute(),
            };
            let judge = |offset_ms, round_trip_ms| {
                let seen = Sight::Host(HostAnswer::Clock {
                    unix_nanos: 0,
                    round_trip_ms,
                    offset_ms,
                });
                clock.judge(site, &[seen], None)
            };
            assert!(matches!(judge(-5.0, 10.0), Verdict::Holds(_)));
            assert!(matches!(judge(5000.0, 10.0), Verdict::Holds(saw) if saw.contains("5.0 s")));
            assert!(matches!(judge(-61_000.0, 10.0), Verdict::Not { .. }));
            assert!(matches!(judge(61_000.0, 4000.0), Verdict::Holds(_)));
        });
    }
}
