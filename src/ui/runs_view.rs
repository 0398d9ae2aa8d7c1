//! Runs for people and as JSON: one row each, and what a run has left behind.

use serde::Serialize;

use super::paint::Tone;
use super::table::{Cell, Column, Table};
use crate::base::clock::rfc3339;
use crate::event::{Event, RunOutcome};
use crate::plan::types::{HoldRole, Plan, PlannedStep};
use crate::run::operator;
use crate::run::state::State;
use crate::run::store::Stored;

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    Done,
    /// Done, but something taken was not given back.
    DoneUncleanly,
    Failed,
    InDoubt,
    Stopped,
    Refused,
    Abandoned,
    /// Its process is at work on this machine.
    Running,
    /// Its process is gone and left no end.
    Crashed,
    /// It has no end, and its process is on another machine.
    Elsewhere,
    /// Its record cannot be read.
    Unreadable,
}

impl Standing {
    /// Whether `resume` can carry on.
    pub fn resumable(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::InDoubt | Self::Stopped | Self::Crashed | Self::Elsewhere | Self::DoneUncleanly
        )
    }

    fn words(self) -> (&'static str, Tone) {
        match self {
            Self::Done => ("done", Tone::Good),
            Self::DoneUncleanly => ("done, unclean", Tone::Warning),
            Self::Failed => ("failed", Tone::Bad),
            Self::InDoubt => ("in doubt", Tone::Bad),
            Self::Stopped => ("stopped", Tone::Warning),
            Self::Refused => ("refused", Tone::Faint),
            Self::Abandoned => ("abandoned", Tone::Faint),
            Self::Running => ("running", Tone::Strong),
            Self::Crashed => ("crashed", Tone::Bad),
            Self::Elsewhere => ("no end known", Tone::Warning),
            Self::Unreadable => ("unreadable", Tone::Bad),
        }
    }
}

/// One run in the list. `None` where the record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    pub id: String,
    pub state: Standing,
    pub resumable: bool,
    pub cluster: Option<String>,
    pub runbook: Option<String>,
    pub title: Option<String>,
    /// RFC 3339.
    pub began: Option<String>,
    /// RFC 3339, of the last record.
    pub last: Option<String>,
    pub by: Option<String>,
    pub steps: Option<usize>,
    pub steps_done: Option<usize>,
    /// What is still held on the hosts.
    pub left: Vec<String>,
    /// Why the record cannot be read.
    pub problem: Option<String>,
}

/// The row of a run that could be read.
pub fn row(stored: &Stored) -> Row {
    let state = standing(&stored.state);
    let at = |event: Option<&Event>| event.map(|event| rfc3339(event.at));
    let done = stored
        .plan
        .steps
        .iter()
        .filter(|step| stored.state.is_done(&step.path))
        .count();
    Row {
        id: stored.id.to_string(),
        state,
        resumable: state.resumable(),
        cluster: Some(stored.plan.cluster.name.clone()),
        runbook: Some(stored.plan.runbook.clone()),
        title: Some(stored.plan.title.clone()),
        began: at(stored.events.first()),
        last: at(stored.events.last()),
        by: stored.state.operator.as_ref().map(|operator| operator.who.clone()),
        steps: Some(stored.plan.steps.len()),
        steps_done: Some(done),
        left: left(&stored.plan, &stored.state),
        problem: None,
    }
}

/// The row of a run whose record cannot be read: never an absent row.
pub fn unreadable(id: &str, problem: &str) -> Row {
    Row {
        id: id.to_owned(),
        state: Standing::Unreadable,
        resumable: false,
        cluster: None,
        runbook: None,
        title: None,
        began: None,
        last: None,
        by: None,
        steps: None,
        steps_done: None,
        left: Vec::new(),
        problem: Some(problem.to_owned()),
    }
}

/// How a run stands, by its record and by whether its process lives.
pub fn standing(state: &State) -> Standing {
    if state.abandoned {
        return Standing::Abandoned;
    }
    match state.ended {
        Some(RunOutcome::Done) => Standing::Done,
        Some(RunOutcome::DoneUncleanly) => Standing::DoneUncleanly,
        Some(RunOutcome::Failed) => Standing::Failed,
        Some(RunOutcome::InDoubt) => Standing::InDoubt,
        Some(RunOutcome::Stopped) => Standing::Stopped,
        Some(RunOutcome::Refused) => Standing::Refused,
        None => match state.operator.as_ref().and_then(operator::lives) {
            Some(true) => Standing::Running,
            Some(false) => Standing::Crashed,
            None => Standing::Elsewhere,
        },
    }
}

