//! What comes next: pure, from the plan and the state.

use crate::action::GiveBack;
use crate::event::{Outcome, RunOutcome};
use crate::plan::types::{HoldRole, Plan};

use super::state::{State, given_early};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Carry out the step at this place.
    Step(usize),
    /// Give back what the step at this place gives back, although not all went well.
    GiveBack(usize),
    End(RunOutcome),
}

pub fn next(plan: &Plan, state: &State) -> Next {
    let worst = plan
        .steps
        .iter()
        .filter_map(|step| state.steps.get(&step.path))
        .filter(|end| **end != Outcome::Done);
    let doubt = worst.clone().any(|outcome| *outcome == Outcome::InDoubt);
    let failed = worst.count() > 0;
    if failed || state.stopping {
        if let Some(place) = owed(plan, state) {
            return Next::GiveBack(place);
        }
        return Next::End(match (doubt, failed) {
            (true, _) => RunOutcome::InDoubt,
            (false, true) if only_give_backs_failed(plan, state) => RunOutcome::DoneUncleanly,
            (false, true) if state.changes_began => RunOutcome::Failed,
            (false, false) if state.changes_began => RunOutcome::Stopped,
            (false, _) => RunOutcome::Refused,
        });
    }
    // What an earlier life began to give back may still take effect: that is ended before the hold is taken again.
    if let Some((_, give)) = given_early(plan, state)
        .into_iter()
        .find(|(_, give)| !state.is_done(&plan.steps[*give].path))
    {
        return Next::GiveBack(give);
    }
    match plan.steps.iter().position(|step| !state.is_done(&step.path)) {
        Some(place) => Next::Step(place),
        None => Next::End(RunOutcome::Done),
    }
}

/// The last hold that was taken, or begun, that is always given back and has not been.
fn owed(plan: &Plan, state: &State) -> Option<usize> {
    plan.steps.iter().enumerate().find_map(|(place, step)| {
        let Some(HoldRole::Give {
            hold,
            give_back: GiveBack::Always,
        }) = &step.hold
        else {
            return None;
        };
        let begun = plan.steps.iter().any(|take| {
            let this = matches!(&take.hold, Some(HoldRole::Take { hold: taken, .. }) if taken == hold);
            this && state
                .calls
                .iter()
                .any(|((path, _), call)| *path == take.path && call.attempts > 0)
        });
        (begun && !state.steps.contains_key(&step.path)).then_some(place)
    })
}

/// Every give-back that is owed, last taken first: what must be undone when nothing can be recorded any more.
pub fn owed_all<'p>(plan: &'p Plan, state: &State) -> Vec<&'p crate::plan::types::PlannedStep> {
    let mut state = state.clone();
    let mut found = Vec::new();
    while let Some(place) = owed(plan, &state) {
        state.steps.insert(plan.steps[place].path.clone(), Outcome::Done);
        found.push(&plan.steps[place]);
    }
    found
}

fn only_give_backs_failed(plan: &Plan, state: &State) -> bool {
    plan.steps
        .iter()
        .all(|step| state.is_done(&step.path) || matches!(step.hold, Some(HoldRole::Give { .. })))
}

/// The paths of the steps that remain, for `resume` to show.
pub fn remaining<'p>(plan: &'p Plan, state: &State) -> Vec<&'p str> {
    plan.steps
        .iter()
        .filter(|step| !state.is_done(&step.path))
        .map(|step| step.path.as_str())
        .collect()
}
