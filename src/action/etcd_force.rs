//! `etcd.force_new_cluster`: a survivor's member becomes the only one of its cluster. The setting itself is a `service.override`, held
//! around this step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::service_start::{ServiceStart, ended_again};
use super::{Action, Probe, Risk, Site, membership, sight};
use crate::base::duration::Span;
use crate::call::host::{HostOp, ServiceSeen};
use crate::call::{Call, CallError, EtcdOp, Look, Sight};
use crate::cluster::member::Id;
use crate::cluster::model::{Model, ModelMember};
use crate::cluster::observed::{MemberSeen, Observed};

/// The setting that the override brings.
const SETTING: &str = "force-new-cluster";

/// All that it brings. etcd writes a commit index to its log with the next entry only, so the log of a killed member may say less than its
/// database has. A forced start cuts the log there, and who joined by it would silently lack the rest (seen up to 3.5.16). Behind a raft
/// snapshot, which every entry makes etcd write, joiners get the database instead.
pub fn settings() -> BTreeMap<String, String> {
    let all = [(SETTING, "true"), ("snapshot-count", "1")];
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EtcdForce {
    /// The ID of the member that survives, in hex: an empty data directory would found another cluster.
    pub member: String,
    /// The ID of its cluster, in hex.
    pub cluster: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its peer URL, as its copy has it.
    pub peer_url: String,
    /// Its client URL.
    #[serde(default)]
    pub client_url: Option<String>,
    /// Entries of its log that are not known to be committed: they are discarded.
    #[serde(default)]
    pub discards: u64,
    /// The index up to which its database has the entries: of those that a shorter log takes up to there etcd keeps nothing.
    #[serde(default)]
    pub past: u64,
    /// Of its etcd.
    #[serde(default)]
    pub version: String,
}

impl EtcdForce {
    fn start() -> ServiceStart {
        ServiceStart {
            unfence: true,
            enable: false,
        }
    }

    /// What the members say: alone, not alone yet, or something else.
    fn alone(&self, observed: &Observed) -> Result<bool, String> {
        let known = |id: Option<Id>| id.map(|id| id.to_string()).unwrap_or_default();
        if !observed.member_list_known || !observed.quorum_proved {
            return Ok(false);
        }
        if known(observed.cluster_id) != self.cluster {
            return Err(format!(
                "cluster {} answers, not {}",
                known(observed.cluster_id),
                self.cluster
            ));
        }
        let ids: Vec<String> = members(observed).map(|(id, _)| id.to_string()).collect();
        Ok(ids.as_slice() == [self.member.as_str()])
    }

    /// Why it must not take writes yet.
    fn short(&self, observed: &Observed) -> Option<String> {
        let index = members(observed).find_map(|(_, row)| row.raft_index)?;
        (index <= self.past).then(|| {
            format!(
                "its log is at {index}, its database at {}: etcd would keep nothing of the next {} entries; each `etcdctl alarm list` is one",
                self.past,
                self.past - index + 1
            )
        })
    }
}

fn members(observed: &Observed) -> impl Iterator<Item = (Id, &MemberSeen)> {
    observed
        .members
        .iter()
        .filter_map(|row| Some((row.member.as_ref()?.id, row)))
}

/// A learner that versions before 3.5.25 and 3.6.6 leave in the list.
fn learner(observed: &Observed) -> Option<Id> {
    let learners = |row: &&MemberSeen| row.member.as_ref().is_some_and(|member| member.learner);
    observed
        .members
        .iter()
        .find(learners)?
        .member
        .as_ref()
        .map(|member| member.id)
}

fn forced(service: &ServiceSeen) -> bool {
    service
        .settings
        .get(SETTING)
        .is_some_and(|setting| setting.value == "true")
}

impl Action for EtcdForce {
    fn risk(&self) -> Risk {
        Risk::Destroy
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        "lift the fence, start etcd as the only member of its cluster".to_owned()
    }

    fn loses(&self, site: &Site<'_>) -> Option<String> {
        let entries = match self.discards {
            0 => String::new(),
            1 => "; 1 entry after its commit index, possibly acknowledged, is discarded".to_owned(),
            many => format!("; {many} entries after its commit index, possibly acknowledged, are discarded"),
        };
        Some(format!(
            "{}: every other member is put out of the cluster, and what only they had is given up{entries}",
            site.host_name()
        ))
    }

    fn effect(&self, site: &Site<'_>, model: &mut Model) -> Result<(), String> {
        let id = self
            .member
            .parse()
            .map_err(|_| format!("`{}` is no member ID", self.member))?;
        model.cluster_id = self.cluster.parse().ok();
        model.members = vec![ModelMember {
            id: Some(id),
            name: self.name.clone(),
            host: Some(site.host_name().to_owned()),
            peer_urls: vec![self.peer_url.clone()],
            client_urls: self.client_url.iter().cloned().collect(),
            learner: false,
            up: true,
            version: self.version.parse().ok(),
        }];
        model.stopped.remove(site.host_name());
        Ok(())
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        vec![Look::service(site.host_name()), Look::Cluster]
    }

    fn probe(&self, site: &Site<'_>, before: Option<&Value>, seen: &[Sight]) -> Probe {
        let (service, observed) = match (sight::service(seen), sight::cluster(seen)) {
            (Ok(service), Ok(observed)) => (service, observed),
            (Err(why), _) | (_, Err(why)) => return Probe::Unknown(why),
        };
        if service.fenced {
            return Probe::NotYet("fenced".to_owned());
        }
        match self.alone(observed) {
            Ok(true) => {
                return self
                    .short(observed)
                    .map_or_else(|| Probe::Done(json!({ "member_id": self.member })), Probe::NotYet);
            }
            Ok(false) => {}
            Err(why) => return Probe::Conflict(why),
        }
        if service.is_active() && service.main_pid.is_some() && !forced(service) {
            return Probe::NotYet(format!("etcd runs without {SETTING}"));
        }
        if let Some(why) = ended_again(service, before, site.host_name()) {
            return Probe::Conflict(why);
        }
        Probe::NotYet(format!(
            "unit is {}; its member is not alone in the cluster",
            service.active
        ))
    }

    fn before(&self, site: &Site<'_>, seen: &[Sight]) -> Value {
        Self::start().before(site, seen)
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let service = sight::service(seen).ok()?;
        // A restart of the host takes the override with it, and may start etcd without it.
        if !service.overrides.contains_key(SETTING) {
            let (name, settings) = (SETTING.to_owned(), settings());
            return Some(sight::on_host(site, HostOp::Override { name, settings }));
        }
        if service.fenced || !service.is_active() {
            return Self::start().call(site, seen);
        }
        if !forced(service) {
            return Some(sight::on_host(site, HostOp::Restart));
        }
        let observed = sight::cluster(seen).ok()?;
        let id = learner(observed).filter(|_| observed.quorum_proved)?;
        membership::through_leader(site, seen, EtcdOp::MemberRemove { id })
    }

    fn by_hand(&self, site: &Site<'_>) -> Vec<Call> {
        Self::start().by_hand(site)
    }

    fn passes_by_itself(&self, error: &CallError) -> bool {
        membership::passes(error)
    }

    fn patience(&self) -> Span {
        Span::seconds(300)
    }
}
