//! Events as plain lines: for runs without a terminal, for the scrollback above the live line, and for what happened last night.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::paint::Tone;
use super::plan_view::steps::waits_for;
use super::text::harmless;
use super::{Ui, text};
use crate::action::SAYS;
use crate::base::duration::Span;
use crate::event::{CallEnd, Event, EventKind, Operator, Outcome, Renderer, RunOutcome};
use crate::plan::types::{Plan, PlannedStep};

/// Without a terminal the same waiting is not told more often than this, in seconds.
const TELL_WAITING_EVERY: i64 = 10;
/// The whole run, among what began: no step has this path.
const WHOLE_RUN: &str = "";
/// Under the text of a step: as wide as `13:04:05  `.
const UNDER_TIME: &str = "          ";

/// Prints lines on stdout. The same for a run as it happens and for its journal.
pub struct Lines {
    ui: Arc<Ui>,
    plan: Option<Box<Plan>>,
    /// When the step, or the call on a host, began.
    began: BTreeMap<String, Timestamp>,
    /// When waiting was last told, by step and host.
    told: BTreeMap<String, Timestamp>,
    /// These are the events of a run that is over.
    from_record: bool,
}

impl Lines {
    pub fn new(ui: &Arc<Ui>) -> Self {
        Self {
            ui: Arc::clone(ui),
            plan: None,
            began: BTreeMap::new(),
            told: BTreeMap::new(),
            from_record: false,
        }
    }

    /// For the events of a journal: also how the run ended is told in full.
    #[must_use]
    pub fn from_record(self) -> Self {
        Self {
            from_record: true,
            ..self
        }
    }

    /// Takes in what was shown before (a run that goes on), without showing it again.
    #[must_use]
    pub fn after(mut self, events: &[Event]) -> Self {
        for event in events {
            self.note(event);
        }
        self
    }

