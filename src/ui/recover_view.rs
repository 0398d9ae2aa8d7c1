//! What a recovery could begin from: for people, and as JSON.

use serde::Serialize;

use super::Ui;
use super::paint::Tone;
use super::table::{Cell, Column, Table};
use super::text;
use crate::call::CallError;
use crate::call::copy::{CopySeen, Part};
use crate::cluster::host::ClusterConfig;
use crate::cluster::member::Id;
use crate::look::recovery::{Choice, Choices, Found, Way};
use crate::look::verdict::{Quorum, Verdict};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    cluster: &'a str,
    verdict: Verdict,
    quorum: Quorum,
    copies: Vec<CopyDocument<'a>>,
    choices: &'a [Choice],
    recommended: Option<Way>,
}

#[derive(Serialize)]
struct CopyDocument<'a> {
    host: &'a str,
    state: &'static str,
    member_id: Option<Id>,
    cluster_id: Option<Id>,
    part: Option<Part>,
    running: Option<bool>,
    fenced: Option<bool>,
    data_dir: Option<&'a str>,
    term: Option<u64>,
    commit: Option<u64>,
    consistent_index: Option<u64>,
    last_term: Option<u64>,
    last_index: Option<u64>,
    uncommitted: Option<u64>,
    revision: Option<u64>,
    db_size: Option<u64>,
    v2_data: Option<bool>,
    alarms: &'a [String],
    damage: &'a [String],
    notes: &'a [String],
    cause: Option<&'a str>,
}

fn state(copy: &CopySeen) -> &'static str {
    if !copy.there {
        "empty"
    } else if copy.intact() {
        "intact"
    } else {
        "damaged"
    }
}

fn document<'a>(host: &'a str, copy: &'a Result<CopySeen, CallError>) -> CopyDocument<'a> {
    let read = copy.as_ref().ok();
    let data = read.filter(|copy| copy.there);
    let lines = |pick: fn(&CopySeen) -> &Vec<String>| read.map_or(&[][..], |copy| pick(copy).as_slice());
    CopyDocument {
        host,
        state: read.map_or("unreachable", state),
        member_id: data.and_then(|copy| copy.member),
        cluster_id: data.and_then(|copy| copy.cluster),
        part: data.map(|copy| copy.part),
        running: read.map(|copy| copy.running),
        fenced: read.map(|copy| copy.fenced),
        data_dir: read.and_then(|copy| copy.data_dir.as_deref()),
        term: data.map(|copy| copy.term),
        commit: data.map(|copy| copy.commit),
        consistent_index: data.map(|copy| copy.consistent_index),
        last_term: data.map(|copy| copy.last_term),
        last_index: data.map(|copy| copy.last_index),
        uncommitted: data.map(CopySeen::uncommitted),
        revision: data.map(|copy| copy.revision),
        db_size: data.map(|copy| copy.db_size),
        v2_data: data.map(|copy| copy.v2_data),
        alarms: lines(|copy| &copy.alarms),
        damage: lines(|copy| &copy.damage),
        notes: lines(|copy| &copy.notes),
        cause: copy.as_ref().err().map(|error| error.message.as_str()),
    }
}

/// The document of `recover -o json`.
pub fn json(ui: &Ui, cluster: &ClusterConfig, (verdict, quorum): (Verdict, Quorum), found: &Found, choices: &Choices) {
    ui.json(&Document {
        schema: "etcdops/recover/v1",
        cluster: &cluster.name,
        verdict,
        quorum,
        copies: found.copies.iter().map(|(host, copy)| document(host, copy)).collect(),
        choices: &choices.all,
        recommended: choices.recommended.map(|at| choices.all[at].way),
    });
}

/// Every copy, then what can be done.
pub fn render(ui: &Ui, found: &Found, choices: &Choices) -> String {
    let width = ui.screen.prose_width();
    let mut table = Table::new([
        Column::Name("HOST"),
        Column::Name("COPY"),
        Column::Name("MEMBER"),
        Column::Number("COMMITTED"),
        Column::Number("AFTER THAT"),
        Column::Number("LAST TERM"),
        Column::Number("REVISION"),
    ]);
    let mut notes = Vec::new();
    for (host, copy) in &found.copies {
        match copy {
            Ok(copy) => table.row(row(host, copy)),
            Err(error) => {
                table.row([Cell::new(host), Cell::toned("unreachable", Tone::Bad)]);
                notes.push(text::wrap(&format!("{host}: "), &error.message, width));
            }
        }
        for line in copy
            .iter()
            .flat_map(|copy| copy.damage.iter().chain(&copy.notes).chain(&copy.alarms))
        {
            notes.push(text::wrap(&format!("{host}: "), line, width));
        }
        if copy.as_ref().is_ok_and(|copy| copy.v2_data) {
            let warning = "holds data of the v2 API: no snapshot has any of it";
            notes.push(text::wrap(&format!("{host}: "), warning, width));
        }
    }
    let mut parts = vec![table.render(ui.paint(), ui.screen.data_columns)];
    if !notes.is_empty() {
        parts.push(notes.join("\n"));
    }
    let mut ways = vec!["What can be done, and what it would lose:".to_owned()];
    for (place, choice) in choices.all.iter().enumerate() {
        ways.push(way(place, choice, choices.recommended == Some(place), width));
    }
    parts.push(ways.join("\n"));
    if choices.recommended.is_none() {
        let nothing = "Nothing here can bring the cluster back: no quorum can be started, no copy can be used, no backup is known.";
        parts.push(text::wrap("", nothing, width));
    }
    parts.join("\n\n")
}

fn row(host: &str, copy: &CopySeen) -> Vec<Cell> {
    let tone = if copy.intact() { Tone::Good } else { Tone::Bad };
    let mut what = state(copy).to_owned();
    for (is, word) in [(copy.running, "running"), (copy.fenced, "fenced")] {
        if is {
            what.push_str(", ");
            what.push_str(word);
        }
    }
    if !copy.there {
        return vec![Cell::new(host), Cell::toned(what, tone)];
    }
    let part = match copy.part {
        Part::Voter => "",
        Part::Learner => " (learner)",
        Part::Removed => " (removed)",
        Part::Unknown => " (unknown)",
    };
    let member = copy.member.map(|id| id.to_string()).unwrap_or_default();
    vec![
        Cell::new(host),
        Cell::toned(what, tone),
        Cell::new(format!("{member}{part}")),
        Cell::new(copy.committed().to_string()),
        Cell::new(copy.uncommitted().to_string()),
        Cell::new(copy.last_term.to_string()),
        Cell::new(copy.revision.to_string()),
    ]
}

fn way(place: usize, choice: &Choice, recommended: bool, width: usize) -> String {
    let head = format!("  {}. ", place + 1);
    let mark = if recommended { "   (recommended)" } else { "" };
    let mut lines = vec![text::wrap(&head, &format!("{}{mark}", choice.what), width)];
    lines.push(match &choice.refused {
        Some(why) => text::wrap("     cannot be done: ", why, width),
        None => text::wrap("     loses: ", &choice.loses, width),
    });
    if choice.refused.is_none() {
        lines.push(format!("     {}", choice.command));
    }
    lines.join("\n")
}
