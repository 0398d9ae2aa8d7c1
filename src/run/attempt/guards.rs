//! What must hold right before a call: the lock, the model, and the step's own guards.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, ready, select};

use super::Attempt;
use super::holding::Conditions;
use crate::action::{GiveBack, Named, Risk};
use crate::call::{Look, Sight};
use crate::cluster::model::Model;
use crate::event::{CallEnd, EventKind};
use crate::plan::types::HoldRole;
use crate::run::driver::{Driver, Halt};
use crate::run::guard;
use crate::run::lock::Lost;
use crate::run::state::CallState;

/// How long a guard may take to come true: leadership just moved, a member just started.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the guards have to look at.
pub(super) struct Guards<'d> {
    own: Conditions,
    /// The model that the cluster is measured against, and the hosts whose member this step may have taken down already.
    model: Option<(&'d Model, Vec<String>)>,
}

impl Guards<'_> {
    fn looks(&self) -> Vec<Look> {
        let mut looks = self.own.looks.clone();
        looks.extend(self.model.is_some().then_some(Look::Cluster));
        looks
    }
}

/// Guards that were looked at beside the probe, so that one look at the cluster serves both; the lock is still being read.
pub(super) struct Beside<'d> {
    guards: Guards<'d>,
    seen: Vec<Sight>,
    lost: LockRead<'d>,
}

type LockRead<'d> = Pin<Box<dyn Future<Output = Option<Lost>> + 'd>>;

impl<'d> Attempt<'d, '_, '_> {
    /// What the probe looks at, and in the first turn what the guards do: nearly always a call follows.
    pub(super) async fn look(&self, so_far: &CallState) -> Result<(Vec<Sight>, Option<Beside<'d>>), Halt> {
        let probed = self.action.looks(&self.site());
        let begins = so_far.attempts == 0 && self.made.is_none() && self.action.risk() > Risk::Look;
        if !begins {
            return Ok((self.driver.see(&probed).await, None));
        }
        let guards = self.guards_to_look_at()?;
        let looks: Vec<Look> = probed.iter().cloned().chain(guards.looks()).collect();
        let driver: &'d Driver<'_, '_> = self.driver;
        // Before the first change, so that a refusal has changed nothing; later the copy of the record proves the lock.
        let first = !driver.recorder.with_state(|state| state.changes_began);
        let lost: LockRead<'d> = if first {
            Box::pin(driver.lost())
        } else {
            Box::pin(ready(None))
        };
        let (mut seen, lost) = match select(Box::pin(driver.see(&looks)), lost).await {
            Either::Left((seen, lost)) => (seen, lost),
            Either::Right((lost, seeing)) => (seeing.await, ready(lost).boxed_local()),
        };
        let beside = Beside {
            guards,
            seen: seen.split_off(probed.len()),
            lost,
        };
        Ok((seen, Some(beside)))
    }

    /// Given a little time to come true. `Some`: why not.
    pub(super) async fn guards(&mut self, mut beside: Option<Beside<'d>>) -> Result<Option<String>, Halt> {
        let until = self.driver.in_time(PATIENCE);
        loop {
            let (guards, seen, lost) = if let Some(beside) = beside.take() {
                (beside.guards, beside.seen, beside.lost.await)
            } else {
                let guards = self.guards_to_look_at()?;
                let looks = guards.looks();
                let (seen, lost) = tokio::join!(self.driver.see(&looks), self.driver.lost());
                (guards, seen, lost)
            };
            match lost {
                None => {}
                Some(Lost::Other(why)) => return Ok(Some(why)),
                Some(Lost::Adopted(why) | Lost::Gone(why)) => return Err(Halt::Taken(why)),
            }
            let Some(why) = self.forbid(&guards, &seen) else {
                return Ok(None);
            };
            if self.driver.transport.now() >= until {
                return Ok(Some(why));
            }
            self.waiting(&format!("guard: {why}"));
            self.rest().await?;
        }
    }

    /// What begins is recorded on the hosts as well, which proves that they are still ours. `Some`: it is not begun after all.
    pub(super) async fn record_on_hosts(&mut self) -> Result<Option<CallEnd>, Halt> {
        if self.driver.copy_journal(true).await {
            return Ok(None);
        }
        // A host that fell since the guards looked may be a voter.
        match self.guards(None).await {
            Ok(why) => Ok(why.map(|why| not_begun(&why))),
            Err(Halt::Taken(why)) => {
                // Nobody else will say that what was to be called is in no doubt.
                let (step, host, end) = (self.step.path.clone(), self.call.host.clone(), not_begun(&why));
                let ended = EventKind::CallEnded { step, host, end };
                self.driver.recorder.record(ended)?;
                Err(Halt::Taken(why))
            }
            Err(halt) => Err(halt),
        }
    }

    fn forbid(&self, guards: &Guards<'_>, seen: &[Sight]) -> Option<String> {
        let (own, measured) = seen.split_at(guards.own.looks.len());
        let differs = guards.model.as_ref().and_then(|(model, going)| match measured.first() {
            Some(Sight::Cluster(observed)) => guard::differs(model, observed, going),
            Some(Sight::Blind(error)) => Some(error.to_string()),
            _ => None,
        });
        differs.or_else(|| guards.own.judge(&self.site(), own, None))
    }

    fn guards_to_look_at(&self) -> Result<Guards<'d>, Halt> {
        let own = self.conditions(&self.own_guards()?)?;
        Ok(Guards {
            own: Conditions::new(own, &self.site()),
            model: self.measured_model(),
        })
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

    fn measured_model(&self) -> Option<(&'d Model, Vec<String>)> {
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
        Some((model, going))
    }

    /// Why the cluster is not what the model says; `None` also where it is not measured.
    pub(super) async fn model_differs(&self) -> Option<String> {
        let guards = Guards {
            own: Conditions::default(),
            model: Some(self.measured_model()?),
        };
        let seen = self.driver.see(&guards.looks()).await;
        self.forbid(&guards, &seen)
    }

    /// This step's outage, or the rest of one that an earlier step of this run has begun.
    fn outage_agreed(&self, model: &Model) -> bool {
        let steps = self.driver.plan.steps.iter();
        let mut earlier = steps.take_while(|step| step.path != self.step.path);
        let goes_on = self.call.takes_member_down && !model.has_quorum();
        self.step.outage.is_some() || goes_on && earlier.any(|step| step.outage.is_some())
    }
}

pub(super) fn not_begun(why: &str) -> CallEnd {
    CallEnd::Failed {
        why: format!("not begun: {why}"),
        hint: Some("etcdops health".to_owned()),
    }
}
