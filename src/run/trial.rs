//! The engine on the simulated world: the first proofs; the sweep over every runbook is `tests/safety.rs`.

mod logging;
mod moving;
mod refusals;
mod takeover;
mod waits;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::begin::{Means, begin, resume};
use super::consent::{Answer, Ask, Question, obtain};
use super::driver::Ending;
use super::interrupt::Interrupt;
use super::journal::{Journal, JournalError, Record};
use super::prepare::{Prepared, prepare};
use super::state::State;
use crate::base::duration::Span;
use crate::base::id::RunId;
use crate::call::{Call, HostOp, To, Unwatched, Watch};
use crate::cluster::host::ClusterConfig;
use crate::cluster::observed::Remembered;
use crate::event::{Event, EventKind, Operator, Renderer, RunOutcome};
use crate::plan::build::Request;
use crate::plan::types::Plan;
use crate::runbook::catalogue::Catalogue;
use crate::transport::simulated::World;
use crate::transport::{self, Transport};

struct Nobody;

impl Ask for Nobody {
    fn ask<'a>(&'a self, _question: &'a Question) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(async { Answer::NoTerminal })
    }
}

struct Silent;

impl Renderer for Silent {
    fn show(&mut self, _event: &Event) {}
}

/// Keeps records until `most`, then dies like a killed process.
#[derive(Clone)]
struct Kept {
    events: Arc<Mutex<Vec<Record>>>,
    most: usize,
}

struct Killed;

impl Journal for Kept {
    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let mut events = self.events.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if events.len() >= self.most {
            drop(events);
            std::panic::panic_any(Killed);
        }
        events.push(record.clone());
        Ok(())
    }
}

fn operator() -> Operator {
    Operator {
        who: "op@bastion".to_owned(),
        machine: "m".to_owned(),
        pid: 1,
        pid_started: 1,
    }
}

fn planned(world: &World, cluster: &ClusterConfig, name: &str, parameters: &BTreeMap<String, Value>) -> Prepared {
    accepting(world, cluster, (name, parameters), &[])
}

fn accepting(
    world: &World,
    cluster: &ClusterConfig,
    asked: (&str, &BTreeMap<String, Value>),
    accept: &[String],
) -> Prepared {
    through(world, world, cluster, asked, accept)
}

fn through(
    world: &World,
    transport: &dyn Transport,
    cluster: &ClusterConfig,
    (name, parameters): (&str, &BTreeMap<String, Value>),
    accept: &[String],
) -> Prepared {
    let catalogue = Catalogue::embedded();
    let document = catalogue.load(name).unwrap();
    let run = RunId::from_parts(jiff::Timestamp::UNIX_EPOCH, 7);
    let includes = |name: &str| {
        catalogue
            .load(name)
            .map(|found| found.runbook.clone())
            .map_err(|error| error.to_string())
    };
    let request = Request {
        name,
        runbook: &document.runbook,
        includes: &includes,
        cluster,
        parameters,
        run: &run,
        dead: &[],
        remembered: &Remembered::default(),
        accept,
    };
    world.drive(prepare(&request, transport)).expect("planning ends")
}

fn carried_out(world: &World, plan: &Plan, kept: &Kept) -> Option<Ending> {
    let interrupt = Interrupt::default();
    let run = async {
        let consent = obtain(plan, &State::default(), &Nobody, true).await.unwrap();
        let means = Means {
            transport: world,
            journal: Box::new(kept.clone()),
            renderer: Box::new(Silent),
            interrupt: &interrupt,
            operator: operator(),
        };
        let events = kept.events.lock().unwrap().clone();
        if events.is_empty() {
            begin(&consent, means).await
        } else {
            resume(&consent, &events, None, means).await
        }
    };
    let driven = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.drive(run)));
    driven.ok().flatten()
}

fn restart_all() -> BTreeMap<String, Value> {
    BTreeMap::from([("hosts".to_owned(), json!("etcd-1,etcd-2,etcd-3"))])
}