/// Holds that were taken, or may have been, and not given back.
pub fn left(plan: &Plan, state: &State) -> Vec<String> {
    still_held(plan, state)
        .flat_map(|step| {
            step.calls
                .iter()
                .map(|call| on_host(call.host.as_deref(), &call.describe))
        })
        .collect()
}

/// The steps that took something which is still held.
fn still_held<'a>(plan: &'a Plan, state: &'a State) -> impl Iterator<Item = &'a PlannedStep> {
    plan.steps.iter().filter(move |step| {
        let Some(HoldRole::Take { hold, .. }) = &step.hold else {
            return false;
        };
        let begun = step
            .calls
            .iter()
            .any(|call| state.call(&step.path, call.host.as_deref()).attempts > 0);
        begun && give(plan, hold).is_some_and(|give| !state.is_done(&give.path))
    })
}

/// The step that gives a hold back.
pub fn give<'a>(plan: &'a Plan, hold: &str) -> Option<&'a PlannedStep> {
    plan.steps
        .iter()
        .find(|step| matches!(&step.hold, Some(HoldRole::Give { hold: path, .. }) if path == hold))
}

/// The steps that would give back what is still held.
pub fn owed<'a>(plan: &'a Plan, state: &'a State) -> Vec<&'a PlannedStep> {
    let holds = still_held(plan, state).filter_map(|step| match &step.hold {
        Some(HoldRole::Take { hold, .. }) => Some(hold.as_str()),
        _ => None,
    });
    holds.filter_map(|hold| give(plan, hold)).collect()
}

/// Calls that were started and of which nobody knows the end.
pub fn doubtful(stored: &Stored) -> Vec<String> {
    let of = |step: &PlannedStep| {
        step.calls
            .iter()
            .filter(|call| stored.state.call(&step.path, call.host.as_deref()).in_doubt())
            .map(|call| on_host(call.host.as_deref(), &call.describe))
            .collect::<Vec<_>>()
    };
    stored.plan.steps.iter().flat_map(of).collect()
}

fn on_host(host: Option<&str>, what: &str) -> String {
    host.map_or_else(|| what.to_owned(), |host| format!("{host}: {what}"))
}

/// The list for people, newest first.
pub fn table(rows: &[Row]) -> Table {
    let mut table = Table::new([
        Column::Name("RUN"),
        Column::Name("STATE"),
        Column::Name("STEPS"),
        Column::Name("CLUSTER"),
        Column::Prose("WHAT"),
        Column::Name("BY"),
    ]);
    for row in rows {
        let (word, tone) = row.state.words();
        let steps = match (row.steps_done, row.steps) {
            (Some(done), Some(all)) => format!("{done}/{all}"),
            _ => String::new(),
        };
        table.row([
            Cell::from(row.id.as_str()),
            Cell::toned(word, tone),
            steps.into(),
            row.cluster.clone().unwrap_or_default().into(),
            row.title
                .clone()
                .or_else(|| row.problem.clone())
                .unwrap_or_default()
                .into(),
            row.by.clone().unwrap_or_default().into(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::paint::Paint;
    use crate::ui::sample;

    fn stored(events: Vec<Event>) -> Stored {
        let plan = sample::plan();
        let state = State::of(&plan, &events);
        Stored {
            id: plan.run.clone(),
            plan,
            events,
            state,
        }
    }

    #[test]
    fn a_failed_run_says_what_it_still_holds() {
        let row = row(&stored(sample::events()));
        assert_eq!(row.state, Standing::Failed);
        assert!(row.resumable);
        assert_eq!((row.steps_done, row.steps), (Some(1), Some(4)));
        assert_eq!(row.left, ["etcd-2: stop etcd"]);
        assert_eq!(
            table(&[row, unreadable("2026-11-19-0900-aaaa", "line 3 is damaged")]).render(Paint::PLAIN, Some(100)),
            "\
RUN                   STATE       STEPS  CLUSTER    WHAT               BY
2026-11-20-1304-k3f9  failed      1/4    tools-k8s  Restart etcd-2     ada@bastion-1
2026-11-19-0900-aaaa  unreadable                    line 3 is damaged"
        );
    }

    #[test]
    fn a_run_without_an_end_on_another_machine_is_not_called_crashed() {
        let mut events = sample::events();
        events.truncate(11);
        let stored = stored(events);
        assert_eq!(standing(&stored.state), Standing::Elsewhere);
        assert_eq!(doubtful(&stored), ["etcd-2: start etcd"]);
    }
}
