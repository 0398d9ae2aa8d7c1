//! Holds outside the loop: whether one still holds, and a give-back that cannot be recorded.

use super::{Attempt, LONGEST_PAUSE};
use crate::action::Probe;
use crate::plan::types::{PlannedCall, PlannedStep};
use crate::run::driver::Driver;

/// A look, no more. What was taken is not there, giving it back would find nothing to do, and as things are it can be taken again; where it
/// cannot, the work inside says what it misses. `Some`: what was seen.
pub(in crate::run) async fn lost(
    driver: &Driver<'_, '_>,
    (take, taken): (&PlannedStep, &PlannedCall),
    (give, given): (&PlannedStep, &PlannedCall),
) -> Option<String> {
    let (take, give) = (
        Attempt::new(driver, take, taken).ok()?,
        Attempt::new(driver, give, given).ok()?,
    );
    if !matches!(give.probed().await, Probe::Done(_)) {
        return None;
    }
    let Probe::NotYet(saw) = take.probed().await else {
        return None;
    };
    (!taken.takes_member_down || take.model_differs().await.is_none()).then_some(saw)
}

/// A give-back without records: probe, call, probe; true when its end is reached.
pub(in crate::run) async fn give_back(driver: &Driver<'_, '_>, step: &PlannedStep, call: &PlannedCall) -> bool {
    let Ok(attempt) = Attempt::new(driver, step, call) else {
        return false;
    };
    let site = attempt.site();
    while attempt.has_time() {
        let seen = driver.see(&attempt.action.looks(&site)).await;
        if let Probe::Done(_) = attempt.action.probe(&site, None, &seen) {
            return true;
        }
        if let Some(next) = attempt.action.call(&site, &seen) {
            let _replied = driver.transport.perform(&next, &attempt).await;
        }
        driver.transport.pause(LONGEST_PAUSE).await;
    }
    false
}

impl Attempt<'_, '_, '_> {
    async fn probed(&self) -> Probe {
        let site = self.site();
        let seen = self.driver.see(&self.action.looks(&site)).await;
        self.action.probe(&site, self.so_far().before.as_ref(), &seen)
    }
}
