//! Ports that gave no answer at all.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::transport::silence::{Patience, Silence};

/// TCP knocks twice within the first; the second is a round trip to anywhere.
const PATIENCE: Patience = Patience {
    short: Duration::from_millis(1500),
    shortest: Duration::from_millis(300),
};

/// By `name:port`.
#[derive(Default)]
pub(super) struct Silent(Mutex<HashMap<String, Silence>>);

impl Silent {
    /// How long a port may take to answer, `full` at most; from now on it owes an answer.
    pub(super) fn patience(&self, authority: &str, full: Duration) -> Duration {
        let mut all = self.all();
        let (silence, now) = (all.entry(authority.to_owned()).or_default(), Instant::now());
        let patience = silence.patience(full, PATIENCE, now);
        silence.begins(now);
        patience
    }

    pub(super) fn answered(&self, authority: &str) {
        self.all().remove(authority);
    }

    pub(super) fn gave_none(&self, authority: &str) {
        if let Some(silence) = self.all().get_mut(authority) {
            silence.goes_on(Instant::now());
        }
    }

    /// For how long it has owed an answer.
    pub(super) fn lasted(&self, authority: &str) -> Duration {
        let all = self.all();
        let silence = all.get(authority);
        silence.map_or(Duration::ZERO, |silence| silence.lasted(Instant::now()))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Silence>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
