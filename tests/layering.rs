//! The folders of `src` stand in one order; a module names only lower ones or its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Lowest first.
const ORDER: [&str; 14] = [
    "base",
    "cluster",
    "snapshot",
    "call",
    "action",
    "runbook",
    "plan",
    "event",
    "transport",
    "look",
    "playground",
    "run",
    "ui",
    "commands",
];
const TOP: &str = "cli";

fn rank(folder: &str) -> Option<usize> {
    if folder == TOP {
        return Some(ORDER.len());
    }
    ORDER.iter().position(|name| *name == folder)
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The text without comments, on one line per statement as far as that matters here.
fn without_comments(text: &str) -> String {
    text.lines()
        .map(|line| line.find("//").map_or(line, |start| &line[..start]))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The first names behind each `crate::`, also those of a group.
fn named_folders(text: &str) -> Vec<String> {
    let text = without_comments(text);
    let mut found = Vec::new();
    for (start, matched) in text.match_indices("crate::") {
        let before = text[..start].chars().next_back();
        if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == '$') {
            continue;
        }
        let rest = &text[start + matched.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            found.extend(group_heads(group));
        } else {
            found.push(head(rest));
        }
    }
    found
}

fn head(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .collect()
}

/// `event, ui::{Ui, text}, plan as p}` → event, ui, plan.
fn group_heads(group: &str) -> Vec<String> {
    let mut depth = 0_u32;
    let mut heads = vec![head(group)];
    for (place, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(head(&group[place + 1..])),
            _ => {}
        }
    }
    heads.retain(|name| !name.is_empty());
    heads
}

/// `use super::…` at the left margin that climbs out of its folder would hide the order.
fn climbs_out(text: &str, depth: usize) -> bool {
    without_comments(text)
        .lines()
        .filter_map(|line| line.strip_prefix("pub ").unwrap_or(line).strip_prefix("use "))
        .any(|used| used.matches("super::").count() >= depth && used.starts_with("super::"))
}

#[test]
fn each_folder_names_only_lower_ones() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 30, "the sources were not found");
    for folder in ORDER.iter().chain([&TOP]) {
        let there = root.join(folder).is_dir() || root.join(folder).with_extension("rs").is_file();
        assert!(there, "`{folder}` stands in the order, and there is no such folder");
    }
    let mut wrong = Vec::new();
    for path in files {
        let place = path.strip_prefix(&root).unwrap();
        let parts: Vec<&str> = place.iter().map(|part| part.to_str().unwrap()).collect();
        let folder = parts[0].trim_end_matches(".rs");
        if parts.len() == 1 && (folder == "main" || folder == "lib") {
            continue;
        }
        let Some(own) = rank(folder) else {
            wrong.push(format!("{}: `{folder}` has no place in the order", place.display()));
            continue;
        };
        let text = std::fs::read_to_string(&path).unwrap();
        for named in named_folders(&text) {
            match rank(&named) {
                Some(other) if named == folder || other < own => {}
                Some(_) => wrong.push(format!("{}: {folder} may not name {named}", place.display())),
                None => wrong.push(format!("{}: crate::{named} has no place in the order", place.display())),
            }
        }
        let depth = parts.len() - usize::from(parts.last() == Some(&"mod.rs"));
        if climbs_out(&text, depth) {
            wrong.push(format!(
                "{}: write `crate::…` instead of climbing out by `super`",
                place.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_reader_sees_every_way_of_naming() {
    let text = "use crate::event;\nuse crate::{plan::types::Plan, ui::{Ui, text}, run};\n// crate::cli\nfn f() -> crate::look::Look { $crate::x }";
    assert_eq!(named_folders(text), ["event", "plan", "ui", "run", "look"]);
    assert!(climbs_out("use super::super::cli;", 2));
    assert!(!climbs_out("use super::text;", 2));
}

#[test]
fn no_test_file_is_forgotten() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    let named: BTreeSet<&str> = main
        .lines()
        .filter_map(|line| line.trim().strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let is_test = path.extension().is_some_and(|ending| ending == "rs") && stem != "main";
        assert!(
            !is_test || named.contains(stem),
            "tests/{stem}.rs is not named in tests/main.rs"
        );
    }
}
