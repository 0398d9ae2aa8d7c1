//! `etcd.alarm_disarm`: takes back an alarm, once its cause is gone.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Probe, Risk, Site, sight};
use crate::call::{Call, EtcdOp, Look, Sight, To};
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
    /// The members with the alarm; an error where a member cannot tell.
    fn raised<'a>(&self, observed: &'a Observed) -> Result<Vec<&'a MemberSeen>, String> {
        let mut found = Vec::new();
        for seen in self.members(observed)? {
            match &seen.alarms {
                Some(alarms) if alarms.iter().any(|alarm| alarm == self.alarm.word()) => found.push(seen),
                Some(_) => {}
                None => return Err(format!("{} does not tell its alarms", seen.endpoint)),
            }
        }
        Ok(found)
    }

    fn members<'a>(&self, observed: &'a Observed) -> Result<Vec<&'a MemberSeen>, String> {
        match &self.member {
            None => Ok(observed.members.iter().filter(|seen| seen.member.is_some()).collect()),
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
        let raised = match sight::cluster(seen).and_then(|observed| self.raised(observed)) {
            Ok(raised) => raised,
            Err(why) => return Probe::Unknown(why),
        };
        match raised.first() {
            None => Probe::Done(json!({})),
            Some(first) => Probe::NotYet(format!("{} has raised {}", first.endpoint, self.alarm.word())),
        }
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let observed = sight::cluster(seen).ok()?;
        let raised = self.raised(observed).ok()?;
        let first = raised.first()?.member.as_ref()?.id;
        // Without a member it is disarmed whoever raised it: a restored backup carries alarms of members that are gone.
        let member = self.member.as_ref().map(|_| first);
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

    fn repeatable(&self) -> bool {
        true
    }
}
