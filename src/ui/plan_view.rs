//! A plan for people. Host names come first and are never cut; everything reads without colour, at any width.

pub(super) mod steps;

pub use steps::Commands;

use std::fmt::Write as _;

use super::paint::{Paint, Tone};
use super::table::{Cell, Column, Table};
use super::text::{self, harmless};
use crate::action::Risk;
use crate::cluster::model::{Model, ModelMember};
use crate::plan::types::Plan;

/// How a plan is drawn.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Where prose is wrapped.
    pub columns: usize,
    pub paint: Paint,
    /// What a person could type for a call; with it the plan is drawn as shell commands.
    pub commands: Option<&'a Commands<'a>>,
    /// Paths of steps that are done already, of a run that goes on.
    pub done: &'a [String],
}

impl View<'_> {
    pub fn new(columns: usize, paint: Paint) -> Self {
        Self {
            columns,
            paint,
            commands: None,
            done: &[],
        }
    }
}

/// The whole plan, without a line feed at its end.
pub fn render(plan: &Plan, view: &View<'_>) -> String {
    let parts = [
        head(plan, view),
        observed(plan, view),
        requires(plan, view),
        steps::render(plan, view),
        notes(plan, view),
        summary(plan, view),
    ];
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn head(plan: &Plan, view: &View<'_>) -> String {
    let title = text::wrap("", &harmless(&plan.title), view.columns);
    let mut about = format!(
        "cluster {} · runbook {} · run {}",
        plan.cluster.name, plan.runbook, plan.run
    );
    let shown: Vec<String> = plan
        .parameters
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| format!("{name}={}", parameter(value)))
        .collect();
    if !shown.is_empty() {
        let _ = write!(about, "\nwith {}", shown.join(" · "));
    }
    if !plan.dead.is_empty() {
        let _ = write!(about, "\ntaken for dead on your word: {}", plan.dead.join(", "));
    }
    let bold: Vec<String> = title.lines().map(|line| view.paint.bold(line)).collect();
    format!(
        "{}\n{}",
        bold.join("\n"),
        text::wrap("  ", &harmless(&about), view.columns)
    )
}

fn parameter(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) => items.iter().map(parameter).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn section(view: &View<'_>, name: &str, body: &str) -> String {
    format!("{}\n{body}", view.paint.bold(name))
}

fn observed(plan: &Plan, view: &View<'_>) -> String {
    let model = &plan.baseline.model;
    if model.members.is_empty() {
        return section(view, "Observed", "  no member answered with a member list");
    }
    let mut table = Table::new([
        Column::Name("MEMBER"),
        Column::Name("NAME"),
        Column::Name("HOST"),
        Column::Name("ROLE"),
        Column::Name("STATE"),
        Column::Name("VERSION"),
        Column::Prose("ALARMS"),
    ]);
    for member in &model.members {
        table.row(row(plan, member));
    }
    let id = plan
        .baseline
        .cluster_id
        .map_or_else(String::new, |id| format!("cluster {id}: "));
    let strip = strip(model, view.paint);
    let rows = table.render(view.paint, Some(view.columns.saturating_sub(2)));
    section(view, "Observed", &format!("  {id}{strip}\n{}", indented(&rows, 2)))
}

fn row(plan: &Plan, member: &ModelMember) -> Vec<Cell> {
    let id = member.id.map_or_else(String::new, |id| id.to_string());
    let alarms = plan
        .baseline
        .alarms
        .get(&id)
        .map_or_else(String::new, |alarms| alarms.join(", "));
    let name = if member.name.is_empty() {
        "(not started)"
    } else {
        &member.name
    };
    // A column that says the same twice is left out where all are so.
    let host = member
        .host
        .clone()
        .filter(|host| *host != member.name)
        .unwrap_or_default();
    let state = if member.up {
        Cell::toned("up", Tone::Good)
    } else {
        Cell::toned("down", Tone::Bad)
    };
    vec![
        id.into(),
        name.into(),
        host.into(),
        if member.learner { "learner" } else { "voter" }.into(),
        state,
        member
            .version
            .map_or_else(String::new, |version| version.to_string())
            .into(),
        Cell::toned(alarms, Tone::Bad),
    ]
}

/// The quorum strip, coloured by how near to danger it is.
fn strip(model: &Model, paint: Paint) -> String {
    let tone = match model.tolerates() {
        None => Tone::Bad,
        Some(0) => Tone::Warning,
        Some(_) => Tone::Plain,
    };
    paint.tone(tone, &model.strip())
}

fn requires(plan: &Plan, view: &View<'_>) -> String {
    if plan.requires.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = plan
        .requires
        .iter()
        .map(|check| {
            let saw = if check.saw.is_empty() {
                String::new()
            } else {
                format!(" (found: {})", harmless(&check.saw))
            };
            let body = format!("{}{saw}", harmless(&check.text));
            if check.accepted {
                let body = format!("{body}; does not hold, accepted on your word");
                text::wrap(&format!("  {} ", view.paint.yellow("!")), &body, view.columns)
            } else {
                text::wrap(&format!("  {} ", view.paint.green("✓")), &body, view.columns)
            }
        })
        .collect();
    section(view, "Requires", &lines.join("\n"))
}

fn notes(plan: &Plan, view: &View<'_>) -> String {
    if plan.notes.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = plan
        .notes
        .iter()
        .map(|note| text::wrap("  - ", &harmless(note), view.columns))
        .collect();
    section(view, "Notes", &lines.join("\n"))
}

/// What the plan comes to: how many steps of which risk, on which hosts.
fn summary(plan: &Plan, view: &View<'_>) -> String {
    let open = || plan.steps.iter().filter(|step| !view.done.contains(&step.path));
    let of = |risk: Risk| open().filter(|step| step.risk == risk).count();
    let (changes, destroys) = (of(Risk::Change), of(Risk::Destroy));
    if changes + destroys == 0 {
        return format!("{}: nothing is changed.", text::count(open().count(), "step"));
    }
    let mut hosts: Vec<&str> = Vec::new();
    for call in open()
        .filter(|step| step.risk != Risk::Look)
        .flat_map(|step| &step.calls)
    {
        if let Some(host) = call.host.as_deref().filter(|host| !hosts.contains(host)) {
            hosts.push(host);
        }
    }
    let mut what = format!("{}: {changes} change", text::count(open().count(), "step"));
    if destroys > 0 {
        let _ = write!(what, ", {destroys} destroy");
    }
    let place = if hosts.is_empty() {
        "through etcd alone".to_owned()
    } else {
        format!("on {}", hosts.join(", "))
    };
    text::wrap("", &format!("{what}; {place}."), view.columns)
}

fn indented(text: &str, by: usize) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("{}{line}", " ".repeat(by))).collect();
    lines.join("\n")
}