#[test]
fn restarting_three_members_one_by_one_ends_well() {
    let (world, cluster) = World::of("3.5.30".parse().unwrap(), 3).build();
    let plan = planned(&world, &cluster, "restart", &restart_all()).unwrap_or_else(|why| panic!("{why:#?}"));
    let kept = Kept {
        events: Arc::default(),
        most: usize::MAX,
    };
    let ending = carried_out(&world, &plan, &kept).unwrap();
    let events = kept.events.lock().unwrap();
    assert_eq!(ending.outcome, RunOutcome::Done, "{ending:?}\n{events:#?}");
    assert_eq!(world.check_promises(), Vec::<String>::new());
}

#[test]
fn killed_at_every_record_and_resumed_reaches_the_same_end() {
    std::panic::set_hook(Box::new(|_| {}));
    let (world, cluster) = World::of("3.5.30".parse().unwrap(), 3).build();
    let plan = planned(&world, &cluster, "restart", &restart_all()).unwrap();
    let whole = Kept {
        events: Arc::default(),
        most: usize::MAX,
    };
    carried_out(&world.fork(), &plan, &whole).unwrap();
    let records = whole.events.lock().unwrap().len();
    for most in 1..records {
        let (world, _) = World::of("3.5.30".parse().unwrap(), 3).build();
        let mut kept = Kept {
            events: Arc::default(),
            most,
        };
        assert!(carried_out(&world, &plan, &kept).is_none(), "killed at record {most}");
        kept.most = usize::MAX;
        world.revive();
        let ending = carried_out(&world, &plan, &kept).unwrap();
        let events = kept.events.lock().unwrap();
        assert_eq!(
            ending.outcome,
            RunOutcome::Done,
            "killed at {most}: {ending:?}\n{:#?}",
            &events[1..]
        );
        assert_eq!(world.check_promises(), Vec::<String>::new(), "killed at {most}");
    }
}

