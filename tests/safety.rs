//! The sweep: every embedded runbook on the simulated world, undisturbed; killed at every record and resumed; with every
//! misfortune at every change, healed and resumed. Same end, no promise broken, the plan's models equal to the world.

mod cases;
mod cold;
mod consent;
mod harness;
mod members;
mod scenarios;
mod stuck;
mod tally;

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use etcdops::plan::build::Refusal;
use etcdops::plan::types::Plan;
use etcdops::run::consent::Consent;
use etcdops::runbook::catalogue::Catalogue;
use etcdops::transport::simulated::Ending as End;

use harness::{Moment, Record, agreed, given_back_inside, is_done, live_truly};
use scenarios::Scenario;
use tally::Tally;

/// One case in so many is tried; `ETCDOPS_SWEEP_EVERY` says otherwise, and `make soak` tries all. Which ones is fixed;
/// undisturbed runs are always tried.
const EVERY: u64 = 48;

/// How long the world rests before two ends are compared.
const REST: Duration = Duration::from_secs(60);

/// One scenario with what its undisturbed run came to.
struct Sweep<'a> {
    scenario: &'a Scenario,
    plan: &'a Plan,
    consent: &'a Consent<'a>,
    end: String,
    /// What the undisturbed run recorded, and the world at each record.
    record: Record,
    moments: Vec<Moment>,
    /// The changes that the plan's steps and their bookkeeping ask for.
    changes: std::ops::Range<usize>,
    tally: &'a Tally,
    /// One in so many, and where the choice begins.
    every: u64,
    number: Cell<u64>,
}

#[test]
fn every_embedded_runbook_survives_kills_and_misfortunes() {
    let began = Instant::now();
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/safety/runbooks");
    let catalogue = Catalogue::open(std::path::Path::new(own)).unwrap();
    let mut all = scenarios::of(&catalogue);
    // For a replay: a part of a scenario's name, as a failing case prints it.
    if let Ok(only) = std::env::var("ETCDOPS_SWEEP") {
        all.retain(|scenario| scenario.to_string().contains(&only));
    }
    let tally = Tally::default();
    let chosen = std::env::var("ETCDOPS_SWEEP_EVERY")
        .ok()
        .and_then(|text| text.parse().ok());
    let soak = std::env::var_os("ETCDOPS_SOAK").map(|_| 1);
    let every = chosen.or(soak).unwrap_or(EVERY);
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(scenario) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    sweep(scenario, &tally, every);
                }
            });
        }
    });
    tally.close(all.len(), began.elapsed());
}

/// Refused where that is expected, for the right reason, and nothing was changed.
fn judge_refusal(scenario: &Scenario, tally: &Tally, refusals: &[Refusal], untouched: bool) {
    tally.cases.fetch_add(1, Ordering::Relaxed);
    let why: Vec<String> = refusals.iter().map(|refusal| refusal.why.clone()).collect();
    if !scenario.refused {
        tally.fail(scenario, "undisturbed", &format!("no plan: {}", why.join("; ")), None);
    } else if !why.iter().any(|why| why.contains(scenario.refusal)) {
        let text = format!("refused, but not for `{}`: {}", scenario.refusal, why.join("; "));
        tally.fail(scenario, "undisturbed", &text, None);
    } else if !untouched {
        tally.fail(scenario, "undisturbed", "refused, and yet something was changed", None);
    }
}

fn sweep(scenario: &Scenario, tally: &Tally, every: u64) {
    let world = scenario.world.fork();
    let (before, changes) = (world.essence(), world.changes());
    let plan = match scenario.job().plan(&world, 1) {
        Ok(plan) => plan,
        Err(refusals) => {
            let untouched = world.essence() == before && world.changes() == changes;
            judge_refusal(scenario, tally, &refusals, untouched);
            return;
        }
    };
    if scenario.refused {
        tally.fail(
            scenario,
            "undisturbed",
            "a plan was made where a refusal was expected",
            None,
        );
        return;
    }
    if plan.steps.iter().any(|step| step.outage.is_some()) {
        scenario.world.allow_quorum_loss();
        world.allow_quorum_loss();
    }
    let record = Record::default();
    let first = world.changes() + 1;
    let consent = agreed(&plan);
    let (ending, lies, moments) = live_truly(&world, &consent, &record);
    tally.cases.fetch_add(1, Ordering::Relaxed);
    let changes = first..world.changes() + 1;
    world.pass(REST);
    let mut wrong = world.check_end(End::Done, scenario.kept);
    wrong.extend(lies);
    wrong.extend((scenario.end)(&world));
    wrong.extend(given_back_inside(&plan));
    if !is_done(ending.as_ref()) {
        wrong.push(format!("{ending:?}"));
    }
    if !wrong.is_empty() {
        tally.fail(scenario, "undisturbed", &wrong.join("; "), Some(&record));
        return;
    }
    let sweep = Sweep {
        scenario,
        plan: &plan,
        consent: &consent,
        end: world.essence(),
        record,
        moments,
        changes,
        tally,
        every,
        number: Cell::new(u64::try_from(scenario.to_string().bytes().map(usize::from).sum::<usize>()).unwrap_or(0)),
    };
    sweep.as_if_never_away();
    sweep.kills();
    sweep.never_resumed();
    sweep.ctrl_c();
    sweep.refusals_at_questions();
    sweep.kills_in_the_middle();
    sweep.adoptions();
    sweep.adoptions_from_the_living();
    sweep.mishaps();
    sweep.old_members_return();
}
