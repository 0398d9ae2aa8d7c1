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
        match observed.on_host(&host.name) {
            _ if !has_member(root, host, observed, runs) => Answer::NoMember,
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

/// Whether the cluster has a member on this host. Its folder tells where nobody lists the members, and where somebody else answers at its
/// port: while no process of it runs, who answers there is not its member.
pub(super) fn has_member(root: &Path, host: &PlayHost, observed: &Observed, runs: bool) -> bool {
    let seen = observed.on_host(&host.name);
    if !runs && seen.is_some_and(|seen| seen.cluster_id.is_some()) {
        return had_member(root, host);
    }
    seen.is_some_and(|seen| seen.member.is_some()) || !observed.member_list_known && had_member(root, host)
}

fn had_member(root: &Path, host: &PlayHost) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::member::{Id, Member};
    use crate::cluster::version::Version;

    #[test]
    fn who_answers_at_the_port_of_a_stopped_host_is_not_its_member() {
        let root = tempfile::tempdir().unwrap();
        let created = "2026-11-20T13:00:00Z".parse().unwrap();
        let state = State::new("/x/etcd".into(), Version::new(3, 5, 0), created, &[1, 2, 3, 4], 1);
        let stranger = |host: &str| MemberSeen {
            host: Some(host.to_owned()),
            member: Some(Member {
                id: Id(1),
                name: "elsewhere".to_owned(),
                peer_urls: Vec::new(),
                client_urls: Vec::new(),
                learner: false,
            }),
            cluster_id: Some(Id(2)),
            ..MemberSeen::unheard("http://127.0.0.1:1")
        };
        let observed = Observed {
            member_list_known: true,
            members: vec![stranger("etcd-1"), stranger("etcd-2")],
            ..Observed::default()
        };
        let told: Vec<Answer> = answers(root.path(), &state, &observed)
            .into_iter()
            .map(|(_, answer)| answer)
            .collect();
        assert_eq!(told, [Answer::NoProcess, Answer::NoMember]);
    }
}
