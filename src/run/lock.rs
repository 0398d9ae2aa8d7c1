//! The lock: a marker on every host of the cluster that can be reached, tried in name order, never waited for. Hosts that were just
//! found silent are tried beside the others: order matters between two operators who both reach a host.

use std::time::Duration;

use futures_util::future::join_all;

use crate::base::duration::Span;
use crate::call::host::{HostAnswer, HostOp, Life, Marker};
use crate::call::{Call, CallError, Fault, Reply, To, Unwatched};
use crate::event::Operator;
use crate::plan::types::Plan;
use crate::transport::{SUSPICIOUS, Transport};

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
    // It was just found that nothing of these answers: the dead are not tried again, the others hold up nobody.
    let is_away = |host: &&str| {
        let dead = plan.dead.iter().any(|dead| dead == host);
        (dead || is_silent(plan, transport, host)) && !needed.contains(host)
    };
    let (away, there): (Vec<&str>, Vec<&str>) = names.into_iter().partition(is_away);
    let silent = away.iter().filter(|host| !plan.dead.iter().any(|dead| dead == *host));
    let taking = Taking {
        plan,
        marker,
        transport,
    };
    let in_order = async {
        let mut ends = Vec::new();
        for host in there {
            let needed = needed.contains(&host);
            let end = taking.on(host, needed).await;
            let failed = matches!(end, Taken::Failed { .. });
            ends.push((host, end));
            if failed {
                break;
            }
        }
        ends
    };
    let beside = join_all(silent.map(|host| async { (*host, taking.on(host, false).await) }));
    let (in_order, beside) = tokio::join!(in_order, beside);
    let mut locked = Locked::default();
    locked
        .unreachable
        .extend(plan.dead.iter().filter(|dead| away.contains(&dead.as_str())).cloned());
    let mut failure = None;
    for (host, end) in in_order.into_iter().chain(beside) {
        let host = host.to_owned();
        match end {
            Taken::Ours => locked.hosts.push(host),
            Taken::Away { perhaps } => {
                if perhaps {
                    locked.perhaps.push(host.clone());
                }
                locked.unreachable.push(host);
            }
            Taken::Failed { error, perhaps } => {
                if perhaps {
                    locked.hosts.push(host);
                }
                failure = failure.or(Some(error));
            }
        }
    }
    locked.hosts.sort_unstable();
    locked.unreachable.sort_unstable();
    match failure {
        Some(error) => {
            let left = locked.to_clear(&operator.life());
            Err((error, clear(plan, transport, &left).await))
        }
        None => Ok(locked),
    }
}

/// Nothing of the host has answered for a while: neither its etcd's port nor, most likely, its shell.
fn is_silent(plan: &Plan, transport: &dyn Transport, host: &str) -> bool {
    let url = plan.cluster.host(host).and_then(|host| host.client_url.as_deref());
    url.is_some_and(|url| transport.silent_for(url) >= SUSPICIOUS)
}

/// One run's marker on its way to the hosts.
struct Taking<'a> {
    plan: &'a Plan,
    marker: Marker,
    transport: &'a dyn Transport,
}

/// What came of one host.
enum Taken {
    Ours,
    /// Out of reach, and nothing is done there. `perhaps`: it fell silent while the marker was written, which may stand there.
    Away {
        perhaps: bool,
    },
    /// `perhaps`: our marker may stand there all the same.
    Failed {
        error: LockError,
        perhaps: bool,
    },
}

impl Taking<'_> {
    /// `needed`: the plan works there.
    async fn on(&self, host: &str, needed: bool) -> Taken {
        let op = HostOp::WriteMarker {
            cluster: self.plan.cluster.name.clone(),
            marker: self.marker.clone(),
        };
        let Err(failed) = on(self.transport, host, op).await else {
            return Taken::Ours;
        };
        let never_arrived = matches!(failed.fault, Fault::Name | Fault::Connect | Fault::Timeout) && !failed.maybe_done;
        if never_arrived && !needed {
            return Taken::Away { perhaps: false };
        }
        match read(self.plan, self.transport, host).await {
            Ok(Some(other)) if other.run != self.plan.run => {
                let (host, marker) = (host.to_owned(), Box::new(other));
                Taken::Failed {
                    error: LockError::Taken { host, marker },
                    perhaps: false,
                }
            }
            // The reply was lost, the marker was not.
            Ok(Some(own)) if own.life() == self.marker.life() => Taken::Ours,
            Err(_) if !needed => Taken::Away {
                perhaps: failed.maybe_done,
            },
            _ => Taken::Failed {
                error: LockError::Failed {
                    host: host.to_owned(),
                    error: failed,
                },
                perhaps: true,
            },
        }
    }
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

/// Why a host is not ours any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// Another process goes on with this run.
    Adopted(String),
    /// Another run holds a host.
    Other(String),
    /// The marker was taken away: the run was given up, or has been brought to its end.
    Gone(String),
}

impl Lost {
    fn of(plan: &Plan, life: &Life, host: &str, marker: Option<&Marker>) -> Option<Self> {
        let run = &plan.run;
        match marker {
            None => Some(Self::Gone(format!(
                "the run's marker on {host} is gone; was it abandoned?"
            ))),
            Some(marker) if marker.run != *run => Some(Self::Other(format!(
                "{host} was taken over by run {} of {}",
                marker.run, marker.who
            ))),
            Some(marker) if marker.life() != *life => Some(Self::Adopted(format!(
                "{} has taken this run over, from {host}, as process {} since {}",
                marker.who, marker.pid, marker.since
            ))),
            Some(_) => None,
        }
    }

    fn weight(&self) -> u8 {
        match self {
            Self::Adopted(_) => 2,
            Self::Other(_) => 1,
            Self::Gone(_) => 0,
        }
    }
}

/// `Some`: a host's marker is not this process's any more; of several reasons the one that says most. A host that cannot be asked is not
/// proof of the contrary.
pub(super) async fn lost(plan: &Plan, life: &Life, transport: &dyn Transport, hosts: &[String]) -> Option<Lost> {
    let asked = hosts
        .iter()
        .map(|host| async move { (host, read(plan, transport, host).await) });
    let found = join_all(asked).await;
    let reasons = found
        .into_iter()
        .filter_map(|(host, marker)| Lost::of(plan, life, host, marker.ok()?.as_ref()));
    // The first of the gravest.
    reasons.rev().max_by_key(Lost::weight)
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
        let cleared = join_all(clears).await;
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
