//! Carries plans out on the simulated world, kills them, and tells what became of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use etcdops::base::id::RunId;
use etcdops::cluster::host::ClusterConfig;
use etcdops::cluster::model::ModelMember;
use etcdops::cluster::observed::Remembered;
use etcdops::event::{Event, EventKind, Operator, Renderer, RunOutcome};
use etcdops::plan::build::{Refusal, Request};
use etcdops::plan::types::{HoldRole, Plan, PlannedCall};
use etcdops::run::begin::{Means, begin, go_on, resume};
use etcdops::run::consent::{Answer, Ask, Consent, Question, obtain};
use etcdops::run::driver::Ending;
use etcdops::run::interrupt::Interrupt;
use etcdops::run::journal::{self, Journal, JournalError};
use etcdops::run::prepare::prepare;
use etcdops::run::state::State;
use etcdops::runbook::types::Runbook;
use etcdops::transport::simulated::World;
use serde_json::Value;

/// Finds a runbook by name, for includes.
pub type Includes<'a> = &'a dyn Fn(&str) -> Result<Runbook, String>;

/// Says yes so often, then no.
struct Unwilling(AtomicUsize);

impl Ask for Unwilling {
    fn ask<'a>(&'a self, _: &'a Question) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        let patient = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok();
        Box::pin(async move { if patient { Answer::Yes } else { Answer::No } })
    }
}

struct Silent;

impl Renderer for Silent {
    fn show(&mut self, _event: &Event) {}
}

/// The journal of one run, through all its lives.
#[derive(Clone, Default)]
pub struct Record {
    events: Arc<Mutex<Vec<journal::Record>>>,
}

/// A moment of an undisturbed run: just before a record is kept.
pub struct Moment {
    pub world: World,
    /// Changes asked for until then.
    pub changes: usize,
    /// A step is about to begin: a run can go on from here as if it had never been away.
    between_steps: bool,
}

/// Looks on while an undisturbed run is carried out: compares plan and world whenever a call begins, and keeps all moments.
struct Witness<'a> {
    world: &'a World,
    plan: &'a Plan,
    seen: &'a Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    wrong: Vec<String>,
    moments: Vec<Moment>,
}

/// What befalls one life of the program.
#[derive(Clone, Copy)]
pub enum Fate {
    /// Nothing, or what the world has in store.
    Peace,
    /// Ctrl-C so many times when it keeps the record of this number.
    Pressed(usize, u8),
}

/// The sink of one life.
struct Sink<'a> {
    record: Record,
    fate: Fate,
    interrupt: &'a Interrupt,
    witness: Option<Witness<'a>>,
}

/// More records than any run needs.
const RUNAWAY: usize = 1500;

impl Record {
    /// The first so many records, on their own.
    pub fn first(&self, most: usize) -> Self {
        let events = self.events()[..most].to_vec();
        Self {
            events: Arc::new(Mutex::new(events)),
        }
    }

    /// The record as a host's copy tells it.
    pub fn parsed(copy: &[u8]) -> Self {
        let events = journal::parse(std::path::Path::new("copy"), copy).unwrap();
        let records = events.into_iter().map(|event| journal::Record::of(event).unwrap());
        Self {
            events: Arc::new(Mutex::new(records.collect())),
        }
    }

    pub fn events(&self) -> MutexGuard<'_, Vec<journal::Record>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end of the story.
    fn tail(&self) -> String {
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Everything but the plan, one line each.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for event in self.events().iter() {
            let kind = match &event.kind {
                EventKind::Created { hash, .. } => format!("Created {hash}"),
                kind => format!("{kind:?}"),
            };
            let _ = writeln!(text, "{:>4} {} {kind}", event.seq, event.at);
        }
        text
    }
}

impl Journal for Sink<'_> {
    fn append(&mut self, record: &journal::Record) -> Result<(), JournalError> {
        let kept = self.record.events().len();
        if let Fate::Pressed(number, times) = self.fate
            && kept == number
        {
            for _ in 0..times {
                self.interrupt.press();
            }
        }
        if let Some(witness) = &self.witness {
            witness.look(&self.record, record);
        }
        assert!(kept < RUNAWAY, "runs for ever:\n{}", self.record.tail());
        self.record.events().push(record.clone());
        Ok(())
    }
}

