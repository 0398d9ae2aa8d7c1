//! One call of a step, from the first look to its end. The same loop for the first run, a retry and a resume:
//! drain → probe → done? else guard → write "started" → call → probe until done or out of time → write "ended".

mod giving;
mod guards;
mod holding;
mod patience;
mod reply;

use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;

use crate::action::{Action, Named, Probe, Site, late, registry};
use crate::call::host::{DetachedState, HostAnswer, HostOp, Tag};
use crate::call::{Call, CallError, Fault, Look, Sight, To};
use crate::event::{CallEnd, EventKind};
use crate::look::{self, together::together};
use crate::plan::types::{HoldRole, PlannedCall, PlannedStep};

pub(super) use self::giving::{give_back, lost};
use self::guards::{Beside, not_begun};
use self::reply::{FIND_OUT, checked, hint};
use super::driver::{Driver, Halt};
use super::state::CallState;

/// First pause between two looks, and the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// One call being carried out.
pub(super) struct Attempt<'d, 'a, 'r> {
    driver: &'d Driver<'a, 'r>,
    step: &'d PlannedStep,
    call: &'d PlannedCall,
    action: Box<dyn Action>,
    /// The last call made by this process, to make no call twice.
    made: Option<Call>,
    /// The last call's failure, while the probe has not settled it.
    failure: Option<CallError>,
    /// The last call of this life was refused for sure: nothing of it can take effect later.
    refused: bool,
    /// Pause before the next look.
    pause: Duration,
    deadline: jiff::Timestamp,
    /// Everything that this life has begun, without tags.
    begun: Vec<Call>,
    /// When progress was told last.
    told: Mutex<Option<jiff::Timestamp>>,
}

/// What one turn of the loop came to.
enum Turn {
    Again,
    End(CallEnd),
}

impl<'d, 'a, 'r> Attempt<'d, 'a, 'r> {
    pub(super) fn new(
        driver: &'d Driver<'a, 'r>,
        step: &'d PlannedStep,
        call: &'d PlannedCall,
    ) -> Result<Self, String> {
        let with = driver
            .recorder
            .with_state(|state| late::fill(&call.action.with, &|slot| state.output(slot)))?;
        let action = registry::action(&Named {
            name: call.action.name.clone(),
            with,
        })?;
        let patience = step.within.unwrap_or_else(|| action.patience());
        let deadline = driver.in_time(patience.0);
        Ok(Self {
            driver,
            step,
            call,
            action,
            made: None,
            failure: None,
            refused: false,
            pause: SHORTEST_PAUSE,
            deadline,
            begun: Vec::new(),
            told: Mutex::default(),
        })
    }

    /// The whole call: its end, and what was expected of it.
    pub(super) async fn carry_out(mut self) -> Result<CallEnd, Halt> {
        self.drain().await?;
        loop {
            match self.turn().await? {
                Turn::Again => self.rest().await?,
                Turn::End(CallEnd::Done { output, already }) => return self.expectations(output, already).await,
                Turn::End(end) => return Ok(end),
            }
        }
    }

