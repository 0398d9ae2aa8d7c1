//! Whether the playground's members answer, in as few words as `up` and `status` need. `etcdops health` says it all.

use std::path::Path;

use super::layout::{cluster_config, host_dir};
use super::process::{Recorded, recorded};
use super::state::{PlayHost, State};
use crate::base::duration::Span;
use crate::cluster::host::ClusterConfig;
use crate::cluster::observed::{MemberSeen, Observed, Role, Standing};
use crate::look::{Depth, observe};
use crate::transport::Transport;

/// The bound of one look. Loopback answers in milliseconds; a member without quorum never does.
const BOUND: Span = Span::seconds(2);

/// Tells how to reach the world of one cluster.
pub type Connect<'a> = dyn Fn(&ClusterConfig) -> Box<dyn Transport> + Sync + 'a;

/// What the member of one host answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Healthy {
        role: Role,
        version: String,
    },
    /// Why not, in words.
    Ill(String),
    /// Its process does not run.
    NoProcess,
    /// The cluster lists no member here.
    NoMember,
}

/// Asks every member at once.
pub async fn look(root: &Path, state: &State, transport: &dyn Transport) -> Observed {
    observe(&cluster_config(root, state), transport, BOUND, Depth::Brief).await
}

/// What each host's member answered.
pub fn answers(root: &Path, state: &State, observed: &Observed) -> Vec<(String, Answer)> {
    let answer = |host: &PlayHost| {
        let runs = recorded(&host_dir(root, &host.name)).is_some_and(Recorded::alive);
        let seen = observed.on_host(&host.name);
        let is_listed = seen.is_some_and(|seen| seen.member.is_some());
        match seen {
            _ if !is_listed && (observed.member_list_known || !had_member(root, host)) => Answer::NoMember,
            _ if !runs => Answer::NoProcess,
            None => Answer::Ill("nobody knows it".to_owned()),
            Some(seen) => judge(seen),
        }
    };
    state
        .hosts
        .iter()
        .map(|host| (host.name.clone(), answer(host)))
        .collect()
}

/// Whether there is, or was, a member on this host, as far as its folder tells.
pub(super) fn had_member(root: &Path, host: &PlayHost) -> bool {
    !host.spare || host_dir(root, &host.name).join("data/member").exists()
}

fn judge(seen: &MemberSeen) -> Answer {
    match (seen.standing, seen.role) {
        (Standing::Healthy, Some(role)) => Answer::Healthy {
            role,
            version: seen
                .version
                .map_or_else(|| "?".to_owned(), |version| version.to_string()),
        },
        _ => Answer::Ill(match (&seen.cause, &seen.alarms) {
            (Some(cause), _) => cause.message.clone(),
            (None, Some(alarms)) if !alarms.is_empty() => format!("alarm {}", alarms.join(", ")),
            _ if seen.leader.is_none() => "it knows no leader".to_owned(),
            _ => "it does not take part yet".to_owned(),
        }),
    }
}

/// The transport of this playground.
pub(super) fn transport(root: &Path, state: &State, connect: &Connect<'_>) -> Box<dyn Transport> {
    connect(&cluster_config(root, state))
}
