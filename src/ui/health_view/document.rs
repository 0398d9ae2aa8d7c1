//! Health and the member list as JSON.

use serde::Serialize;

use crate::cluster::host::ClusterConfig;
use crate::cluster::member::Id;
use crate::cluster::observed::{Cause, CauseKind, MemberSeen, Observed, Role, Standing};
use crate::cluster::version::Version;
use crate::look::verdict::{Health, Problem, Quorum, Verdict};
use crate::ui::Ui;

/// The document of `health -o json`.
#[derive(Serialize)]
struct HealthDocument<'a> {
    schema: &'static str,
    cluster: &'a str,
    verdict: Verdict,
    quorum: Quorum,
    leader: Option<Id>,
    members: Vec<MemberDocument<'a>>,
    problems: &'a [Problem],
}

#[derive(Serialize)]
struct MemberDocument<'a> {
    id: Option<Id>,
    name: Option<&'a str>,
    role: Option<Role>,
    status: Standing,
    endpoint: &'a str,
    version: Option<Version>,
    latency_ms: Option<f64>,
    db_size: Option<u64>,
    db_size_in_use: Option<u64>,
    raft_term: Option<u64>,
    raft_index: Option<u64>,
    raft_applied_index: Option<u64>,
    alarms: Option<&'a [String]>,
    cause: Option<CauseDocument<'a>>,
}

#[derive(Serialize)]
struct CauseDocument<'a> {
    kind: CauseKind,
    message: &'a str,
}

fn cause(cause: &Cause) -> CauseDocument<'_> {
    // The document knows causes of etcd's API only; a shell never makes a member sick by itself.
    let kind = match cause.kind {
        CauseKind::Shell => CauseKind::Connect,
        kind => kind,
    };
    CauseDocument {
        kind,
        message: &cause.message,
    }
}

fn member_document(seen: &MemberSeen) -> MemberDocument<'_> {
    MemberDocument {
        id: seen.member.as_ref().map(|member| member.id),
        name: seen.member.as_ref().map(|member| member.name.as_str()),
        role: seen.role,
        status: seen.standing,
        endpoint: &seen.endpoint,
        version: seen.version,
        latency_ms: seen.latency_ms.map(|took| (took * 1000.0).round() / 1000.0),
        db_size: seen.db_size,
        db_size_in_use: seen.db_size_in_use,
        raft_term: seen.raft_term,
        raft_index: seen.raft_index,
        raft_applied_index: seen.raft_applied_index,
        alarms: seen.alarms.as_deref(),
        cause: seen.cause.as_ref().map(cause),
    }
}

/// The document of `members -o json`.
#[derive(Serialize)]
struct MembersDocument<'a> {
    schema: &'static str,
    cluster: &'a str,
    cluster_id: Option<Id>,
    leader: Option<Id>,
    /// False: no member could tell who is a member; the rows are what was asked.
    list_known: bool,
    members: Vec<ListedDocument<'a>>,
}

#[derive(Serialize)]
struct ListedDocument<'a> {
    id: Option<Id>,
    name: Option<&'a str>,
    host: Option<&'a str>,
    role: Option<Role>,
    status: Standing,
    peer_urls: &'a [String],
    client_urls: &'a [String],
    endpoint: &'a str,
    version: Option<Version>,
    cause: Option<CauseDocument<'a>>,
}

fn listed_document(seen: &MemberSeen) -> ListedDocument<'_> {
    let member = seen.member.as_ref();
    ListedDocument {
        id: member.map(|member| member.id),
        name: member.map(|member| member.name.as_str()),
        host: seen.host.as_deref(),
        role: seen.role,
        status: seen.standing,
        peer_urls: member.map_or(&[], |member| &member.peer_urls),
        client_urls: member.map_or(&[], |member| &member.client_urls),
        endpoint: &seen.endpoint,
        version: seen.version,
        cause: seen.cause.as_ref().map(cause),
    }
}

/// Prints health as a document; on one line where there will be more of them.
pub fn health_json(ui: &Ui, cluster: &ClusterConfig, observed: &Observed, health: &Health, one_line: bool) {
    let document = HealthDocument {
        schema: "etcdops/health/v1",
        cluster: &cluster.name,
        verdict: health.verdict,
        quorum: health.quorum,
        leader: observed.leader,
        members: observed.members.iter().map(member_document).collect(),
        problems: &health.problems,
    };
    if one_line {
        ui.json_line(&document);
    } else {
        ui.json(&document);
    }
}

/// Prints the member list as a document.
pub fn members_json(ui: &Ui, cluster: &ClusterConfig, observed: &Observed) {
    ui.json(&MembersDocument {
        schema: "etcdops/members/v1",
        cluster: &cluster.name,
        cluster_id: observed.cluster_id,
        leader: observed.leader,
        list_known: observed.member_list_known,
        members: observed.members.iter().map(listed_document).collect(),
    });
}
