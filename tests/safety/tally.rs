//! Counts cases, and keeps the first failure of each sort.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::harness::Record;
use super::scenarios::Scenario;

/// Sorts of failures of which one is told in full; the rest is only counted.
const TOLD: usize = 5;

/// What was tried, and what came of it.
#[derive(Default)]
pub struct Tally {
    pub cases: AtomicUsize,
    /// Where a marker was left that only `runs abandon` takes away: why, how often.
    pub abandoned: Mutex<BTreeMap<&'static str, usize>>,
    /// How runs ended into which old members came back.
    pub returned: Mutex<BTreeMap<&'static str, usize>>,
    /// By sort of failure: how many, and the first.
    failures: Mutex<BTreeMap<String, (usize, String)>>,
}

impl Tally {
    pub fn case(&self) {
        self.cases.fetch_add(1, Ordering::Relaxed);
    }

    /// Says what was tried, past the capture of the test runner: the numbers belong to its output.
    pub fn close(&self, scenarios: usize, took: Duration) {
        let cases = self.cases.load(Ordering::Relaxed);
        let milliseconds = usize::try_from(took.as_millis()).unwrap();
        let failures = self.failures.lock().unwrap();
        let told = |counts: &BTreeMap<&str, usize>| {
            let told: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
            if told.is_empty() {
                "none".to_owned()
            } else {
                told.join(", ")
            }
        };
        let _ = writeln!(
            std::io::stderr(),
            "sweep: {scenarios} scenarios, {cases} cases, {} failed; {} cases/s; needed `runs abandon`: {}; old members back: {}",
            failures.values().map(|(count, _)| count).sum::<usize>(),
            cases * 1000 / milliseconds.max(1),
            told(&self.abandoned.lock().unwrap()),
            told(&self.returned.lock().unwrap()),
        );
        let examples = failures.values().take(TOLD);
        let examples: Vec<String> = examples
            .map(|(count, example)| format!("{count} like this: {example}"))
            .collect();
        assert!(failures.is_empty(), "{}", examples.join("\n"));
    }

    pub fn fail(&self, scenario: &Scenario, what: &str, why: &str, record: Option<&Record>) {
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
