//! What the member actions share: the list that can be trusted, the endpoint to ask, refusals that pass.

use std::collections::BTreeSet;

use super::{Site, sight};
use crate::base::duration::Span;
use crate::call::{Call, CallError, EtcdOp, Sight, To};
use crate::cluster::model::{Model, ModelMember};
use crate::cluster::observed::{Observed, Role, Standing};

/// The server's own bound of a proposal: 5 s and two elections of a second. Until then a lost change may still be in raft.
pub(super) const DOUBT: Span = Span::seconds(8);

/// Nobody tells who is a member: with a quorum gone for good no member does again.
const NO_LIST: &str = "no member gives the member list; if none will again: etcdops recover";

/// The cluster, if its member list came from a member.
pub(super) fn list(seen: &[Sight]) -> Result<&Observed, String> {
    let observed = sight::cluster(seen)?;
    if observed.member_list_known {
        Ok(observed)
    } else {
        Err(NO_LIST.to_owned())
    }
}

/// A change of the member list, asked of the leader, or of any healthy voter while none is known.
pub(super) fn through_leader(site: &Site<'_>, seen: &[Sight], op: EtcdOp) -> Option<Call> {
    let observed = sight::cluster(seen).ok()?;
    let leader = observed.leader.and_then(|leader| observed.by_id(leader));
    let healthy = |seen: &&crate::cluster::observed::MemberSeen| {
        seen.standing == Standing::Healthy && matches!(seen.role, Some(Role::Leader | Role::Follower))
    };
    let through = leader
        .filter(healthy)
        .or_else(|| observed.members.iter().find(healthy))?;
    Some(Call {
        to: To::Etcd {
            endpoint: through.endpoint.clone(),
            op,
        },
        timeout: site.timeout,
    })
}

pub(super) fn same_urls(one: &[String], other: &[String]) -> bool {
    let set =
        |urls: &[String]| -> BTreeSet<String> { urls.iter().map(|url| url.trim_end_matches('/').to_owned()).collect() };
    set(one) == set(other)
}

/// Peer URLs as written: several are separated by commas.
pub(super) fn urls(text: &str) -> Vec<String> {
    text.split(',')
        .map(|url| url.trim().trim_end_matches('/').to_owned())
        .filter(|url| !url.is_empty())
        .collect()
}

/// Why `own` (none: a new member) cannot have these peer URLs.
pub(super) fn refuse_urls(urls: &[String], own: Option<&ModelMember>, model: &Model) -> Result<(), String> {
    if urls.is_empty() {
        return Err("no peer URL is given, and the inventory knows none for the host".to_owned());
    }
    let has =
        |member: &&ModelMember, url: &String| member.peer_urls.iter().any(|known| known.trim_end_matches('/') == url);
    for url in urls {
        if let Some(other) = model
            .members
            .iter()
            .find(|member| Some(*member) != own && has(member, url))
        {
            let id = other.id.map(|id| id.to_string()).unwrap_or_default();
            if other.name.is_empty() {
                return Err(format!(
                    "member {id}, which has never started, has the peer URL {url} already; if it is left over from an earlier try, \
                     take it out first: etcdops remove-member {id}"
                ));
            }
            return Err(format!("member {id} ({}) has the peer URL {url} already", other.name));
        }
    }
    Ok(())
}

/// Whether etcd takes a new member, learner or not, with these voters up; until 3.5.30 and 3.6.11 it wants all of them.
///
/// # Errors
/// Why not, and what to do first.
pub(super) fn add_is_taken(model: &Model) -> Result<(), String> {
    let voters = model.voter_count();
    let enough = match model.lowest_version() {
        Some(version) if version.add_needs_only_quorum() => crate::cluster::model::needed(voters + 1),
        _ => voters,
    };
    if voters < 2 || model.healthy_voters() >= enough {
        return Ok(());
    }
    Err(format!(
        "etcd refuses to add a member while {} of {voters} voters are healthy (it wants {enough}); start, replace or remove the one that is down first",
        model.healthy_voters()
    ))
}