    /// What must be remembered to word later events.
    fn note(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Created { plan, .. } => {
                self.plan = Some(plan.clone());
                self.began.insert(WHOLE_RUN.to_owned(), event.at);
            }
            EventKind::StepStarted { step } => {
                self.began.insert(step.clone(), event.at);
            }
            EventKind::CallStarted { step, host, .. } => {
                self.began.insert(key(step, host.as_deref()), event.at);
            }
            _ => {}
        }
    }

    /// The step's number and the plan's count of steps.
    pub(super) fn position(&self, step: &str) -> Option<(usize, usize)> {
        let steps = &self.plan.as_ref()?.steps;
        let index = steps.iter().position(|planned| planned.path == step)?;
        Some((index + 1, steps.len()))
    }

    pub(super) fn planned(&self, step: &str) -> Option<&PlannedStep> {
        self.plan.as_ref()?.steps.iter().find(|planned| planned.path == step)
    }

    /// `3/12`, as wide as the widest.
    pub(super) fn number(&self, step: &str) -> String {
        self.position(step).map_or_else(String::new, |(number, count)| {
            let digits = count.to_string().len();
            format!("{number:>digits$}/{count} ")
        })
    }

    fn timed(&self, at: Timestamp, body: &str) {
        let head = format!("{}  ", at.strftime("%H:%M:%S"));
        self.put(&head, body);
    }

    fn put(&self, head: &str, body: &str) {
        let wide = self.ui.screen.data_columns.map_or(usize::MAX, |columns| columns);
        self.ui.data(&text::wrap(head, body, wide));
    }

    fn step_started(&self, at: Timestamp, step: &str) {
        let what = match (&self.plan, self.planned(step)) {
            (Some(plan), Some(planned)) => waits_for(plan, planned).unwrap_or_else(|| headline(planned)),
            _ => step.to_owned(),
        };
        self.timed(at, &format!("{}{what}", self.number(step)));
    }

    fn call_started(&self, at: Timestamp, host: Option<&str>, attempt: u32) {
        if attempt > 1 {
            let on = host.map_or_else(String::new, |host| format!(" {host}:"));
            self.timed(at, &format!("  …{on} next call of this step ({attempt})"));
        }
    }

    fn call_ended(&self, at: Timestamp, step: &str, host: Option<&str>, end: &CallEnd) {
        let paint = self.ui.paint();
        let on = host.map_or_else(String::new, |host| format!(" {host}:"));
        match end {
            CallEnd::Done { already: true, .. } => {
                self.timed(at, &format!("  {}{on} was so already", paint.green("✓")));
            }
            CallEnd::Done { output, .. } => {
                let took = self.took(at, &key(step, host));
                let said = output.get(SAYS).and_then(serde_json::Value::as_str).unwrap_or("done");
                let mut lines = said.lines().map(harmless);
                let first = lines.next().unwrap_or_default();
                self.timed(at, &format!("  {}{on} {first}{took}", paint.green("✓")));
                for line in lines {
                    self.put(&format!("{UNDER_TIME}    "), &line);
                }
            }
            CallEnd::Failed { why, hint } => {
                self.timed(
                    at,
                    &format!("  {}{on} failed: {why}", paint.red("✗"), why = harmless(why)),
                );
                if let Some(hint) = hint {
                    self.put(
                        UNDER_TIME,
                        &format!("  {} {hint}", paint.cyan("hint:"), hint = harmless(hint)),
                    );
                }
            }
            CallEnd::InDoubt { why } => {
                self.timed(
                    at,
                    &format!("  {}{on} in doubt: {why}", paint.yellow("?"), why = harmless(why)),
                );
            }
        }
    }

    /// ` in 2.1s`, where it took long enough to matter.
    fn took(&self, at: Timestamp, key: &str) -> String {
        let Some(began) = self.began.get(key) else {
            return String::new();
        };
        let seconds = at.duration_since(*began).as_secs_f64();
        if seconds < 0.95 {
            String::new()
        } else if seconds < 60.0 {
            format!(" in {seconds:.1}s")
        } else {
            format!(" in {}", Span(std::time::Duration::from_secs_f64(seconds.round())))
        }
    }

    fn waiting(&mut self, at: Timestamp, step: &str, host: Option<&str>, what: &str) {
        let key = key(step, host);
        let since = self.told.get(&key).or_else(|| self.began.get(&key)).copied();
        let Some(since) = since else {
            self.told.insert(key, at);
            return;
        };
        if at.duration_since(since).as_secs() >= TELL_WAITING_EVERY {
            self.told.insert(key, at);
            let on = host.map_or_else(String::new, |host| format!(" {host}:"));
            self.timed(at, &format!("  …{on} {}", harmless(what)));
        }
    }

    fn run_ended(&self, at: Timestamp, outcome: RunOutcome, what: &str) {
        let (word, tone) = match outcome {
            RunOutcome::Done => ("done", Tone::Good),
            RunOutcome::DoneUncleanly => ("done, but not everything was given back", Tone::Warning),
            RunOutcome::Failed => ("failed", Tone::Bad),
            RunOutcome::InDoubt => ("in doubt", Tone::Warning),
            RunOutcome::Stopped => ("stopped", Tone::Warning),
            RunOutcome::Refused if what.is_empty() || what.starts_with("refused") => ("refused", Tone::Bad),
            RunOutcome::Refused => ("nothing changed", Tone::Bad),
        };
        let head = self.ui.paint().tone(tone, word);
        // What a run that ended badly has to say is this command's error: told once.
        let body = if what.is_empty() || outcome == RunOutcome::Done || !self.from_record {
            let run = self
                .plan
                .as_ref()
                .map_or_else(String::new, |plan| format!("run {}: ", plan.run));
            let took = if outcome == RunOutcome::Done {
                self.took(at, WHOLE_RUN)
            } else {
                String::new()
            };
            format!("{run}{head}{took}")
        } else {
            let rest = what
                .strip_prefix(word)
                .unwrap_or(what)
                .trim_start_matches([':', ';', ',', ' ']);
            format!("{head}: {}", harmless(rest))
        };
        self.timed(at, &body);
    }

    /// What is said about the run as a whole.
    fn about_run(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Created { plan, operator, .. } => {
                let (run, title, cluster) = (&plan.run, &plan.title, &plan.cluster.name);
                let who = by(operator);
                self.timed(
                    event.at,
                    &format!(
                        "run {run}: {title} (cluster {cluster}, {who}, {} UTC)",
                        event.at.strftime("%Y-%m-%d")
                    ),
                );
            }
            EventKind::Consented { how, from, .. } => {
                let from = if *from == 0 {
                    String::new()
                } else {
                    format!(" from step {} on", from + 1)
                };
                self.timed(event.at, &format!("agreed{from}: {how}"));
            }
            EventKind::Locked { hosts, unreachable } => {
                let mut body = format!("locked: {}", listed(hosts));
                if !unreachable.is_empty() {
                    body.push_str(&format!("; not reachable: {}", listed(unreachable)));
                }
                self.timed(event.at, &body);
            }
            EventKind::Resumed { operator, adopted_from } => {
                let from = adopted_from
                    .as_ref()
                    .map_or_else(String::new, |host| format!(", with the journal from {host}"));
                self.timed(event.at, &format!("resumed {}{from}", by(operator)));
            }
            EventKind::Interrupted { how } => {
                self.timed(event.at, &format!("{}: {how}", self.ui.paint().yellow("interrupted")));
            }
            EventKind::Said { text } | EventKind::HoldLost { text, .. } => self.timed(event.at, &harmless(text)),
            EventKind::Ended { outcome, text } => self.run_ended(event.at, *outcome, text),
            EventKind::Abandoned { operator } => {
                self.timed(
                    event.at,
                    &format!("{} {}", self.ui.paint().yellow("abandoned"), by(operator)),
                );
            }
            _ => {}
        }
    }

    /// A line for what only matters as it happens; the live line replaces it on a terminal.
    pub(super) fn show_transient(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Waiting { step, host, text } => self.waiting(event.at, step, host.as_deref(), text),
            EventKind::Progress {
                step,
                host,
                done,
                total,
            } => {
                let text = progress(*done, *total);
                self.waiting(event.at, step, host.as_deref(), &text);
            }
            EventKind::Output { host, line, .. } if self.ui.manner.verbose > 0 => {
                let on = host.as_ref().map_or_else(String::new, |host| format!("{host} "));
                self.put(&format!("{UNDER_TIME}  {on}| "), &harmless(line));
            }
            _ => {}
        }
    }

    /// With `--quiet` only what failed and how it ended.
    fn hidden(&self, event: &Event) -> bool {
        self.ui.manner.quiet
            && !matches!(
                &event.kind,
                EventKind::CallEnded {
                    end: CallEnd::Failed { .. } | CallEnd::InDoubt { .. },
                    ..
                } | EventKind::Said { .. }
                    | EventKind::Interrupted { .. }
                    | EventKind::Ended { .. }
            )
    }
}

