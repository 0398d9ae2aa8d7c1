//! `member.update`: other peer URLs for a member. The host must listen on the new ones already (safety 33).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Kind, Probe, Risk, Site, membership, sight};
use crate::base::duration::Span;
use crate::call::{Call, CallError, EtcdOp, Look, Sight};
use crate::cluster::model::Model;
use crate::cluster::version::Version;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberUpdate {
    /// The member: hex ID, name or host.
    pub member: String,
    /// Its peer URLs from now on; several are separated by commas.
    pub peer_url: String,
}

/// Fields of its output.
pub const OUTPUT: &[(&str, Kind)] = &[("id", Kind::Text), ("peer_urls", Kind::List)];

impl MemberUpdate {
    fn urls(&self) -> Vec<String> {
        membership::urls(&self.peer_url)
    }
}

/// Before 3.5.31 and 3.6.12 an update of a learner's URLs makes it a voter, in silence.
fn promotes_learners(version: Version) -> bool {
    match (version.major, version.minor) {
        (3, 5) => version.patch < 31,
        (3, 6) => version.patch < 12,
        _ => version < Version::new(3, 5, 0),
    }
}

fn refusal(learner: bool, version: Option<Version>) -> Option<String> {
    (learner && version.is_none_or(promotes_learners)).then(|| {
        "it is a learner, and etcd before 3.5.31 and 3.6.12 would make it a voter in silence; promote it first, or remove and add it".to_owned()
    })
}

impl Action for MemberUpdate {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        format!("change the peer URL of {} to {}", self.member, self.peer_url)
    }

    fn effect(&self, _site: &Site<'_>, model: &mut Model) -> Result<(), String> {
        let urls = self.urls();
        let lowest = model.lowest_version();
        let found = model.find(&self.member).map_err(|twice| twice.to_string())?;
        let Some(found) = found.cloned() else {
            return Err(format!("{} is no member", self.member));
        };
        if let Some(why) = refusal(found.learner, lowest) {
            return Err(why);
        }
        membership::refuse_urls(&urls, Some(&found), model)?;
        for member in model.members.iter_mut().filter(|member| **member == found) {
            member.peer_urls.clone_from(&urls);
        }
        Ok(())
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Cluster]
    }

    fn probe(&self, _site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let observed = match membership::list(seen) {
            Ok(observed) => observed,
            Err(why) => return Probe::Unknown(why),
        };
        let found = match sight::meant(observed, &self.member) {
            Ok(found) => found,
            Err(twice) => return Probe::Conflict(twice.to_string()),
        };
        let Some(member) = found else {
            return Probe::Conflict(format!("{} is not in the member list", self.member));
        };
        if membership::same_urls(&member.peer_urls, &self.urls()) {
            return Probe::Done(json!({ "id": member.id, "peer_urls": member.peer_urls }));
        }
        let lowest = observed.model().lowest_version();
        match refusal(member.learner, lowest) {
            Some(why) => Probe::Conflict(why),
            None => Probe::NotYet(format!("its peer URL is {}", member.peer_urls.join(", "))),
        }
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let observed = sight::cluster(seen).ok()?;
        let id = sight::meant(observed, &self.member).ok()??.id;
        let op = EtcdOp::MemberUpdate {
            id,
            peer_urls: self.urls(),
        };
        membership::through_leader(site, seen, op)
    }

    fn doubt_lasts(&self) -> Span {
        membership::DOUBT
    }

    fn passes_by_itself(&self, error: &CallError) -> bool {
        membership::passes(error)
    }
}

#[cfg(test)]
mod tests {
    use super::MemberUpdate;
    use crate::action::membership::tests::{member, observed, seen, site_of, three};
    use crate::action::{Action, Probe};

    fn update(word: &str) -> MemberUpdate {
        MemberUpdate {
            member: word.to_owned(),
            peer_url: "http://new:2380".to_owned(),
        }
    }

    #[test]
    fn a_learner_is_not_updated_where_that_would_promote_it() {
        site_of(|site| {
            let mut members = three();
            members.push(member(4, "etcd-4", true));
            assert!(matches!(
                update("4").probe(site, None, &seen(members.clone())),
                Probe::Conflict(_)
            ));
            assert!(
                update("4")
                    .effect(site, &mut observed(members.clone()).model())
                    .is_err()
            );
            assert!(matches!(
                update("3").probe(site, None, &seen(members.clone())),
                Probe::NotYet(_)
            ));
            members[2].member.as_mut().unwrap().peer_urls = vec!["http://new:2380/".to_owned()];
            assert!(matches!(update("3").probe(site, None, &seen(members)), Probe::Done(_)));
        });
    }
}
