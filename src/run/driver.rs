//! The small driver: asks `next`, carries it out, records it.

mod halt;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;

use crate::call::host::{HostOp, Life};
use crate::call::{Call, CallError, Fault, Look, Reply, Sight, Watch};
use crate::event::{CallEnd, EventKind, Operator, Outcome, RunOutcome};
use crate::plan::types::{Plan, PlannedCall, PlannedStep};
use crate::transport::Transport;

pub use self::halt::{Ending, Halt};
use super::attempt::{self, Attempt};
use super::consent::Consent;
use super::interrupt::Interrupt;
use super::lock::{self, Locked, Lost};
use super::next::{Next, next};
use super::recorder::Recorder;
use super::state::{CallState, doubtful_holds};

/// Carries out one consented plan.
pub struct Driver<'a, 'r> {
    pub(super) plan: &'a Plan,
    pub(super) transport: &'a dyn Transport,
    pub(super) recorder: &'a Recorder<'r>,
    pub(super) interrupt: &'a Interrupt,
    /// This process, as its markers name it.
    life: Life,
    /// Hosts whose marker is ours, and where it may be.
    locked: Locked,
    /// What each host's copy of the record still lacks: first sequence number and lines. Copies go one after another.
    lacking: tokio::sync::Mutex<BTreeMap<String, (u64, String)>>,
}

