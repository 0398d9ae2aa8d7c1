//! Give-backs outside the loop: whether one is needed, and one that cannot be recorded.

use super::{Attempt, LONGEST_PAUSE};
use crate::action::Probe;
use crate::plan::types::{PlannedCall, PlannedStep};
use crate::run::driver::Driver;

/// A look, no more: the hold does not hold, and as things are it could be taken again. Where it could not, the work inside says what it
/// misses.
pub(in crate::run) async fn is_undone(
    driver: &Driver<'_, '_>,
    (take, taken): (&PlannedStep, &PlannedCall),
    (give, given): (&PlannedStep, &PlannedCall),
) -> bool {
    let (Ok(take), Ok(give)) = (Attempt::new(driver, take, taken), Attempt::new(driver, give, given)) else {
        return false;
    };
    let site = give.site();
    let seen = driver.see(&give.action.looks(&site)).await;
    matches!(give.action.probe(&site, None, &seen), Probe::Done(_)) && take.model_differs().await.is_none()
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
