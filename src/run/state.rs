//! The state of a run: its journal, folded. Never stored.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::action::late::Slot;
use crate::event::{CallEnd, Event, EventKind, Operator, Outcome, RunOutcome};
use crate::plan::types::{HoldRole, Plan};

/// One call of a step, so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallState {
    pub attempts: u32,
    /// Those of a hold that was given back since, and is taken again.
    pub earlier: u32,
    /// What was seen before the first attempt.
    pub before: Option<Value>,
    pub started_at: Option<jiff::Timestamp>,
    pub end: Option<CallEnd>,
}

impl CallState {
    pub fn output(&self) -> Option<&Value> {
        match &self.end {
            Some(CallEnd::Done { output, .. }) => Some(output),
            _ => None,
        }
    }

    /// The number of the last one in the whole run: a host begins nothing twice under one number.
    pub fn last_attempt(&self) -> u32 {
        self.earlier + self.attempts
    }

    /// Started, and nobody knows how it ended.
    pub fn in_doubt(&self) -> bool {
        self.attempts > 0 && !matches!(self.end, Some(CallEnd::Done { .. } | CallEnd::Failed { .. }))
    }
}

/// Where each hold is taken, and where it is given back.
fn holds(plan: &Plan) -> Vec<(usize, usize)> {
    let takes = |hold: &str| {
        let this = |role: &Option<HoldRole>| matches!(role, Some(HoldRole::Take { hold: taken, .. }) if taken == hold);
        plan.steps.iter().position(|step| this(&step.hold))
    };
    let gives = plan.steps.iter().enumerate().filter_map(|(at, step)| match &step.hold {
        Some(HoldRole::Give { hold, .. }) => Some((takes(hold)?, at)),
        _ => None,
    });
    gives.collect()
}

/// Of the holds those whose giving back has begun although work inside them is not done.
pub(super) fn given_early(plan: &Plan, state: &State) -> Vec<(usize, usize)> {
    let mut early = holds(plan);
    early.retain(|(take, give)| {
        let inside = &plan.steps[take + 1..*give];
        state.has_begun(&plan.steps[*give].path) && inside.iter().any(|step| !state.is_done(&step.path))
    });
    early
}

/// Of the holds those that an earlier life took and work remains inside: a restart of the host, or a give-back that could not be
/// recorded, may have undone them.
pub(super) fn doubtful_holds(plan: &Plan, state: &State) -> Vec<(usize, usize)> {
    let mut doubtful = holds(plan);
    doubtful.retain(|(take, give)| {
        let inside = &plan.steps[take + 1..*give];
        state.is_done(&plan.steps[*take].path)
            && !state.has_begun(&plan.steps[*give].path)
            && inside.iter().any(|step| !state.is_done(&step.path))
    });
    doubtful
}

/// A run, as its journal tells.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub last_seq: u64,
    pub hash: Option<String>,
    pub operator: Option<Operator>,
    pub consented: bool,
    pub locked: Vec<String>,
    pub calls: BTreeMap<(String, Option<String>), CallState>,
    pub steps: BTreeMap<String, Outcome>,
    /// A change call was started: the cluster may have been touched.
    pub changes_began: bool,
    pub stopping: bool,
    pub ended: Option<RunOutcome>,
    pub abandoned: bool,
}

impl State {
    pub fn of<'e>(plan: &Plan, events: impl IntoIterator<Item = &'e Event>) -> Self {
        let mut state = Self::default();
        for event in events {
            state.add(plan, event);
        }
        state
    }

    pub fn add(&mut self, plan: &Plan, event: &Event) {
        if event.kind.is_transient() {
            return;
        }
        self.last_seq = event.seq;
        match &event.kind {
            EventKind::Created { hash, operator, .. } => {
                self.hash = Some(hash.clone());
                self.operator = Some(operator.clone());
            }
            EventKind::Consented { .. } => self.consented = true,
            EventKind::Locked { hosts, .. } => self.locked.clone_from(hosts),
            EventKind::CallStarted {
                step,
                host,
                attempt,
                before,
            } => {
                let call = self.calls.entry((step.clone(), host.clone())).or_default();
                call.attempts = attempt.saturating_sub(call.earlier).max(1);
                call.before.get_or_insert_with(|| before.clone());
                call.started_at = Some(event.at);
                call.end = None;
                self.changes_began = true;
            }
            EventKind::CallEnded { step, host, end } => {
                self.calls.entry((step.clone(), host.clone())).or_default().end = Some(end.clone());
            }
            EventKind::StepEnded { step, outcome } => {
                self.steps.insert(step.clone(), *outcome);
                let goes_well = self.steps.values().all(|outcome| *outcome == Outcome::Done);
                if goes_well && !self.stopping {
                    self.take_again(plan);
                }
            }
            EventKind::HoldLost { step, host, .. } => {
                self.steps.remove(step);
                self.anew(|path, on| path == step && on == host);
            }
            EventKind::Resumed { operator, .. } => self.resumed(plan, operator),
            EventKind::Interrupted { .. } => self.stopping = true,
            EventKind::Ended { outcome, .. } => self.ended = Some(*outcome),
            EventKind::Abandoned { .. } => self.abandoned = true,
            EventKind::StepStarted { .. }
            | EventKind::Said { .. }
            | EventKind::Waiting { .. }
            | EventKind::Progress { .. }
            | EventKind::Output { .. } => {}
        }
    }

    /// Going on: what failed is tried again, and a hold given back early is taken again.
    fn resumed(&mut self, plan: &Plan, operator: &Operator) {
        self.operator = Some(operator.clone());
        self.ended = None;
        self.stopping = false;
        self.steps.retain(|_, outcome| *outcome == Outcome::Done);
        for call in self.calls.values_mut() {
            // What failed is begun anew: what was seen before it the first time says nothing about the next.
            if matches!(call.end, Some(CallEnd::Failed { .. })) {
                call.before = None;
            }
            if !matches!(call.end, Some(CallEnd::Done { .. })) {
                call.end = None;
            }
        }
        self.take_again(plan);
    }

    /// A hold that was given back before its work was done is taken again.
    fn take_again(&mut self, plan: &Plan) {
        for (take, give) in given_early(plan, self) {
            let (take, give) = (&plan.steps[take].path, &plan.steps[give].path);
            if self.is_done(give) {
                self.steps.remove(take);
                self.steps.remove(give);
                self.anew(|step, _| step == take || step == give);
            }
        }
    }

    /// These calls are made anew.
    fn anew(&mut self, which: impl Fn(&str, &Option<String>) -> bool) {
        for (_, call) in self.calls.iter_mut().filter(|((step, host), _)| which(step, host)) {
            *call = CallState {
                earlier: call.last_attempt(),
                ..CallState::default()
            };
        }
    }

    fn has_begun(&self, step: &str) -> bool {
        let begun = |((path, _), call): (&(String, Option<String>), &CallState)| path == step && call.attempts > 0;
        self.is_done(step) || self.calls.iter().any(begun)
    }

    pub fn is_done(&self, step: &str) -> bool {
        self.steps.get(step) == Some(&Outcome::Done)
    }

    pub fn call(&self, step: &str, host: Option<&str>) -> CallState {
        self.calls
            .get(&(step.to_owned(), host.map(str::to_owned)))
            .cloned()
            .unwrap_or_default()
    }

    /// The value that a late slot stands for.
    pub fn output(&self, slot: &Slot) -> Option<Value> {
        let call = self.calls.get(&(slot.step.clone(), slot.host.clone()))?;
        let mut value = call.output()?;
        for part in slot.field.split('.') {
            value = value.get(part)?;
        }
        Some(value.clone())
    }
}
