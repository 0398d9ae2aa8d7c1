//! `member.promote`: a learner that has caught up becomes a voter.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Kind, Late, Probe, Risk, Site, membership, sight};
use crate::base::duration::Span;
use crate::call::{Call, CallError, EtcdOp, Look, Sight};
use crate::cluster::model::{Model, ModelMember};
use crate::cluster::version::Version;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberPromote {
    /// The learner: hex ID, name or host.
    pub id: Late<String>,
}

/// Fields of its output.
pub const OUTPUT: &[(&str, Kind)] = &[("id", Kind::Text)];

impl MemberPromote {
    fn word(&self) -> &str {
        self.id.known().map_or("", String::as_str)
    }

    /// The learner in the model: the one named, or else the one on the step's host.
    fn find<'m>(&self, site: &Site<'_>, model: &'m mut Model) -> Result<Option<&'m mut ModelMember>, String> {
        let named = match self.id.known() {
            Some(word) => model.find(word).map_err(|twice| twice.to_string())?.cloned(),
            None => None,
        };
        let host = site.host_name();
        Ok(model.members.iter_mut().find(|member| match &named {
            Some(named) => **member == *named,
            None => member.learner && (host.is_empty() || member.host.as_deref() == Some(host)),
        }))
    }
}

impl Action for MemberPromote {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        format!("promote learner {} to voter", self.id)
    }

    fn effect(&self, site: &Site<'_>, model: &mut Model) -> Result<(), String> {
        match self.find(site, model)? {
            Some(member) => {
                member.learner = false;
                Ok(())
            }
            None => Err(format!("there is no learner {}", self.id)),
        }
    }

    fn remark(&self, model: &Model) -> Option<String> {
        let version = model.any_version(Version::forgets_promotions)?;
        Some(format!(
            "etcd {version} does not keep a promotion in the store that 3.6 reads: after an upgrade to 3.6 this voter may be a \
             learner again. Upgrade every member to the newest 3.5 (3.5.32 or newer) before 3.6; for now nothing is amiss"
        ))
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Cluster]
    }

    fn probe(&self, _site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let observed = match membership::list(seen) {
            Ok(observed) => observed,
            Err(why) => return Probe::Unknown(why),
        };
        let found = match sight::meant(observed, self.word()) {
            Ok(found) => found,
            Err(twice) => return Probe::Conflict(twice.to_string()),
        };
        match found {
            None => Probe::Conflict(format!("{} is not in the member list", self.word())),
            Some(member) if member.learner => Probe::NotYet(format!("{} is a learner", self.word())),
            Some(member) => Probe::Done(json!({ "id": member.id })),
        }
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let observed = sight::cluster(seen).ok()?;
        let id = sight::meant(observed, self.word()).ok()??.id;
        membership::through_leader(site, seen, EtcdOp::MemberPromote { id })
    }

    fn doubt_lasts(&self) -> Span {
        membership::DOUBT
    }

    fn passes_by_itself(&self, error: &CallError) -> bool {
        membership::passes(error)
            || error.message.contains("in sync with leader")
            // Someone else's promotion, or our own that was lost: the probe will see it.
            || error.message.contains("can only promote a learner member")
    }

    fn patience(&self) -> Span {
        Span::seconds(120)
    }
}

#[cfg(test)]
mod tests {
    use super::MemberPromote;
    use crate::action::membership::tests::{member, observed, seen, site_of, three};
    use crate::action::{Action, Late, Probe};

    #[test]
    fn a_voter_is_done_a_learner_is_not_and_a_stranger_is_a_conflict() {
        let promote = MemberPromote {
            id: Late::Known("4".to_owned()),
        };
        site_of(|site| {
            let with = |learner| {
                let mut members = three();
                members.push(member(4, "etcd-4", learner));
                members
            };
            assert!(matches!(promote.probe(site, None, &seen(with(true))), Probe::NotYet(_)));
            assert!(matches!(promote.probe(site, None, &seen(with(false))), Probe::Done(_)));
            assert!(matches!(promote.probe(site, None, &seen(three())), Probe::Conflict(_)));
            let mut model = observed(with(true)).model();
            promote.effect(site, &mut model).unwrap();
            assert_eq!(model.voter_count(), 4);
        });
    }

    #[test]
    fn it_is_said_where_a_promotion_does_not_last() {
        let promote = MemberPromote {
            id: Late::Known("3".to_owned()),
        };
        let mut model = observed(three()).model();
        let told = promote.remark(&model).unwrap();
        assert!(told.contains("3.5.16") && told.contains("newest 3.5"), "{told}");
        for member in &mut model.members {
            member.version = "3.5.35".parse().ok();
        }
        assert_eq!(promote.remark(&model), None);
    }
}
