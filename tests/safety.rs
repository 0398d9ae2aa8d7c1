//! The sweep: every embedded runbook on the simulated world, undisturbed; killed at every record and resumed; with every
//! misfortune at every change, healed and resumed. Same end, no promise broken, the plan's models equal to the world.

mod harness;
mod scenarios;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use etcdops::event::RunOutcome;
use etcdops::plan::types::Plan;
use etcdops::run::consent::{Consent, questions};
use etcdops::run::state::State;
use etcdops::runbook::catalogue::Catalogue;
use etcdops::transport::simulated::{Ending as End, Mishap, When, World};

use harness::{Fate, Moment, Record, agreed, before, declined, is_done, live, live_on, live_truly};
use scenarios::Scenario;

/// What goes wrong at each change. Nothing heals by itself but what says so.
const MISHAPS: [(When, Mishap); 16] = [
    (When::Before, Mishap::Refused),
    (When::Before, Mishap::Silence),
    (When::After, Mishap::Silence),
    (When::Before, Mishap::HostDies(None)),
    (When::After, Mishap::HostDies(None)),
    (When::After, Mishap::HostDies(Some(Duration::from_secs(20)))),
    (When::Before, Mishap::Cut(None)),
    (When::After, Mishap::Cut(None)),
    (When::Before, Mishap::Cut(Some(Duration::from_secs(20)))),
    (When::Before, Mishap::Unplugged(None)),
    (When::After, Mishap::Unplugged(Some(Duration::from_secs(20)))),
    (When::Before, Mishap::DiskFull(None)),
    (When::Before, Mishap::SudoRefused(None)),
    (When::Before, Mishap::OtherOperator(None)),
    (When::Before, Mishap::Killed),
    (When::After, Mishap::Killed),
];

/// One case in so many is tried; `ETCDOPS_SWEEP_EVERY` says otherwise, and `make soak` tries all. Which ones is fixed;
/// undisturbed runs are always tried.
const EVERY: u64 = 20;

/// How long the world rests before two ends are compared.
const REST: Duration = Duration::from_secs(60);

/// How long a slow change takes.
const SLOW: Duration = Duration::from_secs(3);

/// Sorts of failures of which one is told in full; the rest is only counted.
const TOLD: usize = 5;

#[derive(Default)]
struct Tally {
    cases: AtomicUsize,
    /// Where a marker was left that only `runs abandon` takes away: by what had happened, how often.
    abandoned: Mutex<BTreeMap<String, usize>>,
    /// Runbooks that cannot be tried, and why.
    left_out: Mutex<BTreeSet<String>>,
    /// By sort of failure: how many, and the first.
    failures: Mutex<BTreeMap<String, (usize, String)>>,
}

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
    let cases = tally.cases.load(Ordering::Relaxed);
    let milliseconds = usize::try_from(began.elapsed().as_millis()).unwrap();
    let failures = tally.failures.lock().unwrap();
    let abandoned = tally.abandoned.lock().unwrap();
    let left_out: Vec<String> = tally.left_out.lock().unwrap().iter().cloned().collect();
    let failed: usize = failures.values().map(|(count, _)| count).sum();
    // Past the capture of the test runner: the numbers belong to its output.
    let _ = writeln!(
        std::io::stderr(),
        "sweep: {} scenarios, {cases} cases ({} needed `runs abandon` on the way), {} failed; {} cases/s; left out: {}",
        all.len(),
        abandoned.values().sum::<usize>(),
        failed,
        cases * 1000 / milliseconds.max(1),
        if left_out.is_empty() {
            "nothing".to_owned()
        } else {
            left_out.join(", ")
        },
    );
    if std::env::var_os("ETCDOPS_SWEEP").is_some() {
        let _ = writeln!(std::io::stderr(), "abandoned: {abandoned:#?}");
    }
    let told: Vec<String> = failures
        .values()
        .take(TOLD)
        .map(|(count, example)| format!("{count} like this: {example}"))
        .collect();
    assert!(failures.is_empty(), "{}", told.join("\n"));
}