impl Renderer for Lines {
    fn show(&mut self, event: &Event) {
        self.note(event);
        if self.hidden(event) {
            return;
        }
        match &event.kind {
            EventKind::StepStarted { step } => self.step_started(event.at, step),
            EventKind::CallStarted { host, attempt, .. } => {
                self.call_started(event.at, host.as_deref(), *attempt);
            }
            EventKind::CallEnded { step, host, end } => self.call_ended(event.at, step, host.as_deref(), end),
            EventKind::StepEnded { step, outcome } => {
                let several = self.planned(step).is_some_and(|planned| planned.calls.len() > 1);
                if several && *outcome != Outcome::Done {
                    let number = self.number(step);
                    let word = if *outcome == Outcome::Failed {
                        "failed"
                    } else {
                        "is in doubt"
                    };
                    self.timed(event.at, &format!("  step {number}{word}"));
                }
            }
            kind if kind.is_transient() => self.show_transient(event),
            _ => self.about_run(event),
        }
    }
}

fn key(step: &str, host: Option<&str>) -> String {
    host.map_or_else(|| step.to_owned(), |host| format!("{step}@{host}"))
}

fn by(operator: &Operator) -> String {
    format!("by {}", operator.who)
}

fn listed(hosts: &[String]) -> String {
    if hosts.is_empty() {
        "no host".to_owned()
    } else {
        hosts.join(", ")
    }
}

/// `34% of 2.1 GiB`, or what is done so far.
pub(super) fn progress(done: u64, total: Option<u64>) -> String {
    match total {
        Some(total) if total > 0 => {
            let percent = u128::from(done) * 100 / u128::from(total);
            format!("{percent}% of {}", text::bytes(total))
        }
        _ => text::bytes(done),
    }
}

/// What a step does, on which hosts, in one line: host names first, so that they are never cut.
pub(super) fn headline(step: &PlannedStep) -> String {
    let hosts: Vec<&str> = step.calls.iter().filter_map(|call| call.host.as_deref()).collect();
    let what = match (&step.title, step.calls.as_slice()) {
        (Some(title), _) => title.clone(),
        (None, []) => step.path.clone(),
        (None, [first, others @ ..]) => others.iter().fold(first.describe.clone(), |common, call| {
            in_common(&common, &call.describe)
        }),
    };
    if hosts.is_empty() {
        what
    } else {
        format!("{}: {what}", hosts.join(", "))
    }
}

/// What several hosts' calls have in common; `…` stands for a word in which they differ.
fn in_common(one: &str, other: &str) -> String {
    if one.split(' ').count() != other.split(' ').count() {
        return one.to_owned();
    }
    let words = one.split(' ').zip(other.split(' '));
    let same = |(one, other)| if one == other { one } else { "…" };
    words.map(same).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
