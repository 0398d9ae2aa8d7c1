//! What the README shows is true: its inventory and its runbook are read by the program, and it stays short.

use etcdops::base::yaml::{Source, render};
use etcdops::cluster::inventory::Inventory;
use etcdops::runbook::catalogue::Catalogue;
use etcdops::runbook::check::check;
use etcdops::runbook::parse::parse;

const README: &str = include_str!("../README.md");

/// The indented block whose first line begins with `first`.
fn block(first: &str) -> String {
    let lines = README
        .lines()
        .skip_while(|line| !line.starts_with(&format!("    {first}")));
    let block = lines.take_while(|line| line.is_empty() || line.starts_with("    "));
    let text: Vec<&str> = block.map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
    assert!(!text.is_empty(), "the README has no block that begins with `{first}`");
    text.join("\n")
}

#[test]
fn it_is_short_and_opens_with_the_two_commands() {
    assert!(README.lines().count() < 200);
    let top: Vec<&str> = README.lines().take(12).collect();
    for command in ["    make try", "    make test"] {
        assert!(top.iter().any(|line| line.starts_with(command)), "{top:#?}");
    }
}

#[test]
fn its_inventory_is_read() {
    let source = Source::new("README.md", block("clusters:"));
    let inventory = Inventory::load(&source).unwrap_or_else(|found| panic!("{}", render(&found, &source, false, None)));
    let cluster = inventory.cluster("tools-k8s").unwrap();
    assert_eq!(cluster.config.hosts.len(), 3);
}

#[test]
fn its_runbook_is_right() {
    let source = Source::new("README.md", block("title:"));
    let found = match parse(source.clone()) {
        Err(found) => found,
        Ok(document) => check(&document, &Catalogue::embedded()),
    };
    assert!(found.is_empty(), "{}", render(&found, &source, false, None));
}
