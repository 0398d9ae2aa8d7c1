//! What is remembered of a host's connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use openssh::Session;

use crate::transport::SUSPICIOUS;
use crate::transport::silence::{Patience, Silence};

/// ssh makes a connection in much less than a second, a busy host in a few.
const PATIENCE: Patience = Patience {
    short: Duration::from_secs(3),
    shortest: Duration::from_millis(500),
};
/// When etcd's port on the host has owed an answer for so long, the host is knocked at.
const DOUBTFUL: Duration = Duration::from_millis(300);
/// How long a host is knocked at whose etcd gives no answer, and one that has just given none to the knocks before.
const KNOCKS: Duration = Duration::from_millis(700);
const KNOCKS_AGAIN: Duration = Duration::from_millis(150);
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
    /// For how long etcd's port on the host has owed an answer.
    etcd_owes: Duration,
    knocked: Knocked,
}

/// Whether the port for ssh answers at all, however long a login takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Knocked {
    #[default]
    NotYet,
    Answered,
    InVain(Instant),
}

impl Waiting {
    /// `going_on`: another attempt is, which may be about to succeed.
    pub(super) fn patience(&self, bound: Duration, going_on: bool) -> Duration {
        if going_on {
            return bound;
        }
        self.silence.patience(bound, PATIENCE, Instant::now())
    }

    /// Neither etcd's port nor, a moment ago, the one for ssh has answered anything: nobody needs to wait for this host.
    pub(super) fn is_away(&self) -> bool {
        let in_vain = matches!(self.knocked, Knocked::InVain(at) if at.elapsed() < FRESH);
        in_vain && self.etcd_owes >= SUSPICIOUS
    }

    /// For how long etcd's port on the host has owed an answer.
    pub(super) fn etcd_owes(&mut self, lasted: Duration) {
        self.etcd_owes = lasted;
    }

    /// For how long it is to be found out whether the port for ssh answers; `None`: there is no need.
    pub(super) fn to_knock(&self) -> Option<Duration> {
        if self.etcd_owes < DOUBTFUL || self.is_away() {
            return None;
        }
        match self.knocked {
            Knocked::NotYet => Some(KNOCKS),
            Knocked::InVain(_) => Some(KNOCKS_AGAIN),
            Knocked::Answered => None,
        }
    }

    pub(super) fn knocked(&mut self, answered: bool) {
        self.knocked = if answered {
            Knocked::Answered
        } else {
            Knocked::InVain(Instant::now())
        };
    }

    /// For how long the host has owed an answer.
    pub(super) fn lasted(&self) -> Duration {
        self.silence.lasted(Instant::now())
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
    fn a_host_is_away_when_neither_its_etcd_nor_its_ssh_answers_anything() {
        let mut waiting = Waiting::default();
        assert_eq!(waiting.to_knock(), None, "who waits for a slow login is left alone");
        waiting.etcd_owes(DOUBTFUL);
        assert_eq!(waiting.to_knock(), Some(KNOCKS));
        waiting.knocked(false);
        assert!(!waiting.is_away(), "etcd's port may still answer");
        waiting.etcd_owes(SUSPICIOUS);
        assert!(waiting.is_away() && waiting.to_knock().is_none());
        waiting.knocked = Knocked::InVain(Instant::now().checked_sub(FRESH).unwrap());
        assert!(!waiting.is_away(), "it may have come back");
        assert_eq!(waiting.to_knock(), Some(KNOCKS_AGAIN));
        waiting.knocked(true);
        assert!(!waiting.is_away() && waiting.to_knock().is_none());
        waiting.knocked(false);
        waiting.etcd_owes(Duration::ZERO);
        assert!(!waiting.is_away(), "its etcd has answered");
    }
}
