//! The action is done, and the cluster may be degraded all the same: that is said, and does not make it a failure.

use super::Context;
use crate::base::duration::Span;
use crate::call::{Look, Sight};
use crate::cluster::observed::{Observed, Standing};
use crate::look;
use crate::plan::types::Plan;
use crate::transport::Transport;

/// Nobody waits longer than this for a warning.
const BRIEF: Span = Span::seconds(2);

/// A brief look at what the run leaves behind.
pub(super) async fn tell(context: &Context, plan: &Plan, transport: &dyn Transport) {
    if !plan.locks_hosts() {
        return;
    }
    let Sight::Cluster(observed) = look::see(&Look::Cluster, &plan.cluster, transport, BRIEF).await else {
        return;
    };
    if let Some(words) = words(&plan.cluster.name, &observed) {
        context.ui.warn(&words);
        context.ui.hint("etcdops health");
    }
}

/// `None`: all is well.
fn words(cluster: &str, observed: &Observed) -> Option<String> {
    if !observed.member_list_known {
        return Some(format!(
            "this is done, and no member of {cluster} says how the cluster is"
        ));
    }
    let model = observed.model();
    let (voters, healthy) = (model.voter_count(), model.healthy_voters());
    let ill: Vec<&str> = observed
        .members
        .iter()
        .filter(|seen| seen.standing != Standing::Healthy)
        .filter_map(|seen| Some(seen.member.as_ref()?.name.as_str()).filter(|name| !name.is_empty()))
        .collect();
    if healthy == voters {
        return None;
    }
    let state = if model.has_quorum() {
        "degraded"
    } else {
        "without quorum"
    };
    let who = if ill.is_empty() {
        String::new()
    } else {
        format!("; not healthy: {}", ill.join(", "))
    };
    Some(format!(
        "this is done, and {cluster} is {state}: {healthy} of {voters} voters healthy{who}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::member::{Id, Member};
    use crate::cluster::observed::{MemberSeen, Role};

    fn observed(up: &[bool]) -> Observed {
        let members = up.iter().enumerate().map(|(place, up)| MemberSeen {
            member: Some(Member {
                id: Id(place as u64 + 1),
                name: format!("etcd-{}", place + 1),
                peer_urls: vec![format!("http://{place}:2380")],
                client_urls: Vec::new(),
                learner: false,
            }),
            standing: if *up { Standing::Healthy } else { Standing::Unreachable },
            role: Some(Role::Follower),
            ..MemberSeen::unheard("")
        });
        Observed {
            members: members.collect(),
            member_list_known: true,
            ..Observed::default()
        }
    }

    #[test]
    fn only_a_cluster_that_is_not_whole_is_worth_a_word() {
        let said = |up: &[bool]| words("c", &observed(up));
        assert_eq!(said(&[true, true, true]), None);
        assert_eq!(
            said(&[true, false, true]).unwrap(),
            "this is done, and c is degraded: 2 of 3 voters healthy; not healthy: etcd-2"
        );
        assert!(
            said(&[true, false, false])
                .unwrap()
                .contains("c is without quorum: 1 of 3")
        );
        assert!(words("c", &Observed::default()).is_some());
    }
}
