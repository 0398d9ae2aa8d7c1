//! `resume --from` and `runs abandon --from` on a playground: which record counts, and that nothing is written before it is agreed to.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::cli::Cli;
use crate::support::etcd;

/// Changes something, then waits for what never comes.
const NEVER: &str = "\
title: Write a file and wait in vain
steps:
  - {id: written, hosts: etcd-1, do: {host.run: {argv: [touch, WORK/written], risk: change, repeatable: true}}}
  - id: vain
    do: {wait: {}}
    expect: [{service: {on: etcd-3, running: false}}]
    within: 1s
  - {id: never, hosts: etcd-1, do: {host.run: {argv: [touch, WORK/never], repeatable: true}}}
";

/// A run that has failed, on a playground that is taken down at the end.
struct World {
    cli: Cli,
    run: String,
}

impl World {
    fn new() -> Self {
        let cli = Cli::new();
        let work = cli.work().display().to_string();
        cli.write("never.yaml", &NEVER.replace("WORK", &work));
        let etcd = etcd::programs(etcd::USUAL);
        let _ = cli.run(["playground", "up", "--etcd", etcd.to_str().unwrap()]).code(0);
        let _ = cli.run(["run", "./never.yaml", "--yes"]).code(1);
        let listed = cli.run(["runs", "list", "-o", "json"]).code(0).stdout;
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let run = listed["runs"][0]["id"].as_str().unwrap().to_owned();
        Self { cli, run }
    }

    fn journal(&self) -> PathBuf {
        let runs = self.cli.folder("state").join("etcdops/runs");
        runs.join(&self.run).join("journal.jsonl")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.journal()).unwrap()
    }

    fn copy(&self, host: usize) -> PathBuf {
        let hosts = self.cli.folder("data").join("etcdops/playground/hosts");
        hosts.join(format!("etcd-{host}/state/{}/journal", self.run))
    }

    /// The copy on this host has only so many records.
    fn cut_copy(&self, host: usize, records: usize) {
        let text = first(&self.text(), records);
        fs::File::create(self.copy(host))
            .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
            .unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.cli.run(["playground", "down"]);
    }
}

/// It is refused, in these words, however they are wrapped.
fn refused(world: &World, words: &[&str], said: &[&str]) {
    let ran = world.cli.run(words).code(3);
    let text = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in said {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
}

fn first(text: &str, records: usize) -> String {
    text.lines().take(records).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn the_longest_record_counts_and_none_is_written_before_it_is_agreed_to() {
    let world = World::new();
    let whole = world.text();
    let (run, from) = (world.run.as_str(), "etcd-1");
    assert_eq!(fs::read_to_string(world.copy(1)).unwrap(), whole);

    // A copy that lags does not replace what is here; nor does one that nobody has agreed to.
    (1..=3).for_each(|host| world.cut_copy(host, 3));
    for words in [
        vec!["resume", run, "--from", from],
        vec!["runs", "abandon", run, "--from", from],
    ] {
        refused(&world, &words, &["no terminal"]);
        assert_eq!(world.text(), whole);
    }
    let _ = world.cli.run(["resume", run, "--from", from, "--yes"]).code(1);
    let grown = world.text();
    assert!(grown.starts_with(&whole) && grown.len() > whole.len(), "{grown}");

    // On another bastion the longest copy counts, whichever host is named.
    world.cut_copy(1, 3);
    let aside = world.journal().with_extension("aside");
    fs::rename(world.journal(), &aside).unwrap();
    for words in [
        vec!["resume", run, "--from", from],
        vec!["runs", "abandon", run, "--from", from],
    ] {
        refused(&world, &words, &["no terminal"]);
        assert!(!world.journal().exists(), "nothing was agreed to");
    }
    let _ = world.cli.run(["resume", run, "--from", from, "--yes"]).code(1);
    let adopted = world.text();
    assert!(adopted.starts_with(&grown) && adopted.len() > grown.len(), "{adopted}");

    // Back on the first one: its own record is behind, and says where it goes on.
    fs::rename(&aside, world.journal()).unwrap();
    refused(
        &world,
        &["resume", run, "--yes"],
        &["went on from another bastion", "--from etcd-1"],
    );
    assert_eq!(world.text(), grown);
    let _ = world.cli.run(["resume", run, "--from", "etcd-2", "--yes"]).code(1);
    assert!(world.text().starts_with(&adopted));

    // Two stories: neither is thrown away.
    let forked = first(&world.text(), 3) + &whole.lines().nth(3).unwrap().replace("\"at\":\"2", "\"at\":\"1") + "\n";
    fs::remove_file(world.journal()).unwrap();
    let file = fs::File::create_new(world.journal());
    file.and_then(|mut file| std::io::Write::write_all(&mut file, forked.as_bytes()))
        .unwrap();
    for words in [
        vec!["resume", run, "--yes"],
        vec!["resume", run, "--from", from, "--yes"],
    ] {
        refused(&world, &words, &["two stories after record 3", "mv ", "--from etcd-"]);
        assert_eq!(world.text(), forked);
    }
}
