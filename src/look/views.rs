//! Who is a member, where members differ about it.

use super::answers::EndpointAnswers;
use super::rows::peer_members;
use crate::cluster::member::{Id, Member};

/// One opinion about who is a member.
pub(super) struct View {
    pub(super) cluster_id: Option<Id>,
    pub(super) members: Vec<Member>,
    pub(super) tellers: Vec<usize>,
    knows_leader: bool,
    term: u64,
}

pub(super) fn views(endpoints: &[EndpointAnswers]) -> Vec<View> {
    let mut views: Vec<View> = Vec::new();
    for (index, endpoint) in endpoints.iter().enumerate() {
        let status = endpoint.status_ok();
        let (cluster_id, mut members) = match (&endpoint.members, &endpoint.peer_members) {
            (Some(Ok((id, members))), _) => (Some(*id), members.clone()),
            (_, Some(Ok(answer))) => match peer_members(answer) {
                Some(members) => (status.map(|status| Id(status.cluster_id)), members),
                None => continue,
            },
            _ => continue,
        };
        members.sort_by_key(|member| member.id);
        let same = |view: &&mut View| {
            (view.cluster_id == cluster_id || cluster_id.is_none())
                && view
                    .members
                    .iter()
                    .map(|member| (member.id, member.learner))
                    .eq(members.iter().map(|member| (member.id, member.learner)))
        };
        let knows_leader = status.is_some_and(|status| status.leader.is_some());
        let term = status.map_or(0, |status| status.raft_term);
        if let Some(view) = views.iter_mut().find(same) {
            // The same set, but one teller may have heard of a name or URL later than another.
            if knows_leader && !view.knows_leader || knows_leader == view.knows_leader && term > view.term {
                view.members = members;
            }
            view.tellers.push(index);
            view.knows_leader |= knows_leader;
            view.term = view.term.max(term);
        } else {
            views.push(View {
                cluster_id,
                members,
                tellers: vec![index],
                knows_leader,
                term,
            });
        }
    }
    // A stale member that stood alone inflates its term (safety 13): a known leader and agreement come first.
    views.sort_by_key(|view| (!view.knows_leader, std::cmp::Reverse((view.tellers.len(), view.term))));
    views
}
