//! `quorum`: would the cluster keep its quorum through a change?

use serde::{Deserialize, Serialize};

use super::{Condition, Late, Site, Verdict, sight};
use crate::call::{Look, Sight};
use crate::cluster::model::{Model, ModelMember};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quorum {
    /// The change.
    pub survives: Change,
    /// The member that goes (host, name or hex ID); of an add: not needed. Default: the step's host.
    #[serde(default)]
    pub of: Option<Late<String>>,
    /// The member is added as a learner, which does not vote.
    #[serde(default)]
    pub learner: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    Stop,
    Restart,
    Add,
    Remove,
    Promote,
}

impl Quorum {
    fn word<'a>(&'a self, site: &'a Site<'_>) -> &'a str {
        self.of
            .as_ref()
            .and_then(Late::known)
            .map_or_else(|| site.host_name(), String::as_str)
    }

    /// Applies the change and tells whether quorum is there before and after.
    fn on(&self, site: &Site<'_>, model: &Model) -> Verdict {
        let hint = Some("etcdops health".to_owned());
        if !model.has_quorum() {
            let hint = Some("etcdops recover".to_owned());
            return Verdict::Not {
                saw: format!("quorum is lost already: {}", model.strip()),
                hint,
            };
        }
        let mut after = model.clone();
        let word = if self.survives == Change::Add {
            ""
        } else {
            self.word(site)
        };
        let meant = match model.find_at(word) {
            Ok(meant) => meant,
            Err(twice) => {
                return Verdict::Not {
                    saw: twice.to_string(),
                    hint: Some(twice.hint()),
                };
            }
        };
        let is = |member: &ModelMember| meant == Some(member);
        match self.survives {
            Change::Stop | Change::Restart => {
                for member in after.members.iter_mut().filter(|member| is(member)) {
                    member.up = false;
                }
            }
            Change::Remove => after.members.retain(|member| !is(member)),
            Change::Promote => {
                for member in after.members.iter_mut().filter(|member| is(member)) {
                    member.learner = false;
                }
            }
            Change::Add => after.members.push(unstarted(self.learner)),
        }
        if self.survives == Change::Add && !self.learner && model.voter_count() == 1 {
            // Inevitable: etcd itself allows this one, and the plan's own question is about the outage.
            return Verdict::Holds("a single voter: no quorum until the new one has started".to_owned());
        }
        if after.has_quorum() {
            return Verdict::Holds(format!("after it: {}", after.strip()));
        }
        Verdict::Not {
            saw: format!("now: {}; after it: {}", model.strip(), after.strip()),
            hint,
        }
    }
}

/// A member that was added and has not started counts as down (etcd counts it so too).
fn unstarted(learner: bool) -> ModelMember {
    ModelMember {
        id: None,
        name: String::new(),
        host: None,
        peer_urls: Vec::new(),
        client_urls: Vec::new(),
        learner,
        up: false,
        version: None,
    }
}

impl Condition for Quorum {
    fn text(&self, site: &Site<'_>) -> String {
        let change = match self.survives {
            Change::Stop => "the stop",
            Change::Restart => "the restart",
            Change::Add => "one more member",
            Change::Remove => "the removal",
            Change::Promote => "the promotion",
        };
        let of = if self.survives == Change::Add {
            String::new()
        } else {
            format!(" of {}", self.word(site))
        };
        format!("quorum survives {change}{of}")
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Cluster]
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        match sight::cluster(seen) {
            Ok(observed) => self.on(site, &observed.model()),
            Err(why) => Verdict::Unknown(why),
        }
    }

    fn on_model(&self, site: &Site<'_>, model: &Model) -> Option<Verdict> {
        Some(self.on(site, model))
    }

    fn accept_name(&self) -> Option<&'static str> {
        Some("quorum")
    }
}
