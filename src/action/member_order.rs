//! `member.order`: which way round a replacement goes, decided by simulating both (safety 31).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Kind, Probe, Risk, Site, membership};
use crate::call::{Call, Look, Sight};
use crate::cluster::called::Ambiguous;
use crate::cluster::model::{Model, ModelMember};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberOrder {
    /// The member that goes: hex ID, name or host.
    pub member: String,
    /// The host of the new one.
    #[schemars(extend("x-host" = true))]
    pub host: String,
}

/// Fields of its output.
pub const OUTPUT: &[(&str, Kind)] = &[("add_first", Kind::Bool), ("why", Kind::Text)];

/// The order, and its reason.
struct Order {
    add_first: bool,
    why: String,
}

/// The least tolerance in a row of states; `None`: quorum is lost in one of them.
fn least(states: &[Model]) -> Option<usize> {
    let mut least = usize::MAX;
    for state in states {
        least = least.min(state.tolerates()?);
    }
    Some(least)
}

fn joiner(learner: bool, up: bool) -> ModelMember {
    ModelMember {
        id: None,
        name: String::new(),
        host: None,
        peer_urls: Vec::new(),
        client_urls: Vec::new(),
        learner,
        up,
        version: None,
    }
}

fn without(model: &Model, member: &ModelMember) -> Model {
    let mut rest = model.clone();
    rest.members.retain(|other| other != member);
    rest
}

/// What a join passes through: listed and not started, then a voter that is up.
fn joined(model: &Model) -> [Model; 2] {
    let learners = model
        .lowest_version()
        .is_none_or(crate::cluster::version::Version::has_learners);
    [joiner(learners, false), joiner(false, true)].map(|new| {
        let mut with = model.clone();
        with.members.push(new);
        with
    })
}

impl MemberOrder {
    fn order(&self, model: &Model) -> Result<Order, Ambiguous> {
        let Some(old) = model.find(&self.member)? else {
            let why = format!("{} is no member any more: only the new one is added", self.member);
            return Ok(Order { add_first: true, why });
        };
        let word = if old.name.is_empty() { &self.member } else { &old.name };
        let before = model.voter_count();
        let rest = without(model, old);
        let [listed, voting] = joined(&rest);
        let leave = least(&[rest, listed, voting]);
        let [listed, voting] = joined(model);
        let join = least(&[listed, voting.clone(), without(&voting, old)]);
        let down = format!("{before}→{}→{before}", before.saturating_sub(1));
        let up = format!("{before}→{}→{before}", before + 1);
        if old.host.as_deref() == Some(&self.host) {
            let why = format!("{word} leaves first ({down}): on one host there is room for one member");
            return Ok(Order { add_first: false, why });
        }
        if let Err(why) = membership::add_is_taken(model) {
            let why = format!("{word} leaves first ({down}): {why}");
            return Ok(Order { add_first: false, why });
        }
        let tells = |least: Option<usize>| least.map_or("no quorum".to_owned(), |count| count.to_string());
        if old.up && join >= leave || join > leave {
            let why = format!(
                "the new one joins first ({up}): on the way at least {} may fail, the other way round {}",
                tells(join),
                tells(leave)
            );
            return Ok(Order { add_first: true, why });
        }
        let reason = if old.up { "runs" } else { "is down and helps nobody" };
        let why = format!(
            "{word} leaves first ({down}): it {reason}; on the way at least {} may fail, the other way round {}",
            tells(leave),
            tells(join)
        );
        Ok(Order { add_first: false, why })
    }
}

impl Action for MemberOrder {
    fn risk(&self) -> Risk {
        Risk::Look
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        format!("find the order in which {} is replaced", self.member)
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Cluster]
    }

    fn probe(&self, _site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        match membership::list(seen) {
            Ok(observed) => match self.order(&observed.model()) {
                Ok(Order { add_first, why }) => Probe::Done(json!({ "add_first": add_first, "why": why })),
                Err(twice) => Probe::Conflict(twice.to_string()),
            },
            Err(why) => Probe::Unknown(why),
        }
    }

    fn call(&self, _site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::MemberOrder;
    use crate::action::membership::tests::{member, observed};
    use crate::cluster::version::Version;

    /// `size` members of which the last is replaced; whether the new one joins first.
    fn joins_first(size: u64, alive: bool, version: Version, host: &str) -> (bool, String) {
        let members = (1..=size).map(|number| member(number, &format!("etcd-{number}"), false));
        let mut model = observed(members.collect()).model();
        for member in &mut model.members {
            member.version = Some(version);
        }
        model.members.last_mut().unwrap().up = alive;
        let order = MemberOrder {
            member: format!("etcd-{size}"),
            host: host.to_owned(),
        };
        let order = order.order(&model).unwrap();
        (order.add_first, order.why)
    }

    #[test]
    fn the_dead_leave_first_and_the_living_last() {
        let (old, new) = (Version::new(3, 5, 16), Version::new(3, 5, 35));
        let (first, why) = joins_first(3, false, new, "etcd-9");
        assert!(!first && why.contains("3→2→3") && why.contains("etcd refuses"), "{why}");
        let (first, why) = joins_first(3, true, new, "etcd-9");
        assert!(
            first && why.contains("3→4→3") && why.contains("at least 1 may fail, the other way round 0"),
            "{why}"
        );
        // With five and one down newer versions would take a learner; the dead one gains nothing from waiting.
        assert!(!joins_first(5, false, new, "etcd-9").0);
        assert!(!joins_first(5, false, old, "etcd-9").0);
        assert!(joins_first(5, true, old, "etcd-9").0);
        let (first, why) = joins_first(3, true, new, "etcd-3");
        assert!(!first && why.contains("one host"), "{why}");
        assert!(
            joins_first(1, true, new, "etcd-9").0,
            "a single member never leaves first"
        );
    }
}
