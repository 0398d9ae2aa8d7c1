//! `member.remove`: expels a member. One that is gone already is success.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Kind, Probe, Risk, Site, membership, sight};
use crate::base::duration::Span;
use crate::call::{Call, CallError, EtcdOp, Look, Sight};
use crate::cluster::called::Ambiguous;
use crate::cluster::member::Id;
use crate::cluster::model::Model;
use crate::cluster::observed::Observed;
use crate::cluster::version::Version;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberRemove {
    /// The member: hex ID, name or host.
    pub member: String,
}

/// Fields of its output.
pub const OUTPUT: &[(&str, Kind)] = &[("id", Kind::Text), ("members", Kind::Number)];

impl MemberRemove {
    /// The ID, also after the removal: an ID that was given, or the one seen before the first attempt.
    fn id(&self, before: Option<&Value>, observed: &Observed) -> Result<Option<Id>, Ambiguous> {
        let earlier = before
            .and_then(|before| before.get("id"))
            .and_then(Value::as_str)
            .and_then(|text| text.parse().ok());
        if earlier.is_some() {
            return Ok(earlier);
        }
        Ok(sight::meant(observed, &self.member)?.map(|member| member.id))
    }
}

impl Action for MemberRemove {
    fn risk(&self) -> Risk {
        Risk::Destroy
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        format!("remove member {} from the cluster", self.member)
    }

    fn loses(&self, _site: &Site<'_>) -> Option<String> {
        Some(format!("member {} never takes part again with its data", self.member))
    }

    fn effect(&self, _site: &Site<'_>, model: &mut Model) -> Result<(), String> {
        let found = model.find(&self.member).map_err(|twice| twice.to_string())?;
        let Some(place) = found.cloned() else {
            return Ok(());
        };
        if !place.learner && model.voter_count() == 1 {
            return Err(format!(
                "{} is the only voter; without it there is no cluster",
                self.member
            ));
        }
        model.members.retain(|member| *member != place);
        Ok(())
    }

    fn remark(&self, model: &Model) -> Option<String> {
        let version = model.any_version(Version::keeps_zombies)?;
        Some(format!(
            "etcd {version} may keep a removed member in the store that 3.6 reads: after an upgrade to 3.6 it may be back. Upgrade \
             every member to the newest 3.5 (3.5.32 or newer) before 3.6; for now nothing is amiss"
        ))
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Cluster]
    }

    fn probe(&self, _site: &Site<'_>, before: Option<&Value>, seen: &[Sight]) -> Probe {
        let observed = match membership::list(seen) {
            Ok(observed) => observed,
            Err(why) => return Probe::Unknown(why),
        };
        let id = match self.id(before, observed) {
            Ok(id) => id,
            Err(twice) => return Probe::Conflict(twice.to_string()),
        };
        let members = observed.members.iter().filter(|seen| seen.member.is_some()).count();
        match id {
            Some(id) if observed.by_id(id).is_some() => Probe::NotYet(format!("{} is still a member", self.member)),
            _ => Probe::Done(json!({ "id": id, "members": members })),
        }
    }

    fn before(&self, _site: &Site<'_>, seen: &[Sight]) -> Value {
        let id = sight::cluster(seen)
            .ok()
            .and_then(|observed| self.id(None, observed).ok()?);
        json!({ "id": id })
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let id = self.id(None, sight::cluster(seen).ok()?).ok()??;
        membership::through_leader(site, seen, EtcdOp::MemberRemove { id })
    }

    fn doubt_lasts(&self) -> Span {
        membership::DOUBT
    }

    fn passes_by_itself(&self, error: &CallError) -> bool {
        membership::passes(error) || error.message.contains("member not found")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::MemberRemove;
    use crate::action::membership::tests::{member, observed, seen, site_of, three};
    use crate::action::{Action, Probe};

    fn remove(word: &str) -> MemberRemove {
        MemberRemove {
            member: word.to_owned(),
        }
    }

    #[test]
    fn gone_is_done_and_a_successor_on_the_same_host_is_not_the_one() {
        site_of(|site| {
            assert!(matches!(
                remove("etcd-3").probe(site, None, &seen(three())),
                Probe::NotYet(_)
            ));
            let two = three()[..2].to_vec();
            assert!(matches!(
                remove("3").probe(site, None, &seen(two.clone())),
                Probe::Done(_)
            ));
            let mut successor = member(9, "etcd-3", false);
            successor.host = Some("etcd-3".to_owned());
            let mut replaced = two;
            replaced.push(successor);
            let before = json!({ "id": "3" });
            assert!(matches!(
                remove("etcd-3").probe(site, Some(&before), &seen(replaced)),
                Probe::Done(_)
            ));
        });
    }

    #[test]
    fn it_is_said_where_the_removed_may_come_back() {
        let mut model = observed(three()).model();
        let told = remove("3").remark(&model).unwrap();
        assert!(told.contains("3.5.16") && told.contains("newest 3.5"), "{told}");
        for member in &mut model.members {
            member.version = "3.5.26".parse().ok();
        }
        assert_eq!(remove("3").remark(&model), None);
    }

    #[test]
    fn the_last_voter_stays() {
        site_of(|site| {
            let mut model = observed(three()[..1].to_vec()).model();
            assert!(remove("etcd-1").effect(site, &mut model).is_err());
            assert_eq!(model.members.len(), 1);
        });
    }
}
