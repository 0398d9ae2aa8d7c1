//! `cluster`: the cluster as a whole.

use serde::{Deserialize, Serialize};

use super::{Condition, Site, Verdict, sight};
use crate::call::{Look, Sight};
use crate::cluster::model::Model;
use crate::cluster::observed::{Observed, Standing};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterIs {
    /// Every voter is healthy and quorum is proved.
    #[serde(default)]
    pub healthy: bool,
    /// Quorum is proved by a linearizable read.
    #[serde(default)]
    pub quorum: bool,
    /// A leader is known.
    #[serde(default)]
    pub leader: bool,
}

impl Condition for ClusterIs {
    fn text(&self, _site: &Site<'_>) -> String {
        let mut parts = Vec::new();
        if self.healthy {
            parts.push("every voter is healthy");
        }
        if self.quorum {
            parts.push("quorum is proved by a read");
        }
        if self.leader {
            parts.push("a leader is known");
        }
        if parts.is_empty() {
            "the cluster answers".to_owned()
        } else {
            parts.join(", ")
        }
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Cluster]
    }

    fn judge(&self, _site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let observed = match sight::cluster(seen) {
            Ok(observed) => observed,
            Err(why) => return Verdict::Unknown(why),
        };
        let sick: Vec<String> = observed.members.iter().filter(|seen| is_sick(seen)).map(name).collect();
        if self.healthy && !sick.is_empty() {
            let hint = Some("etcdops health".to_owned());
            return Verdict::Not {
                saw: format!("not healthy: {}", sick.join(", ")),
                hint,
            };
        }
        if (self.quorum || self.healthy) && !observed.quorum_proved {
            return Verdict::Not {
                saw: "no linearizable read was answered".to_owned(),
                hint: Some(RECOVER.to_owned()),
            };
        }
        if self.leader && observed.leader.is_none() {
            return Verdict::Not {
                saw: "no member knows a leader".to_owned(),
                hint: Some(RECOVER.to_owned()),
            };
        }
        Verdict::Holds(summary(observed))
    }

    fn on_model(&self, _site: &Site<'_>, model: &Model) -> Option<Verdict> {
        if model.has_quorum() {
            return None;
        }
        Some(Verdict::Not {
            saw: model.strip(),
            hint: Some(RECOVER.to_owned()),
        })
    }
}

/// What to type when quorum is gone.
const RECOVER: &str = "etcdops recover";

fn is_sick(seen: &crate::cluster::observed::MemberSeen) -> bool {
    let voter = seen.member.as_ref().is_some_and(|member| !member.learner);
    voter && seen.standing != Standing::Healthy
}

fn name(seen: &crate::cluster::observed::MemberSeen) -> String {
    let name = seen
        .host
        .clone()
        .or_else(|| seen.member.as_ref().map(|member| member.name.clone()));
    let name = name
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| seen.endpoint.clone());
    match &seen.cause {
        Some(cause) => format!("{name} ({})", cause.message),
        None => name,
    }
}

fn summary(observed: &Observed) -> String {
    let healthy = observed
        .members
        .iter()
        .filter(|seen| seen.standing == Standing::Healthy)
        .count();
    format!("{healthy} of {} members healthy", observed.members.len())
}
