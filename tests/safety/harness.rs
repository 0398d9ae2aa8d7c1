//! Carries plans out on the simulated world, kills them, and tells what became of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use etcdops::base::id::RunId;
use etcdops::cluster::host::ClusterConfig;
use etcdops::event::{Event, EventKind, Operator, Renderer, RunOutcome};
use etcdops::plan::build::{Refusal, Request};
use etcdops::plan::types::Plan;
use etcdops::run::begin::{Means, begin, resume};
use etcdops::run::consent::{Answer, Ask, Question, obtain};
use etcdops::run::driver::Ending;
use etcdops::run::interrupt::Interrupt;
use etcdops::run::journal::{Journal, JournalError};
use etcdops::run::prepare::prepare;
use etcdops::run::state::State;
use etcdops::runbook::types::Runbook;
use etcdops::transport::simulated::World;
use serde_json::Value;

/// Finds a runbook by name, for includes.
pub type Includes<'a> = &'a dyn Fn(&str) -> Result<Runbook, String>;

struct Nobody;

impl Ask for Nobody {
    fn ask<'a>(&'a self, _: &'a Question) -> std::pin::Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(async { Answer::NoTerminal })
    }
}

struct Silent;

impl Renderer for Silent {
    fn show(&mut self, _event: &Event) {}
}

/// The journal of one run, through all its lives.
#[derive(Clone, Default)]
pub struct Record {
    events: Arc<Mutex<Vec<Event>>>,
}

/// A world to compare with the plan, and what differed.
type Truth = (World, Arc<Plan>, Arc<Mutex<Vec<String>>>);

/// The sink of one life: dies like a killed process when it is full.
struct Sink {
    record: Record,
    most: usize,
    /// Compares plan and world whenever a call begins.
    truth: Option<Truth>,
}

struct KilledHere;

/// More records than any run needs.
const RUNAWAY: usize = 1500;

impl Record {
    /// The record as a host's copy tells it.
    pub fn parsed(copy: &[u8]) -> Self {
        let events = etcdops::run::journal::parse(std::path::Path::new("copy"), copy).unwrap();
        Self {
            events: Arc::new(Mutex::new(events)),
        }
    }

    pub fn events(&self) -> MutexGuard<'_, Vec<Event>> {
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

impl Journal for Sink {
    fn append(&mut self, event: &Event) -> Result<(), JournalError> {
        if self.record.events().len() >= self.most {
            resume_unwind(Box::new(KilledHere));
        }
        if let Some((world, plan, wrong)) = &self.truth
            && let EventKind::CallStarted { step, .. } = &event.kind
            && !self.record.started(step)
        {
            let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
            wrong.extend(lies(world, plan, step));
        }
        assert!(
            self.record.events().len() < RUNAWAY,
            "runs for ever:\n{}",
            self.record.tail()
        );
        self.record.events().push(event.clone());
        Ok(())
    }
}

impl Record {
    fn started(&self, wanted: &str) -> bool {
        let started = |event: &Event| matches!(&event.kind, EventKind::CallStarted { step, .. } if step == wanted);
        self.events().iter().any(started)
    }
}

/// Where the plan's model before a step is not what is true.
fn lies(world: &World, plan: &Plan, path: &str) -> Vec<String> {
    let step = plan.steps.iter().find(|step| step.path == path);
    let Some(model) = step.and_then(|step| step.model_before.as_ref()) else {
        return Vec::new();
    };
    let truth = world.model();
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
            dead: &[],
            accept: &[],
        };
        let prepared = world
            .drive(prepare(&request, world))
            .expect("nobody kills the planning");
        prepared.map(|plan| *plan)
    }
}

/// Carries the plan out, or goes on with it where the record says that it was begun. `None`: killed on the way.
pub fn live(world: &World, plan: &Plan, record: &Record, most: usize) -> Option<Ending> {
    drive(world, plan, record, most, None)
}

/// The whole plan, undisturbed, each step's model compared with the world. The ending, and where plan and world differ.
pub fn live_truly(world: &World, plan: &Plan, record: &Record) -> (Option<Ending>, Vec<String>) {
    let wrong = Arc::new(Mutex::new(Vec::new()));
    let truth = Some((world.clone(), Arc::new(plan.clone()), wrong.clone()));
    let ending = drive(world, plan, record, usize::MAX, truth);
    let wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (ending, wrong)
}

fn drive(world: &World, plan: &Plan, record: &Record, most: usize, truth: Option<Truth>) -> Option<Ending> {
    let state = State::of(plan, &record.events());
    let interrupt = Interrupt::default();
    let carried_out = async {
        let consent = obtain(plan, &state, &Nobody, true).await.ok()?;
        let sink = Sink {
            record: record.clone(),
            most,
            truth,
        };
        let means = Means {
            transport: world,
            journal: Box::new(sink),
            renderer: Box::new(Silent),
            interrupt: &interrupt,
            operator: Operator {
                who: "op@bastion".to_owned(),
                machine: "m".to_owned(),
                pid: 1,
                pid_started: 1,
            },
        };
        let begun = !record.events().is_empty();
        Some(if begun {
            resume(plan, state.clone(), &consent, None, means).await
        } else {
            begin(plan, &consent, means).await
        })
    };
    match catch_unwind(AssertUnwindSafe(|| world.drive(carried_out))) {
        Ok(ending) => ending.flatten(),
        Err(payload) if payload.is::<KilledHere>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

pub fn is_done(ending: Option<&Ending>) -> bool {
    ending.is_some_and(|ending| ending.outcome == RunOutcome::Done)
}
