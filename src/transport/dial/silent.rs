//! Ports that gave no answer at all: what waits for them is held up once, and then for a short while only.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What such a port is given the next time. TCP knocks twice.
const SHORT: Duration = Duration::from_millis(1500);
/// And right after it was found silent.
const SHORTEST: Duration = Duration::from_millis(500);
const JUST_NOW: Duration = Duration::from_secs(15);
/// For so long.
const MEMORY: Duration = Duration::from_secs(60);

/// `name:port` → since when it owes an answer; also where an attempt was given up.
#[derive(Default)]
pub(super) struct Silent(Mutex<HashMap<String, Instant>>);

impl Silent {
    /// How long a port may take to answer, `full` at most; from now on it owes an answer.
    pub(super) fn patience(&self, authority: &str, full: Duration) -> Duration {
        self.patience_at(authority, full, Instant::now())
    }

    fn patience_at(&self, authority: &str, full: Duration, now: Instant) -> Duration {
        let mut since = self.all();
        since.retain(|_, began| now.saturating_duration_since(*began) < MEMORY);
        let began = since.entry(authority.to_owned()).or_insert(now);
        match now.saturating_duration_since(*began) {
            silent if silent < SHORT => full,
            silent if silent < JUST_NOW => full.min(SHORTEST),
            _ => full.min(SHORT),
        }
    }

    pub(super) fn answered(&self, authority: &str) {
        self.all().remove(authority);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_owes_an_answer_is_given_less_time() {
        let silent = Silent::default();
        let full = Duration::from_secs(8);
        let begin = Instant::now();
        let after = |seconds| silent.patience_at("a:1", full, begin + Duration::from_secs(seconds));
        assert_eq!(after(0), full);
        assert_eq!(after(1), full, "the first attempt may still go on");
        assert_eq!(after(3), SHORTEST);
        assert_eq!(after(20), SHORT);
        assert_eq!(silent.patience_at("b:1", full, begin + Duration::from_secs(3)), full);
        assert_eq!(after(61), full, "after a minute it is tried as at first");
        silent.answered("a:1");
        assert_eq!(after(70), full);
    }
}
