//! Looking: every member asked at once, past any error, within one bound. Only through `Transport`, so that a simulated world answers the same.

pub mod answers;
pub mod backups;
pub mod leftovers;
pub mod problems;
pub mod record;
pub mod recovery;
pub mod rows;
pub mod survey;
pub mod together;
pub mod verdict;
mod views;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;

use crate::base::duration::Span;
use crate::call::host::{HostOp, ServiceSeen};
use crate::call::look::HOST_LOOK_BOUND;
use crate::call::{Call, CallError, EtcdAnswer, EtcdOp, Fault, Look, Reply, Sight, StoreSeen, To, Unwatched};
use crate::cluster::host::ClusterConfig;
use crate::cluster::observed::{Observed, Standing};
use crate::transport::Transport;

/// How much is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// One short question each (at most `FIRST_PATIENCE`), once more to the bound where nobody answers: for plans, probes and guards.
    Brief,
    /// Everything, until the bound: silent members are asked again and explained from their peer port and their unit.
    Thorough,
}

/// How long a member may take to answer before it counts as silent and is explained from elsewhere.
pub const FIRST_PATIENCE: Duration = Duration::from_secs(3);

/// What the world told about a cluster, beyond its members.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    pub observed: Observed,
    /// Units of hosts whose member is not well, where the host's shell could be used.
    pub services: BTreeMap<String, Result<ServiceSeen, CallError>>,
    /// `/v2/keys` is not empty: a v3 snapshot holds none of it (safety 21). `None`: not asked or no answer.
    pub v2_data: Option<bool>,
    /// Endpoints whose port accepts connections and says nothing while the member's peer port is alive (safety 2).
    pub mute: Vec<String>,
    /// Endpoints whose /readyz says that no read goes through the quorum.
    pub not_ready: Vec<String>,
    /// etcd did not let us read: the quorum is neither proved nor disproved by that.
    pub read_denied: bool,
    /// Members do not agree about who is a member: endpoint and what it says, beyond the view that was taken.
    pub other_views: Vec<String>,
}

/// Asks every endpoint and member, all at once. Ends within `bound`, and as soon as everything has answered.
pub async fn observe(cluster: &ClusterConfig, transport: &dyn Transport, bound: Span, depth: Depth) -> Observed {
    investigate(cluster, transport, bound, depth).await.observed
}

/// As `observe`, with what explains the sick.
pub async fn investigate(cluster: &ClusterConfig, transport: &dyn Transport, bound: Span, depth: Depth) -> Evidence {
    let mut survey = survey::Survey::new(cluster, transport, bound, depth);
    survey.run().await;
    rows::evidence(cluster, survey.into_answers())
}

/// How long reading a data directory may take once the host answers: its log may be hundreds of megabytes.
pub const READING_BOUND: Span = Span(Duration::from_secs(120));

/// How long a look at a file may take once the host answers: its digest is part of the answer, and a backup may have many gigabytes.
pub const HASHING_BOUND: Span = Span(Duration::from_mins(30));

/// Answers one look. Never fails: what cannot be seen is `Sight::Blind`.
pub async fn see(look: &Look, cluster: &ClusterConfig, transport: &dyn Transport, bound: Span) -> Sight {
    let to = match look {
        Look::Cluster => return Sight::Cluster(Box::new(observe(cluster, transport, bound, Depth::Brief).await)),
        Look::Hashes { revision } => return Sight::Hashes(hashes(*revision, cluster, transport, bound).await),
        Look::Host { host, op } => To::Host {
            host: host.clone(),
            op: op.clone(),
            tag: None,
        },
        Look::Http(request) => To::Http(request.clone()),
        Look::Bastion { command } => To::Bastion {
            command: command.clone(),
            change: false,
        },
        Look::Library(op) => To::Library(op.clone()),
    };
    let timeout = match look {
        Look::Host {
            op: HostOp::ReadCopy, ..
        } => READING_BOUND,
        Look::Host {
            op: HostOp::Stat { .. },
            ..
        } => HASHING_BOUND,
        // Both sides of a proof must find the time to meet.
        Look::Host {
            op: HostOp::PeerListen { .. } | HostOp::PeerReach { .. },
            ..
        } => bound.max(HOST_LOOK_BOUND),
        _ => bound,
    };
    let call = Call { to, timeout };
    match transport.perform(&call, &Unwatched).await {
        Ok(Reply::Host(answer)) => Sight::Host(answer),
        Ok(Reply::Http(answer)) => Sight::Http(answer),
        Ok(Reply::Library(answer)) => Sight::Library(answer),
        Ok(Reply::Ran(ran)) => Sight::Ran(ran),
        Ok(Reply::Etcd(_)) => Sight::Blind(CallError::new(
            Fault::Garbage,
            "look",
            "transport",
            "an answer of etcd to a question for a host",
        )),
        Err(error) => Sight::Blind(error),
    }
}

/// What the store of every started member comes to at one revision.
async fn hashes(
    revision: u64,
    cluster: &ClusterConfig,
    transport: &dyn Transport,
    bound: Span,
) -> Vec<(String, Result<StoreSeen, String>)> {
    let observed = observe(cluster, transport, bound, Depth::Brief).await;
    let asked = observed
        .members
        .iter()
        .filter(|seen| seen.member.is_some())
        .map(async |seen| {
            let place = seen.host.clone().unwrap_or_else(|| seen.endpoint.clone());
            if let (Standing::Unreachable, Some(cause)) = (seen.standing, &seen.cause) {
                return (place, Err(cause.message.clone()));
            }
            (place, store(&seen.endpoint, revision, transport, bound).await)
        });
    join_all(asked).await
}

async fn store(endpoint: &str, revision: u64, transport: &dyn Transport, bound: Span) -> Result<StoreSeen, String> {
    let ask = async |op| {
        let to = To::Etcd {
            endpoint: endpoint.to_owned(),
            op,
        };
        let call = Call { to, timeout: bound };
        let reply = transport.perform(&call, &Unwatched).await;
        reply.map_err(|error| error.to_string())
    };
    let hash = ask(EtcdOp::HashKv { revision }).await?;
    let count = ask(EtcdOp::CountKeys { revision }).await?;
    match (hash, count) {
        (Reply::Etcd(EtcdAnswer::Hash { hash, revision, .. }), Reply::Etcd(EtcdAnswer::Counted { keys })) => {
            Ok(StoreSeen { hash, keys, revision })
        }
        _ => Err("an answer that is no hash".to_owned()),
    }
}
