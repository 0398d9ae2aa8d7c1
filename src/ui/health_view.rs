//! How health and the member list look: for people, as JSON, as a monitoring plugin's line.

mod document;

pub use document::{health_json, members_json};

use super::Ui;
use super::paint::{Paint, Tone};
use super::table::{Cell, Column, Table};
use super::text;
use crate::cluster::host::ClusterConfig;
use crate::cluster::observed::{MemberSeen, Observed, Role, Standing};
use crate::look::problems::name;
use crate::look::verdict::{Health, Severity, Verdict};

/// From this width on the table shows everything.
const WIDE: usize = 140;

fn role(seen: &MemberSeen) -> &'static str {
    match seen.role {
        Some(Role::Leader) => "leader",
        Some(Role::Follower) => "follower",
        Some(Role::Learner) => "learner",
        Some(Role::Unstarted) => "unstarted",
        None => "",
    }
}

fn status(seen: &MemberSeen) -> Cell {
    match seen.standing {
        Standing::Healthy => Cell::toned("healthy", Tone::Good),
        Standing::Unhealthy => Cell::toned("unhealthy", Tone::Bad),
        Standing::Unreachable => Cell::toned("unreachable", Tone::Bad),
    }
}

fn id(seen: &MemberSeen) -> String {
    seen.member
        .as_ref()
        .map_or_else(String::new, |member| member.id.to_string())
}

fn shown<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn latency(seen: &MemberSeen) -> String {
    seen.latency_ms.map_or_else(String::new, |took| format!("{took:.1} ms"))
}

fn size(seen: &MemberSeen) -> String {
    seen.db_size.map_or_else(String::new, text::bytes)
}

fn member_name(seen: &MemberSeen) -> Cell {
    let name = match &seen.member {
        Some(member) if member.started() => member.name.clone(),
        Some(member) => member.id.to_string(),
        None => name(seen),
    };
    if seen.role == Some(Role::Leader) {
        Cell::toned(name, Tone::Strong)
    } else {
        Cell::new(name)
    }
}

fn health_table(observed: &Observed, paint: Paint, columns: Option<usize>) -> String {
    let wide = columns.is_none_or(|columns| columns >= WIDE);
    let mut table = if wide {
        Table::new([
            Column::Name("MEMBER"),
            Column::Name("ID"),
            Column::Name("ROLE"),
            Column::Name("STATUS"),
            Column::Name("VERSION"),
            Column::Number("DB SIZE"),
            Column::Number("IN USE"),
            Column::Number("TERM"),
            Column::Number("INDEX"),
            Column::Number("LATENCY"),
            Column::Name("ALARMS"),
            Column::Name("ENDPOINT"),
        ])
    } else {
        Table::new([
            Column::Name("MEMBER"),
            Column::Name("ROLE"),
            Column::Name("STATUS"),
            Column::Name("VERSION"),
            Column::Number("DB SIZE"),
            Column::Number("LATENCY"),
            Column::Name("ALARMS"),
        ])
    };
    for seen in &observed.members {
        let alarms = seen.alarms.as_ref().map_or_else(String::new, |alarms| alarms.join(","));
        let alarms = Cell::toned(alarms, Tone::Bad);
        let version = Cell::new(shown(seen.version));
        if wide {
            table.row([
                member_name(seen),
                id(seen).into(),
                role(seen).into(),
                status(seen),
                version,
                size(seen).into(),
                seen.db_size_in_use.map_or_else(String::new, text::bytes).into(),
                shown(seen.raft_term).into(),
                shown(seen.raft_index).into(),
                latency(seen).into(),
                alarms,
                seen.endpoint.as_str().into(),
            ]);
        } else {
            table.row([
                member_name(seen),
                role(seen).into(),
                status(seen),
                version,
                size(seen).into(),
                latency(seen).into(),
                alarms,
            ]);
        }
    }
    table.render(paint, columns)
}

fn headline(cluster: &ClusterConfig, observed: &Observed, health: &Health, paint: Paint) -> String {
    let word = health.verdict.word();
    let word = match health.verdict {
        Verdict::Healthy => paint.green(word),
        Verdict::Degraded => paint.yellow(word),
        Verdict::NoQuorum | Verdict::Unknown => paint.red(word),
    };
    let quorum = health.quorum;
    let mut parts = vec![format!("{} of {} voters healthy", quorum.healthy, quorum.voters)];
    parts.push(match health.verdict {
        Verdict::Healthy | Verdict::Degraded => format!(
            "{} needed, tolerates {} more failure{}",
            quorum.needed,
            quorum.tolerates,
            if quorum.tolerates == 1 { "" } else { "s" }
        ),
        Verdict::NoQuorum | Verdict::Unknown => format!("{} needed", quorum.needed),
    });
    let leader = observed.leader.and_then(|id| observed.by_id(id));
    parts.push(leader.map_or_else(|| "no leader known".to_owned(), |seen| format!("leader {}", name(seen))));
    format!("{}: {word}: {}", cluster.name, parts.join(", "))
}

