//! A run from consent to its end, the first time and again.

use crate::event::{Event, EventKind, Operator, Renderer, RunOutcome, SCHEMA};
use crate::plan::types::Plan;
use crate::transport::Transport;

use super::consent::Consent;
use super::driver::{Driver, Ending};
use super::interrupt::Interrupt;
use super::journal::{Journal, JournalError};
use super::lock::{self, Locked};
use super::prepare;
use super::recorder::Recorder;
use super::state::State;

/// What a run is given besides its plan.
pub struct Means<'a> {
    pub transport: &'a dyn Transport,
    pub journal: Box<dyn Journal + 'a>,
    pub renderer: Box<dyn Renderer + 'a>,
    pub interrupt: &'a Interrupt,
    pub operator: Operator,
}

/// Carries out a plan that was agreed to. Drift since the plan was made is refused, nothing changed.
pub async fn begin(plan: &Plan, consent: &Consent, means: Means<'_>) -> Ending {
    let recorder = Recorder::new(plan, means.transport, State::default(), means.journal, means.renderer);
    let created = EventKind::Created {
        schema: SCHEMA.to_owned(),
        plan: Box::new(plan.clone()),
        hash: consent.hash().to_owned(),
        operator: means.operator.clone(),
    };
    let opened = recorder
        .record(created)
        .and_then(|()| recorder.record(consented(consent)));
    if let Err(error) = opened {
        return unrecorded(&error);
    }
    let drifted = prepare::drifted(plan, means.transport).await;
    if !drifted.is_empty() {
        let text = format!(
            "the cluster has changed since the plan was made: {}; nothing was changed",
            drifted.join("; ")
        );
        return refused(&recorder, text);
    }
    carry_on(
        plan,
        consent,
        means.transport,
        &recorder,
        (&means.operator, means.interrupt),
    )
    .await
}

/// Goes on with a run after a crash, a stop, or on another bastion. Its stored plan is used.
pub async fn resume(
    plan: &Plan,
    events: &[Event],
    consent: &Consent,
    adopted_from: Option<String>,
    means: Means<'_>,
) -> Ending {
    let state = State::of(plan, events);
    let recorder = Recorder::new(plan, means.transport, state, means.journal, means.renderer);
    // Nobody knows which records reached the hosts before the crash: their copies are made whole.
    recorder.owe_copies_of(events);
    let resumed = EventKind::Resumed {
        operator: means.operator.clone(),
        adopted_from,
    };
    let opened = recorder
        .record(resumed)
        .and_then(|()| recorder.record(consented(consent)));
    if let Err(error) = opened {
        return unrecorded(&error);
    }
    carry_on(
        plan,
        consent,
        means.transport,
        &recorder,
        (&means.operator, means.interrupt),
    )
    .await
}

async fn carry_on(
    plan: &Plan,
    consent: &Consent,
    transport: &dyn Transport,
    recorder: &Recorder<'_>,
    (operator, interrupt): (&Operator, &Interrupt),
) -> Ending {
    let mut locked = Locked::default();
    if plan.changes_anything() {
        match lock::take(plan, operator, transport).await {
            Ok(taken) => {
                locked.clone_from(&taken);
                let event = EventKind::Locked {
                    hosts: taken.hosts,
                    unreachable: taken.unreachable,
                };
                if let Err(error) = recorder.record(event) {
                    lock::clear(plan, transport, &locked.to_clear()).await;
                    return unrecorded(&error);
                }
            }
            Err(error) => return refused(recorder, format!("{error}; nothing was changed")),
        }
    }
    match Driver::new(plan, consent, transport, recorder, interrupt, locked) {
        Some(driver) => driver.run().await,
        None => refused(
            recorder,
            "the consent is for another plan; nothing was changed".to_owned(),
        ),
    }
}

/// Goes on in the life of a run that has just ended a step, as if it had never been away: what a driver knows beyond its records is
/// made again from them. For trials, where many futures of one run share its past.
pub async fn go_on(plan: &Plan, events: &[Event], consent: &Consent, means: Means<'_>) -> Ending {
    let state = State::of(plan, events);
    let locked = events.iter().rev().find_map(|event| match &event.kind {
        EventKind::Locked { hosts, unreachable } => Some(Locked {
            hosts: hosts.clone(),
            unreachable: unreachable.clone(),
            perhaps: Vec::new(),
        }),
        _ => None,
    });
    let recorder = Recorder::new(plan, means.transport, state, means.journal, means.renderer);
    let copied = |event: &Event| matches!(event.kind, EventKind::CallStarted { .. } | EventKind::Locked { .. });
    let from = events.iter().rposition(copied).map_or(0, |place| place + 1);
    recorder.owe_copies_of(&events[from..]);
    let locked = locked.unwrap_or_default();
    match Driver::new(plan, consent, means.transport, &recorder, means.interrupt, locked) {
        Some(driver) => driver.go_on().await,
        None => refused(&recorder, "the consent is for another plan".to_owned()),
    }
}

fn consented(consent: &Consent) -> EventKind {
    EventKind::Consented {
        hash: consent.hash().to_owned(),
        how: consent.how().to_owned(),
        from: 0,
    }
}

fn refused(recorder: &Recorder<'_>, text: String) -> Ending {
    let began = recorder.with_state(|state| state.changes_began);
    let outcome = if began {
        RunOutcome::Stopped
    } else {
        RunOutcome::Refused
    };
    let ended = EventKind::Ended {
        outcome,
        text: text.clone(),
    };
    if recorder.record(ended.clone()).is_err() {
        recorder.show(ended);
    }
    Ending { outcome, text }
}

fn unrecorded(error: &JournalError) -> Ending {
    Ending {
        outcome: RunOutcome::Refused,
        text: format!("{error}; nothing was changed"),
    }
}
