//! Whether the playground's members answer, in as few words as `up` and `status` need. `etcdops health` says it all.

use std::path::Path;

use futures_util::future::join_all;

use super::layout::{cluster_config, host_dir};
use super::process::{Recorded, recorded};
use super::state::{PlayHost, State};
use crate::base::duration::Span;
use crate::call::etcd::StatusAnswer;
use crate::call::{Call, CallError, EtcdAnswer, EtcdOp, Reply, To, Unwatched};
use crate::transport::Transport;

/// The bound of one question. Loopback answers in milliseconds; a member without quorum never does.
const BOUND: Span = Span::seconds(2);

/// Tells how to reach the world of one cluster.
pub type Connect<'a> = dyn Fn(&crate::cluster::host::ClusterConfig) -> Box<dyn Transport> + Sync + 'a;

/// What the member of one host answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It takes part: it knows a leader and a linearizable read through it succeeds.
    Healthy { leader: bool, version: String },
    /// Why not, in words.
    Ill(String),
    /// Its process does not run, so it was not asked.
    NotAsked,
}

/// Asks every member at once.
pub async fn ask_all(root: &Path, state: &State, transport: &dyn Transport) -> Vec<(String, Answer)> {
    let asked = state.hosts.iter().map(|host| async {
        let runs = recorded(&host_dir(root, &host.name)).is_some_and(Recorded::alive);
        let answer = if runs {
            ask(host, transport).await
        } else {
            Answer::NotAsked
        };
        (host.name.clone(), answer)
    });
    join_all(asked).await
}

async fn ask(host: &PlayHost, transport: &dyn Transport) -> Answer {
    let (status, read) = futures_util::future::join(
        call(host, transport, EtcdOp::Status),
        call(host, transport, EtcdOp::LinearizableRead),
    )
    .await;
    match (status, read) {
        (Ok(EtcdAnswer::Status(status)), Ok(_)) => judge(&status),
        (Ok(EtcdAnswer::Status(status)), Err(_)) if status.leader.is_none() => Answer::Ill("it knows no leader".into()),
        (Err(error), _) | (_, Err(error)) => Answer::Ill(error.message),
        (Ok(_), Ok(_)) => Answer::Ill("it answers something else than was asked".into()),
    }
}

fn judge(status: &StatusAnswer) -> Answer {
    let alarms: Vec<&str> = status.errors.iter().flatten().map(String::as_str).collect();
    let Some(leader) = status.leader else {
        return Answer::Ill("it knows no leader".into());
    };
    if !alarms.is_empty() {
        return Answer::Ill(alarms.join(", "));
    }
    Answer::Healthy {
        leader: leader.0 == status.member_id,
        version: status
            .version
            .map_or_else(|| "?".to_owned(), |version| version.to_string()),
    }
}

async fn call(host: &PlayHost, transport: &dyn Transport, op: EtcdOp) -> Result<EtcdAnswer, CallError> {
    let endpoint = host.client_url();
    let call = Call {
        to: To::Etcd { endpoint, op },
        timeout: BOUND,
    };
    match transport.perform(&call, &Unwatched).await? {
        Reply::Etcd(answer) => Ok(answer),
        Reply::Host(_) | Reply::Http(_) => Err(CallError::new(
            crate::call::Fault::Garbage,
            "ask",
            &host.name,
            "an answer of another kind",
        )),
    }
}

/// The transport of this playground.
pub(super) fn transport(root: &Path, state: &State, connect: &Connect<'_>) -> Box<dyn Transport> {
    connect(&cluster_config(root, state))
}
