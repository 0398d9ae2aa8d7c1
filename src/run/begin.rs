//! A run from consent to its end, the first time and again.

use crate::event::{EventKind, Operator, Renderer, RunOutcome, SCHEMA};
use crate::transport::Transport;

use super::consent::Consent;
use super::driver::{Driver, Ending};
use super::interrupt::Interrupt;
use super::journal::{Journal, JournalError, Record};
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
pub async fn begin(consent: &Consent<'_>, means: Means<'_>) -> Ending {
    let plan = consent.plan();
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
    carry_on(consent, means.transport, &recorder, (&means.operator, means.interrupt)).await
}

/// Goes on with a run after a crash, a stop, or on another bastion. Its stored plan is used.
pub async fn resume(
    consent: &Consent<'_>,
    records: &[Record],
    adopted_from: Option<String>,
    means: Means<'_>,
) -> Ending {
    let plan = consent.plan();
    let state = State::of(plan, records.iter().map(|record| &**record));
    let recorder = Recorder::new(plan, means.transport, state, means.journal, means.renderer);
    // Nobody knows which records reached the hosts before the crash: their copies are made whole.
    recorder.owe_copies_of(records);
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
    carry_on(consent, means.transport, &recorder, (&means.operator, means.interrupt)).await
}

async fn carry_on(
    consent: &Consent<'_>,
    transport: &dyn Transport,
    recorder: &Recorder<'_>,
    (operator, interrupt): (&Operator, &Interrupt),
) -> Ending {
    let plan = consent.plan();
    let mut locked = Locked::default();
    if plan.locks_hosts() {
        match lock::take(plan, operator, transport).await {
            Ok(taken) => {
                locked.clone_from(&taken);
                let event = EventKind::Locked {
                    hosts: taken.hosts,
                    unreachable: taken.unreachable,
                };
                if let Err(error) = recorder.record(event) {
                    let left = lock::clear(plan, transport, &locked.to_clear(&operator.life())).await;
                    let mut ending = unrecorded(&error);
                    ending.text.push_str(&lock::left_behind(plan, &left));
                    return ending;
                }
            }
            Err((error, left)) => {
                let left = lock::left_behind(plan, &left);
                return refused(recorder, format!("{error}; nothing was changed{left}"));
            }
        }
    }
    Driver::new(consent, transport, recorder, (operator, interrupt), locked)
        .run()
        .await
}

/// Goes on in the life of a run that has just ended a step, as if it had never been away: what a driver knows beyond its records is
/// made again from them. For trials, where many futures of one run share its past.
pub async fn go_on(consent: &Consent<'_>, records: &[Record], means: Means<'_>) -> Ending {
    let plan = consent.plan();
    let state = State::of(plan, records.iter().map(|record| &**record));
    let locked = records.iter().rev().find_map(|record| match &record.kind {
        EventKind::Locked { hosts, unreachable } => Some(Locked {
            hosts: hosts.clone(),
            unreachable: unreachable.clone(),
            perhaps: Vec::new(),
        }),
        _ => None,
    });
    let recorder = Recorder::new(plan, means.transport, state, means.journal, means.renderer);
    let copied = |record: &Record| matches!(record.kind, EventKind::CallStarted { .. } | EventKind::Locked { .. });
    let from = records.iter().rposition(copied).map_or(0, |place| place + 1);
    recorder.owe_copies_of(&records[from..]);
    let locked = locked.unwrap_or_default();
    let own = (&means.operator, means.interrupt);
    Driver::new(consent, means.transport, &recorder, own, locked)
        .go_on()
        .await
}

fn consented(consent: &Consent<'_>) -> EventKind {
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
    Ending::new(outcome, text)
}

fn unrecorded(error: &JournalError) -> Ending {
    Ending::new(RunOutcome::Refused, format!("{error}; nothing was changed"))
}
