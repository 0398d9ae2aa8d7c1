//! From answers to rows: pure.

mod fill;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Evidence;
use super::answers::{Answers, EndpointAnswers};
use super::views::{common, own_list, views};
use crate::call::etcd::StatusAnswer;
use crate::call::{Fault, HttpAnswer};
use crate::cluster::host::{ClusterConfig, Host};
use crate::cluster::member::{Id, Member};
use crate::cluster::observed::{Cause, MemberSeen, Observed, Role, Standing};

use self::fill::{etcd_cause, fill};

/// The inventory's host that runs this member.
pub fn host_of<'a>(cluster: &'a ClusterConfig, member: &Member) -> Option<&'a Host> {
    cluster.host_of_member(member)
}

/// Safety 2: the client port accepts and says nothing, while the peer port (an answer, or a TLS refusal) or the metrics listener is alive.
pub fn is_mute(endpoint: &EndpointAnswers) -> bool {
    let silent = matches!(endpoint.status_error(), Some(error) if error.fault == Fault::Silent);
    let metrics_live = matches!(&endpoint.metrics, Some(Ok(answer)) if answer.status == 200);
    silent && (peer_lives(endpoint) || metrics_live)
}

fn peer_lives(endpoint: &EndpointAnswers) -> bool {
    match &endpoint.peer_version {
        Some(Ok(answer)) => answer.status == 200,
        Some(Err(error)) => error.fault == Fault::Tls,
        None => false,
    }
}

/// `/readyz` says that no linearizable read goes through.
fn is_not_ready(endpoint: &EndpointAnswers) -> bool {
    matches!(&endpoint.ready, Some(Ok(answer)) if answer.status == 503 && answer.body.contains("linearizable_read failed"))
}

/// The rows of `/members` on a peer port: IDs are decimal there.
#[derive(Deserialize)]
struct PeerRow {
    id: u64,
    #[serde(default)]
    name: String,
    #[serde(default, rename = "peerURLs")]
    peer_urls: Vec<String>,
    #[serde(default, rename = "clientURLs")]
    client_urls: Vec<String>,
    #[serde(default, rename = "isLearner")]
    learner: bool,
}

/// The member list as a peer port tells it.
pub fn peer_members(answer: &HttpAnswer) -> Option<Vec<Member>> {
    let rows: Vec<PeerRow> = serde_json::from_str(&answer.body).ok()?;
    Some(
        rows.into_iter()
            .map(|row| Member {
                id: Id(row.id),
                name: row.name,
                peer_urls: row.peer_urls,
                client_urls: row.client_urls,
                learner: row.learner,
            })
            .collect(),
    )
}