fn sweep(scenario: &Scenario, tally: &Tally, every: u64) {
    let world = scenario.world.fork();
    let plan = match scenario.job().plan(&world, 1) {
        Ok(plan) => plan,
        Err(refusals) => {
            if refusals
                .iter()
                .any(|refusal| refusal.why.contains("does not carry it out"))
            {
                tally
                    .left_out
                    .lock()
                    .unwrap()
                    .insert(format!("{} (not carried out yet)", scenario.name));
                return;
            }
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
    let consent = agreed(&plan);
    let (ending, lies, moments) = live_truly(&world, &consent, &record);
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
    sweep.ctrl_c();
    sweep.refusals_at_questions();
    sweep.kills_in_the_middle();
    sweep.adoptions();
    sweep.mishaps();
}

impl Sweep<'_> {
    /// Whether the next case is one of those that are tried.
    fn chosen(&self) -> bool {
        let number = self.number.get();
        self.number.set(number + 1);
        number.is_multiple_of(self.every)
    }

    /// That a life may be gone on with between two steps as if it had never been away is what the rest builds upon.
    fn as_if_never_away(&self) {
        let last = self.moments.len();
        let (world, record) = self.before(|number, _| number * 2 < last);
        let ending = live_on(&world, self.consent, &record, Fate::Peace);
        let what = "gone on with from the middle";
        if !is_done(ending.as_ref()) || world.changes() + 1 != self.changes.end {
            let text = format!(
                "{ending:?} after {} changes, not {}",
                world.changes(),
                self.changes.end - 1
            );
            return self.tally.fail(self.scenario, what, &text, Some(&record));
        }
        self.compare(&world, &record, what);
    }

    fn before(&self, early: impl Fn(usize, &Moment) -> bool) -> (World, Record) {
        before(&self.moments, &self.scenario.world, &self.record, early)
    }

    fn kills(&self) {
        for (most, moment) in self.moments.iter().enumerate().skip(1).filter(|_| self.chosen()) {
            let world = moment.world.fork();
            // At once, and after something like a coffee.
            if most % 2 == 0 {
                world.pass(REST);
            }
            self.go_on(&world, &self.record.first(most), &format!("killed at record {most}"));
        }
    }

    /// Once: it ends after the call that is under way, and what must be given back is. Twice: it ends at once.
    fn ctrl_c(&self) {
        for times in [1, 2] {
            for number in (1..self.moments.len()).filter(|_| self.chosen()) {
                let (world, record) = self.before(|at, _| at <= number);
                let ending = live_on(&world, self.consent, &record, Fate::Pressed(number, times));
                let what = format!("Ctrl-C {times} times at record {number}");
                let outcome = ending.as_ref().map(|ending| ending.outcome);
                match (outcome, times) {
                    // Pressed when nothing was left to stop.
                    (Some(RunOutcome::Done), _) => self.compare(&world, &record, &what),
                    (Some(RunOutcome::Refused), _) => self.begin_anew(&world, &what),
                    (Some(RunOutcome::Stopped), _) | (Some(RunOutcome::InDoubt), 2) => {
                        self.go_on(&world, &record, &what);
                    }
                    _ => self
                        .tally
                        .fail(self.scenario, &what, &format!("{ending:?}"), Some(&record)),
                }
            }
        }
    }

    /// Each question answered with no, or not at all: nothing has happened.
    fn refusals_at_questions(&self) {
        let questions = questions(self.plan, &State::default()).len();
        for number in 0..questions {
            self.tally.cases.fetch_add(1, Ordering::Relaxed);
            let world = self.scenario.world.fork();
            let (before, changes) = (world.essence(), world.changes());
            let record = Record::default();
            let ending = declined(&world, self.plan, &record, number);
            let begun = ending.is_some() || !record.events().is_empty();
            if begun || world.essence() != before || world.changes() != changes {
                let what = format!("declined at question {number}");
                self.tally
                    .fail(self.scenario, &what, "something was done all the same", Some(&record));
            }
        }
    }

    /// Changes on hosts take a while, and go on after the program is gone: the next life waits for them.
    fn kills_in_the_middle(&self) {
        for change in self.changes.clone().filter(|_| self.chosen()) {
            let (world, record) = self.before(|_, moment| moment.changes < change);
            world.slow_changes(Some(SLOW));
            world.inject(change, When::Before, Mishap::Killed);
            let ending = live_on(&world, self.consent, &record, Fate::Peace);
            let what = format!("killed in the middle of change {change}, which takes {SLOW:?}");
            if is_done(ending.as_ref()) {
                self.compare(&world, &record, &what);
            } else {
                self.go_on(&world, &record, &what);
            }
        }
    }

    /// The bastion is gone as well: another one goes on with the copy of the record that a host has.
    fn adoptions(&self) {
        for (most, moment) in self.moments.iter().enumerate().skip(1).filter(|_| self.chosen()) {
            let world = moment.world.fork();
            let what = format!("killed at record {most}, adopted by another bastion");
            match world.journal_copy(&self.plan.run) {
                Some(copy) => {
                    let record = Record::parsed(copy.as_bytes());
                    self.go_on(&world, &record, &what);
                }
                // Nothing was begun on any host; what stands there is a marker at most.
                None => self.begin_anew(&world, &what),
            }
        }
    }

    fn mishaps(&self) {
        for change in self.changes.clone() {
            for (when, mishap) in MISHAPS.into_iter().filter(|_| self.chosen()) {
                let (world, record) = self.before(|_, moment| moment.changes < change);
                world.inject(change, when, mishap);
                let ending = live_on(&world, self.consent, &record, Fate::Peace);
                let what = format!("{mishap:?} {when:?} change {change}");
                world.heal_all();
                world.pass(Duration::from_secs(30));
                if matches!(mishap, Mishap::HostDies(_)) && self.scenario.reboot_undoes {
                    self.after_reboot(&world, &what);
                } else if is_done(ending.as_ref()) {
                    self.compare(&world, &record, &what);
                } else if ending.is_some_and(|ending| ending.outcome == RunOutcome::Refused) {
                    self.begin_anew(&world, &what);
                } else {
                    self.go_on(&world, &record, &what);
                }
            }
        }
    }

    /// What the runbook did does not outlive the power: only the promises count.
    fn after_reboot(&self, world: &World, what: &str) {
        self.tally.cases.fetch_add(1, Ordering::Relaxed);
        let wrong = world.check_end(End::Unfinished, self.scenario.kept);
        if !wrong.is_empty() {
            self.tally.fail(self.scenario, what, &wrong.join("; "), None);
        }
    }

    /// The same run goes on, in a new process.
    fn go_on(&self, world: &World, record: &Record, what: &str) {
        world.revive();
        let ending = live(world, self.consent, record, Fate::Peace);
        if is_done(ending.as_ref()) {
            return self.compare(world, record, what);
        }
        self.tally.cases.fetch_add(1, Ordering::Relaxed);
        let ending = ending.expect("nobody kills it twice");
        let text = format!("resumed: {:?}: {}", ending.outcome, ending.text);
        self.tally.fail(self.scenario, what, &text, Some(record));
    }

    /// Nothing was changed: the operator asks once more. Where the first try left its marker, that is said, with the command
    /// that takes it away.
    fn begin_anew(&self, world: &World, what: &str) {
        world.revive();
        for life in 2..4 {
            let record = Record::default();
            let ending = match self.scenario.job().plan(world, life) {
                Ok(plan) => live(world, &agreed(&plan), &record, Fate::Peace),
                Err(refusals) => {
                    let text = format!("asked once more, no plan: {refusals:?}");
                    return self.tally.fail(self.scenario, what, &text, None);
                }
            };
            if is_done(ending.as_ref()) {
                return self.compare(world, &record, what);
            }
            let abandon = format!("etcdops runs abandon {}", self.plan.run);
            if life == 2 && ending.as_ref().is_some_and(|ending| ending.text.contains(&abandon)) {
                let sort: String = what.chars().filter(|letter| !letter.is_ascii_digit()).collect();
                *self.tally.abandoned.lock().unwrap().entry(sort).or_default() += 1;
                world.abandon(&self.plan.run);
                continue;
            }
            self.tally.cases.fetch_add(1, Ordering::Relaxed);
            let text = format!("asked once more: {ending:?}");
            return self.tally.fail(self.scenario, what, &text, Some(&record));
        }
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
