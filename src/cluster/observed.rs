//! The cluster as it answered just now. A member that cannot be reached is a row with a cause, never an absent row.

use serde::{Deserialize, Serialize};

use super::member::{Id, Member};
use super::model::{Model, ModelMember};
use super::version::Version;

/// Why something could not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CauseKind {
    Dns,
    /// Connection refused, no route, reset.
    Connect,
    Timeout,
    Tls,
    Auth,
    /// It answered, with an error.
    Etcd,
    /// The host's shell could not be used (ssh, sudo).
    Shell,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    pub kind: CauseKind,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Leader,
    Follower,
    Learner,
    Unstarted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    Healthy,
    Unhealthy,
    Unreachable,
}

/// One member, or an endpoint of which no member is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberSeen {
    /// `None` for an endpoint that never said who it is.
    pub member: Option<Member>,
    /// The inventory's host, where known.
    pub host: Option<String>,
    /// The client URL that was asked.
    pub endpoint: String,
    pub standing: Standing,
    pub role: Option<Role>,
    pub version: Option<Version>,
    pub latency_ms: Option<f64>,
    /// Bytes.
    pub db_size: Option<u64>,
    /// Bytes.
    pub db_size_in_use: Option<u64>,
    /// Bytes.
    pub db_quota: Option<u64>,
    pub raft_term: Option<u64>,
    pub raft_index: Option<u64>,
    pub raft_applied_index: Option<u64>,
    pub revision: Option<u64>,
    /// `NOSPACE`, `CORRUPT`, as Status.errors tells; `None` where the version does not tell.
    pub alarms: Option<Vec<String>>,
    /// The leader that this member knows.
    pub leader: Option<Id>,
    /// The cluster ID in this member's response header.
    pub cluster_id: Option<Id>,
    /// When the certificate of its client port ends; `None` without TLS, or not seen.
    pub certificate_not_after: Option<jiff::Timestamp>,
    /// Who is a member in its own view.
    #[serde(default)]
    pub own_list: OwnList,
    pub cause: Option<Cause>,
}

/// A member's own member list (IDs, peer URLs, who is a learner) beside that of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnList {
    /// It did not tell it: a learner of older versions never does.
    #[default]
    Unknown,
    Same,
    /// What it says otherwise.
    Other(String),
}

impl MemberSeen {
    /// An endpoint of which nothing is known yet.
    pub fn unheard(endpoint: &str) -> Self {
        Self {
            member: None,
            host: None,
            endpoint: endpoint.to_owned(),
            standing: Standing::Unreachable,
            role: None,
            version: None,
            latency_ms: None,
            db_size: None,
            db_size_in_use: None,
            db_quota: None,
            raft_term: None,
            raft_index: None,
            raft_applied_index: None,
            revision: None,
            alarms: None,
            leader: None,
            cluster_id: None,
            certificate_not_after: None,
            own_list: OwnList::Unknown,
            cause: None,
        }
    }
}

/// What was known of the cluster before anybody looked now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    pub cluster_id: Option<Id>,
    /// The highest revision that was seen; 0: none is known.
    pub revision: u64,
    pub members: Vec<Member>,
}

/// Everything that the members told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    pub cluster_id: Option<Id>,
    pub leader: Option<Id>,
    /// A linearizable read was answered: quorum is proved.
    pub quorum_proved: bool,
    /// Whether the member list came from a member (serializable) or is only what the inventory lists.
    pub member_list_known: bool,
    pub members: Vec<MemberSeen>,
}

impl Observed {
    pub fn by_id(&self, id: Id) -> Option<&MemberSeen> {
        self.members
            .iter()
            .find(|seen| seen.member.as_ref().is_some_and(|member| member.id == id))
    }

    pub fn on_host(&self, host: &str) -> Option<&MemberSeen> {
        self.members.iter().find(|seen| seen.host.as_deref() == Some(host))
    }

    /// The members as they are listed now; where nobody lists any, as they were before.
    pub fn members_or<'a>(&'a self, before: &'a Remembered) -> Vec<&'a Member> {
        let listed: Vec<&Member> = self.members.iter().filter_map(|seen| seen.member.as_ref()).collect();
        if listed.is_empty() {
            return before.members.iter().collect();
        }
        listed
    }

    /// The model that a plan starts from: members that etcd lists, up when they answered as healthy or proved that they take part.
    pub fn model(&self) -> Model {
        let members = self
            .members
            .iter()
            .filter_map(|seen| {
                let member = seen.member.as_ref()?;
                Some(ModelMember {
                    id: Some(member.id),
                    name: member.name.clone(),
                    host: seen.host.clone(),
                    peer_urls: member.peer_urls.clone(),
                    client_urls: member.client_urls.clone(),
                    learner: member.learner,
                    up: seen.standing == Standing::Healthy,
                    version: seen.version,
                })
            })
            .collect();
        Model {
            cluster_id: self.cluster_id,
            members,
            ..Model::default()
        }
    }
}
