//! What must hold: before a call, already, and after it.

use std::time::Duration;

use serde_json::Value;

use super::patience::Patience;
use super::{Attempt, SHORTEST_PAUSE};
use crate::action::{Condition, GiveBack, Named, Verdict, late, registry};
use crate::base::duration::Span;
use crate::call::{Look, Sight};
use crate::cluster::model::Model;
use crate::event::CallEnd;
use crate::plan::types::HoldRole;
use crate::run::driver::Halt;
use crate::run::guard;
use crate::run::lock::Lost;

/// How long a guard may take to come true: leadership just moved, a member just started.
const GUARD_PATIENCE: Duration = Duration::from_secs(15);
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

    /// The lock, the model, and the step's own guards; given a little time to come true. `Some`: why not.
    pub(super) async fn guards(&mut self) -> Result<Option<String>, Halt> {
        let until = self.driver.in_time(GUARD_PATIENCE);
        loop {
            let own = self.own_guards()?;
            let lock = self.driver.lost();
            let (lost, differs, own) = tokio::join!(lock, self.model_differs(), self.judge(&own, None));
            match lost {
                None => {}
                Some(Lost::Other(why)) => return Ok(Some(why)),
                Some(Lost::Adopted(why) | Lost::Gone(why)) => return Err(Halt::Taken(why)),
            }
            let why = differs.or(own?.0);
            let Some(why) = why else { return Ok(None) };
            if self.driver.transport.now() >= until {
                return Ok(Some(why));
            }
            self.waiting(&format!("guard: {why}"));
            self.rest().await?;
        }
    }

    /// The step's guards without those that the operator accepted when the plan was made.
    fn own_guards(&self) -> Result<Vec<Named>, Halt> {
        let accepted = &self.driver.plan.accepted;
        let mut kept = Vec::new();
        for guard in &self.call.guard {
            let name = self.condition(guard)?.accept_name();
            if !name.is_some_and(|name| accepted.iter().any(|accepted| accepted == name)) {
                kept.push(guard.clone());
            }
        }
        Ok(kept)
    }

    pub(super) async fn model_differs(&self) -> Option<String> {
        // What is given back in any case is clean-up: the model is that of a run that went well up to there.
        if let Some(HoldRole::Give { give_back, .. }) = &self.step.hold
            && *give_back == GiveBack::Always
        {
            return None;
        }
        // The same of what is taken again: others inside may hold already.
        if self.so_far().earlier > 0 && !self.call.takes_member_down {
            return None;
        }
        let model = self.step.model_before.as_ref()?;
        if model.members.is_empty() {
            return None;
        }
        let going = self.driver.recorder.with_state(|state| {
            let calls = self.step.calls.iter().filter(|call| call.takes_member_down);
            calls
                .filter(|call| state.call(&self.step.path, call.host.as_deref()).attempts > 0)
                .filter_map(|call| call.host.clone())
                .collect::<Vec<String>>()
        });
        // Whoever agreed to the outage agreed to all of it: once it has begun there is nobody left to measure.
        if self.outage_agreed(model) && !guard::without(model, &going).has_quorum() {
            return None;
        }
        let seen = self.driver.see(&[Look::Cluster]).await;
        match seen.first() {
            Some(Sight::Cluster(observed)) => guard::differs(model, observed, &going),
            Some(Sight::Blind(error)) => Some(error.to_string()),
            _ => None,
        }
    }

    /// This step's outage, or the rest of one that an earlier step of this run has begun.
    fn outage_agreed(&self, model: &Model) -> bool {
        let steps = self.driver.plan.steps.iter();
        let mut earlier = steps.take_while(|step| step.path != self.step.path);
        let goes_on = self.call.takes_member_down && !model.has_quorum();
        self.step.outage.is_some() || goes_on && earlier.any(|step| step.outage.is_some())
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
                self.pause = SHORTEST_PAUSE;
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

    fn condition(&self, named: &Named) -> Result<Box<dyn Condition>, Halt> {
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
        let site = self.site();
        let mut conditions = Vec::new();
        let mut looks = Vec::new();
        for condition in self.conditions(list)? {
            let own = condition.looks(&site);
            conditions.push((condition, looks.len(), own.len()));
            looks.extend(own);
        }
        let seen = self.driver.see(&looks).await;
        for (condition, from, count) in conditions {
            let before = earlier.and_then(|earlier| earlier.get(from..from + count));
            match condition.judge(&site, &seen[from..from + count], before) {
                Verdict::Holds(_) => {}
                Verdict::Not { saw, .. } | Verdict::Unknown(saw) => return Ok((Some(saw), seen)),
            }
        }
        Ok((None, seen))
    }
}
