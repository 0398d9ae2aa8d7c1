//! Who is a member, where members differ about it.

use std::borrow::Cow;

use super::answers::EndpointAnswers;
use super::rows::{label, peer_members};
use crate::cluster::member::{Id, Member};
use crate::cluster::observed::OwnList;

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
        let (cluster_id, members) = match (&endpoint.members, &endpoint.peer_members) {
            (Some(Ok((id, members))), _) => (Some(*id), Cow::from(members)),
            (_, Some(Ok(answer))) => match peer_members(answer) {
                Some(members) => (status.map(|status| Id(status.cluster_id)), Cow::from(members)),
                None => continue,
            },
            _ => continue,
        };
        let mut set: Vec<(Id, bool)> = members.iter().map(|member| (member.id, member.learner)).collect();
        set.sort_unstable();
        let same = |view: &&mut View| {
            (view.cluster_id == cluster_id || cluster_id.is_none())
                && view
                    .members
                    .iter()
                    .map(|member| (member.id, member.learner))
                    .eq(set.iter().copied())
        };
        let knows_leader = status.is_some_and(|status| status.leader.is_some());
        let term = status.map_or(0, |status| status.raft_term);
        if let Some(view) = views.iter_mut().find(same) {
            // The same set, but one teller may have heard of a name or URL later than another.
            if knows_leader && !view.knows_leader || knows_leader == view.knows_leader && term > view.term {
                view.members = by_id(members);
            }
            view.tellers.push(index);
            view.knows_leader |= knows_leader;
            view.term = view.term.max(term);
        } else {
            views.push(View {
                cluster_id,
                members: by_id(members),
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

/// A list in what members must agree on.
fn essence(members: &[Member]) -> Vec<(Id, Vec<&str>, bool)> {
    let mut rows = Vec::new();
    for member in members {
        let mut urls: Vec<&str> = member.peer_urls.iter().map(|url| url.trim_end_matches('/')).collect();
        urls.sort_unstable();
        rows.push((member.id, urls, member.learner));
    }
    rows.sort_unstable_by_key(|(id, ..)| *id);
    rows
}

/// The list that most endpoints tell, of equals that of the one that leads.
pub(super) fn common(endpoints: &[EndpointAnswers], cluster_id: Option<Id>) -> Option<&[Member]> {
    let mut told: Vec<(&[Member], usize, bool)> = Vec::new();
    for endpoint in endpoints {
        let Some(Ok((id, members))) = &endpoint.members else {
            continue;
        };
        if cluster_id.is_some_and(|ours| ours != *id) {
            continue;
        }
        let leads = endpoint
            .status_ok()
            .is_some_and(|status| status.leader == Some(Id(status.member_id)));
        match told.iter_mut().find(|(known, ..)| essence(known) == essence(members)) {
            Some((_, tellers, led)) => {
                *tellers += 1;
                *led |= leads;
            }
            None => told.push((members, 1, leads)),
        }
    }
    told.into_iter()
        .max_by_key(|(_, tellers, led)| (*tellers, *led))
        .map(|(members, ..)| members)
}

/// One member's list beside the one that is common.
pub(super) fn own_list(own: &[Member], common: &[Member]) -> OwnList {
    let (mine, theirs) = (essence(own), essence(common));
    if mine == theirs {
        return OwnList::Same;
    }
    let named = |id: Id| {
        let member = own.iter().chain(common).find(|member| member.id == id);
        member.map_or_else(|| id.to_string(), |member| format!("{id} ({})", label(member)))
    };
    let mut words = Vec::new();
    for (id, urls, learner) in &mine {
        match theirs.iter().find(|(other, ..)| other == id) {
            None => words.push(format!("it lists {}", named(*id))),
            Some((_, others, _)) if others != urls => {
                words.push(format!("the peer URL of {} is {} there", named(*id), urls.join(", ")));
            }
            Some((_, _, other)) if other != learner => {
                let kind = if *learner { "a learner" } else { "a voter" };
                words.push(format!("{} is {kind} there", named(*id)));
            }
            Some(_) => {}
        }
    }
    let lacks = theirs.iter().filter(|(id, ..)| !mine.iter().any(|(own, ..)| own == id));
    words.extend(lacks.map(|(id, ..)| format!("it does not list {}", named(*id))));
    OwnList::Other(words.join(", "))
}

fn by_id(members: Cow<'_, [Member]>) -> Vec<Member> {
    let mut members = members.into_owned();
    members.sort_by_key(|member| member.id);
    members
}

#[cfg(test)]
mod tests {
    use super::own_list;
    use crate::cluster::member::{Id, Member};
    use crate::cluster::observed::OwnList;

    fn list(ids: &[u64]) -> Vec<Member> {
        let member = |id: &u64| Member {
            id: Id(*id),
            name: format!("etcd-{id}"),
            peer_urls: vec![format!("http://etcd-{id}:2380")],
            client_urls: Vec::new(),
            learner: false,
        };
        ids.iter().map(member).collect()
    }

    #[test]
    fn ids_peer_urls_and_learners_are_compared_and_names_are_not() {
        let other = |own: &[Member]| match own_list(own, &list(&[1, 2, 3])) {
            OwnList::Other(words) => words,
            same => format!("{same:?}"),
        };
        let mut named = list(&[3, 2, 1]);
        named[0].name = String::new();
        named[1].peer_urls[0].push('/');
        assert_eq!(other(&named), "Same");
        assert_eq!(other(&list(&[1, 2])), "it does not list 3 (etcd-3)");
        assert!(other(&list(&[1, 2, 3, 4])).contains("4 (etcd-4)"));
        let mut moved = list(&[1, 2, 3]);
        moved[2].peer_urls = vec!["http://old:2380".to_owned()];
        assert_eq!(other(&moved), "the peer URL of 3 (etcd-3) is http://old:2380 there");
        let mut learning = list(&[1, 2, 3]);
        learning[1].learner = true;
        assert_eq!(other(&learning), "2 (etcd-2) is a learner there");
    }
}
