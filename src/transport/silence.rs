//! What gives no answer at all holds up what waits for it once, and then for a short while only.

use std::time::{Duration, Instant};

/// It was silent so lately that it hardly needs to be tried again.
const JUST_NOW: Duration = Duration::from_secs(15);
/// After this it is tried as at first.
const MEMORY: Duration = Duration::from_secs(60);

/// How much less time is given to what was silent before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Who owes an answer for so long is silent, and is given no more the next time.
    pub(super) short: Duration,
    /// Right after another attempt that came to nothing.
    pub(super) shortest: Duration,
}

/// Since when an answer is owed, and when an attempt came to nothing last. Attempts that are still going on count.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Silence(Option<(Instant, Instant)>);

impl Silence {
    /// How long an attempt may take now, `full` at most.
    pub(super) fn patience(&self, full: Duration, patience: Patience, now: Instant) -> Duration {
        match self.0 {
            Some((_, last)) if self.lasted(now) >= patience.short => {
                let lately = now.saturating_duration_since(last) < JUST_NOW;
                full.min(if lately { patience.shortest } else { patience.short })
            }
            _ => full,
        }
    }

    /// For how long an answer has been owed; nothing where that is too long ago.
    pub(super) fn lasted(&self, now: Instant) -> Duration {
        let since = self.0.map(|(since, _)| now.saturating_duration_since(since));
        since.filter(|lasted| *lasted < MEMORY).unwrap_or_default()
    }

    /// An attempt begins: an answer is owed from now on, unless one is already.
    pub(super) fn begins(&mut self, now: Instant) {
        if self
            .0
            .is_none_or(|(since, _)| now.saturating_duration_since(since) >= MEMORY)
        {
            self.0 = Some((now, now));
        }
    }

    /// An attempt came to nothing.
    pub(super) fn goes_on(&mut self, now: Instant) {
        if let Some((_, last)) = &mut self.0 {
            *last = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Duration = Duration::from_secs(8);
    const PATIENCE: Patience = Patience {
        short: Duration::from_millis(1500),
        shortest: Duration::from_millis(300),
    };

    #[test]
    fn only_what_owes_an_answer_is_given_less_time() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut silence = Silence::default();
        assert_eq!(silence.patience(FULL, PATIENCE, at(9)), FULL, "nothing was tried");
        let mut tried = |seconds, came_to_nothing| {
            let patience = silence.patience(FULL, PATIENCE, at(seconds));
            silence.begins(at(seconds));
            if came_to_nothing {
                silence.goes_on(at(seconds));
            }
            patience
        };
        assert_eq!(tried(0, false), FULL);
        assert_eq!(tried(1, false), FULL, "the first attempt may still go on");
        assert_eq!(tried(3, false), PATIENCE.shortest);
        assert_eq!(tried(20, true), PATIENCE.short);
        assert_eq!(tried(30, false), PATIENCE.shortest, "it was silent again");
        assert_eq!(tried(61, false), FULL, "after a minute it is tried as at first");
        assert_eq!(tried(64, false), PATIENCE.shortest);
    }
}
