//! `etcd.alarm_disarm`: takes back an alarm, once its cause is gone.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Probe, Risk, Site, sight};
use crate::call::{Call, EtcdAnswer, EtcdOp, Look, Reply, Sight, To};
use crate::cluster::observed::{MemberSeen, Observed, Standing};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmDisarm {
    /// Which alarm.
    pub alarm: Alarm,
    /// The member that raised it: host, name or hex ID (default: every member).
    #[serde(default)]
    pub member: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Alarm {
    /// The database has reached its quota.
    Nospace,
    /// Members do not hold the same data.
    Corrupt,
}

impl Alarm {
    fn word(self) -> &'static str {
        match self {
            Self::Nospace => "NOSPACE",
            Self::Corrupt => "CORRUPT",
        }
    }
}

impl AlarmDisarm {
    /// The first member with the alarm, and the first that does not tell: below 3.4 etcd's Status has no word of alarms.
    fn raised<'a>(&self, observed: &'a Observed) -> Result<(Option<&'a MemberSeen>, Option<&'a MemberSeen>), String> {
        let members = self.members(observed)?;
        let has = |alarms: &Vec<String>| alarms.iter().any(|alarm| alarm == self.alarm.word());
        let raised = members.iter().find(|seen| seen.alarms.as_ref().is_some_and(has));
        let mute = members.iter().find(|seen| seen.alarms.is_none());
        Ok((raised.copied(), mute.copied()))
    }

    fn members<'a>(&self, observed: &'a Observed) -> Result<Vec<&'a MemberSeen>, String> {
        match &self.member {
            None => {
                let members: Vec<_> = observed.members.iter().filter(|seen| seen.member.is_some()).collect();
                // Silence is no proof that there is no alarm.
                let nobody = members.is_empty().then(|| "no member answers".to_owned());
                nobody.map_or(Ok(members), Err)
            }
            Some(word) => sight::member(observed, word)
                .map_err(|twice| twice.to_string())?
                .map(|seen| vec![seen])
                .ok_or_else(|| format!("there is no member `{word}`")),
        }
    }
}

impl Action for AlarmDisarm {
    fn risk(&self) -> Risk {
        match self.alarm {
            Alarm::Nospace => Risk::Change,
            Alarm::Corrupt => Risk::Destroy,
        }
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        let of = self.member.as_deref().unwrap_or("every member");
        format!("disarm the {} alarm of {of}", self.alarm.word())
    }

    fn loses(&self, _site: &Site<'_>) -> Option<String> {
        (self.alarm == Alarm::Corrupt)
            .then(|| "etcd no longer refuses requests although members may hold different data".to_owned())
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Cluster]
    }

    fn probe(&self, _site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        match sight::cluster(seen).and_then(|observed| self.raised(observed)) {
            Ok((Some(first), _)) => Probe::NotYet(format!("{} has raised {}", first.endpoint, self.alarm.word())),
            Ok((None, Some(mute))) => Probe::NotYet(format!("{} does not tell its alarms", mute.endpoint)),
            Ok((None, None)) => Probe::Done(json!({})),
            Err(why) => Probe::Unknown(why),
        }
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let observed = sight::cluster(seen).ok()?;
        // Without a member it is disarmed whoever raised it: a restored backup carries alarms of members that are gone.
        let member = match &self.member {
            None => None,
            // Never wider than asked: whose ID is not known is not disarmed.
            Some(_) => Some(self.members(observed).ok()?.first()?.member.as_ref()?.id),
        };
        let through = observed.members.iter().find(|seen| seen.standing == Standing::Healthy);
        let endpoint = through.or_else(|| observed.members.first())?.endpoint.clone();
        let op = EtcdOp::AlarmDisarm {
            member,
            alarm: self.alarm.word().to_owned(),
        };
        Some(Call {
            to: To::Etcd { endpoint, op },
            timeout: site.timeout,
        })
    }

    /// etcd answers when the cluster has agreed to it: all that can be known where Status does not tell, and enough elsewhere.
    fn settled_by(&self, reply: &Reply) -> Option<Value> {
        matches!(reply, Reply::Etcd(EtcdAnswer::Done)).then(|| json!({}))
    }

    fn repeatable(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::membership::tests::site_of;

    fn nobody() -> Sight {
        Sight::Cluster(Box::default())
    }

    #[test]
    fn silence_is_no_proof_that_there_is_no_alarm_and_never_disarms_more_than_asked() {
        for member in [None, Some("etcd-1".to_owned())] {
            let disarm = AlarmDisarm {
                alarm: Alarm::Nospace,
                member,
            };
            site_of(|site| {
                let probe = disarm.probe(site, None, &[nobody()]);
                assert!(matches!(probe, Probe::Unknown(_)), "{probe:?}");
                assert_eq!(disarm.call(site, &[nobody()]), None);
            });
        }
    }
}
