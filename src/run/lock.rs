//! The lock: a marker on every host of the cluster that can be reached, tried in name order, never waited for.

use std::time::Duration;

use crate::base::duration::Span;
use crate::call::host::{HostAnswer, HostOp, Life, Marker};
use crate::call::{Call, CallError, Fault, Reply, To, Unwatched};
use crate::event::Operator;
use crate::plan::types::Plan;
use crate::transport::Transport;

/// Bound of one marker operation.
const BOUND: Span = Span(Duration::from_secs(10));

/// How often a marker that cannot be removed is tried again, a second apart.
const CLEAR_ATTEMPTS: u32 = 3;

/// Why the hosts could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error(
        "{host}: another run is at work: {run} by {} since {}, doing: {}; if nobody carries it on: etcdops resume {run}, or etcdops runs abandon {run}",
        .marker.who, .marker.since, .marker.doing, run = .marker.run
    )]
    Taken { host: String, marker: Box<Marker> },
    #[error("{host}: the run's marker cannot be written: {error}")]
    Failed { host: String, error: CallError },
}

/// What was locked, and what could not be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locked {
    pub hosts: Vec<String>,
    pub unreachable: Vec<String>,
    /// Of the unreachable: those that fell silent while the marker was written, which may stand there.
    pub perhaps: Vec<String>,
}

/// A host where a marker is left, and of which process of the run; `None`: of any.
pub type Left = (String, Option<Life>);

impl Locked {
    /// Where our marker stands, or may stand. In the latter case it may be that of an earlier process of the run.
    pub(super) fn to_clear(&self, life: &Life) -> Vec<Left> {
        let ours = self.hosts.iter().map(|host| (host.clone(), Some(life.clone())));
        ours.chain(self.perhaps.iter().map(|host| (host.clone(), None)))
            .collect()
    }
}

/// Takes every host of the cluster. Hosts that the plan works on must be reached; others may be away.
///
/// # Errors
/// Why not, and the hosts where the marker may be left all the same.
pub async fn take(
    plan: &Plan,
    operator: &Operator,
    transport: &dyn Transport,
) -> Result<Locked, (LockError, Vec<String>)> {
    let marker = Marker {
        run: plan.run.clone(),
        who: operator.who.clone(),
        machine: operator.machine.clone(),
        pid: operator.pid,
        pid_started: operator.pid_started,
        since: crate::base::clock::rfc3339(transport.now()),
        doing: plan.title.clone(),
    };
    let mut names: Vec<&str> = plan.cluster.hosts.iter().map(|host| host.name.as_str()).collect();
    names.sort_unstable();
    let needed = plan.hosts();
    let mut locked = Locked::default();
    for host in names {
        // It was just found that nothing of it answers: not waited for again.
        if plan.dead.iter().any(|dead| dead == host) && !needed.contains(&host) {
            locked.unreachable.push(host.to_owned());
            continue;
        }
        let op = HostOp::WriteMarker {
            cluster: plan.cluster.name.clone(),
            marker: marker.clone(),
        };
        let Err(failed) = on(transport, host, op).await else {
            locked.hosts.push(host.to_owned());
            continue;
        };
        let never_arrived = matches!(failed.fault, Fault::Name | Fault::Connect | Fault::Timeout) && !failed.maybe_done;
        if never_arrived && !needed.contains(&host) {
            locked.unreachable.push(host.to_owned());
            continue;
        }
        let error = match read(plan, transport, host).await {
            Ok(Some(other)) if other.run != plan.run => LockError::Taken {
                host: host.to_owned(),
                marker: Box::new(other),
            },
            Err(_) if !needed.contains(&host) => {
                if failed.maybe_done {
                    locked.perhaps.push(host.to_owned());
                }
                locked.unreachable.push(host.to_owned());
                continue;
            }
            // The reply was lost, the marker was not.
            Ok(Some(own)) if own.life() == operator.life() => {
                locked.hosts.push(host.to_owned());
                continue;
            }
            _ => LockError::Failed {
                host: host.to_owned(),
                error: failed,
            },
        };
        if matches!(error, LockError::Failed { .. }) {
            // It may stand there all the same.
            locked.hosts.push(host.to_owned());
        }
        let left = locked.to_clear(&operator.life());
        return Err((error, clear(plan, transport, &left).await));
    }
    Ok(locked)
}

/// The marker on a host.
pub async fn read(plan: &Plan, transport: &dyn Transport, host: &str) -> Result<Option<Marker>, CallError> {
    match on(
        transport,
        host,
        HostOp::ReadMarker {
            cluster: plan.cluster.name.clone(),
        },
    )
    .await?
    {
        Reply::Host(HostAnswer::Marker(marker)) => Ok(marker),
        _ => Ok(None),
    }
}

/// `Some`: a host's marker is not this process's any more. A host that cannot be asked is not proof of the contrary.
pub(super) async fn still_ours(
    plan: &Plan,
    life: &Life,
    transport: &dyn Transport,
    hosts: &[String],
) -> Option<String> {
    let asked = hosts
        .iter()
        .map(|host| async move { (host, read(plan, transport, host).await) });
    for (host, marker) in futures_util::future::join_all(asked).await {
        match marker {
            Ok(Some(marker)) if marker.run != plan.run => {
                return Some(format!("{host} was taken over by run {} of {}", marker.run, marker.who));
            }
            Ok(Some(marker)) if marker.life() != *life => {
                return Some(format!(
                    "{} has taken this run over, from {host}, as process {} since {}",
                    marker.who, marker.pid, marker.since
                ));
            }
            Ok(Some(_)) => {}
            Ok(None) => return Some(format!("the run's marker on {host} is gone; was it abandoned?")),
            Err(_) => {}
        }
    }
    None
}

/// What is said of markers that are left: empty when there is none.
pub(super) fn left_behind(plan: &Plan, hosts: &[String]) -> String {
    if hosts.is_empty() {
        return String::new();
    }
    let run = &plan.run;
    format!(
        "; but the run's marker could not be taken from {}: when it answers: etcdops resume {run}, or etcdops runs abandon {run}",
        hosts.join(", ")
    )
}

/// Removes our markers; others' are left alone. The hosts where ours may still stand.
pub async fn clear(plan: &Plan, transport: &dyn Transport, left: &[Left]) -> Vec<String> {
    let mut left = left.to_vec();
    for attempt in 0..CLEAR_ATTEMPTS {
        if attempt > 0 {
            transport.pause(Duration::from_secs(1)).await;
        }
        let clears = left.iter().map(|(host, life)| {
            let op = HostOp::ClearMarker {
                cluster: plan.cluster.name.clone(),
                run: plan.run.clone(),
                life: life.clone(),
            };
            on(transport, host, op)
        });
        let cleared = futures_util::future::join_all(clears).await;
        left = left
            .into_iter()
            .zip(cleared)
            .filter_map(|(left, cleared)| cleared.is_err().then_some(left))
            .collect();
        if left.is_empty() {
            break;
        }
    }
    left.into_iter().map(|(host, _)| host).collect()
}

/// A bookkeeping call on a host.
pub(super) async fn on(transport: &dyn Transport, host: &str, op: HostOp) -> Result<Reply, CallError> {
    let call = Call {
        to: To::Host {
            host: host.to_owned(),
            op,
            tag: None,
        },
        timeout: BOUND,
    };
    transport.perform(&call, &Unwatched).await
}
