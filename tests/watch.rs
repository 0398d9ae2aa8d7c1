//! `health --watch`: again and again, on a terminal in place, otherwise one block after another.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use expectrl::{Expect, Session};
use serde_json::Value;

use crate::support::cli::{Cli, program_path};

/// Nothing listens there: each look ends at once.
const NOBODY: [&str; 4] = ["health", "--endpoints", "http://127.0.0.1:1", "--watch=100ms"];

#[test]
fn without_a_terminal_each_look_is_a_block_with_its_time_and_ends_with_its_reader() {
    let cli = Cli::new();
    let mut child = cli.program().args(NOBODY).stdout(Stdio::piped()).spawn().unwrap();
    let mut times = Vec::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while times.len() < 3 {
        let line = lines.next().expect("it goes on").unwrap();
        assert!(!line.contains('\u{1b}'), "nothing for a terminal: {line:?}");
        times.extend(line.parse::<jiff::Timestamp>());
    }
    drop(lines);
    assert_eq!(
        child.wait().unwrap().code(),
        Some(12),
        "nobody reads on: the end, and what was seen last"
    );
}

#[test]
fn as_json_each_look_is_one_line() {
    let cli = Cli::new();
    let mut program = cli.program();
    let mut child = program
        .args(NOBODY)
        .args(["-o", "json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        let document: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(document["schema"], "etcdops/health/v1");
        assert_eq!(document["verdict"], "unknown");
    }
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(12));
}

#[test]
fn on_a_terminal_each_look_takes_the_place_of_the_one_before() {
    let cli = Cli::new();
    #[expect(clippy::disallowed_methods, reason = "tests start the program themselves")]
    let mut command = std::process::Command::new(program_path());
    command
        .args(NOBODY)
        .env_clear()
        .envs(cli.environment())
        .env("TERM", "xterm")
        .current_dir(cli.work());
    let mut session = Session::spawn(command).unwrap();
    session.set_expect_timeout(Some(Duration::from_secs(60)));
    for _ in 0..3 {
        session.expect("\u{1b}[H\u{1b}[2J").unwrap();
        session.expect("unknown").unwrap();
    }
    session.send("\u{3}").unwrap();
    session.expect(expectrl::Eof).unwrap();
}