    fn site(&self) -> Site<'d> {
        let plan = self.driver.plan;
        let so_far = self.so_far();
        Site {
            cluster: &plan.cluster,
            host: self.call.host.as_deref().and_then(|name| plan.cluster.host(name)),
            run: &plan.run,
            step: &self.step.path,
            dead: &plan.dead,
            timeout: self.step.timeout.unwrap_or(crate::plan::build::CALL_BOUND),
            attempts: so_far.attempts,
            last_attempt: so_far.last_attempt(),
        }
    }

    fn so_far(&self) -> CallState {
        self.driver
            .recorder
            .with_state(|state| state.call(&self.step.path, self.call.host.as_deref()))
    }

    async fn turn(&mut self) -> Result<Turn, Halt> {
        let site = self.site();
        let so_far = self.so_far();
        if so_far.attempts == 0 && self.made.is_none() && self.holds_already().await? {
            return Ok(Turn::End(CallEnd::Done {
                output: Value::Null,
                already: true,
            }));
        }
        let (seen, beside) = self.look(&so_far).await?;
        match self.action.probe(&site, so_far.before.as_ref(), &seen) {
            Probe::Done(output) => {
                let already = so_far.attempts == 0 && self.action.risk() > crate::action::Risk::Look;
                Ok(Turn::End(CallEnd::Done { output, already }))
            }
            Probe::Conflict(why) => Ok(Turn::End(CallEnd::Failed { why, hint: None })),
            Probe::Unknown(why) => Ok(self.unknown(why, &so_far)),
            Probe::NotYet(saw) => self.not_yet(saw, &so_far, &seen, beside).await,
        }
    }

    /// Blind: wait while there is time; afterwards it is a failure if nothing was started, else in doubt.
    fn unknown(&self, why: String, so_far: &CallState) -> Turn {
        if self.has_time() {
            self.waiting(&why);
            return Turn::Again;
        }
        if so_far.in_doubt() {
            return Turn::End(CallEnd::InDoubt { why });
        }
        Turn::End(CallEnd::Failed {
            why,
            hint: Some(FIND_OUT.to_owned()),
        })
    }

    async fn not_yet(
        &mut self,
        saw: String,
        so_far: &CallState,
        seen: &[Sight],
        beside: Option<Beside<'d>>,
    ) -> Result<Turn, Halt> {
        if let Some(error) = self.failure.take() {
            return Ok(self.after_failure(&error, &saw));
        }
        let doubt = self.action.doubt_lasts().0;
        if self.made.is_none()
            && !self.refused
            && so_far.in_doubt()
            && so_far
                .started_at
                .is_some_and(|at| self.driver.transport.now() < later(at, doubt))
        {
            self.waiting(&format!("{saw}; an earlier call may still take effect"));
            return Ok(Turn::Again);
        }
        let next = self.action.call(&self.site(), seen);
        match next.filter(|next| self.made.as_ref() != Some(next)) {
            Some(call) => self.start(call, so_far, seen, beside).await,
            None if self.has_time() => {
                self.waiting(&saw);
                Ok(Turn::Again)
            }
            None => Ok(Turn::End(CallEnd::Failed {
                why: format!("out of time; last seen: {saw}"),
                hint: None,
            })),
        }
    }

    /// The call said no and the probe says "not yet".
    fn after_failure(&mut self, error: &CallError, saw: &str) -> Turn {
        let again = error.maybe_done || self.action.passes_by_itself(error);
        if again && self.has_time() {
            self.waiting(&format!("{error}; {saw}"));
            // What may have been done is looked at for a while before it is done again.
            self.refused = !error.maybe_done;
            if self.refused || self.action.repeatable() {
                self.pause = LONGEST_PAUSE;
                self.made = None;
            } else {
                self.settle();
            }
            return Turn::Again;
        }
        if error.maybe_done {
            return Turn::End(CallEnd::InDoubt { why: error.to_string() });
        }
        Turn::End(CallEnd::Failed {
            why: error.to_string(),
            hint: hint(error),
        })
    }

    /// After a lost reply: once the doubt is over, "not yet" means that it was not done.
    fn settle(&mut self) {
        let started = self.so_far().started_at;
        let settled = started.is_none_or(|at| self.driver.transport.now() >= later(at, self.action.doubt_lasts().0));
        if settled {
            self.made = None;
        } else {
            self.failure = Some(CallError::new(
                Fault::Lost,
                &self.call.describe,
                self.place(),
                "the reply was lost",
            ));
        }
    }

    async fn start(
        &mut self,
        call: Call,
        so_far: &CallState,
        seen: &[Sight],
        beside: Option<Beside<'d>>,
    ) -> Result<Turn, Halt> {
        if self.stops_here() {
            return Err(Halt::Stop);
        }
        if let Some(why) = self.guards(beside).await? {
            return Ok(Turn::End(not_begun(&why)));
        }
        let attempt = so_far.last_attempt() + 1;
        let before = so_far
            .before
            .clone()
            .unwrap_or_else(|| self.action.before(&self.site(), seen));
        let (step, host) = (self.step.path.clone(), self.call.host.clone());
        self.driver.recorder.record(EventKind::CallStarted {
            step,
            host,
            attempt,
            before,
        })?;
        if let Some(end) = self.record_on_hosts().await? {
            return Ok(Turn::End(end));
        }
        let tagged = self.tagged(call.clone(), attempt);
        // Trying the same thing again does not buy more time: nothing waits for ever.
        // A call has its own bound, and what it took is not taken from the wait that follows.
        let is_new = !self.begun.contains(&call);
        if is_new {
            self.begun.push(call.clone());
            self.deadline = self.patient();
        }
        self.made = Some(call);
        self.refused = false;
        self.pause = SHORTEST_PAUSE;
        let reply = self.driver.perform(&tagged, self).await?;
        if is_new {
            self.deadline = self.patient();
        }
        match checked(reply, &tagged, &self.call.describe, &self.place()) {
            Ok(reply) => {
                if let Some(output) = self.action.settled_by(&reply) {
                    return Ok(Turn::End(CallEnd::Done { output, already: false }));
                }
            }
            Err(error) => self.failure = Some(error),
        }
        // The probe says how it ended, not the reply: look at once.
        self.pause = Duration::ZERO;
        Ok(Turn::Again)
    }

    /// A change on a host carries a name under which it is found again.
    fn tagged(&self, mut call: Call, attempt: u32) -> Call {
        if let To::Host { op, tag, .. } = &mut call.to
            && op.is_change()
        {
            *tag = Some(self.tag(attempt));
        }
        call
    }

    fn tag(&self, attempt: u32) -> Tag {
        Tag::of(
            &self.driver.plan.run,
            &self.step.path,
            self.call.host.as_deref(),
            attempt,
        )
    }

    /// Waits, bounded, for a change of an earlier life that still runs on the host.
    async fn drain(&mut self) -> Result<(), Halt> {
        let so_far = self.so_far();
        let (Some(host), true) = (&self.call.host, so_far.in_doubt()) else {
            return Ok(());
        };
        let tag = self.tag(so_far.last_attempt());
        let look = Look::Host {
            host: host.clone(),
            op: HostOp::Detached { tag },
        };
        loop {
            let seen = self.driver.see(std::slice::from_ref(&look)).await;
            let Some(Sight::Host(HostAnswer::Detached(DetachedState::Running { seconds }))) = seen.first() else {
                return Ok(());
            };
            if !self.has_time() {
                let why = format!("an earlier call still runs on {host} after {seconds} s");
                return Err(Halt::Doubt(why));
            }
            self.waiting(&format!("an earlier call still runs on {host} ({seconds} s)"));
            self.rest().await?;
        }
    }

    fn patient(&self) -> jiff::Timestamp {
        let patience = self.step.within.unwrap_or_else(|| self.action.patience());
        self.driver.in_time(patience.0)
    }

    fn has_time(&self) -> bool {
        self.driver.transport.now() < self.deadline
    }

    /// After the first Ctrl-C nothing is begun, and what has begun nothing is not waited for. What must be given back is.
    fn stops_here(&self) -> bool {
        let gives_back = matches!(self.step.hold, Some(HoldRole::Give { .. }));
        self.driver.interrupt.stop_after_this() && !gives_back && self.so_far().attempts == 0
    }

    async fn rest(&mut self) -> Result<(), Halt> {
        if self.stops_here() {
            return Err(Halt::Stop);
        }
        let pause = self.pause;
        // What comes late is seen late by a fifth at most of the time that it took.
        self.pause = (pause * 5 / 4).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        self.driver.pause(pause).await
    }

    fn place(&self) -> String {
        self.call
            .host
            .clone()
            .unwrap_or_else(|| self.driver.plan.cluster.name.clone())
    }

    fn waiting(&self, text: &str) {
        let (step, host) = (self.step.path.clone(), self.call.host.clone());
        self.driver.recorder.show(EventKind::Waiting {
            step,
            host,
            text: text.to_owned(),
        });
    }
}

fn later(at: jiff::Timestamp, by: Duration) -> jiff::Timestamp {
    at.checked_add(jiff::SignedDuration::try_from(by).unwrap_or_default())
        .unwrap_or(jiff::Timestamp::MAX)
}

/// Looks are answered by the `look` folder, all at once.
pub(super) async fn see(driver: &Driver<'_, '_>, looks: &[Look]) -> Vec<Sight> {
    let cluster = &driver.plan.cluster;
    together(looks, |one| {
        look::see(one, cluster, driver.transport, cluster.call_timeout)
    })
    .await
}
