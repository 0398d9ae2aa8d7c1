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
