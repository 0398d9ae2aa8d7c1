//! How long something is waited for: while it gets on, past its bound; not when it has come to a stand, or cannot come true (safety 25).

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{Attempt, later};
use crate::action::{Progress, Verdict};
use crate::base::duration::Span;
use crate::call::{Look, Sight};
use crate::run::driver::Halt;

/// How long what has ended may take to come back by itself: systemd starts again what crashed.
const GRACE: Duration = Duration::from_secs(15);
/// For how long what is late may stand still.
const SILENCE: Span = Span::seconds(120);
/// What grows may take so many times its bound, no more: nothing waits for ever.
const MOST: u32 = 12;
/// How often it is looked at what happens beside what is waited for.
const WATCH_EVERY: Duration = Duration::from_secs(5);

/// One wait.
pub(super) struct Patience {
    within: Span,
    began: Timestamp,
    /// The most of each measure that was seen, by the place of its condition and its own.
    most: BTreeMap<(usize, usize), u64>,
    /// When something was larger than ever before, last.
    grown: Timestamp,
    /// Since when it is known that it cannot come true.
    ended: Option<Timestamp>,
    /// What the last watching saw, and when that was.
    watched: (Vec<Sight>, Timestamp),
}

/// Why it is waited for no longer, and what to do.
#[derive(Debug, PartialEq)]
pub(super) struct Over {
    pub(super) why: String,
    pub(super) hint: String,
}

/// What does not hold yet: the place of each condition, and how it gets on where it tells.
type Told = Vec<(usize, Option<Progress>)>;

impl Patience {
    pub(super) fn new(within: Span, now: Timestamp) -> Self {
        Self {
            within,
            began: now,
            most: BTreeMap::new(),
            grown: now,
            ended: None,
            watched: (Vec::new(), now),
        }
    }

    /// Whether the wait is over, by how that gets on which does not hold yet.
    fn over(&mut self, now: Timestamp, told: &Told) -> Option<Over> {
        self.measure(now, told);
        let mut known = told.iter().filter_map(|(_, progress)| progress.as_ref());
        let ended = known.clone().find_map(|one| one.ended.as_ref());
        self.ended = ended.and(self.ended.or(Some(now)));
        if let (Some((why, first)), Some(since)) = (ended, self.ended)
            && now >= later(since, GRACE)
        {
            return Some(Over {
                why: format!("what must follow cannot: {why}"),
                hint: first.clone(),
            });
        }
        let within = self.within;
        // One that tells nothing has the whole bound.
        let watched = told.iter().all(|(_, progress)| progress.is_some());
        let silence = if watched {
            known.try_fold(Span::default(), |most, one| Some(most.max(one.silence?)))
        } else {
            None
        };
        let stands = |length: Span| now >= later(self.grown, length.0);
        let why = if now < later(self.began, within.0) {
            let silence = silence.filter(|silence| stands(*silence))?;
            format!("nothing has got on towards what must follow for {silence}")
        } else if stands(silence.unwrap_or(SILENCE).min(within)) {
            format!("what must follow did not within {within}")
        } else if now >= later(self.began, within.0.saturating_mul(MOST)) {
            format!("what must follow has got on all the time and is not there after {MOST} times {within}")
        } else {
            return None;
        };
        Some(Over {
            why,
            hint: "etcdops health".to_owned(),
        })
    }

    fn measure(&mut self, now: Timestamp, told: &Told) {
        for (condition, progress) in told {
            let measures = progress.iter().flat_map(|progress| &progress.measures);
            for (place, measure) in measures.enumerate() {
                let most = self.most.entry((*condition, place)).or_default();
                if let Some(measure) = measure.filter(|measure| measure > most) {
                    *most = measure;
                    self.grown = now;
                }
            }
        }
    }
}

impl Attempt<'_, '_, '_> {
    /// How what is expected and does not hold gets on: whether it is waited for no longer, and what to say of it beside what was seen.
    pub(super) async fn gets_on(
        &self,
        patience: &mut Patience,
        seen: &[Sight],
        earlier: Option<&[Sight]>,
    ) -> Result<Result<String, Over>, Halt> {
        let now = self.driver.transport.now();
        let site = self.site();
        let conditions = self.conditions(&self.call.expect)?;
        // Not in the first seconds, in which most waits end.
        if now >= later(patience.watched.1, WATCH_EVERY) {
            let looks: Vec<Look> = conditions.iter().flat_map(|one| one.watched(&site)).collect();
            patience.watched = (self.driver.see(&looks).await, now);
        }
        let mut told = Told::new();
        let (mut from, mut beside) = (0, 0);
        for (place, condition) in conditions.iter().enumerate() {
            let (own, others) = (condition.looks(&site).len(), condition.watched(&site).len());
            let before = earlier.and_then(|earlier| earlier.get(from..from + own));
            let sights = &seen[from..from + own];
            let watched = patience.watched.0.get(beside..beside + others).unwrap_or_default();
            (from, beside) = (from + own, beside + others);
            if !matches!(condition.judge(&site, sights, before), Verdict::Holds(_)) {
                told.push((place, condition.progress(&site, sights, watched)));
            }
        }
        let says: Vec<String> = told
            .iter()
            .filter_map(|(_, one)| Some(format!("; {}", one.as_ref()?.says.as_ref()?)))
            .collect();
        Ok(patience.over(now, &told).map_or(Ok(says.concat()), Err))
    }
}
