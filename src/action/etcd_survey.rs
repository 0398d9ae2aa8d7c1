//! `etcd.survey`: reads the data directory of a host without changing it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Kind, Probe, Risk, SAYS, Site, newest, sight};
use crate::call::copy::{CopySeen, Part};
use crate::call::host::{HostAnswer, HostOp};
use crate::call::{Call, Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EtcdSurvey {}

/// Fields of its output. `empty`: it was looked for, and there is none. `commit` is the greater of the log's commit index and the database's consistent index (safety 13); `dead_quorum`:
/// the hosts that are declared dead carried most of the voters that it knows.
pub const OUTPUT: &[(&str, Kind)] = &[
    ("intact", Kind::Bool),
    ("empty", Kind::Bool),
    ("why", Kind::Text),
    ("running", Kind::Bool),
    ("fenced", Kind::Bool),
    ("cluster_id", Kind::Text),
    ("member_id", Kind::Text),
    ("voter", Kind::Bool),
    ("term", Kind::Number),
    ("commit", Kind::Number),
    ("last_term", Kind::Number),
    ("last_index", Kind::Number),
    ("uncommitted", Kind::Number),
    ("revision", Kind::Number),
    ("size", Kind::Number),
    ("data_dir", Kind::Text),
    ("wal_dir", Kind::Text),
    ("name", Kind::Text),
    ("version", Kind::Text),
    ("peer_url", Kind::Text),
    ("v2_data", Kind::Bool),
    ("member_hosts", Kind::List),
    ("dead_quorum", Kind::Bool),
    ("alarms", Kind::List),
    (SAYS, Kind::Text),
];

impl Action for EtcdSurvey {
    fn risk(&self) -> Risk {
        Risk::Look
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        "read the data directory: how far its log and database go".to_owned()
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        vec![Look::Host {
            host: site.host_name().to_owned(),
            op: HostOp::ReadCopy,
        }]
    }

    /// A host that does not answer is told as a copy that cannot be used: the others must still be seen.
    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let copy = sight::pick(seen, "the data directory was not read", |sight| match sight {
            Sight::Host(HostAnswer::Copy(copy)) => Some(copy.as_ref()),
            _ => None,
        });
        Probe::Done(match copy {
            Ok(copy) => output(site, copy, &why(copy)),
            Err(why) => output(site, &CopySeen::default(), &why),
        })
    }

    fn call(&self, _site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        None
    }
}

fn output(site: &Site<'_>, copy: &CopySeen, why: &str) -> Value {
    let hosts = copy
        .members
        .iter()
        .filter_map(|member| site.cluster.host_of_member(member));
    let member_hosts: Vec<&str> = hosts.map(|host| host.name.as_str()).collect();
    let voters = copy.members.iter().filter(|member| copy.voters.contains(&member.id));
    json!({
        "member_hosts": member_hosts,
        "dead_quorum": site.cluster.quorum_on(voters, site.dead),
        "intact": copy.intact(),
        "empty": copy.data_dir.is_some() && !copy.there,
        "why": why,
        "running": copy.running,
        "fenced": copy.fenced,
        "cluster_id": copy.cluster.map(|id| id.to_string()).unwrap_or_default(),
        "member_id": copy.member.map(|id| id.to_string()).unwrap_or_default(),
        "voter": copy.part == Part::Voter,
        "term": copy.term,
        "commit": copy.committed(),
        "last_term": copy.last_term,
        "last_index": copy.last_index,
        "uncommitted": copy.uncommitted(),
        "revision": copy.revision,
        "size": copy.db_size,
        "data_dir": copy.data_dir.clone().unwrap_or_default(),
        "wal_dir": copy.wal_dir.clone().unwrap_or_default(),
        "name": copy.own().map(|member| member.name.as_str()).unwrap_or_default(),
        "version": copy.version.map(|version| version.to_string()).unwrap_or_default(),
        "peer_url": copy.peer_url().unwrap_or_default(),
        "v2_data": copy.v2_data,
        "alarms": copy.alarms,
        SAYS: says(copy, why),
    })
}

/// Why the copy is not intact; empty where it is.
fn why(copy: &CopySeen) -> String {
    if copy.there {
        copy.damage.join("; ")
    } else {
        format!(
            "no data in {}",
            copy.data_dir.as_deref().unwrap_or("its data directory")
        )
    }
}

fn says(copy: &CopySeen, why: &str) -> String {
    if !copy.intact() {
        return why.to_owned();
    }
    let mut text = newest::position(copy);
    if copy.revision > 0 {
        text.push_str(&format!(", revision {}", copy.revision));
    }
    match copy.part {
        Part::Voter => {}
        Part::Learner => text.push_str(", a learner"),
        Part::Removed => text.push_str(", removed from the cluster"),
        Part::Unknown => text.push_str(", not known to vote"),
    }
    if copy.running {
        text.push_str("; etcd runs, so this is a moment old");
    }
    if copy.v2_data {
        text.push_str("; holds v2 data");
    }
    for note in copy.notes.iter().chain(&copy.alarms) {
        text.push_str("; ");
        text.push_str(note);
    }
    text
}
