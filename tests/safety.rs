//! The sweep: every embedded runbook on the simulated world, undisturbed; killed at every record and resumed; with every
//! misfortune at every change, healed and resumed. Same end, no promise broken, the plan's models equal to the world.

mod harness;
mod scenarios;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use etcdops::event::RunOutcome;
use etcdops::plan::types::Plan;
use etcdops::runbook::catalogue::Catalogue;
use etcdops::transport::simulated::{Ending as End, Mishap, When, World};

use harness::{Record, is_done, live, live_truly};
use scenarios::Scenario;

/// What goes wrong at each change. Nothing heals by itself but what says so.
const MISHAPS: [(When, Mishap); 14] = [
    (When::Before, Mishap::Refused),
    (When::Before, Mishap::Silence),
    (When::After, Mishap::Silence),
    (When::Before, Mishap::HostDies(None)),
    (When::After, Mishap::HostDies(None)),
    (When::After, Mishap::HostDies(Some(Duration::from_secs(20)))),
    (When::Before, Mishap::Cut(None)),
    (When::After, Mishap::Cut(None)),
    (When::Before, Mishap::Cut(Some(Duration::from_secs(20)))),
    (When::Before, Mishap::DiskFull(None)),
    (When::Before, Mishap::SudoRefused(None)),
    (When::Before, Mishap::OtherOperator(None)),
    (When::Before, Mishap::Killed),
    (When::After, Mishap::Killed),
];

/// How long the world rests before two ends are compared.
const REST: Duration = Duration::from_secs(60);

/// Sorts of failures of which one is told in full; the rest is only counted.
const TOLD: usize = 5;

#[derive(Default)]
struct Tally {
    cases: AtomicUsize,
    refused: AtomicUsize,
    /// By sort of failure: how many, and the first.
    failures: Mutex<BTreeMap<String, (usize, String)>>,
}

/// One scenario with what its undisturbed run came to.
struct Sweep<'a> {
    scenario: &'a Scenario,
    plan: Plan,
    end: String,
    records: usize,
    changes: std::ops::Range<usize>,
    tally: &'a Tally,
}

#[test]
fn every_embedded_runbook_survives_kills_and_misfortunes() {
    let began = Instant::now();
    let catalogue = Catalogue::embedded();
    let (mut all, left_out) = scenarios::of(&catalogue);
    // For a replay: a part of a scenario's name, as a failing case prints it.
    if let Ok(only) = std::env::var("ETCDOPS_SWEEP") {
        all.retain(|scenario| scenario.to_string().contains(&only));
    }
    let tally = Tally::default();
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(scenario) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    sweep(scenario, &tally);
                }
            });
        }
    });
    let cases = tally.cases.load(Ordering::Relaxed);
    let seconds = began.elapsed().as_secs_f64();
    let failures = tally.failures.lock().unwrap();
    let failed: usize = failures.values().map(|(count, _)| count).sum();
    // Past the capture of the test runner: the numbers belong to its output.
    let _ = writeln!(
        std::io::stderr(),
        "sweep: {} scenarios, {cases} cases, {} ended in a stated refusal, {} failed; {:.0} cases/s; left out: {}",
        all.len(),
        tally.refused.load(Ordering::Relaxed),
        failed,
        cases as f64 / seconds,
        if left_out.is_empty() {
            "nothing".to_owned()
        } else {
            left_out.join(", ")
        },
    );
    let told: Vec<String> = failures
        .values()
        .take(TOLD)
        .map(|(count, example)| format!("{count} like this: {example}"))
        .collect();
    assert!(failures.is_empty(), "{}", told.join("\n"));
}

