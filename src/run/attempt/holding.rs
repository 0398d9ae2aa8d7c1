//! What must hold: already, and after a call.

use std::time::Duration;

use serde_json::Value;

use super::patience::Patience;
use super::{Attempt, SHORTEST_PAUSE};
use crate::action::{Condition, Named, Site, Verdict, late, registry};
use crate::base::duration::Span;
use crate::call::{Look, Sight};
use crate::event::CallEnd;
use crate::run::driver::Halt;

/// What holds must hold again after this, where it must hold several times.
const BETWEEN_POLLS: Duration = Duration::from_millis(20);
/// How long what is expected may take where the step says nothing.
const EXPECTED_WITHIN: Span = Span(Duration::from_secs(60));

impl Attempt<'_, '_, '_> {
    /// `done_when`: already so, nothing to do.
    pub(super) async fn holds_already(&self) -> Result<bool, Halt> {
        if self.call.done_when.is_empty() {
            return Ok(false);
        }
        Ok(self.judge(&self.call.done_when, None).await?.0.is_none())
    }

    /// Polls what is expected until it holds often enough, for as long as patience lasts.
    pub(super) async fn expectations(&mut self, output: Value, already: bool) -> Result<CallEnd, Halt> {
        let within = self.step.within.unwrap_or(EXPECTED_WITHIN);
        let mut patience = Patience::new(within, self.driver.transport.now());
        self.pause = SHORTEST_PAUSE;
        let (mut in_a_row, mut earlier) = (0, None);
        let needed = self.polls()?;
        while !self.call.expect.is_empty() {
            let (why, seen) = self.judge(&self.call.expect, earlier.as_deref()).await?;
            if let Some(why) = why {
                in_a_row = 0;
                match self.gets_on(&mut patience, &seen, earlier.as_deref()).await? {
                    Ok(beside) => self.waiting(&format!("{why}{beside}")),
                    Err(over) => {
                        return Ok(CallEnd::Failed {
                            why: format!("done, but {}: {why}", over.why),
                            hint: Some(over.hint),
                        });
                    }
                }
            } else {
                in_a_row += 1;
                self.pause = BETWEEN_POLLS;
            }
            earlier = Some(seen);
            if in_a_row >= needed {
                break;
            }
            self.rest().await?;
        }
        Ok(CallEnd::Done { output, already })
    }

    fn polls(&self) -> Result<u32, Halt> {
        let mut most = 1;
        for condition in self.conditions(&self.call.expect)? {
            most = most.max(condition.polls());
        }
        Ok(most)
    }

    pub(super) fn conditions(&self, list: &[Named]) -> Result<Vec<Box<dyn Condition>>, Halt> {
        list.iter().map(|named| self.condition(named)).collect()
    }

    pub(super) fn condition(&self, named: &Named) -> Result<Box<dyn Condition>, Halt> {
        let filled = self
            .driver
            .recorder
            .with_state(|state| late::fill(&named.with, &|slot| state.output(slot)));
        let with = filled.map_err(Halt::Bug)?;
        registry::condition(&Named {
            name: named.name.clone(),
            with,
        })
        .map_err(Halt::Bug)
    }

    /// Judges all; the first that does not hold, and everything seen.
    async fn judge(&self, list: &[Named], earlier: Option<&[Sight]>) -> Result<(Option<String>, Vec<Sight>), Halt> {
        let conditions = Conditions::new(self.conditions(list)?, &self.site());
        let seen = self.driver.see(&conditions.looks).await;
        Ok((conditions.judge(&self.site(), &seen, earlier), seen))
    }
}

/// Conditions, and the looks that they need, one after another.
#[derive(Default)]
pub(super) struct Conditions {
    /// Each with the number of its looks.
    all: Vec<(Box<dyn Condition>, usize)>,
    pub(super) looks: Vec<Look>,
}

impl Conditions {
    pub(super) fn new(conditions: Vec<Box<dyn Condition>>, site: &Site<'_>) -> Self {
        let (mut all, mut looks) = (Vec::new(), Vec::new());
        for condition in conditions {
            let own = condition.looks(site);
            all.push((condition, own.len()));
            looks.extend(own);
        }
        Self { all, looks }
    }

    /// The first that does not hold, by what its looks have seen.
    pub(super) fn judge(&self, site: &Site<'_>, seen: &[Sight], earlier: Option<&[Sight]>) -> Option<String> {
        let mut from = 0;
        self.all.iter().find_map(|(condition, count)| {
            let own = from..from + count;
            from += count;
            let before = earlier.and_then(|earlier| earlier.get(own.clone()));
            match condition.judge(site, &seen[own], before) {
                Verdict::Holds(_) => None,
                Verdict::Not { saw, .. } | Verdict::Unknown(saw) => Some(saw),
            }
        })
    }
}
