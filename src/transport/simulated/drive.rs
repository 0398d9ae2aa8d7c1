//! Carries a future through on one thread, until its end or until the world says that the program was killed.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::World;

/// Polls without end mean a future that waits for something which never comes.
const POLLS: u32 = 5_000_000;

impl World {
    /// The future's output; `None` when the program was killed on the way (see [`super::Mishap::Killed`]). What it held is dropped.
    ///
    /// # Panics
    /// When the future waits for something that is no part of the world.
    pub fn drive<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..POLLS {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Some(output);
            }
            if self.state().killed {
                return None;
            }
        }
        panic!("the future waits for something that never happens in this world")
    }

    /// A new process of the program may call again.
    pub fn revive(&self) {
        self.state().killed = false;
    }
}
