//! The runbook format: mistakes as they are told, and the embedded runbooks.

use std::path::{Path, PathBuf};

use etcdops::base::yaml::{Source, render};
use etcdops::runbook::catalogue::Catalogue;
use etcdops::runbook::check::check;
use etcdops::runbook::embedded::EMBEDDED;
use etcdops::runbook::parse::parse;
use etcdops::runbook::schema::json_schema;
use proptest::prelude::*;
use serde_json::Value;

use crate::support::cli::Cli;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn told(name: &str, text: &str) -> String {
    let source = Source::new(name, text);
    let found = match parse(source.clone()) {
        Err(found) => found,
        Ok(document) => check(&document, &Catalogue::embedded()),
    };
    render(&found, &source, false, None)
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    files.sort();
    files
}

/// Each `tests/runbooks/bad/NAME.yaml` is told as `NAME.txt` says. `ETCDOPS_BLESS=1` writes the latter anew.
#[test]
fn mistakes_are_told_to_the_letter() {
    let mut wrong = Vec::new();
    for path in yaml_files(&folder("tests/runbooks/bad")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let told = format!("{}\n", told(&name, &std::fs::read_to_string(&path).unwrap()));
        let expected = path.with_extension("txt");
        if std::env::var_os("ETCDOPS_BLESS").is_some() {
            etcdops::base::files::write_private(&expected, told.as_bytes()).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != told {
            wrong.push(format!("{name} is told as:\n{told}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_what_can_be_given_back_is_held() {
    let text = "title: x\nsteps:\n  - id: a\n    hosts: etcd-1\n    hold: {service.start: {}}\n    steps: [{id: b, do: {wait: {}}}]\n";
    let told = told("held.yaml", text);
    assert!(
        told.contains("`service.start` cannot be held: nothing gives it back"),
        "{told}"
    );
    assert!(told.contains("help: these can: service.stop"), "{told}");
}

#[test]
fn the_embedded_runbooks_are_the_folder() {
    let mut files: Vec<String> = yaml_files(&folder("runbooks"))
        .iter()
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let embedded: Vec<&str> = EMBEDDED.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        embedded, files,
        "src/runbook/embedded.rs lists runbooks/*.yaml in order"
    );
}

#[test]
fn the_embedded_runbooks_have_no_mistake() {
    let mut wrong = Vec::new();
    for (name, text) in EMBEDDED {
        let told = told(&format!("{name}.yaml"), text);
        if !told.is_empty() {
            wrong.push(told);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// After a reboot the action sets again what the runbook's override has set.
#[test]
fn every_forced_start_has_the_settings_of_its_action() {
    let settings: Vec<String> = etcdops::action::etcd_force::settings()
        .iter()
        .map(|(name, value)| format!("{name}: \"{value}\""))
        .collect();
    let wanted = format!(
        "hold: {{service.override: {{name: force-new-cluster, settings: {{{}}}}}}}",
        settings.join(", ")
    );
    for (name, text) in EMBEDDED {
        let forced = text.matches("etcd.force_new_cluster:").count();
        assert_eq!(text.matches(&wanted).count(), forced, "{name}: {wanted}");
    }
}

/// `ETCDOPS_BLESS=1` writes it anew.
#[test]
fn the_schema_file_is_current() {
    let path = folder("runbooks/schema.json");
    let text = format!("{}\n", serde_json::to_string_pretty(&json_schema()).unwrap());
    if std::env::var_os("ETCDOPS_BLESS").is_some() {
        etcdops::base::files::write_private(&path, text.as_bytes()).unwrap();
    }
    let is_current = std::fs::read_to_string(&path).unwrap_or_default() == text;
    assert!(
        is_current,
        "write runbooks/schema.json anew: ETCDOPS_BLESS=1 cargo test --test main schema_file"
    );
}

#[test]
fn the_schema_accepts_the_embedded_runbooks_and_refuses_mistakes() {
    let schema = json_schema();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for (name, text) in EMBEDDED {
        let value: Value = serde_yaml::from_str(text).unwrap();
        let wrong: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{name}{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
    for text in [
        "title: x\nsteps: [{id: a}]",
        "title: x\nsteps: [{id: a, do: {service.stopp: {}}}]",
        "title: x\nsteps: [{id: a, do: {service.stop: {fence: maybe}}}]",
        "title: x\nsteps: [{id: a, hold: {service.start: {}}, steps: [{id: b, do: {wait: {}}}]}]",
        "title: x\nstep: []",
    ] {
        let value: Value = serde_yaml::from_str(text).unwrap();
        assert!(!validator.is_valid(&value), "{text}");
    }
}

/// One change to a text: cut, doubled, moved, or with something put in.
fn mutated(text: &str, kind: u8, at: usize, length: usize, put: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let at = at % (letters.len() + 1);
    let end = (at + length).min(letters.len());
    let part: String = letters[at..end].iter().collect();
    let head: String = letters[..at].iter().collect();
    let tail: String = letters[end..].iter().collect();
    match kind % 4 {
        0 => format!("{head}{tail}"),
        1 => format!("{head}{part}{part}{tail}"),
        2 => format!("{part}{head}{tail}"),
        _ => format!("{head}{put}{part}{tail}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_checker_panic(
        which in 0..EMBEDDED.len(),
        changes in proptest::collection::vec((any::<u8>(), any::<usize>(), 0_usize..40, "[ -~\n\t\u{e9}]{0,6}|\\$\\{\\{|\\}\\}|steps\\.|: |- |\\[|\\{|&a|\\*a|!!x "), 1..6),
    ) {
        let mut text = EMBEDDED[which].1.to_owned();
        for (kind, at, length, put) in changes {
            text = mutated(&text, kind, at, length, &put);
        }
        let source = Source::new("x.yaml", text);
        let found = match parse(source.clone()) {
            Err(found) => {
                prop_assert!(!found.is_empty());
                found
            }
            Ok(document) => check(&document, &Catalogue::embedded()),
        };
        for one in &found {
            prop_assert!(one.span.end <= source.text.len());
        }
        let _ = render(&found, &source, false, None);
    }
}

#[test]
fn includes_in_a_circle_are_shown_as_a_chain() {
    let cli = Cli::new();
    let own = cli.folder("config").join("etcdops/runbooks");
    std::fs::create_dir_all(&own).unwrap();
    let write = |name: &str, include: &str| {
        let text = format!("title: x\nsteps:\n  - {{id: a, include: {include}}}\n");
        etcdops::base::files::write_private(&own.join(name), text.as_bytes()).unwrap();
    };
    write("one.yaml", "two");
    write("two.yaml", "three");
    write("three.yaml", "one");
    let _ = cli.run(["runbooks", "check", "one"]).code(2).shows(&[
        "runbooks include each other in a circle",
        "one → two → three → one",
        "one.yaml:3:22",
        "1 mistake",
    ]);
}

#[test]
fn a_runbook_of_ones_own_is_begun_checked_and_wins() {
    let cli = Cli::new();
    let _ = cli
        .run(["runbooks", "new", "restart", "--from", "restart"])
        .code(0)
        .stdout("$ROOT/config/etcdops/runbooks/restart.yaml\n")
        .says(&["stands before the built-in one", "etcdops runbooks check restart"]);
    let text = std::fs::read_to_string(cli.folder("config").join("etcdops/runbooks/restart.yaml")).unwrap();
    assert!(
        text.starts_with("# yaml-language-server: $schema=./schema.json\ntitle: Restart"),
        "{text}"
    );
    let _ = cli
        .run(["runbooks", "check", "restart"])
        .code(0)
        .stdout("1 runbook checked, no mistake\n");
    let _ = cli
        .run(["runbooks", "list"])
        .code(0)
        .shows(&["yours, before the built-in one", "Stop etcd on HOSTS"]);
    let _ = cli
        .run(["runbooks", "show", "restart"])
        .code(0)
        .says(&["is yours"])
        .shows(&["leader.move"]);
    let _ = cli
        .run(["runbooks", "new", "restart"])
        .code(2)
        .says(&["is there already"]);
    let _ = cli
        .run(["runbooks", "new", "../x"])
        .code(2)
        .says(&["cannot be the name of a runbook"]);
}

#[test]
fn runbooks_are_told_as_json_and_unknown_ones_with_the_nearest_name() {
    let cli = Cli::new();
    let ran = cli.run(["runbooks", "list", "-o", "json"]).code(0);
    let list: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(list["schema"], "etcdops/runbooks/v1");
    assert_eq!(list["runbooks"].as_array().unwrap().len(), EMBEDDED.len());
    let bad = cli.write("bad.yaml", "title: x\nsteps:\n  - {id: a, do: {service.stopp: {}}}\n");
    let ran = cli
        .run(["runbooks", "check", "-o", "json", bad.to_str().unwrap()])
        .code(2);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let mistake = &told["runbooks"][0]["mistakes"][0];
    assert_eq!(mistake["line"], 3);
    assert_eq!(mistake["hint"], "did you mean `service.stop`?");
    let _ = cli
        .run(["runbooks", "show", "restrat"])
        .code(2)
        .says(&["there is no runbook `restrat`", "did you mean `restart`?"]);
    let _ = cli
        .run(["runbooks", "show", "/nowhere.yaml"])
        .code(2)
        .says(&["cannot read /nowhere.yaml"]);
    let _ = cli
        .run(["runbooks", "reference", "service.stop"])
        .code(0)
        .shows(&["fence: true or false", "Output: data_dir (text)"]);
    let _ = cli
        .run(["runbooks", "reference", "service.stpo"])
        .code(2)
        .says(&["did you mean `service.stop`?"]);
    let ran = cli.run(["runbooks", "schema"]).code(0);
    assert!(ran.stdout.contains("action.service.stop"));
}