#[test]
fn what_somebody_else_has_thawed_is_frozen_again_before_the_work_inside_goes_on() {
    std::panic::set_hook(Box::new(|_| {}));
    let (world, cluster) = World::of("3.5.30".parse().unwrap(), 3).agent().build();
    let host = BTreeMap::from([("host".to_owned(), json!("etcd-1"))]);
    let plan = planned(&world, &cluster, "backup-offline", &host).unwrap_or_else(|why| panic!("{why:#?}"));
    let mut kept = Kept {
        events: Arc::default(),
        most: usize::MAX,
    };
    carried_out(&world.fork(), &plan, &kept).unwrap();
    let inside =
        |record: &Record| matches!(&record.kind, EventKind::StepEnded { step, .. } if step == "host_work/stopped/hold");
    kept.most = kept.events.lock().unwrap().iter().position(inside).unwrap() + 1;
    kept.events = Arc::default();
    assert!(
        carried_out(&world, &plan, &kept).is_none(),
        "killed while etcd-1 is stopped"
    );
    world.revive();
    let thaw = Call {
        to: To::Host {
            host: "etcd-1".to_owned(),
            op: HostOp::Thaw,
            tag: None,
        },
        timeout: Span::seconds(10),
    };
    world.drive(world.perform(&thaw, &Unwatched)).unwrap().unwrap();

    kept.most = usize::MAX;
    let ending = carried_out(&world, &plan, &kept).unwrap();
    let events = kept.events.lock().unwrap();
    assert_eq!(ending.outcome, RunOutcome::Done, "{ending:?}\n{:#?}", &events[1..]);
    let lost: Vec<&str> = events
        .iter()
        .filter_map(|record| match &record.kind {
            EventKind::HoldLost { step, .. } => Some(step.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(lost, ["host_work/hold"], "etcd stays stopped: that still holds");
    let attempts: Vec<u32> = events
        .iter()
        .filter_map(|record| match &record.kind {
            EventKind::CallStarted { step, attempt, .. } if step == "host_work/hold" => Some(*attempt),
            _ => None,
        })
        .collect();
    assert_eq!(attempts, [1, 2], "frozen again, under a number of its own");
    assert_eq!(world.check_promises(), Vec::<String>::new());
}

#[test]
fn a_plan_tells_what_its_hosts_will_take_back_by_themselves() {
    let (world, cluster) = World::of("3.5.30".parse().unwrap(), 3).build();
    let plan = planned(&world, &cluster, "restart", &restart_all()).unwrap();
    assert_eq!(plan.notes, Vec::<String>::new());
    world.debug_log("etcd-2", Duration::from_mins(30));
    let plan = planned(&world, &cluster, "restart", &restart_all()).unwrap();
    let [note] = plan.notes.as_slice() else {
        panic!("{:?}", plan.notes);
    };
    assert!(note.starts_with("etcd-2 takes debug-log back by itself at "), "{note}");
}

#[test]
fn a_mistyped_host_is_refused_with_the_nearest_name() {
    let (world, cluster) = World::of("3.5.30".parse().unwrap(), 3).build();
    let parameters = BTreeMap::from([("hosts".to_owned(), json!("etdc-1"))]);
    let refusals = planned(&world, &cluster, "restart", &parameters).unwrap_err();
    assert!(refusals[0].usage);
    assert!(refusals[0].why.contains("did you mean `etcd-1`"), "{refusals:?}");
}

/// A disk that is full from a record on.
struct Full {
    kept: usize,
    most: usize,
    started: Arc<Mutex<usize>>,
}

impl Journal for Full {
    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        if self.kept >= self.most {
            return Err(JournalError::Other("no space left".to_owned()));
        }
        if matches!(record.kind, EventKind::CallStarted { .. }) {
            *self.started.lock().unwrap() += 1;
        }
        self.kept += 1;
        Ok(())
    }
}

/// The world, with the changes that steps make counted.
struct Counted {
    world: World,
    made: AtomicUsize,
}

impl Transport for Counted {
    fn perform<'a>(&'a self, call: &'a Call, watch: &'a dyn Watch) -> transport::Answer<'a> {
        let change = match &call.to {
            To::Host { tag, .. } => tag.is_some(),
            other => other.is_change(),
        };
        self.made.fetch_add(usize::from(change), Ordering::SeqCst);
        self.world.perform(call, watch)
    }

    fn now(&self) -> jiff::Timestamp {
        self.world.now()
    }

    fn pause<'a>(&'a self, how_long: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.world.pause(how_long)
    }
}

#[test]
fn what_cannot_be_recorded_is_not_done() {
    let (world, cluster) = World::of("3.5.30".parse().unwrap(), 3).build();
    let plan = planned(&world, &cluster, "restart", &restart_all()).unwrap();
    for most in 0..30 {
        let counted = Counted {
            world: world.fork(),
            made: AtomicUsize::new(0),
        };
        let started = Arc::default();
        let journal = Full {
            kept: 0,
            most,
            started: Arc::clone(&started),
        };
        let interrupt = Interrupt::default();
        let run = async {
            let consent = obtain(&plan, &State::default(), &Nobody, true).await.unwrap();
            let means = Means {
                transport: &counted,
                journal: Box::new(journal),
                renderer: Box::new(Silent),
                interrupt: &interrupt,
                operator: operator(),
            };
            begin(&consent, means).await
        };
        let ending = counted.world.drive(run).unwrap();
        let started = *started.lock().unwrap();
        assert_eq!(
            counted.made.load(Ordering::SeqCst),
            started,
            "full after {most}: done and recorded differ"
        );
        let expected = if started == 0 {
            RunOutcome::Refused
        } else {
            RunOutcome::InDoubt
        };
        assert_eq!(ending.outcome, expected, "full after {most}: {ending:?}");
        assert!(ending.text.contains("no space left"), "{ending:?}");
        assert!(counted.world.write(), "full after {most}: the cluster serves");
    }
}
