//! `member.add`: tells etcd of a new member. Told from one that is there already by its set of peer URLs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Kind, Probe, Risk, Site, membership, sight};
use crate::base::duration::Span;
use crate::call::{Call, CallError, EtcdOp, Look, Sight};
use crate::cluster::member::{Id, Member};
use crate::cluster::model::{Model, ModelMember};
use crate::cluster::observed::Observed;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberAdd {
    /// Where the other members will reach it; several are separated by commas.
    pub peer_url: String,
    /// It does not vote until it is promoted (etcd 3.4 and later).
    #[serde(default)]
    pub learner: bool,
    /// The name that it will have; default: the step's host, else the host that has this peer URL.
    #[serde(default)]
    pub name: Option<String>,
}

/// Fields of its output.
pub const OUTPUT: &[(&str, Kind)] = &[
    ("id", Kind::Text),
    ("name", Kind::Text),
    ("initial_cluster", Kind::Text),
];

impl MemberAdd {
    fn urls(&self) -> Vec<String> {
        membership::urls(&self.peer_url)
    }

    fn name<'a>(&'a self, site: &'a Site<'_>) -> &'a str {
        if let Some(name) = &self.name {
            return name;
        }
        if let Some(host) = site.host {
            return &host.name;
        }
        let by_url = self.urls().iter().find_map(|url| site.cluster.host_of_url(url));
        by_url.map_or("", |host| host.name.as_str())
    }

    /// Whether a member that is listed with these peer URLs is the one that is wanted: an earlier addition that was not finished. One
    /// that has never started votes from its beginning where it was added so.
    fn carries_on(&self, learner: bool, unstarted: bool) -> bool {
        self.learner && learner || unstarted && !learner
    }

    fn output(&self, site: &Site<'_>, added: &Member, observed: &Observed) -> Value {
        json!({
            "id": added.id,
            "name": self.name(site),
            "initial_cluster": initial_cluster(site, added.id, self.name(site), observed),
        })
    }
}

/// `name=url,…` of all members, as `ETCD_INITIAL_CLUSTER` wants it: every member must be in it, also one that has not started.
fn initial_cluster(site: &Site<'_>, own: Id, name: &str, observed: &Observed) -> String {
    let mut parts = Vec::new();
    for member in observed.members.iter().filter_map(|seen| seen.member.as_ref()) {
        let called = if member.id == own {
            name.to_owned()
        } else if member.started() {
            member.name.clone()
        } else {
            let host = member.peer_urls.iter().find_map(|url| site.cluster.host_of_url(url));
            host.map_or_else(|| member.id.to_string(), |host| host.name.clone())
        };
        parts.extend(member.peer_urls.iter().map(|url| format!("{called}={url}")));
    }
    parts.sort();
    parts.join(",")
}

fn ids(observed: &Observed) -> Vec<Id> {
    observed
        .members
        .iter()
        .filter_map(|seen| seen.member.as_ref())
        .map(|member| member.id)
        .collect()
}