/// Everything that was collected, as rows.
pub fn evidence(cluster: &ClusterConfig, answers: Answers) -> Evidence {
    let Answers { endpoints, services } = answers;
    let mut views = views(&endpoints).into_iter();
    let chosen = views.next();
    let other_views = views
        .map(|view| {
            let names: Vec<String> = view.members.iter().map(label).collect();
            format!("{} says: {}", endpoints[view.tellers[0]].url, names.join(", "))
        })
        .collect();
    let member_list_known = chosen.is_some();
    let (cluster_id, members) = chosen.map_or((None, Vec::new()), |view| (view.cluster_id, view.members));
    let cluster_id = cluster_id.or_else(|| {
        let status = endpoints.iter().find_map(EndpointAnswers::status_ok)?;
        Some(Id(status.cluster_id))
    });

    let mut members = members;
    // By name, as people think of them; those without one last.
    members.sort_by(|left, right| {
        (left.name.is_empty(), &left.name, left.id).cmp(&(right.name.is_empty(), &right.name, right.id))
    });
    let common = common(&endpoints, cluster_id).unwrap_or(&members);
    let mut rows = Vec::new();
    let mut used = vec![false; endpoints.len()];
    for member in &members {
        rows.push(member_row(cluster, member, cluster_id, (&endpoints, common), &mut used));
    }
    for (index, endpoint) in endpoints.iter().enumerate() {
        if !used[index] {
            rows.extend(stray_row(cluster, endpoint, cluster_id, member_list_known));
        }
    }
    let leader = leader(&rows);
    for row in &mut rows {
        settle_role(row, leader);
    }
    let quorum_proved = endpoints.iter().any(|endpoint| {
        endpoint.proves_quorum() && endpoint.status_ok().is_none_or(|status| belongs(status, cluster_id))
    });
    Evidence {
        observed: Observed {
            cluster_id,
            leader,
            quorum_proved,
            member_list_known,
            members: rows,
        },
        mute: endpoints
            .iter()
            .filter(|endpoint| is_mute(endpoint))
            .map(|endpoint| endpoint.url.clone())
            .collect(),
        not_ready: endpoints
            .iter()
            .filter(|endpoint| is_not_ready(endpoint))
            .map(|endpoint| endpoint.url.clone())
            .collect(),
        read_denied: endpoints
            .iter()
            .any(|endpoint| matches!(&endpoint.read, Some(Err(error)) if error.fault == Fault::Auth)),
        v2_data: endpoints
            .iter()
            .find_map(|endpoint| old_keys(endpoint.old_keys.as_ref()?.as_ref().ok()?)),
        services,
        other_views,
    }
}

/// A member by name, or by ID before it has started.
pub fn label(member: &Member) -> String {
    if member.started() {
        member.name.clone()
    } else {
        format!("{} (not started)", member.id)
    }
}

fn belongs(status: &StatusAnswer, cluster_id: Option<Id>) -> bool {
    cluster_id.is_none_or(|id| id.0 == status.cluster_id)
}

/// The leader that most members name; the highest term among equals.
fn leader(rows: &[MemberSeen]) -> Option<Id> {
    let mut named: BTreeMap<Id, (usize, u64)> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.member.is_some()) {
        if let Some(leader) = row.leader {
            let entry = named.entry(leader).or_default();
            entry.0 += 1;
            entry.1 = entry.1.max(row.raft_term.unwrap_or(0));
        }
    }
    named.into_iter().max_by_key(|(_, weight)| *weight).map(|(id, _)| id)
}

fn settle_role(row: &mut MemberSeen, leader: Option<Id>) {
    let Some(member) = &row.member else { return };
    row.role = if !member.started() {
        Some(Role::Unstarted)
    } else if member.learner {
        Some(Role::Learner)
    } else if leader == Some(member.id) {
        Some(Role::Leader)
    } else if row.standing == Standing::Unreachable {
        None
    } else {
        Some(Role::Follower)
    };
}

