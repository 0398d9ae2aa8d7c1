//! `leader.move`: hands leadership to another healthy voter before its leader is stopped.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Probe, Risk, Site, sight};
use crate::base::duration::Span;
use crate::call::{Call, EtcdOp, Look, Sight, To};
use crate::cluster::observed::{MemberSeen, Observed, Role, Standing};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaderMove {
    /// The member (host, name or hex ID) that must not lead.
    pub away_from: String,
}

impl Action for LeaderMove {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        format!("if {} leads, move leadership to another voter", self.away_from)
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Cluster]
    }

    fn probe(&self, _site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let observed = match sight::cluster(seen) {
            Ok(observed) => observed,
            Err(why) => return Probe::Unknown(why),
        };
        let Some(leader) = observed.leader else {
            // Nothing to hand over; whether the stop may go on is the guard's question, not ours.
            return Probe::Done(json!({ "leader": null }));
        };
        let found = match sight::member(observed, &self.away_from) {
            Ok(found) => found,
            Err(twice) => return Probe::Conflict(twice.to_string()),
        };
        let id = found.and_then(|seen| seen.member.as_ref()).map(|member| member.id);
        if id != Some(leader) {
            return Probe::Done(json!({ "leader": leader }));
        }
        if successor(observed).is_none() {
            return Probe::Done(json!({ "leader": leader, "alone": true }));
        }
        Probe::NotYet(format!("{} leads", self.away_from))
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let observed = sight::cluster(seen).ok()?;
        let leader = observed.by_id(observed.leader?)?;
        let to = successor(observed)?.member.as_ref()?.id;
        let to = To::Etcd {
            endpoint: leader.endpoint.clone(),
            op: EtcdOp::MoveLeader { to },
        };
        Some(Call {
            to,
            timeout: site.timeout,
        })
    }

    fn patience(&self) -> Span {
        Span(std::time::Duration::from_secs(15))
    }
}

/// The healthy voter, other than the leader, that is furthest in the log.
fn successor(observed: &Observed) -> Option<&MemberSeen> {
    observed
        .members
        .iter()
        .filter(|seen| seen.standing == Standing::Healthy && seen.role == Some(Role::Follower))
        .max_by_key(|seen| seen.raft_applied_index.or(seen.raft_index))
}