/// What is wrong, each with what to type.
fn problems(health: &Health, paint: Paint, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for problem in &health.problems {
        let head = match problem.severity {
            Severity::Critical => paint.red("critical:"),
            Severity::Warning | Severity::Notice => paint.yellow("warning:"),
        };
        lines.push(text::wrap(&format!("{head} "), &text::harmless(&problem.text), columns));
        let arrow = format!("      {} ", paint.cyan("->"));
        lines.push(text::wrap(&arrow, &text::harmless(&problem.hint), columns));
    }
    lines
}

/// Health for people, without a line feed at its end.
pub fn health_text(ui: &Ui, cluster: &ClusterConfig, observed: &Observed, health: &Health) -> String {
    let paint = ui.paint();
    let columns = ui.screen.data_columns;
    let prose = columns.unwrap_or(100).min(110);
    let mut parts = vec![text::wrap("", &headline(cluster, observed, health, paint), prose)];
    if !observed.members.is_empty() {
        parts.push(String::new());
        parts.push(health_table(observed, paint, columns));
    }
    if !health.problems.is_empty() {
        parts.push(String::new());
        parts.extend(problems(health, paint, prose));
    }
    parts.join("\n")
}

/// The member list for people.
pub fn members_text(ui: &Ui, observed: &Observed) -> String {
    let mut table = Table::new([
        Column::Name("NAME"),
        Column::Name("ID"),
        Column::Name("HOST"),
        Column::Name("ROLE"),
        Column::Name("STATUS"),
        Column::Name("VERSION"),
        Column::Name("PEER URLS"),
        Column::Name("CLIENT URLS"),
    ]);
    for seen in &observed.members {
        let urls = |urls: &[String]| urls.join(",");
        let member = seen.member.as_ref();
        let host = seen
            .host
            .clone()
            .filter(|host| member.is_none_or(|member| member.name != *host));
        table.row([
            member_name(seen),
            id(seen).into(),
            host.unwrap_or_default().into(),
            role(seen).into(),
            status(seen),
            Cell::new(shown(seen.version)),
            member.map_or_else(String::new, |member| urls(&member.peer_urls)).into(),
            member
                .map_or_else(|| seen.endpoint.clone(), |member| urls(&member.client_urls))
                .into(),
        ]);
    }
    table.render(ui.paint(), ui.screen.data_columns)
}

/// A monitoring plugin's line: `ETCD OK - … | performance data`.
pub fn nagios_line(cluster: &ClusterConfig, observed: &Observed, health: &Health, code: u8) -> String {
    let word = ["OK", "WARNING", "CRITICAL", "UNKNOWN"][usize::from(code.min(3))];
    let first = health.problems.first().map_or_else(String::new, |problem| {
        let more = match health.problems.len() {
            1 => String::new(),
            several => format!(" (and {} more)", several - 1),
        };
        format!("; {}{more}", problem.text)
    });
    let quorum = health.quorum;
    // A bar or a line feed would end the text part.
    let text = format!(
        "{}: {}, {} of {} voters healthy{first}",
        cluster.name,
        health.verdict.word(),
        quorum.healthy,
        quorum.voters
    )
    .replace(['|', '\n', '\r'], " ");
    let mut data = vec![
        format!("voters={};;;0", quorum.voters),
        format!(
            "healthy={};{}:;{}:;0;{}",
            quorum.healthy, quorum.voters, quorum.needed, quorum.voters
        ),
        format!("problems={};;;0", health.problems.len()),
    ];
    let longest = observed
        .members
        .iter()
        .filter_map(|seen| seen.latency_ms)
        .fold(None, |longest: Option<f64>, took| {
            Some(longest.map_or(took, |longest| longest.max(took)))
        });
    if let Some(took) = longest {
        data.push(format!("latency={took:.3}ms;;;0"));
    }
    if let Some(size) = observed.members.iter().filter_map(|seen| seen.db_size).max() {
        data.push(format!("db_size={size}B;;;0"));
    }
    format!("ETCD {word} - {} | {}", text::harmless(&text), data.join(" "))
}
