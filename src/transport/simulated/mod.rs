//! A world of hosts, units, disks and etcd's own rules, in memory: where the safety of every runbook is shown.
//!
//! It is deterministic and answers at once. Time passes only in [`Transport::pause`] and [`World::pass`].
//! Where it differs from real hosts, the world is wrong and is corrected.

mod boot;
mod build;
mod change;
mod clock;
mod copy;
mod data;
mod disk;
mod drive;
mod etcd;
mod eyes;
mod fault;
mod files;
mod hands;
mod hostops;
mod library;
mod log;
mod machine;
mod membership;
mod promises;
mod raft;
mod restore;
mod service;
mod shared;
mod state;
mod web;

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Answer, Transport};
use crate::call::{Call, CallError, Reply, To, Watch};

pub use build::Builder;
pub use fault::{Mishap, When};
pub use promises::Ending;
use state::State;

/// The world; clones share it. [`World::fork`] makes an independent copy.
#[derive(Clone, Debug)]
pub struct World {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    sleepers: Mutex<Sleepers>,
}

/// Who waits until when; the clock moves on when everyone waits.
#[derive(Debug, Default)]
struct Sleepers {
    due: BTreeSet<(u64, u64)>,
    next: u64,
}

impl World {
    fn with(state: State) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                sleepers: Mutex::new(Sleepers::default()),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in a test must not hide the world from its report.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleepers(&self) -> MutexGuard<'_, Sleepers> {
        self.shared.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An independent copy of the world as it stands.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::with(self.state().clone())
    }

    /// Lets time pass.
    pub fn pass(&self, how_long: Duration) {
        self.state().pass(milliseconds(how_long));
    }

    fn perform_now(&self, call: &Call) -> Result<Reply, CallError> {
        let mut state = self.state();
        state.pass(1);
        let reply = state.perform(call);
        state.note_call(call, &reply);
        reply
    }
}

impl Transport for World {
    fn perform<'a>(&'a self, call: &'a Call, watch: &'a dyn Watch) -> Answer<'a> {
        Box::pin(async move {
            if self.state().killed {
                return std::future::pending().await;
            }
            let slow = self.state().slow_of(call);
            if let Some(slow) = slow {
                if let To::Host { op, .. } = &call.to {
                    watch.line(&format!("{} takes {slow:?}", hostops::what(op)));
                }
                return self.perform_slowly(call, slow).await;
            }
            let reply = self.perform_now(call);
            if self.state().killed {
                return std::future::pending().await;
            }
            reply
        })
    }

    fn now(&self) -> jiff::Timestamp {
        self.state().bastion_time()
    }

    fn pause<'a>(&'a self, how_long: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(Pause {
            world: self,
            ticket: None,
            length: milliseconds(how_long).max(1),
            polls: 0,
        })
    }
}

/// Ends when the world's clock has reached its time. Whoever waits for the earliest moment moves the clock, after
/// everyone else had a turn.
struct Pause<'a> {
    world: &'a World,
    ticket: Option<(u64, u64)>,
    length: u64,
    polls: u32,
}

/// A pause that was set aside and is polled no more must not stop the clock for ever.
const PATIENCE: u32 = 200;

impl Future for Pause<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let now = self.world.state().now;
        let Some(ticket) = self.ticket else {
            let mut sleepers = self.world.sleepers();
            let ticket = (now + self.length, sleepers.next);
            sleepers.next += 1;
            sleepers.due.insert(ticket);
            drop(sleepers);
            self.ticket = Some(ticket);
            context.waker().wake_by_ref();
            return Poll::Pending;
        };
        self.polls += 1;
        let first = self.world.sleepers().due.first().copied() == Some(ticket);
        if ticket.0 <= now || first || self.polls > PATIENCE {
            self.world.state().pass(ticket.0.saturating_sub(now));
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.world.sleepers().due.remove(&ticket);
        }
    }
}

fn milliseconds(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX / 4)
}