/// All endpoints that are this member: by the ID that it told, else by URL.
fn member_row(
    cluster: &ClusterConfig,
    member: &Member,
    cluster_id: Option<Id>,
    (endpoints, common): (&[EndpointAnswers], &[Member]),
    used: &mut [bool],
) -> MemberSeen {
    let host = host_of(cluster, member);
    let mut best: Option<&EndpointAnswers> = None;
    let mut impostor = None;
    for (index, endpoint) in endpoints.iter().enumerate() {
        let told = endpoint.status_ok().map(|status| status.member_id);
        let by_url = endpoint.expected == Some(member.id) || has_url(member, host, &endpoint.url);
        let by_id = told == Some(member.id.0) && endpoint.status_ok().is_some_and(|status| belongs(status, cluster_id));
        if !(by_id || by_url && told.is_none()) {
            if by_url && !endpoint.configured {
                impostor = Some(endpoint);
                used[index] = true;
            }
            continue;
        }
        // A second configured way to a member that already has an answer keeps a row of its own: a load balancer, or an alias.
        let second = by_id && best.is_some_and(|best| best.status_ok().is_some());
        if second && endpoint.configured && !by_url {
            continue;
        }
        used[index] = true;
        if best.is_none_or(|best| worth(endpoint, by_url) > worth(best, has_url(member, host, &best.url))) {
            best = Some(endpoint);
        }
    }
    let url = best
        .map(|endpoint| endpoint.url.clone())
        .or_else(|| member.client_urls.first().cloned())
        .or_else(|| host.and_then(|host| host.client_url.clone()))
        .unwrap_or_default();
    let mut row = best.map_or_else(|| MemberSeen::unheard(&url), fill);
    if row.cause.is_none() && best.is_none() {
        row.cause = Some(not_asked(member, impostor));
    }
    let told = endpoints.iter().find_map(|endpoint| {
        let status = endpoint.status_ok()?;
        let own = status.member_id == member.id.0 && belongs(status, cluster_id);
        endpoint.members.as_ref().filter(|_| own)?.as_ref().ok()
    });
    if let Some((_, list)) = told {
        row.own_list = own_list(list, common);
    }
    if !member.started() {
        row.standing = Standing::Unhealthy;
        row.cause = Some(etcd_cause("added to the cluster, but it has never started"));
    }
    row.member = Some(member.clone());
    row.host = host.map(|host| host.name.clone());
    row
}

fn has_url(member: &Member, host: Option<&Host>, url: &str) -> bool {
    let url = url.trim_end_matches('/');
    let host_url = host.and_then(|host| host.client_url.as_ref());
    member
        .client_urls
        .iter()
        .chain(host_url)
        .any(|known| known.trim_end_matches('/') == url)
}

/// Which of several answers of one member is shown: one that told its status, by its own URL, configured.
fn worth(endpoint: &EndpointAnswers, own_url: bool) -> (bool, bool, bool) {
    (endpoint.status_ok().is_some(), own_url, endpoint.configured)
}

fn not_asked(member: &Member, impostor: Option<&EndpointAnswers>) -> Cause {
    match impostor.and_then(|endpoint| Some((endpoint, endpoint.status_ok()?))) {
        Some((endpoint, status)) => etcd_cause(&format!(
            "its client URL {} is answered by another member ({:x})",
            endpoint.url, status.member_id
        )),
        None if member.client_urls.is_empty() => etcd_cause("it has told no client URL yet"),
        None => etcd_cause("not asked"),
    }
}

/// `/v2/keys/` lists something.
fn old_keys(answer: &HttpAnswer) -> Option<bool> {
    if answer.status != 200 {
        return None;
    }
    let body: serde_json::Value = serde_json::from_str(&answer.body).ok()?;
    let nodes = body.get("node")?.get("nodes");
    Some(
        nodes
            .and_then(serde_json::Value::as_array)
            .is_some_and(|nodes| !nodes.is_empty()),
    )
}

/// A row for an endpoint that is no member, or of which no member is known.
fn stray_row(
    cluster: &ClusterConfig,
    endpoint: &EndpointAnswers,
    cluster_id: Option<Id>,
    member_list_known: bool,
) -> Option<MemberSeen> {
    // A host of the inventory, or a URL of the list, that nobody named: only of use where it is all that is known.
    if !endpoint.configured && (member_list_known || endpoint.expected.is_some()) {
        return None;
    }
    let mut row = fill(endpoint);
    row.host = cluster.host_of_url(&endpoint.url).map(|host| host.name.clone());
    if let Some(status) = endpoint.status_ok().filter(|_| member_list_known) {
        let id = Id(status.member_id);
        row.cause = Some(etcd_cause(&if belongs(status, cluster_id) {
            format!(
                "no member of its own: member {id} answers here (a load balancer, a second address, or a member since removed)"
            )
        } else {
            format!("another cluster answers here ({:x})", status.cluster_id)
        }));
        if !belongs(status, cluster_id) {
            row.standing = Standing::Unhealthy;
        }
    }
    Some(row)
}

#[cfg(test)]
mod tests;
