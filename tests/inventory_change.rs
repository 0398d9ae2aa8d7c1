//! What the inventory should say when members are others: shown after every way to carry a plan out, written only where that was asked.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use crate::support::cli::Cli;
use crate::support::etcd;

/// A playground of three members and a spare host; taken down at the end.
struct World(Cli);

impl World {
    fn new() -> Self {
        let world = Self(Cli::new());
        let etcd = etcd::programs(etcd::USUAL);
        let up = ["playground", "up", "--spare", "1", "--etcd", etcd.to_str().unwrap()];
        let _ = world.0.run(up).code(0);
        world
    }

    fn inventory(&self) -> PathBuf {
        self.0.folder("data").join("etcdops/playground/inventory.yaml")
    }

    fn endpoints(&self) -> String {
        let text = fs::read_to_string(self.inventory()).unwrap();
        text.lines()
            .find(|line| line.contains("endpoints:"))
            .unwrap()
            .to_owned()
    }

    fn newest_run(&self) -> String {
        let ran = self.0.run(["runs", "list", "-o", "json"]).code(0);
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        document["runs"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Carries something out until this step begins, then is killed.
    fn killed_at(&self, words: &[&str], step: &str) {
        let mut child = self.0.program().args(words).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains(step)), "{step} never came");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.0.run(["playground", "down"]);
    }
}

/// A diff is shown in which the line of endpoints that has this URL comes or goes.
fn changed(shown: &str, sign: char, url: &str) -> bool {
    shown
        .lines()
        .any(|line| line.starts_with(sign) && line.contains("endpoints:") && line.contains(url))
}

#[test]
fn the_change_is_shown_after_every_way_and_written_only_where_asked() {
    let world = World::new();
    let run = |words: &[&str]| world.0.run(words).code(0);
    let before = fs::read_to_string(world.inventory()).unwrap();
    let client = before
        .lines()
        .skip_while(|line| !line.contains("etcd-4:"))
        .find_map(|line| {
            let url = line.trim().strip_prefix("client_url: ")?;
            Some(url.to_owned())
        });
    let client = client.unwrap();
    assert!(!world.endpoints().contains(&client), "a spare host is no endpoint");

    // Killed in the middle, resumed: shown, the file is as it was.
    let add = ["add-member", "etcd-4", "--no-backup", "--yes", "-o", "json"];
    world.killed_at(&add, "new/join/joined/start");
    let id = world.newest_run();
    let resumed = run(&["resume", &id, "--yes"]);
    let write = format!("etcdops resume {id} --write-inventory");
    assert!(changed(&resumed.stderr, '+', &client), "{}", resumed.stderr);
    let flat = resumed.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(&write), "{}", resumed.stderr);
    assert_eq!(fs::read_to_string(world.inventory()).unwrap(), before);
    let _ = run(&["resume", &id, "--write-inventory"]);
    assert!(world.endpoints().contains(&client), "{}", world.endpoints());

    // A plan file: shown.
    let plan = world.0.work().join("plan.json");
    let plan = plan.to_str().unwrap();
    let _ = run(&["remove-member", "etcd-4", "--no-backup", "--plan-out", plan]);
    let applied = run(&["apply", plan, "--yes"]);
    assert!(changed(&applied.stderr, '-', &client), "{}", applied.stderr);
    assert!(world.endpoints().contains(&client), "{}", world.endpoints());
    let _ = run(&["resume", &world.newest_run(), "--write-inventory"]);
    assert_eq!(fs::read_to_string(world.inventory()).unwrap(), before);

    // `run`: written.
    let add = [
        "run",
        "add-member",
        "--set",
        "host=etcd-4",
        "--set",
        "take_backup=false",
        "--yes",
    ];
    let shown = run(&[&add[..], &["--write-inventory"]].concat());
    assert!(shown.stderr.contains("is written"), "{}", shown.stderr);
    assert!(world.endpoints().contains(&client), "{}", world.endpoints());

    // Nothing about members: nothing to write.
    let other = run(&["run", "restart", "--set", "hosts=etcd-4", "--yes", "--write-inventory"]);
    assert!(other.stderr.contains("changed no members"), "{}", other.stderr);
}
