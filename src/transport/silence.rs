//! What gives no answer at all holds up what waits for it once, and then for a short while only.

use std::time::{Duration, Instant};

/// It was silent so lately that it hardly needs to be tried again.
const JUST_NOW: Duration = Duration::from_secs(15);
/// After this it is tried as at first.
pub(super) const MEMORY: Duration = Duration::from_secs(60);

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
    /// How long an attempt that begins now may take, `full` at most; from now on it owes an answer.
    pub(super) fn patience(&mut self, full: Duration, patience: Patience, now: Instant) -> Duration {
        let lasted = self.lasted(now);
        let (_, last) = *self.0.get_or_insert((now, now));
        match lasted {
            lasted if lasted < patience.short => full,
            _ if now.saturating_duration_since(last) < JUST_NOW => full.min(patience.shortest),
            _ => full.min(patience.short),
        }
    }

    /// For how long an answer has been owed; what is too long ago is forgotten.
    pub(super) fn lasted(&mut self, now: Instant) -> Duration {
        let lasted = self
            .0
            .map_or(Duration::ZERO, |(since, _)| now.saturating_duration_since(since));
        if lasted < MEMORY {
            return lasted;
        }
        self.0 = None;
        Duration::ZERO
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
        assert_eq!(silence.patience(FULL, PATIENCE, at(0)), FULL);
        assert_eq!(
            silence.patience(FULL, PATIENCE, at(1)),
            FULL,
            "the first attempt may still go on"
        );
        assert_eq!(silence.patience(FULL, PATIENCE, at(3)), PATIENCE.shortest);
        assert_eq!(silence.patience(FULL, PATIENCE, at(20)), PATIENCE.short);
        silence.goes_on(at(21));
        assert_eq!(
            silence.patience(FULL, PATIENCE, at(30)),
            PATIENCE.shortest,
            "it was silent again"
        );
        assert_eq!(
            silence.patience(FULL, PATIENCE, at(61)),
            FULL,
            "after a minute it is tried as at first"
        );
        assert_eq!(silence.patience(FULL, PATIENCE, at(64)), PATIENCE.shortest);
    }
}
