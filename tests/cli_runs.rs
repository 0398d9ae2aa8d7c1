//! Runs from a command line: plans that are kept, runs that are cut off, and how they go on.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::cli_questions::World;
use crate::support::cli::Cli;
use crate::support::wait_until;

const PATIENCE: Duration = Duration::from_secs(60);

/// Two changes; the first one takes until it is let go.
const SLOW: &str = "\
title: Something slow
steps:
  - id: slow
    hosts: etcd-1
    do: {host.run: {script: 'echo x >>WORK/ran; until [ -e WORK/go ]; do sleep 0.05; done', repeatable: true}}
    within: 2m
  - {id: second, hosts: etcd-1, do: {host.run: {argv: [touch, WORK/second], repeatable: true}}}
";

/// A playground, and the slow runbook.
struct Slow(World);

impl Slow {
    fn new() -> Self {
        let world = World::new();
        let work = world.0.work().display().to_string();
        world.0.write("slow.yaml", &SLOW.replace("WORK", &work));
        Self(world)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.0.work().join(name)
    }

    /// How often the first change was begun.
    fn ran(&self) -> usize {
        std::fs::read_to_string(self.file("ran")).map_or(0, |text| text.lines().count())
    }

    fn has_begun(&self) {
        wait_until("the slow change has begun", PATIENCE, || self.ran() > 0);
    }

    fn let_go(&self) {
        self.0.0.write("go", "");
    }

    /// A run of it, without a terminal.
    fn begun(&self) -> Child {
        let mut command = self.0.0.program();
        command.args(["run", "./slow.yaml", "--yes"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.has_begun();
        child
    }

    /// Goes on to the same end: each change once.
    fn ends_well(&self, run: &str) {
        let _ = self.0.0.run(["resume", run, "--yes"]).code(0);
        assert!(self.file("second").exists());
        assert_eq!(self.ran(), 1, "begun once");
        assert_eq!(self.0.runs()[0]["state"], "done");
    }
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

#[test]
fn a_terminal_that_goes_away_stops_a_run_after_its_call() {
    let slow = Slow::new();
    let terminal = slow.0.terminal("run ./slow.yaml --yes");
    slow.has_begun();
    drop(terminal);
    slow.let_go();
    wait_until("the run has stopped", PATIENCE, || {
        slow.0.runs()[0]["state"] == "stopped"
    });
    assert!(!slow.file("second").exists(), "nothing more was begun");
    slow.ends_well(slow.0.runs()[0]["id"].as_str().unwrap());
}

#[test]
fn a_hangup_ends_a_run_with_5() {
    let slow = Slow::new();
    let mut child = slow.begun();
    // However often it comes: it never means "now".
    for _ in 0..3 {
        signal(&child, Signal::HUP);
    }
    slow.let_go();
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert!(!slow.file("second").exists(), "nothing more was begun");
    slow.ends_well(slow.0.runs()[0]["id"].as_str().unwrap());
}

#[test]
fn resume_shows_what_remains_and_what_is_in_doubt_and_asks() {
    let slow = Slow::new();
    let mut child = slow.begun();
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    let run = slow.0.runs()[0]["id"].as_str().unwrap().to_owned();
    let record = slow
        .0
        .0
        .folder("state")
        .join(format!("etcdops/runs/{run}/journal.jsonl"));
    let before = std::fs::read(&record).unwrap();

    let mut asked = slow.0.terminal(&format!("resume {run}"));
    let shown = asked.sees("Carry out this plan on cluster playground? [y/N] ");
    for words in [
        "2 of 2 steps remain",
        "in doubt: slow on etcd-1",
        "its end is not known",
        "etcd-1: run: touch",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    asked.types("n\r");
    asked.ends(4);
    let _ = slow.0.0.run(["resume", &run]).code(3).says(&["no terminal", "--yes"]);
    assert_eq!(std::fs::read(&record).unwrap(), before, "nothing was agreed to");

    slow.let_go();
    slow.ends_well(&run);
}

#[test]
fn a_kept_plan_is_carried_out_once_and_only_on_the_cluster_that_it_was_made_for() {
    let world = World::new();
    let run = |words: &[&str]| world.0.run(words);
    for file in ["one.plan", "two.plan"] {
        let _ = run(&["plan", "restart", "--set", "hosts=etcd-1", "--plan-out", file]).code(0);
    }
    let _ = run(&["apply", "one.plan"]).code(3).says(&["no terminal", "--yes"]);
    assert_eq!(world.runs(), [Value::Null; 0], "a plan is no run");
    let applied = run(&["apply", "one.plan", "--yes"]).code(0);
    assert!(!applied.stderr.contains("degraded"), "{}", applied.stderr);
    assert_eq!(world.runs()[0]["state"], "done");
    let _ = run(&["apply", "one.plan", "--yes"])
        .code(3)
        .says(&["carried out already", "nothing was changed"]);

    // Done, and the cluster is degraded by it: no failure, and not in silence.
    let _ = run(&["stop", "etcd-3", "--yes"])
        .code(0)
        .says(&["playground is degraded: 2 of 3 voters", "etcdops health"]);
    let _ = run(&["apply", "two.plan", "--yes"]).code(3).says(&[
        "has changed since",
        "etcd-3 was healthy",
        "nothing was changed",
    ]);
    assert_eq!(world.runs()[0]["state"], "refused");
}

#[test]
fn a_guard_that_nobody_knows_and_a_plugin_that_cannot_work() {
    let cli = Cli::new();
    cli.write(
        "etcdops.yaml",
        "clusters: {a: {endpoints: ['http://127.0.0.1:1'], bogus: 1}}",
    );
    let missing = [
        "health",
        "--endpoints",
        "https://127.0.0.1:1",
        "--cacert",
        "none.pem",
        "-o",
        "nagios",
    ];
    for words in [
        vec!["health", "-o", "nagios"],
        vec!["health", "-o", "nagios", "--bogus"],
        missing.to_vec(),
    ] {
        let ran = cli.run(&words).code(3);
        assert!(ran.stdout.starts_with("ETCD UNKNOWN - "), "{words:?}: {}", ran.stdout);
        assert_eq!(ran.stdout.lines().count(), 1, "{words:?}: {}", ran.stdout);
        assert!(!ran.stderr.is_empty(), "{words:?}: a person is told more");
    }
    let _ = cli.run(["health", "-o", "json", "--bogus"]).code(2).stdout("");
    cli.write("etcdops.yaml", "clusters: {a: {endpoints: ['http://127.0.0.1:1']}}");
    let _ = cli
        .run(["restart", "etcd-1", "--accept", "qourum", "--yes"])
        .code(2)
        .says(&["qourum", "did you mean `--accept quorum`?"]);
}