/// Refusals that pass: a member was (re)started less than five seconds ago, or there is an election.
pub(super) fn passes(error: &CallError) -> bool {
    const PASSING: [&str; 6] = [
        "unhealthy cluster",
        "no leader",
        "leader changed",
        "not leader",
        "too many requests",
        "request timed out",
    ];
    PASSING.iter().any(|text| error.message.contains(text))
}

#[cfg(test)]
pub(super) mod tests {
    use super::same_urls;
    use crate::action::Site;
    use crate::base::duration::Span;
    use crate::base::id::RunId;
    use crate::call::Sight;
    use crate::cluster::host::{AuthUser, Backups, ClusterConfig, Host, Route, TlsFiles};
    use crate::cluster::member::{Id, Member};
    use crate::cluster::observed::{MemberSeen, Observed, OwnList, Role, Standing};
    use crate::cluster::version::Version;

    pub(in crate::action) fn site_of(test: impl FnOnce(&Site<'_>)) {
        let cluster = ClusterConfig {
            name: "c".to_owned(),
            endpoints: Vec::new(),
            route: Route::Direct,
            tls: TlsFiles::default(),
            auth: AuthUser::default(),
            clients: None,
            backups: Backups::default(),
            hosts: (1..=4).map(|number| Host::named(&format!("etcd-{number}"))).collect(),
            discovery: None,
            call_timeout: Span::seconds(5),
        };
        let run = RunId::from_parts(jiff::Timestamp::UNIX_EPOCH, 1);
        test(&Site {
            cluster: &cluster,
            host: None,
            run: &run,
            step: "step",
            dead: &[],
            timeout: Span::seconds(5),
            attempts: 0,
            last_attempt: 0,
        });
    }

    /// A healthy member `number` on host `etcd-NUMBER`; without a name it has not started.
    pub(in crate::action) fn member(number: u64, name: &str, learner: bool) -> MemberSeen {
        let started = !name.is_empty();
        MemberSeen {
            member: Some(Member {
                id: Id(number),
                name: name.to_owned(),
                peer_urls: vec![format!("http://etcd-{number}:2380")],
                client_urls: Vec::new(),
                learner,
            }),
            host: Some(format!("etcd-{number}")),
            standing: if started {
                Standing::Healthy
            } else {
                Standing::Unreachable
            },
            role: Some(match (started, learner, number) {
                (false, ..) => Role::Unstarted,
                (_, true, _) => Role::Learner,
                (_, _, 1) => Role::Leader,
                _ => Role::Follower,
            }),
            version: Some(Version::new(3, 5, 16)),
            leader: Some(Id(1)),
            raft_term: started.then_some(2),
            own_list: if started { OwnList::Same } else { OwnList::Unknown },
            ..MemberSeen::unheard(&format!("http://etcd-{number}:2379"))
        }
    }

    pub(in crate::action) fn three() -> Vec<MemberSeen> {
        (1..=3)
            .map(|number| member(number, &format!("etcd-{number}"), false))
            .collect()
    }

    pub(in crate::action) fn observed(members: Vec<MemberSeen>) -> Observed {
        Observed {
            leader: Some(Id(1)),
            quorum_proved: true,
            member_list_known: true,
            members,
            ..Observed::default()
        }
    }

    pub(in crate::action) fn seen(members: Vec<MemberSeen>) -> Vec<Sight> {
        vec![Sight::Cluster(Box::new(observed(members)))]
    }

    #[test]
    fn urls_are_compared_as_sets() {
        let urls = |list: &[&str]| list.iter().map(|url| (*url).to_owned()).collect::<Vec<_>>();
        assert!(same_urls(
            &urls(&["http://a:1/", "http://b:1"]),
            &urls(&["http://b:1", "http://a:1"])
        ));
        assert!(!same_urls(&urls(&["http://a:1"]), &urls(&["http://a:1", "http://b:1"])));
    }
}
