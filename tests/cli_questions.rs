//! Questions on a real terminal: agreed to, declined, interrupted, typed; and the runs that come of them.

use serde_json::Value;

use crate::support::cli::Cli;
use crate::support::terminal::Terminal;
use crate::support::{etcd, hostile};

/// Changes something, then waits for what never comes.
const NEVER: &str = "\
title: Stop etcd-3 and wait in vain
steps:
  - {id: away, do: {leader.move: {away_from: etcd-3}}}
  - {id: stop, hosts: etcd-3, do: {service.stop: {}}}
  - id: vain
    do: {wait: {}}
    expect: [{service: {on: etcd-3, running: true}}]
    within: 1s
";

/// Says what it was given, through a host's shell.
/// A world with a playground of three members, taken down at the end.
pub struct World(pub Cli);

impl World {
    pub fn new() -> Self {
        let mut cli = Cli::new();
        cli.set("TERM", "xterm");
        cli.write("never.yaml", NEVER);
        let world = Self(cli);
        let etcd = etcd::programs(etcd::USUAL);
        let _ = world
            .0
            .run(["playground", "up", "--etcd", etcd.to_str().unwrap()])
            .code(0);
        world
    }

    pub fn runs(&self) -> Vec<Value> {
        let ran = self.0.run(["runs", "list", "-o", "json"]).code(0);
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(document["schema"], "etcdops/runs/v1");
        document["runs"].as_array().unwrap().clone()
    }

    /// The program on a terminal of its own.
    pub fn terminal(&self, words: &str) -> Terminal {
        #[expect(clippy::disallowed_methods, reason = "tests start the program themselves")]
        let mut command = std::process::Command::new("bash");
        let program = crate::support::cli::program_path().display();
        command
            .args(["--norc", "-c", &format!("{program} {words}; echo \"code=$?.\"")])
            .env_clear()
            .envs(self.0.environment())
            .current_dir(self.0.work());
        Terminal::with_columns(command, 80)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.0.run(["playground", "down"]);
    }
}

#[test]
fn only_a_clear_yes_begins_a_run() {
    let world = World::new();
    let question = "Carry out this plan on cluster playground? [y/N] ";

    let mut unclear = world.terminal("restart etcd-1");
    let plan = unclear.sees(question);
    assert!(plan.contains("etcd-1: restart etcd"), "{plan}");
    unclear.types("perhaps\r");
    unclear.sees("Type y or n.");
    unclear.sees(question);
    unclear.types("\r");
    unclear.sees("declined; nothing was changed");
    unclear.ends(4);

    let mut interrupted = world.terminal("restart etcd-1");
    interrupted.sees(question);
    interrupted.types("\x03");
    interrupted.sees("declined; nothing was changed");
    interrupted.ends(4);

    // A pipe cannot answer; without a terminal nobody is asked.
    let mut piped = world.terminal("restart etcd-1 < <(yes)");
    piped.sees(question);
    piped.types("n\r");
    piped.ends(4);
    let _ = world
        .0
        .run(["restart", "etcd-1"])
        .code(3)
        .says(&["no terminal", "--yes"]);
    assert_eq!(world.runs(), [Value::Null; 0], "nothing was agreed to");

    let mut agreed = world.terminal("restart etcd-1");
    agreed.sees(question);
    agreed.types("y\r");
    let told = agreed.ends(0);
    assert!(told.contains("etcd-1: restart etcd"), "{told}");
    assert_eq!(world.runs()[0]["state"], "done");
}