impl<'a, 'r> Driver<'a, 'r> {
    pub fn new(
        consent: &Consent<'a>,
        transport: &'a dyn Transport,
        recorder: &'a Recorder<'r>,
        (operator, interrupt): (&Operator, &'a Interrupt),
        locked: Locked,
    ) -> Self {
        Self {
            plan: consent.plan(),
            transport,
            recorder,
            interrupt,
            life: operator.life(),
            locked,
            lacking: tokio::sync::Mutex::default(),
        }
    }

    /// Until nothing is left to do, or nothing more may be done.
    pub async fn run(&self) -> Ending {
        // Before the first change: from now on another bastion can go on.
        self.copy_journal(false).await;
        let end = match self.prove_holds().await {
            Ok(()) => self.all_steps().await,
            Err(halt) => Err(halt),
        };
        self.ended(end).await
    }

    /// From wherever the records say that it stands, in the life that wrote them.
    pub(super) async fn go_on(&self) -> Ending {
        let end = self.all_steps().await;
        self.ended(end).await
    }

    async fn ended(&self, end: Result<RunOutcome, Halt>) -> Ending {
        // What is done may have been done by somebody else in the meantime.
        let lost = match &end {
            Ok(_) => self.lost().await,
            Err(_) => None,
        };
        let end = match &lost {
            Some(Lost::Adopted(why)) => Err(Halt::Taken(why.clone())),
            _ => end,
        };
        let taken = matches!(end, Err(Halt::Taken(_)));
        let ending = match end {
            Ok(outcome) => Ending::new(outcome, self.words(outcome)),
            Err(halt) => self.halted(halt).await,
        };
        let over = matches!(ending.outcome, RunOutcome::Done | RunOutcome::Refused);
        let ending = if over {
            self.unlocked(ending, taken).await
        } else {
            ending
        };
        let ended = EventKind::Ended {
            outcome: ending.outcome,
            text: ending.text.clone(),
        };
        if self.recorder.record(ended.clone()).is_err() {
            self.recorder.show(ended);
        }
        // Whoever goes on with the run keeps its record from now on.
        if !taken && !matches!(lost, Some(Lost::Gone(_))) {
            self.copy_journal(false).await;
        }
        ending
    }

    /// The markers are taken away before the end is recorded: a run that ended leaves nothing that stops the next one.
    /// Where another process goes on with the run, only those that are this one's for sure.
    async fn unlocked(&self, ending: Ending, taken: bool) -> Ending {
        let mut markers = self.locked.to_clear(&self.life);
        markers.retain(|(_, life)| life.is_some() || !taken);
        let left = lock::clear(self.plan, self.transport, &markers).await;
        if left.is_empty() {
            return ending;
        }
        let text = ending.text + &lock::left_behind(self.plan, &left);
        let outcome = match ending.outcome {
            RunOutcome::Done => RunOutcome::DoneUncleanly,
            other => other,
        };
        Ending {
            outcome,
            text,
            bug: ending.bug,
        }
    }

    /// What an earlier life took for the steps that remain is looked at: a restart of the host, or a give-back that could not be recorded,
    /// may have undone it.
    async fn prove_holds(&self) -> Result<(), Halt> {
        for (take, give) in self.recorder.with_state(|state| doubtful_holds(self.plan, state)) {
            let (take, give) = (&self.plan.steps[take], &self.plan.steps[give]);
            let pairs = take.calls.iter().filter_map(|taken| {
                let given = give.calls.iter().find(|given| given.host == taken.host)?;
                Some(async move { Some((taken, attempt::lost(self, (take, taken), (give, given)).await?)) })
            });
            for (taken, saw) in futures_util::future::join_all(pairs).await.into_iter().flatten() {
                let place = taken.host.as_deref().unwrap_or(&self.plan.cluster.name);
                let text = format!(
                    "on {place} this no longer holds, and is done again: {} ({saw})",
                    taken.describe
                );
                self.recorder.record(EventKind::HoldLost {
                    step: take.path.clone(),
                    host: taken.host.clone(),
                    text,
                })?;
            }
        }
        Ok(())
    }

    async fn all_steps(&self) -> Result<RunOutcome, Halt> {
        loop {
            if self.interrupt.stop_after_this() && !self.recorder.with_state(|state| state.stopping) {
                self.recorder.record(EventKind::Interrupted {
                    how: "after this call".to_owned(),
                })?;
            }
            match self.recorder.with_state(|state| next(self.plan, state)) {
                Next::Step(place) | Next::GiveBack(place) => match self.step(&self.plan.steps[place]).await {
                    Err(Halt::Stop) => {}
                    other => other?,
                },
                Next::End(outcome) => return Ok(outcome),
            }
        }
    }

    async fn step(&self, step: &PlannedStep) -> Result<(), Halt> {
        self.recorder.record(EventKind::StepStarted {
            step: step.path.clone(),
        })?;
        let limit = step.at_once.map_or(step.calls.len(), |limit| limit as usize).max(1);
        let ends: Vec<Result<Outcome, Halt>> =
            futures_util::stream::iter(step.calls.iter().map(|call| self.call(step, call)))
                .buffer_unordered(limit)
                .collect()
                .await;
        let mut worst = Outcome::Done;
        let mut halt = None;
        for end in ends {
            match end {
                Ok(Outcome::Done) => {}
                Ok(Outcome::Failed) if worst == Outcome::InDoubt => {}
                Ok(outcome) => worst = outcome,
                Err(found) => halt = Some(found),
            }
        }
        if let Some(halt) = halt {
            return Err(halt);
        }
        self.recorder.record(EventKind::StepEnded {
            step: step.path.clone(),
            outcome: worst,
        })?;
        Ok(())
    }

    /// One call of a step; skipped when an earlier life has ended it.
    async fn call(&self, step: &PlannedStep, call: &PlannedCall) -> Result<Outcome, Halt> {
        let host = call.host.clone();
        let known = self
            .recorder
            .with_state(|state| state.call(&step.path, host.as_deref()).end);
        let end = match known {
            Some(end @ CallEnd::Done { .. }) => end,
            _ => {
                let end = match Attempt::new(self, step, call) {
                    Ok(attempt) => Box::pin(attempt.carry_out()).await?,
                    Err(why) => CallEnd::Failed { why, hint: None },
                };
                self.recorder.record(EventKind::CallEnded {
                    step: step.path.clone(),
                    host,
                    end: end.clone(),
                })?;
                end
            }
        };
        Ok(match end {
            CallEnd::Done { .. } => Outcome::Done,
            CallEnd::Failed { .. } => Outcome::Failed,
            CallEnd::InDoubt { .. } => Outcome::InDoubt,
        })
    }

    /// Stopped from outside the steps. What was taken and is always given back is given back, recorded or not.
    async fn halted(&self, halt: Halt) -> Ending {
        let began = self.recorder.with_state(|state| state.changes_began);
        match halt {
            Halt::Now => {
                let text = "stopped now, in the middle of a call: look before acting".to_owned();
                let _kept = self.recorder.record(EventKind::Interrupted { how: "now".to_owned() });
                Ending::new(RunOutcome::InDoubt, text)
            }
            Halt::Journal(error) => {
                let given = self.give_back_unrecorded().await;
                let text = format!("{error}; nothing more was changed{given}");
                let outcome = if began {
                    RunOutcome::InDoubt
                } else {
                    RunOutcome::Refused
                };
                Ending::new(outcome, text)
            }
            Halt::Doubt(why) => Ending::new(RunOutcome::InDoubt, why),
            Halt::Taken(why) => self.taken(&why),
            Halt::Stop => Ending::new(RunOutcome::Stopped, self.words(RunOutcome::Stopped)),
            Halt::Bug(why) => Ending {
                bug: true,
                ..Ending::new(RunOutcome::Failed, format!("a mistake in etcdops: {why}"))
            },
        }
    }

    fn taken(&self, why: &str) -> Ending {
        let (began, doubt) = self
            .recorder
            .with_state(|state| (state.changes_began, state.calls.values().any(CallState::in_doubt)));
        let run = &self.plan.run;
        let (outcome, nothing) = match (doubt, began) {
            (true, _) => (RunOutcome::InDoubt, "nothing more was changed from here"),
            (false, true) => (RunOutcome::Stopped, "nothing more was changed from here"),
            (false, false) => (RunOutcome::Refused, "nothing was changed from here"),
        };
        let text = format!(
            "{why}; {nothing}; see how it stands with etcdops health; only when nobody works on it any more: etcdops resume {run} --from HOST"
        );
        Ending::new(outcome, text)
    }

    /// With no journal to write to: start what was stopped, best effort, and say so.
    async fn give_back_unrecorded(&self) -> String {
        if let Some(Lost::Adopted(why)) = self.lost().await {
            return format!("; {why}: nothing was given back");
        }
        let state = self.recorder.state();
        let mut said = String::new();
        for step in super::next::owed_all(self.plan, &state) {
            for call in &step.calls {
                let done = attempt::give_back(self, step, call).await;
                let place = call.host.as_deref().unwrap_or("the cluster");
                let words = if done { "done" } else { "NOT done" };
                said.push_str(&format!("; {} on {place}: {words}", call.describe));
            }
        }
        said
    }

    fn words(&self, outcome: RunOutcome) -> String {
        let run = &self.plan.run;
        match outcome {
            RunOutcome::Done => format!("{}: done", self.plan.title),
            RunOutcome::DoneUncleanly => format!("done, but a clean-up failed; try it again: etcdops resume {run}"),
            RunOutcome::Failed => format!(
                "a step failed; when its cause is gone: etcdops resume {run}{}",
                self.if_stuck()
            ),
            RunOutcome::InDoubt => format!(
                "nobody knows how a call ended; look first: etcdops runs show {run}{}",
                self.if_stuck()
            ),
            RunOutcome::Stopped => format!("stopped; go on with: etcdops resume {run}"),
            RunOutcome::Refused if self.recorder.with_state(|state| state.stopping) => {
                "stopped before the first change; nothing was changed".to_owned()
            }
            RunOutcome::Refused if !self.plan.changes_anything() => {
                "a step failed; this runbook changes nothing".to_owned()
            }
            RunOutcome::Refused => "refused; nothing was changed".to_owned(),
        }
    }

    /// What the runbook says of the step that failed first.
    fn if_stuck(&self) -> String {
        let failed = |step: &&PlannedStep| {
            let end = self.recorder.with_state(|state| state.steps.get(&step.path).copied());
            end.is_some_and(|end| end != Outcome::Done)
        };
        let text = self
            .plan
            .steps
            .iter()
            .find(failed)
            .and_then(|step| step.if_stuck.as_ref());
        text.map_or_else(String::new, |text| format!("; {text}"))
    }

    pub(super) async fn see(&self, looks: &[Look]) -> Vec<Sight> {
        attempt::see(self, looks).await
    }

    pub(super) async fn perform(&self, call: &Call, watch: &dyn Watch) -> Result<Result<Reply, CallError>, Halt> {
        tokio::select! {
            reply = self.transport.perform(call, watch) => Ok(reply),
            () = self.interrupt.twice() => Err(Halt::Now),
        }
    }

    pub(super) async fn pause(&self, how_long: Duration) -> Result<(), Halt> {
        tokio::select! {
            () = self.transport.pause(how_long) => Ok(()),
            () = self.interrupt.twice() => Err(Halt::Now),
        }
    }

    pub(super) fn in_time(&self, span: Duration) -> jiff::Timestamp {
        let span = jiff::SignedDuration::try_from(span).unwrap_or(jiff::SignedDuration::MAX);
        self.transport.now().checked_add(span).unwrap_or(jiff::Timestamp::MAX)
    }

    /// `Some`: another run has taken a host, or another process this run.
    pub(super) async fn lost(&self) -> Option<Lost> {
        lock::lost(self.plan, &self.life, self.transport, &self.locked.hosts).await
    }

    /// Copies new records to the hosts, so that another bastion can go on. A host that cannot be reached does without: then
    /// the answer is false. `change`: one follows, and the answer is false also where a host is not this process's any more.
    pub(super) async fn copy_journal(&self, change: bool) -> bool {
        if self.locked.hosts.is_empty() {
            return true;
        }
        let mut lacking = self.lacking.lock().await;
        let Some((from_seq, text)) = self.recorder.take_uncopied() else {
            return lacking.is_empty();
        };
        for host in &self.locked.hosts {
            let part = lacking.entry(host.clone()).or_insert_with(|| (from_seq, String::new()));
            part.1.push_str(&text);
        }
        let copies = lacking.iter().map(|(host, (from_seq, text))| {
            let op = HostOp::AppendJournal {
                run: self.plan.run.clone(),
                life: Some(self.life.clone()),
                held: change,
                from_seq: *from_seq,
                text: text.clone(),
            };
            lock::on(self.transport, host, op)
        });
        let hosts: Vec<String> = lacking.keys().cloned().collect();
        let ends = futures_util::future::join_all(copies).await;
        for (host, copied) in hosts.iter().zip(ends) {
            match copied {
                Err(error) if error.fault != Fault::Unsupported => {
                    let text = format!("no copy of the record on {}: {}", error.place, error.message);
                    self.recorder.show(EventKind::Said { text });
                }
                _ => {
                    lacking.remove(host);
                }
            }
        }
        lacking.is_empty()
    }
}
