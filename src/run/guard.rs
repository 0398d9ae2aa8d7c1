//! The implicit guard: the cluster measured now against the plan's model, right before each change.

use crate::cluster::model::{Model, ModelMember};
use crate::cluster::observed::Observed;

/// What differs in a way that forbids the change; `None`: go on.
///
/// `going`: hosts whose member a call of this same step may have taken down already.
pub fn differs(model: &Model, observed: &Observed, going: &[String]) -> Option<String> {
    if !observed.member_list_known {
        return without(model, going)
            .has_quorum()
            .then(|| "no member gives the member list any more".to_owned());
    }
    if let (Some(planned), Some(found)) = (model.cluster_id, observed.cluster_id)
        && planned != found
    {
        return Some(format!("the cluster ID is {found}, the plan is about {planned}"));
    }
    let now = observed.model();
    for planned in &model.members {
        let found = now.members.iter().find(|found| match planned.id {
            Some(id) => found.id == Some(id),
            None => found.peer_urls == planned.peer_urls,
        });
        match found {
            None => return Some(format!("{} is no member any more", planned.name)),
            Some(found) if found.learner != planned.learner => {
                let is = if found.learner { "a learner" } else { "a voter" };
                return Some(format!("{} is {is}, the plan expects otherwise", planned.name));
            }
            Some(_) => {}
        }
    }
    if now.members.len() != model.members.len() {
        return Some(format!(
            "{} members, the plan expects {}",
            now.members.len(),
            model.members.len()
        ));
    }
    // A voter that this very step took down may be down, and no other in its place.
    let ours = |member: &&ModelMember| member.host.as_ref().is_some_and(|host| going.contains(host));
    let taken = now.voters().filter(|member| !member.up).filter(ours).count();
    let expected = model.healthy_voters().saturating_sub(taken);
    // Without a quorum no voter answers as healthy, also those that run.
    if model.has_quorum() && now.healthy_voters() < expected {
        return Some(format!(
            "{} healthy voters, the plan expects at least {expected}",
            now.healthy_voters()
        ));
    }
    None
}

/// The model when the members on these hosts are down.
pub fn without(model: &Model, going: &[String]) -> Model {
    let mut left = model.clone();
    for host in going {
        if let Some(member) = left.on_host_mut(host) {
            member.up = false;
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::differs;
    use crate::cluster::member::{Id, Member};
    use crate::cluster::observed::{MemberSeen, Observed, Role, Standing};

    fn observed(up: &[bool]) -> Observed {
        let members = up.iter().enumerate().map(|(place, up)| MemberSeen {
            member: Some(Member {
                id: Id(place as u64 + 1),
                name: format!("etcd-{place}"),
                peer_urls: vec![format!("http://{place}:2380")],
                client_urls: Vec::new(),
                learner: false,
            }),
            host: Some(format!("host-{place}")),
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
    fn a_voter_that_fell_forbids_the_change_unless_this_step_took_it() {
        let planned = observed(&[true, true, true]).model();
        assert_eq!(differs(&planned, &observed(&[true, true, true]), &[]), None);
        assert!(differs(&planned, &observed(&[true, true, false]), &[]).is_some());
        let third = ["host-2".to_owned()];
        assert_eq!(differs(&planned, &observed(&[true, true, false]), &third), None);
        assert!(differs(&planned, &observed(&[true, false, true]), &third).is_some());
        assert!(
            differs(&planned, &observed(&[true, true]), &[])
                .unwrap()
                .contains("no member any more")
        );
        assert!(
            differs(&planned, &observed(&[true, true, true, true]), &[])
                .unwrap()
                .contains("4 members")
        );
    }
}
