//! Runs as a bastion records them, and runs that are killed on the way.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::lab::Bastion;
use super::terminal::Terminal;
use super::wait_until;

const MINUTE: Duration = Duration::from_mins(1);

/// The newest journal on a bastion.
pub fn journal(bastion: &Bastion) -> Option<PathBuf> {
    let runs = fs::read_dir(bastion.home().join(".local/state/etcdops/runs")).ok()?;
    let mut found: Vec<PathBuf> = runs.flatten().map(|entry| entry.path().join("journal.jsonl")).collect();
    found.retain(|path| path.exists());
    found.sort_by_key(|path| fs::metadata(path).and_then(|meta| meta.modified()).ok());
    found.pop()
}

pub fn records(bastion: &Bastion) -> usize {
    journal(bastion)
        .and_then(|path| fs::read_to_string(path).ok())
        .map_or(0, |text| text.lines().count())
}

pub fn run_id(bastion: &Bastion) -> String {
    let path = journal(bastion).expect("a journal");
    path.parent()
        .and_then(|run| run.file_name())
        .expect("a run")
        .to_string_lossy()
        .into_owned()
}

pub fn spawned(bastion: &Bastion, arguments: &[&str]) -> Child {
    let mut command = bastion.etcdops_command(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("etcdops starts")
}

pub fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    // It may have ended by itself in the meantime.
    let _gone = kill_process(pid, signal);
}

/// Starts etcdops and signals it when the new run's journal has this many records. Its exit code, if it had one.
pub fn signalled_at(bastion: &Bastion, arguments: &[&str], record: usize, with: Signal) -> Option<i32> {
    let before = journal(bastion);
    let mut child = spawned(bastion, arguments);
    wait_until("the record is written, or the run is over", MINUTE, || {
        let begun = journal(bastion).is_some_and(|path| Some(&path) != before.as_ref());
        (begun && records(bastion) >= record) || child.try_wait().unwrap().is_some()
    });
    signal(&child, with);
    let code = child.wait().unwrap().code();
    assert_ne!(
        journal(bastion),
        before,
        "no run began: {arguments:?} ended with {code:?}"
    );
    code
}

/// Starts etcdops; returns when the new run's journal names this step.
pub fn begun(bastion: &Bastion, arguments: &[&str], step: &str) -> Child {
    let before = journal(bastion);
    let mut child = spawned(bastion, arguments);
    let wanted = format!("\"step\":\"{step}\"");
    wait_until(&format!("{step} begins"), 3 * MINUTE, || {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before {step}");
        journal(bastion)
            .filter(|path| Some(path) != before.as_ref())
            .and_then(|path| fs::read_to_string(path).ok())
            .is_some_and(|text| text.contains(&wanted))
    });
    child
}

/// Answers the questions of a command on a terminal of its own, one after another; its exit code must be this one.
#[track_caller]
pub fn answering(bastion: &Bastion, arguments: &str, answers: &[(&str, &str)], code: u8) {
    let line = format!("{} {arguments}; echo \"code=$?.\"", env!("CARGO_BIN_EXE_etcdops"));
    let mut terminal = Terminal::with_columns(bastion.command("bash", &["--norc", "-c", &line]), 120);
    for (question, answer) in answers {
        terminal.sees(question);
        terminal.types(&format!("{answer}\r"));
    }
    terminal.ends(code);
}

/// Which records to be killed at: a fixed sample, all of them in `make soak`.
pub fn points(all: usize, sample: &[usize]) -> Vec<usize> {
    if crate::support::soak() {
        (1..all).collect()
    } else {
        sample.to_vec()
    }
}
