//! The runbook format: mistakes as they are told, and the embedded runbooks.

use std::path::{Path, PathBuf};

use etcdops::base::yaml::{Source, render};
use etcdops::runbook::catalogue::Catalogue;
use etcdops::runbook::check::check;
use etcdops::runbook::embedded::EMBEDDED;
use etcdops::runbook::parse::parse;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn told(name: &str, text: &str) -> String {
    let source = Source::new(name, text);
    let found = match parse(source.clone()) {
        Err(found) => found,
        Ok(document) => check(&document, &Catalogue::embedded()),
    };
    render(&found, &source, false)
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

/// Named in the runbooks, not yet in the registry.
const PENDING: [&str; 10] = [
    "config.freeze",
    "service.override",
    "etcd.log_level",
    "file.put",
    "file.move",
    "file.move_aside",
    "disk",
    "clock",
    "version",
    "http",
];

#[test]
fn the_embedded_runbooks_have_no_mistake() {
    let mut wrong = Vec::new();
    for (name, text) in EMBEDDED {
        let source = Source::new(format!("{name}.yaml"), *text);
        let mut found = match parse(source.clone()) {
            Err(found) => found,
            Ok(document) => check(&document, &Catalogue::embedded()),
        };
        found.retain(|one| !PENDING.iter().any(|name| one.message.ends_with(&format!(" `{name}`"))));
        if !found.is_empty() {
            wrong.push(render(&found, &source, false));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
