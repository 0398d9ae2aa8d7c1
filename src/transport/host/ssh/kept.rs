//! What is remembered of a host's connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use openssh::Session;

use crate::transport::silence::{Patience, Silence};

/// ssh makes a connection in much less than a second, a busy host in a few.
const PATIENCE: Patience = Patience {
    short: Duration::from_secs(3),
    shortest: Duration::from_millis(500),
};
/// What a host may take in all whose etcd gives no answer either: TCP has knocked twice.
const SUSPECTED: Duration = Duration::from_secs(2);
/// What ssh said holds for whoever asks right afterwards.
pub(super) const FRESH: Duration = Duration::from_secs(1);

/// The connection, or what became of the last attempt to make one.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) session: Option<Arc<Session>>,
    /// When it failed, and what ssh said.
    pub(super) failed: Option<(Instant, String)>,
}

impl Kept {
    /// Why a host that has just failed is not tried again at once; also for those who waited meanwhile.
    pub(super) fn just_failed(&self, asked: Instant) -> Option<&str> {
        let (at, said) = self.failed.as_ref()?;
        (*at >= asked || at.elapsed() < FRESH).then_some(said)
    }
}

/// How long the host may take to answer: told apart from the connection, which is locked while one is made.
#[derive(Default)]
pub(super) struct Waiting {
    silence: Silence,
    suspected: bool,
    knocked: bool,
    /// Its port for ssh answers: a login may be slow.
    lives: bool,
}

impl Waiting {
    /// `going_on`: another attempt is, which may be about to succeed.
    pub(super) fn patience(&self, bound: Duration, going_on: bool) -> Duration {
        let now = Instant::now();
        let mut full = bound;
        if self.suspected && !self.lives {
            let left = SUSPECTED.saturating_sub(self.silence.lasted(now));
            full = bound.min(left.max(PATIENCE.shortest));
        }
        if going_on {
            return full;
        }
        self.silence.patience(full, PATIENCE, now)
    }

    /// What is left of a wait that began then with this patience. `None`: nothing.
    pub(super) fn left(&self, begun: Instant, patience: Duration) -> Option<Duration> {
        let now = Instant::now();
        let left = patience.checked_sub(now.saturating_duration_since(begun))?;
        let silent = SUSPECTED.checked_sub(self.silence.lasted(now));
        let left = if self.suspected && !self.lives {
            // Who comes late waits for a moment.
            let moment = PATIENCE.shortest.saturating_sub(now.saturating_duration_since(begun));
            left.min(silent.unwrap_or_default().max(moment))
        } else {
            left
        };
        (!left.is_zero()).then_some(left)
    }

    /// Whether another port of the host owes an answer.
    pub(super) fn suspect(&mut self, suspected: bool) {
        self.suspected = suspected;
    }

    /// Whether it is to be found out if the port answers; said once, until the host has answered.
    pub(super) fn knocks_now(&mut self) -> bool {
        let now = self.suspected && !self.knocked;
        self.knocked |= now;
        now
    }

    /// The port for ssh answers.
    pub(super) fn lives(&mut self) {
        self.lives = true;
    }

    /// A connection is being made.
    pub(super) fn begins(&mut self) {
        self.silence.begins(Instant::now());
    }

    pub(super) fn answered(&mut self) {
        *self = Self::default();
    }

    pub(super) fn gave_none(&mut self) {
        self.silence.goes_on(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_said_holds_for_those_who_waited_and_for_a_moment() {
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds));
        let failed = Kept {
            failed: ago(5).map(|at| (at, "no route to host".to_owned())),
            ..Kept::default()
        };
        assert_eq!(failed.just_failed(Instant::now()), None, "it is tried again");
        let waited = Instant::now().checked_sub(Duration::from_secs(9)).unwrap();
        assert_eq!(failed.just_failed(waited), Some("no route to host"));
    }

    #[test]
    fn a_host_whose_etcd_is_silent_too_is_given_less_time() {
        let bound = Duration::from_secs(10);
        let mut waiting = Waiting::default();
        assert_eq!(waiting.patience(bound, false), bound);
        waiting.begins();
        waiting.suspect(true);
        for going_on in [false, true] {
            let less = waiting.patience(bound, going_on);
            assert!(
                (PATIENCE.shortest..SUSPECTED).contains(&less),
                "what it took so far counts: {less:?}"
            );
        }
        // While it is waited for, too; who comes late waits for a moment.
        let ago = |millis| Instant::now().checked_sub(Duration::from_millis(millis)).unwrap();
        assert!(waiting.left(ago(400), bound).is_some_and(|left| left <= SUSPECTED));
        waiting.silence = Silence::default();
        waiting.silence.begins(ago(2500));
        assert_eq!(waiting.left(ago(2500), bound), None);
        assert!(
            waiting
                .left(ago(100), bound)
                .is_some_and(|left| left <= PATIENCE.shortest)
        );
        // One knock, and who answers it has time.
        assert!(waiting.knocks_now() && !waiting.knocks_now());
        waiting.lives();
        assert!(
            waiting
                .left(ago(2500), bound)
                .is_some_and(|left| left > Duration::from_secs(7))
        );
        waiting.suspect(false);
        assert!(
            waiting
                .left(ago(2500), bound)
                .is_some_and(|left| left > Duration::from_secs(7))
        );
        assert_eq!(waiting.left(ago(10_001), bound), None);
        assert_eq!(
            waiting.patience(bound, false),
            bound,
            "the first attempt may still go on"
        );
    }
}
