//! Backups for people and as JSON.

use serde_json::{Value, json};

use super::paint::Tone;
use super::table::{Cell, Column, Table};
use super::text;
use crate::base::clock::rfc3339;
use crate::cluster::host::ClusterConfig;
use crate::snapshot::retention::Fate;
use crate::snapshot::{Form, How, Kept, Manifest, Proof, Shelf};

/// Names the form of `backups list -o json`.
pub const LIST: &str = "etcdops/backups/v1";
/// Of `backups prune -o json`.
const PRUNE: &str = "etcdops/prune/v1";

/// A row for each.
pub fn table(backups: &[Kept], now: jiff::Timestamp) -> Table {
    let mut table = Table::new([
        Column::Name("BACKUP"),
        Column::Name("AGE"),
        Column::Number("REVISION"),
        Column::Number("KEYS"),
        Column::Number("SIZE"),
        Column::Name("ETCD"),
        Column::Name("HOW"),
        Column::Prose("VERIFIED"),
    ]);
    for kept in backups {
        let manifest = &kept.manifest;
        let content = &manifest.content;
        let version = manifest
            .source
            .version
            .map_or_else(String::new, |version| version.to_string());
        table.row([
            Cell::new(manifest.name.as_str()),
            Cell::new(age(manifest.taken, now)),
            Cell::new(content.revision.to_string()),
            Cell::new(content.keys.to_string()),
            Cell::new(text::bytes(manifest.size)),
            Cell::new(version),
            Cell::new(how(manifest)),
            verified(manifest),
        ]);
    }
    table
}

fn how(manifest: &Manifest) -> &'static str {
    match (manifest.how, manifest.form) {
        (How::Live, _) => "live",
        (How::Added, Form::Database) => "added, bare db",
        (How::Added, Form::DataDir) => "added, data dir",
        (How::Added, Form::V2Backup) => "added, v2",
        (How::Added, Form::Snapshot) => "added",
        (How::Cold, Form::V2Backup) if manifest.v2_data => "cold, v2",
        (How::Cold, _) => "cold",
    }
}

fn verified(manifest: &Manifest) -> Cell {
    if let Some(damage) = &manifest.damage {
        return Cell::toned(format!("DAMAGED: {damage}"), Tone::Bad);
    }
    match &manifest.verified {
        None => Cell::toned("no", Tone::Warning),
        Some(proof) => match &proof.boot {
            Some(Proof::Booted { version }) => Cell::toned(format!("yes, booted by etcd {version}"), Tone::Good),
            _ => Cell::toned("yes", Tone::Good),
        },
    }
}

/// `5 min`, `3 h`, `12 d`.
fn age(taken: jiff::Timestamp, now: jiff::Timestamp) -> String {
    let seconds = now.duration_since(taken).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Everything about one, a line each.
pub fn one(kept: &Kept) -> String {
    let manifest = &kept.manifest;
    let content = &manifest.content;
    let or = |value: Option<String>| value.unwrap_or_else(|| "not known".to_owned());
    let members: Vec<String> = content
        .members
        .iter()
        .map(|member| format!("{} ({}) {}", member.name, member.id, member.peer_urls.join(",")))
        .collect();
    let mut lines = vec![
        ("backup", manifest.name.clone()),
        ("file", kept.path.clone()),
        ("taken", rfc3339(manifest.taken)),
        ("how", how(manifest).to_owned()),
        ("cluster", manifest.cluster.clone()),
        ("cluster ID", or(manifest.source.cluster_id.map(|id| id.to_string()))),
        ("from", or(manifest.source.host.clone())),
        ("member ID", or(manifest.source.member_id.map(|id| id.to_string()))),
        ("etcd", or(manifest.source.version.map(|version| version.to_string()))),
        (
            "size",
            format!("{} ({} bytes)", text::bytes(manifest.size), manifest.size),
        ),
        ("SHA-256", manifest.sha256.clone()),
        ("BLAKE3", or(manifest.blake3.clone())),
        ("etcd's hash", content.hash.clone()),
        ("revision", content.revision.to_string()),
        ("keys", content.keys.to_string()),
        (
            "entries",
            format!("{} (as etcdctl up to 3.5 counts keys)", content.entries),
        ),
        ("applied index", content.applied_index.to_string()),
        ("term", or(content.term.map(|term| term.to_string()))),
        ("storage version", or(content.storage_version.clone())),
        ("v2 data", if manifest.v2_data { "yes" } else { "none seen" }.to_owned()),
        ("auth", if content.auth { "on" } else { "off" }.to_owned()),
        ("users", content.users.to_string()),
        (
            "alarms",
            if content.alarms.is_empty() {
                "none".to_owned()
            } else {
                content.alarms.join(", ")
            },
        ),
        ("verified", verified_words(manifest)),
    ];
    lines.extend(members.into_iter().map(|member| ("member", member)));
    if let Some(run) = &manifest.run {
        lines.push(("run", run.to_string()));
    }
    let lines: Vec<String> = lines
        .into_iter()
        .map(|(name, value)| format!("{name:<16}{value}"))
        .collect();
    lines.join("\n")
}

fn verified_words(manifest: &Manifest) -> String {
    if let Some(damage) = &manifest.damage {
        return format!("DAMAGED: {damage}");
    }
    let Some(proof) = &manifest.verified else {
        return "no".to_owned();
    };
    let boot = match &proof.boot {
        None => String::new(),
        Some(Proof::Booted { version }) => format!(", etcd {version} starts from it"),
        Some(Proof::NotTried(why)) => format!(", not proved by boot: {why}"),
    };
    let by = proof
        .digest
        .map_or_else(String::new, |digest| format!(" by its {}", digest.name()));
    format!("{}{by}{boot}", rfc3339(proof.at))
}

/// One line after a check.
pub fn proved(kept: &Kept) -> String {
    let manifest = &kept.manifest;
    format!(
        "{}: every page is whole; revision {}, {}, {}; verified {}",
        manifest.name,
        manifest.content.revision,
        text::count(usize::try_from(manifest.content.keys).unwrap_or(usize::MAX), "key"),
        text::bytes(manifest.size),
        verified_words(manifest)
    )
}

pub fn one_json(kept: &Kept) -> Value {
    json!(kept)
}

pub fn list_json(cluster: &ClusterConfig, shelf: &Shelf) -> Value {
    let broken: Vec<Value> = shelf
        .broken
        .iter()
        .map(|(name, why)| json!({ "name": name, "why": why }))
        .collect();
    let folder = cluster.library();
    json!({
        "schema": LIST,
        "cluster": cluster.name,
        "folder": folder,
        "backups": shelf.backups.iter().map(one_json).collect::<Vec<_>>(),
        "broken": broken,
    })
}

/// What stays and what goes, and why.
pub fn fates(fates: &[Fate]) -> Table {
    let mut table = Table::new([Column::Name("BACKUP"), Column::Name("FATE"), Column::Prose("WHY")]);
    for fate in fates {
        let word = if fate.keep {
            Cell::toned("stays", Tone::Good)
        } else {
            Cell::toned("goes", Tone::Warning)
        };
        table.row([Cell::new(fate.name.as_str()), word, Cell::new(fate.why.as_str())]);
    }
    table
}

pub fn fates_json(cluster: &ClusterConfig, fates: &[Fate]) -> Value {
    let rows: Vec<Value> = fates
        .iter()
        .map(|fate| json!({ "name": fate.name, "keep": fate.keep, "why": fate.why }))
        .collect();
    json!({ "schema": PRUNE, "cluster": cluster.name, "backups": rows })
}