impl Witness<'_> {
    fn look(&self, record: &Record, event: &Event) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let EventKind::CallStarted { step, .. } = &event.kind
            && !record.started(step)
        {
            seen.wrong.extend(lies(self.world, self.plan, step));
        }
        seen.moments.push(Moment {
            world: self.world.fork(),
            changes: self.world.changes(),
            between_steps: matches!(event.kind, EventKind::StepStarted { .. }),
        });
    }
}

impl Record {
    fn started(&self, wanted: &str) -> bool {
        let started =
            |event: &journal::Record| matches!(&event.kind, EventKind::CallStarted { step, .. } if step == wanted);
        self.events().iter().any(started)
    }
}

/// What a hold has taken and something inside it gives back already.
pub fn given_back_inside(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    for (end, give) in plan.steps.iter().enumerate() {
        let Some(HoldRole::Give { hold, .. }) = &give.hold else {
            continue;
        };
        let takes = |role: &Option<HoldRole>| matches!(role, Some(HoldRole::Take { hold: taken, .. }) if taken == hold);
        let begin = plan.steps.iter().position(|step| takes(&step.hold)).unwrap();
        for inside in &plan.steps[begin + 1..end] {
            let same = |call: &PlannedCall| {
                let own = |given: &PlannedCall| given.host == call.host && given.action == call.action;
                give.calls.iter().any(own)
            };
            if inside.calls.iter().any(same) {
                found.push(format!("{} gives back what {hold} holds", inside.path));
            }
        }
    }
    found
}

/// Where the plan's model before a step is not what is true.
fn lies(world: &World, plan: &Plan, path: &str) -> Vec<String> {
    let step = plan.steps.iter().find(|step| step.path == path);
    let Some(model) = step.and_then(|step| step.model_before.as_ref()) else {
        return Vec::new();
    };
    if model.members.is_empty() {
        // No member answered when the plan was made: it claims nothing.
        return Vec::new();
    }
    let truth = world.model();
    // Nothing runs: of several clusters that lie on the disks, nobody can tell which one it will be.
    if truth.cluster_id.is_none() {
        return Vec::new();
    }
    let runs = |planned: &ModelMember| {
        let host = planned.host.as_ref();
        host.is_some_and(|host| world.member_id(host).is_some())
    };
    let mut found = Vec::new();
    if truth.members.len() != model.members.len() {
        found.push(format!(
            "{path}: the plan expects {} members, there are {}",
            model.members.len(),
            truth.members.len()
        ));
    }
    for planned in &model.members {
        let real = truth.members.iter().find(|real| match planned.id {
            Some(id) => real.id == Some(id),
            None => real.peer_urls == planned.peer_urls,
        });
        match real {
            None => found.push(format!("{path}: {} {:?} is no member", planned.name, planned.peer_urls)),
            Some(real) if real.learner != planned.learner => {
                found.push(format!("{path}: {} is a learner: {}", planned.name, real.learner));
            }
            // Without a quorum nobody is well, but who is up runs.
            Some(_) if planned.up && !model.has_quorum() && runs(planned) => {}
            Some(real) if real.up != planned.up => {
                found.push(format!(
                    "{path}: {:?} is up: {}, the plan says otherwise",
                    planned.peer_urls, real.up
                ));
            }
            Some(_) => {}
        }
    }
    found
}

/// A runbook with its parameters, on a world.
pub struct Job<'a> {
    pub name: &'a str,
    pub runbook: &'a Runbook,
    pub includes: Includes<'a>,
    pub cluster: &'a ClusterConfig,
    pub parameters: &'a BTreeMap<String, Value>,
    /// Hosts that the operator declares dead.
    pub dead: &'a [String],
}

impl Job<'_> {
    /// The plan on this world as it stands. `life` distinguishes runs.
    pub fn plan(&self, world: &World, life: u64) -> Result<Plan, Vec<Refusal>> {
        let run = RunId::from_parts(jiff::Timestamp::UNIX_EPOCH, life);
        let request = Request {
            name: self.name,
            runbook: self.runbook,
            includes: &self.includes,
            cluster: self.cluster,
            parameters: self.parameters,
            run: &run,
            dead: self.dead,
            remembered: &Remembered::default(),
            accept: &[],
        };
        let prepared = world
            .drive(prepare(&request, world))
            .expect("nobody kills the planning");
        prepared.map(|plan| *plan)
    }
}

