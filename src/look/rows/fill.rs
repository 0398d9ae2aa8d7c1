//! One endpoint's answers, as a row.

use crate::call::etcd::StatusAnswer;
use crate::call::{Fault, HttpAnswer};
use crate::cluster::member::Id;
use crate::cluster::observed::{Cause, CauseKind, MemberSeen, Standing};
use crate::cluster::version::Version;
use crate::look::answers::EndpointAnswers;

use super::{is_mute, peer_lives};

pub(super) fn fill(endpoint: &EndpointAnswers) -> MemberSeen {
    let mut row = MemberSeen::unheard(&endpoint.url);
    match &endpoint.status {
        Some(Ok((status, took_ms))) => {
            fill_status(&mut row, status, *took_ms);
            let listed = endpoint.members.as_ref().and_then(|members| members.as_ref().ok());
            let listed: Vec<Id> = listed
                .map(|(_, members)| members.iter().map(|member| member.id).collect())
                .unwrap_or_default();
            let errors = status.errors.as_ref();
            row.alarms = errors.map(|errors| alarms(errors, Id(status.member_id), &listed));
            settle_read(&mut row, endpoint);
        }
        Some(Err(error)) if error.fault == Fault::Auth => fill_unknown_user(&mut row, endpoint),
        Some(Err(error)) => {
            row.cause = Some(if is_mute(endpoint) {
                etcd_cause(&format!(
                    "waits for quorum since its start: its client port accepts and says nothing, its {} lives",
                    if peer_lives(endpoint) {
                        "peer port"
                    } else {
                        "metrics port"
                    }
                ))
            } else {
                error.cause()
            });
            row.version = endpoint
                .peer_version
                .as_ref()
                .and_then(|answer| http_version(answer.as_ref().ok()?));
            if !matches!(
                error.fault,
                Fault::Name | Fault::Connect | Fault::Timeout | Fault::Silent | Fault::Lost | Fault::Tls
            ) {
                row.standing = Standing::Unhealthy;
            }
            if is_mute(endpoint) {
                row.standing = Standing::Unhealthy;
            }
        }
        None => {
            row.cause = Some(Cause {
                kind: CauseKind::Timeout,
                message: "no answer in time".to_owned(),
            });
        }
    }
    row
}

fn fill_status(row: &mut MemberSeen, status: &StatusAnswer, took_ms: f64) {
    row.standing = Standing::Healthy;
    row.version = status.version;
    row.latency_ms = Some(took_ms);
    row.db_size = Some(status.db_size);
    row.db_size_in_use = status.db_size_in_use;
    row.db_quota = status.db_quota;
    row.raft_term = Some(status.raft_term);
    row.raft_index = Some(status.raft_index);
    row.raft_applied_index = status.raft_applied_index;
    row.revision = Some(status.revision);
    row.leader = status.leader;
    row.cluster_id = Some(Id(status.cluster_id));
    row.certificate_not_after = status.certificate_not_after;
    if status.leader.is_none() {
        row.standing = Standing::Unhealthy;
        row.cause = Some(etcd_cause("it knows no leader"));
    }
}

/// A status is told from memory; a member that serves its clients also answers a read through the quorum.
fn settle_read(row: &mut MemberSeen, endpoint: &EndpointAnswers) {
    let Some(Err(error)) = &endpoint.read else { return };
    if row.standing == Standing::Healthy && matches!(error.fault, Fault::Timeout | Fault::Silent) {
        row.standing = Standing::Unhealthy;
        row.cause = Some(etcd_cause(&format!(
            "it tells its status, but answers no read through the quorum ({})",
            error.message
        )));
    }
}

/// It answers, but does not accept who we are: health comes from what needs no credentials.
fn fill_unknown_user(row: &mut MemberSeen, endpoint: &EndpointAnswers) {
    row.cause = endpoint.status_error().map(crate::call::CallError::cause);
    row.version = endpoint
        .version
        .as_ref()
        .and_then(|answer| http_version(answer.as_ref().ok()?));
    row.standing = if endpoint.proves_quorum() {
        Standing::Healthy
    } else {
        Standing::Unhealthy
    };
}

/// `memberID:N alarm:NOSPACE`, with one blank or two, of this member (safety 3: alarms stand in Status.errors). One of an ID that is no member
/// came with a restored backup and holds for all (safety 20).
fn alarms(errors: &[String], member: Id, listed: &[Id]) -> Vec<String> {
    let holds_here = |word: &str| {
        let raised_by = word
            .strip_prefix("memberID:")
            .and_then(|number| number.parse().ok())
            .map(Id);
        raised_by.is_some_and(|id| id == member || (!listed.is_empty() && !listed.contains(&id)))
    };
    let mut alarms: Vec<String> = errors
        .iter()
        .filter(|error| error.split_whitespace().any(holds_here))
        .filter_map(|error| error.split_whitespace().find_map(|word| word.strip_prefix("alarm:")))
        .map(ToOwned::to_owned)
        .collect();
    alarms.sort();
    alarms.dedup();
    alarms
}

fn http_version(answer: &HttpAnswer) -> Option<Version> {
    let body: serde_json::Value = serde_json::from_str(&answer.body).ok()?;
    body.get("etcdserver")?.as_str()?.parse().ok()
}

pub(super) fn etcd_cause(message: &str) -> Cause {
    Cause {
        kind: CauseKind::Etcd,
        message: message.to_owned(),
    }
}
