//! What is kept and what goes: after a backup, by `backups prune`, and what `health` says of an old one.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::support::cli::{Cli, program_path};
use crate::support::etcd::{Etcds, USUAL};
use crate::support::terminal::Terminal;
use crate::support::wait_until;

fn serving() -> Etcds {
    let etcds = Etcds::start(USUAL, 1, false, &[]);
    wait_until("etcd serves", Duration::from_secs(20), || {
        etcds.etcdctl(0, &["put", "first", "1"]).status.success()
    });
    etcds
}

fn inventory(cli: &Cli, etcds: &Etcds, backups: &str) {
    let text = format!(
        "clusters:\n  c:\n    endpoints: [{}]\n    backups: {backups}\n",
        etcds.url(0)
    );
    cli.write("etcdops.yaml", &text);
}

/// The newest first.
fn names(cli: &Cli) -> Vec<String> {
    let listed = cli.run(["backups", "list", "-o", "json"]).code(0).stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let backups = listed["backups"].as_array().unwrap().iter();
    backups
        .map(|backup| backup["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Every folder of the library, also those that cannot be seen.
fn folders(cli: &Cli) -> usize {
    fs::read_dir(cli.work().join("library/c")).unwrap().count()
}

fn damage(cli: &Cli, name: &str) {
    let path = cli.work().join(format!("library/c/{name}/snapshot.db"));
    let mut bytes = fs::read(&path).unwrap();
    bytes[5000] ^= 0x10;
    let mut file = fs::File::create(&path).unwrap();
    std::io::Write::write_all(&mut file, &bytes).unwrap();
    let _ = cli.run(["backups", "verify", name]).code(1);
}

#[test]
fn a_backup_that_succeeded_removes_what_no_rule_keeps_and_a_failed_one_nothing() {
    let mut etcds = serving();
    let cli = Cli::new();
    inventory(&cli, &etcds, "{store: library, keep: {last: 2}}");
    let mut taken = Vec::new();
    for _ in 0..4 {
        let _ = cli.run(["backup", "--yes"]).code(0);
        taken.insert(0, names(&cli)[0].clone());
    }
    assert_eq!((names(&cli), folders(&cli)), (taken[..2].to_vec(), 2));

    // One fewer would be kept now; but nothing new was taken.
    inventory(&cli, &etcds, "{store: library, keep: {last: 1}}");
    etcds.kill(0);
    let failed = cli.run(["backup", "--yes"]);
    assert_ne!(failed.code, 0, "{failed:?}");
    assert_eq!(names(&cli), taken[..2]);
}

#[test]
fn pruning_is_shown_and_agreed_to_and_the_newest_verified_backup_stays() {
    let etcds = serving();
    let cli = Cli::new();
    inventory(&cli, &etcds, "{store: library}");
    for _ in 0..4 {
        let _ = cli.run(["backup", "--yes"]).code(0);
    }
    let all = names(&cli);
    let _ = cli.run(["backups", "prune", "--yes"]).code(0);
    assert_eq!(names(&cli), all, "no rule: everything is kept");

    inventory(&cli, &etcds, "{store: library, keep: {last: 2}}");
    let shown = cli.run(["backups", "prune", "--plan"]).code(0).stdout;
    assert!(shown.contains(&all[2]) && shown.contains("no rule keeps it"), "{shown}");
    let _ = cli
        .run(["backups", "prune"])
        .code(3)
        .says(&["no terminal to ask at", "nothing was removed", "--yes"]);
    declined(&cli);
    assert_eq!(names(&cli), all);
    let _ = cli
        .run(["backups", "prune", "--yes"])
        .code(0)
        .says(&["2 backups removed"]);
    assert_eq!((names(&cli), folders(&cli)), (all[..2].to_vec(), 2));

    // The newest is damaged: the one before is the newest that can be trusted, and the damaged one is not ours to throw away.
    damage(&cli, &all[0]);
    inventory(&cli, &etcds, "{store: library, keep: {last: 0}}");
    let _ = cli.run(["backups", "prune", "--yes"]).code(0);
    assert_eq!(names(&cli), all[..2]);
}

fn declined(cli: &Cli) {
    #[expect(clippy::disallowed_methods, reason = "tests start the program themselves")]
    let mut command = std::process::Command::new("bash");
    let line = format!("{} backups prune; echo \"code=$?.\"", program_path().display());
    command
        .args(["--norc", "-c", &line])
        .env_clear()
        .envs(cli.environment())
        .env("TERM", "xterm")
        .current_dir(cli.work());
    let mut terminal = Terminal::of(command);
    terminal.sees("Remove 2 backups for good?");
    terminal.types("n\r");
    terminal.ends(4);
}

/// Also where the inventory does not say where backups are kept: there are some, so somebody takes them.
#[test]
fn health_warns_of_an_old_backup_wherever_it_is_kept() {
    let etcds = serving();
    for store in ["{store: library}", "{}"] {
        let cli = Cli::new();
        inventory(&cli, &etcds, store);
        let health = || {
            let seen = cli.run(["health"]).code(0);
            format!("{}{}", seen.stdout, seen.stderr)
        };
        assert_eq!(health().contains("backup"), store != "{}", "{store}: {}", health());
        let _ = cli.run(["backup", "--yes"]).code(0);
        assert!(!health().contains("backup"), "{}", health());
        let listed = cli.run(["backups", "list", "-o", "json"]).stdout;
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let file = std::path::PathBuf::from(
            listed["backups"][0]["path"]
                .as_str()
                .unwrap()
                .replace("$ROOT", cli.work().parent().unwrap().to_str().unwrap()),
        );
        let path = cli.work().join(file).with_file_name("manifest.json");
        let mut manifest: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        manifest["taken"] = "2020-01-01T00:00:00Z".into();
        let text = serde_json::to_vec(&manifest).unwrap();
        std::io::Write::write_all(&mut fs::File::create(&path).unwrap(), &text).unwrap();
        assert!(
            health().contains("the newest verified backup is"),
            "{store}: {}",
            health()
        );
    }
}