fn sweep(scenario: &Scenario, tally: &Tally) {
    let world = scenario.world.fork();
    let plan = match scenario.job().plan(&world, 1) {
        Ok(plan) => plan,
        Err(refusals) => {
            tally.cases.fetch_add(1, Ordering::Relaxed);
            if !scenario.refused {
                let why: Vec<String> = refusals.iter().map(|refusal| refusal.why.clone()).collect();
                tally.fail(scenario, "undisturbed", &format!("no plan: {}", why.join("; ")), None);
            }
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
    let (ending, lies) = live_truly(&world, &plan, &record);
    tally.cases.fetch_add(1, Ordering::Relaxed);
    let changes = first..world.changes() + 1;
    world.pass(REST);
    let mut wrong = world.check_end(End::Done, scenario.kept);
    wrong.extend(lies);
    if !is_done(ending.as_ref()) {
        wrong.push(format!("{ending:?}"));
    }
    if !wrong.is_empty() {
        tally.fail(scenario, "undisturbed", &wrong.join("; "), Some(&record));
        return;
    }
    let sweep = Sweep {
        scenario,
        plan,
        end: world.essence(),
        records: record.events().len(),
        changes,
        tally,
    };
    sweep.kills();
    sweep.mishaps();
}

impl Sweep<'_> {
    fn kills(&self) {
        for most in 1..self.records {
            let world = self.scenario.world.fork();
            let record = Record::default();
            let killed = live(&world, &self.plan, &record, most);
            let what = format!("killed at record {most}");
            if let Some(ending) = killed {
                self.tally.fail(
                    self.scenario,
                    &what,
                    &format!("was not killed: {ending:?}"),
                    Some(&record),
                );
                continue;
            }
            // At once, and after something like a coffee.
            if most % 2 == 0 {
                world.pass(REST);
            }
            self.go_on(&world, record, &what);
        }
    }

    fn mishaps(&self) {
        for change in self.changes.clone() {
            for (when, mishap) in MISHAPS {
                let world = self.scenario.world.fork();
                world.inject(change, when, mishap);
                let record = Record::default();
                let ending = live(&world, &self.plan, &record, usize::MAX);
                let what = format!("{mishap:?} {when:?} change {change}");
                world.heal_all();
                world.pass(Duration::from_secs(30));
                if is_done(ending.as_ref()) {
                    self.compare(&world, &record, &what);
                } else if ending.is_some_and(|ending| ending.outcome == RunOutcome::Refused) {
                    self.begin_anew(&world, &what);
                } else {
                    self.go_on(&world, record, &what);
                }
            }
        }
    }

    /// The same run goes on, in a new process.
    fn go_on(&self, world: &World, record: Record, what: &str) {
        world.revive();
        let ending = live(world, &self.plan, &record, usize::MAX);
        if is_done(ending.as_ref()) {
            return self.compare(world, &record, what);
        }
        self.tally.cases.fetch_add(1, Ordering::Relaxed);
        let ending = ending.expect("nobody kills it twice");
        let text = format!("resumed: {:?}: {}", ending.outcome, ending.text);
        self.tally.fail(self.scenario, what, &text, Some(&record));
    }

    /// Nothing was changed: the operator asks once more.
    fn begin_anew(&self, world: &World, what: &str) {
        world.revive();
        let record = Record::default();
        let ending = match self.scenario.job().plan(world, 2) {
            Ok(plan) => live(world, &plan, &record, usize::MAX),
            Err(refusals) => {
                let text = format!("asked once more, no plan: {refusals:?}");
                return self.tally.fail(self.scenario, what, &text, None);
            }
        };
        if is_done(ending.as_ref()) {
            return self.compare(world, &record, what);
        }
        self.tally.cases.fetch_add(1, Ordering::Relaxed);
        let text = format!("asked once more: {ending:?}");
        self.tally.fail(self.scenario, what, &text, Some(&record));
    }

    fn compare(&self, world: &World, record: &Record, what: &str) {
        self.tally.cases.fetch_add(1, Ordering::Relaxed);
        world.pass(REST);
        let mut wrong = world.check_end(End::Done, self.scenario.kept);
        let end = world.essence();
        if end != self.end {
            wrong.push(format!("another end:\n{}", difference(&self.end, &end)));
        }
        if !wrong.is_empty() {
            self.tally.fail(self.scenario, what, &wrong.join("; "), Some(record));
        }
    }
}

impl Tally {
    fn fail(&self, scenario: &Scenario, what: &str, why: &str, record: Option<&Record>) {
        let sort: String = why.chars().filter(|letter| !letter.is_ascii_digit()).take(60).collect();
        let mut failures = self.failures.lock().unwrap();
        let (count, example) = failures.entry(sort).or_default();
        *count += 1;
        if *count == 1 {
            let journal = record.map(Record::text).unwrap_or_default();
            *example = format!("{scenario}, {what}: {why}\n{journal}");
        }
    }
}

fn difference(one: &str, other: &str) -> String {
    let mut text = String::new();
    for (a, b) in one.lines().zip(other.lines()) {
        if a != b {
            text.push_str(&format!("  - {a}\n  + {b}\n"));
        }
    }
    text
}