impl Action for MemberAdd {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, site: &Site<'_>) -> String {
        let kind = if self.learner { "learner" } else { "voter" };
        format!("add {} ({}) to the cluster as a {kind}", self.name(site), self.peer_url)
    }

    fn effect(&self, site: &Site<'_>, model: &mut Model) -> Result<(), String> {
        let urls = self.urls();
        let name = self.name(site);
        let same = |member: &ModelMember| membership::same_urls(&member.peer_urls, &urls);
        let there = |member: &ModelMember| same(member) && self.carries_on(member.learner, member.name.is_empty());
        if model.members.iter().any(there) {
            return Ok(());
        }
        membership::refuse_urls(&urls, None, model)?;
        if !name.is_empty() && model.members.iter().any(|member| member.name == name) {
            return Err(format!(
                "a member is called {name} already; two of one name cannot be told apart"
            ));
        }
        if self.learner
            && let Some(other) = model.members.iter().find(|member| member.learner)
        {
            let id = other.id.map(|id| id.to_string()).unwrap_or_default();
            let name = if other.name.is_empty() {
                "never started"
            } else {
                &other.name
            };
            return Err(format!(
                "member {id} ({name}) is a learner already, and etcd takes one at a time: etcdops promote-member {id}, or etcdops \
                 remove-member {id}"
            ));
        }
        membership::add_is_taken(model)?;
        let host = site
            .host
            .or_else(|| urls.iter().find_map(|url| site.cluster.host_of_url(url)));
        model.members.push(ModelMember {
            id: None,
            name: String::new(),
            host: host.map(|host| host.name.clone()),
            peer_urls: urls,
            client_urls: Vec::new(),
            learner: self.learner,
            up: false,
            version: None,
        });
        Ok(())
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Cluster]
    }

    fn probe(&self, site: &Site<'_>, before: Option<&Value>, seen: &[Sight]) -> Probe {
        let observed = match membership::list(seen) {
            Ok(observed) => observed,
            Err(why) => return Probe::Unknown(why),
        };
        let urls = self.urls();
        let members = || observed.members.iter().filter_map(|seen| seen.member.as_ref());
        let Some(found) = members().find(|member| membership::same_urls(&member.peer_urls, &urls)) else {
            let other = members().find(|member| member.peer_urls.iter().any(|url| urls.contains(url)));
            return match other {
                Some(other) => Probe::Conflict(format!(
                    "member {} ({}) has one of these peer URLs already: {}",
                    other.id,
                    other.name,
                    other.peer_urls.join(", ")
                )),
                None => Probe::NotYet(format!("no member has the peer URL {}", self.peer_url)),
            };
        };
        // What was there before we ever tried is not ours.
        let known: Option<BTreeSet<Id>> = before
            .and_then(|before| before.get("members"))
            .and_then(|ids| serde_json::from_value(ids.clone()).ok());
        let ours = known.is_some_and(|known| !known.contains(&found.id));
        if ours || self.carries_on(found.learner, !found.started()) {
            return Probe::Done(self.output(site, found, observed));
        }
        Probe::Conflict(format!(
            "member {} with the peer URL {} is there already, as a {}",
            found.id,
            self.peer_url,
            if found.learner { "learner" } else { "voter" }
        ))
    }

    fn before(&self, _site: &Site<'_>, seen: &[Sight]) -> Value {
        sight::cluster(seen).map_or(Value::Null, |observed| json!({ "members": ids(observed) }))
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let op = EtcdOp::MemberAdd {
            peer_urls: self.urls(),
            learner: self.learner,
        };
        membership::through_leader(site, seen, op)
    }

    fn doubt_lasts(&self) -> Span {
        membership::DOUBT
    }

    fn passes_by_itself(&self, error: &CallError) -> bool {
        // In the second after a removal the same URL gives the same ID, which is banned.
        membership::passes(error)
            || [
                "member ID already exist",
                "member not found",
                "Peer URLs already exists",
            ]
            .iter()
            .any(|text| error.message.contains(text))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::MemberAdd;
    use crate::action::membership::tests::{member, seen, site_of, three};
    use crate::action::{Action, Probe};

    fn add(learner: bool) -> MemberAdd {
        MemberAdd {
            peer_url: "http://etcd-4:2380".to_owned(),
            learner,
            name: Some("etcd-4".to_owned()),
        }
    }

    #[test]
    fn not_yet_until_the_url_is_listed_then_done_with_the_whole_initial_cluster() {
        site_of(|site| {
            assert!(matches!(add(true).probe(site, None, &seen(three())), Probe::NotYet(_)));
            let mut with = three();
            with.push(member(4, "", true));
            let Probe::Done(output) = add(true).probe(site, None, &seen(with)) else {
                panic!("a learner with these URLs is the one that was wanted");
            };
            assert_eq!(output["id"], "4");
            let text = output["initial_cluster"].as_str().unwrap();
            assert_eq!(text.split(',').count(), 4, "{text}");
            assert!(text.contains("etcd-4=http://etcd-4:2380"), "{text}");
        });
    }

    #[test]
    fn a_voter_that_was_there_before_us_is_a_conflict_and_one_of_our_own_is_not() {
        site_of(|site| {
            let mut with = three();
            with.push(member(4, "etcd-4", false));
            for wanted in [true, false] {
                assert!(matches!(
                    add(wanted).probe(site, None, &seen(with.clone())),
                    Probe::Conflict(_)
                ));
            }
            let before = json!({ "members": ["1", "2", "3"] });
            assert!(matches!(
                add(false).probe(site, Some(&before), &seen(with)),
                Probe::Done(_)
            ));
        });
    }

    #[test]
    fn one_that_was_added_and_never_started_is_carried_on_with() {
        site_of(|site| {
            let mut with = three();
            with.push(member(4, "", false));
            // 3.3 knows no learners; elsewhere somebody has added it by hand.
            for wanted in [false, true] {
                let Probe::Done(output) = add(wanted).probe(site, None, &seen(with.clone())) else {
                    panic!("it is there");
                };
                assert_eq!(output["id"], "4");
                let mut model = crate::action::membership::tests::observed(with.clone()).model();
                assert_eq!(add(wanted).effect(site, &mut model), Ok(()));
                assert_eq!(model.members.len(), 4);
            }
            let mut other = with.clone();
            other[3]
                .member
                .as_mut()
                .unwrap()
                .peer_urls
                .push("http://more:2380".to_owned());
            let mut model = crate::action::membership::tests::observed(other).model();
            let refused = add(false).effect(site, &mut model).unwrap_err();
            assert!(refused.contains("member 4, which has never started"), "{refused}");
            assert!(refused.contains("etcdops remove-member 4"), "{refused}");
        });
    }

    #[test]
    fn the_plan_is_refused_where_etcd_would_refuse() {
        site_of(|site| {
            let mut model = crate::action::membership::tests::observed(three()).model();
            assert_eq!(add(false).effect(site, &mut model.clone()), Ok(()));
            model.members[2].up = false;
            assert!(
                add(false)
                    .effect(site, &mut model.clone())
                    .unwrap_err()
                    .contains("etcd refuses")
            );
        });
    }
}
