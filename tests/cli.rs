//! The frame of the command line: help, wrong words, exit codes, broken pipes.

use std::io::Read;
use std::process::Stdio;

use crate::support::cli::Cli;

#[test]
fn help_goes_to_stdout_and_names_the_exit_codes() {
    let ran = Cli::new().run(["--help"]).code(0).stderr("");
    for line in ran.stdout.lines() {
        assert!(line.chars().count() <= 100, "{line}");
        assert_eq!(line, line.trim_end());
    }
    let _ = ran.shows(&[
        "Usage: etcdops",
        "completions",
        "--discovery-srv",
        "Exit codes:",
        "70 a bug",
    ]);
}

#[test]
fn no_words_at_all_show_the_help_as_a_mistake() {
    let _ = Cli::new().run([""; 0]).code(2).stdout("").says(&["Usage: etcdops"]);
}

#[test]
fn the_version_is_one_line() {
    let expected = format!("etcdops {}\n", env!("CARGO_PKG_VERSION"));
    let _ = Cli::new().run(["--version"]).code(0).stdout(&expected);
}

#[test]
fn a_wrong_word_gets_the_nearest_right_one() {
    let _ = Cli::new()
        .run(["completion", "bash"])
        .code(2)
        .stdout("")
        .says(&["unrecognized subcommand 'completion'", "'completions'"]);
    let _ = Cli::new()
        .run(["completions", "bash", "--timeout", "5"])
        .code(2)
        .says(&["'--timeout <TIME>'", "`5` is not a length of time", "`30s`"]);
    let _ = Cli::new()
        .run(["completions", "tcsh"])
        .code(2)
        .says(&["bash, zsh, fish"]);
}

#[test]
fn a_reader_that_goes_away_is_a_quiet_success() {
    let mut child = Cli::new()
        .program()
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(said, "");
}

const INVENTORY: &str = "\
clusters:
  tools-k8s:
    endpoints: ['https://tools-k8s-etcd-01:2379']
    hosts: {tools-k8s-etcd-01: {}, tools-k8s-etcd-02: {}}
  paws:
    endpoints: ['https://paws-etcd-01:2379']
";

fn configured() -> Cli {
    let cli = Cli::new();
    cli.write("etcdops.yaml", INVENTORY);
    cli
}

/// Each: words, exit code, what must be said.
fn is_taught(cli: &Cli, cases: &[(&[&str], i32, &[&str])]) {
    for (words, code, said) in cases {
        let ran = cli.run(*words).code(*code);
        assert!(
            !ran.stderr.contains("panicked") && !ran.stderr.contains("a bug"),
            "{words:?}: {}",
            ran.stderr
        );
        let _ = ran.stdout("").says(said);
    }
}

#[test]
fn unknown_names_get_the_nearest_known_one() {
    is_taught(
        &configured(),
        &[
            (
                &["health", "--cluster", "tool-k8s"],
                2,
                &["no cluster `tool-k8s`", "did you mean `--cluster tools-k8s`?"],
            ),
            (&["health"], 2, &["several clusters", "tools-k8s, paws"]),
            (
                &["run", "restrat", "--cluster", "paws"],
                2,
                &["no runbook `restrat`", "did you mean `restart`?"],
            ),
            (&["runbooks", "show", "restrat"], 2, &["did you mean `restart`?"]),
            (
                &["logs", "tools-k8s-etcd-1", "--cluster", "tools-k8s"],
                2,
                &["tools-k8s-etcd-1", "did you mean `tools-k8s-etcd-01`?"],
            ),
            (
                &["runs", "show", "k3f9"],
                2,
                &["no run is called `k3f9`", "etcdops runs list"],
            ),
            (&["resume", "k3f9"], 2, &["no run is called `k3f9`"]),
            (&["health", "--timout", "3s"], 2, &["--timeout"]),
        ],
    );
}

#[test]
fn malformed_values_are_named() {
    is_taught(
        &configured(),
        &[
            (&["health", "--endpoints", "http://a:b:c"], 2, &["http://a:b:c"]),
            (&["health", "--endpoints", "ftp://etcd-1"], 2, &["ftp"]),
            (&["health", "--endpoints", "https://etcd-1:99999"], 2, &["99999"]),
            (&["health", "--timeout", "soon"], 2, &["`soon` is not a length of time"]),
            (&["health", "-o", "xml"], 2, &["table, json, nagios"]),
            (
                &["run", "restart", "--cluster", "paws", "--set", "hosts"],
                2,
                &["NAME=VALUE"],
            ),
            (
                &["health", "--config", "nowhere.yaml"],
                2,
                &["nowhere.yaml", "--config names it"],
            ),
            (&["apply", "etcdops.yaml"], 2, &["etcdops.yaml is no plan"]),
        ],
    );
}

/// A host's name is never an option of ssh, and a value is never a piece of shell.
#[test]
fn hostile_names_and_values_stay_what_they_are() {
    let cli = Cli::new();
    cli.write(
        "etcdops.yaml",
        "clusters: {a: {endpoints: ['http://127.0.0.1:1'], hosts: {'-oProxyCommand=touch gotcha': {}}}}\n",
    );
    let ran = cli
        .run(["config", "show"])
        .code(2)
        .says(&["-oProxyCommand=touch gotcha"]);
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    let cli = configured();
    let value = "x'\"\n$(touch gotcha)`touch gotcha`";
    let set = format!("hosts={value}");
    let ran = cli.run(["run", "restart", "--cluster", "paws", "--set", set.as_str()]);
    assert!((2..=3).contains(&ran.code), "{ran:?}");
    assert!(!cli.work().join("gotcha").exists());
    let ran = cli.run(["runs", "show", "\x1b[2Jk3f9"]).code(2);
    assert!(!ran.stderr.contains('\x1b'), "{:?}", ran.stderr);
}