/// How a life is lived.
struct Life<'a> {
    /// It is the life that kept the record, between two steps; else it begins anew, as a resumed run where the record says that it
    /// was begun.
    same: bool,
    witness: Option<Witness<'a>>,
}

const NEW: Life<'_> = Life {
    same: false,
    witness: None,
};

/// `--yes`, once for all lives of a plan.
pub fn agreed(plan: &Plan) -> Consent<'_> {
    let (new, nobody) = (State::default(), Unwilling(AtomicUsize::new(0)));
    let mut asked = pin!(obtain(plan, &new, &nobody, true));
    match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(consent)) => consent,
        other => panic!("--yes asks nobody: {other:?}"),
    }
}

/// Carries the plan out, or goes on with it where the record says that it was begun. `None`: killed on the way.
pub fn live(world: &World, consent: &Consent<'_>, record: &Record, fate: Fate) -> Option<Ending> {
    drive(world, consent, record, fate, NEW)
}

/// The whole plan, undisturbed, each step's model compared with the world. The ending, where plan and world differ, and all
/// moments on the way.
pub fn live_truly(world: &World, consent: &Consent<'_>, record: &Record) -> (Option<Ending>, Vec<String>, Vec<Moment>) {
    let seen = Mutex::default();
    let witness = Witness {
        world,
        plan: consent.plan(),
        seen: &seen,
    };
    let life = Life {
        witness: Some(witness),
        ..NEW
    };
    let ending = drive(world, consent, record, Fate::Peace, life);
    let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    (ending, seen.wrong, seen.moments)
}

/// The same life from its last moment between two steps at which `early` holds; from the beginning where there is none. Lives that
/// differ only later need not share their past in vain. Where it is, what it has recorded, and how to let it live.
pub fn before(
    moments: &[Moment],
    beginning: &World,
    whole: &Record,
    early: impl Fn(usize, &Moment) -> bool,
) -> (World, Record) {
    let fit = |(number, moment): &(usize, &Moment)| moment.between_steps && early(*number, moment);
    match moments.iter().enumerate().filter(fit).last() {
        Some((number, moment)) => (moment.world.fork(), whole.first(number)),
        None => (beginning.fork(), Record::default()),
    }
}

/// Goes on with the life of [`before`].
pub fn live_on(world: &World, consent: &Consent<'_>, record: &Record, fate: Fate) -> Option<Ending> {
    drive(world, consent, record, fate, Life { same: true, ..NEW })
}

fn drive(world: &World, consent: &Consent<'_>, record: &Record, fate: Fate, life: Life<'_>) -> Option<Ending> {
    let records = record.events().clone();
    // Each life is a process of its own.
    let begun = |event: &&journal::Record| matches!(event.kind, EventKind::Created { .. } | EventKind::Resumed { .. });
    let lives = records.iter().filter(begun).count() + usize::from(!life.same || records.is_empty());
    let interrupt = Interrupt::default();
    let sink = Sink {
        record: record.clone(),
        fate,
        interrupt: &interrupt,
        witness: life.witness,
    };
    let means = Means {
        transport: world,
        journal: Box::new(sink),
        renderer: Box::new(Silent),
        interrupt: &interrupt,
        operator: Operator {
            who: "op@bastion".to_owned(),
            machine: "m".to_owned(),
            pid: u32::try_from(lives).unwrap(),
            pid_started: 1,
        },
    };
    if records.is_empty() {
        world.drive(begin(consent, means))
    } else if life.same {
        world.drive(go_on(consent, &records, means))
    } else {
        world.drive(resume(consent, &records, None, means))
    }
}

/// The operator says yes to as many questions, then no. The ending, if it was begun all the same.
pub fn declined(world: &World, plan: &Plan, record: &Record, after: usize) -> Option<Ending> {
    let operator = Unwilling(AtomicUsize::new(after));
    let consent = world.drive(obtain(plan, &State::default(), &operator, false))?.ok()?;
    live(world, &consent, record, Fate::Peace)
}

pub fn is_done(ending: Option<&Ending>) -> bool {
    ending.is_some_and(|ending| ending.outcome == RunOutcome::Done)
}
