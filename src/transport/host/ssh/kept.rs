//! What is remembered of a host's connection, so that a silent host holds up what waits for it once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use openssh::Session;

/// A host that gave no answer is given less time the next time: what waits for it is held up once.
const SHORT: Duration = Duration::from_secs(3);
/// Right after that, still less.
const SHORTEST: Duration = Duration::from_secs(1);
const JUST_NOW: Duration = Duration::from_secs(15);
/// For so long.
pub(super) const MEMORY: Duration = Duration::from_secs(60);
/// What ssh said holds for whoever asks right afterwards.
pub(super) const FRESH: Duration = Duration::from_secs(1);

/// The connection, or what became of the attempts to make one.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) session: Option<Arc<Session>>,
    /// When an attempt began that has led to nothing; also one that was given up.
    pub(super) unanswered: Option<Instant>,
    /// When the last one failed, and what ssh said.
    pub(super) failed: Option<(Instant, String)>,
}

impl Kept {
    /// Why a host that has just failed is not tried again at once; also for those who waited meanwhile.
    pub(super) fn just_failed(&self, asked: Instant) -> Option<&str> {
        let (at, said) = self.failed.as_ref()?;
        (*at >= asked || at.elapsed() < FRESH).then_some(said)
    }

    pub(super) fn patience(&self, bound: Duration) -> Duration {
        let Some(silent) = self.unanswered.map(|began| began.elapsed()) else {
            return bound;
        };
        match silent {
            _ if silent < SHORT || silent >= MEMORY => bound,
            _ if silent < JUST_NOW => bound.min(SHORTEST),
            _ => bound.min(SHORT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_did_not_answer_holds_up_what_waits_for_it_once() {
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds));
        let bound = Duration::from_secs(10);
        let patience = |seconds| {
            let kept = Kept {
                unanswered: ago(seconds),
                ..Kept::default()
            };
            kept.patience(bound)
        };
        assert_eq!(Kept::default().patience(bound), bound);
        let patiences = [patience(0), patience(5), patience(20), patience(61)];
        assert_eq!(patiences, [bound, SHORTEST, SHORT, bound]);
        let failed = Kept {
            failed: ago(5).map(|at| (at, "no route to host".to_owned())),
            ..Kept::default()
        };
        assert_eq!(failed.just_failed(Instant::now()), None, "it is tried again");
        let waited = Instant::now().checked_sub(Duration::from_secs(9)).unwrap();
        assert_eq!(failed.just_failed(waited), Some("no route to host"));
    }
}