#[test]
fn unknown_names_are_told_with_the_nearest_one_and_values_reach_a_shell_as_they_are() {
    let world = World::new();
    for (words, said) in [
        (
            "restart etcd-22 --yes",
            "there is no host `etcd-22`; did you mean `etcd-2`?",
        ),
        (
            "debug-log status ETCD-3",
            "there is no host `ETCD-3`; did you mean `etcd-3`?",
        ),
        (
            "add-member etcd_1 --yes",
            "there is no host `etcd_1`; did you mean `etcd-1`?",
        ),
        ("logs etcd-33", "did you mean `etcd-3`?"),
        ("restart etcd-1 --dead etcd-44 --yes", "did you mean `--dead etcd-"),
        (
            "remove-member etcd-33 --yes",
            "there is no member `etcd-33`; did you mean `etcd-3`?",
        ),
        (
            "replace-member etcd_2 --yes",
            "there is no member `etcd_2`; did you mean `etcd-2`?",
        ),
        (
            "promote-member etcd-11 --yes",
            "there is no member `etcd-11`; did you mean `etcd-1`?",
        ),
        ("health --cluster playgruond", "did you mean `--cluster playground`?"),
    ] {
        let ran = world.0.run(words.split(' ')).code(2).says(&[said]);
        assert!(
            !ran.stderr.contains("default of"),
            "one mistake is told once: {}",
            ran.stderr
        );
    }
    assert_eq!(world.runs(), [Value::Null; 0]);

    world.0.write("say.yaml", hostile::SAY);
    let set = format!("text={}", hostile::text("gotcha"));
    let ran = world
        .0
        .run(["run", "./say.yaml", "--set", &set, "--yes", "-o", "json"])
        .code(0);
    hostile::said_as_typed(&ran.stdout, "gotcha");
    let shown = world.0.run(["run", "./say.yaml", "--set", &set, "--manual"]).code(0);
    assert!(shown.stdout.contains("touch gotcha"), "{}", shown.stdout);
    for folder in [world.0.work(), "/".into()] {
        assert!(!folder.join("gotcha").exists(), "{}", folder.display());
    }
}

#[test]
fn a_failed_run_is_listed_shown_and_given_up_by_typing_the_cluster() {
    let world = World::new();
    let _ = world
        .0
        .run(["run", "./never.yaml", "--yes"])
        .code(1)
        .says(&["etcdops resume"]);
    let run = &world.runs()[0];
    assert_eq!(
        (&run["state"], &run["resumable"]),
        (&"failed".into(), &true.into()),
        "{run}"
    );
    let id = run["id"].as_str().unwrap();

    let _ = world
        .0
        .run(["runs", "list"])
        .code(0)
        .shows(&[id, "failed", "2/3"])
        .says(&["resume"]);
    let _ = world
        .0
        .run(["runs", "show", id])
        .code(0)
        .shows(&["etcd-3: stop etcd", "✗", "failed: "]);
    let lines = world.0.run(["runs", "show", "-o", "json"]).code(0).stdout;
    for (number, line) in lines.lines().enumerate() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["seq"], number + 1);
        assert_eq!(event["run"], id);
    }
    let _ = world
        .0
        .run(["runs", "show", "zzzz"])
        .code(2)
        .says(&["no run is called `zzzz`"]);
    let _ = world
        .0
        .run(["runs", "abandon", id])
        .code(3)
        .says(&["no terminal", "--yes"]);

    // The run knows its cluster, also where there are several.
    world.0.write(
        "etcdops.yaml",
        "clusters: {a: {endpoints: ['http://127.0.0.1:1']}, b: {endpoints: ['http://127.0.0.1:2']}}",
    );
    let _ = world.0.run(["resume", id, "--yes"]).code(1).says(&["etcdops resume"]);
    let mut asked = world.terminal(&format!("runs abandon {id}"));
    asked.sees("Type playground: ");
    asked.types("yes\r");
    asked.sees("`yes` is not it.");
    // What is typed before the question stands there again does not count.
    asked.sees("Type playground: ");
    asked.types("playground\r");
    asked.sees("is given up");
    asked.ends(0);
    assert_eq!(world.runs()[0]["state"], "abandoned");
    let _ = world.0.run(["resume", id, "--yes"]).code(3).says(&["abandoned"]);
    // Nothing of it stands in the way of the next run.
    let _ = world
        .0
        .run(["start", "etcd-3", "--yes", "--cluster", "playground"])
        .code(0);
}
