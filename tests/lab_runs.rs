//! Runs on real hosts: killed and resumed, two operators, another bastion, Ctrl-C, a cut, a full disk.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::lab::{Bastion, Lab};
use crate::support::wait_until;

const MINUTE: Duration = Duration::from_mins(1);
const HOSTS: [&str; 3] = ["etcd-1", "etcd-2", "etcd-3"];

/// The newest journal on a bastion.
fn journal(bastion: &Bastion) -> Option<PathBuf> {
    let runs = fs::read_dir(bastion.home().join(".local/state/etcdops/runs")).ok()?;
    let mut found: Vec<PathBuf> = runs.flatten().map(|entry| entry.path().join("journal.jsonl")).collect();
    found.retain(|path| path.exists());
    found.sort_by_key(|path| fs::metadata(path).and_then(|meta| meta.modified()).ok());
    found.pop()
}

fn records(bastion: &Bastion) -> usize {
    journal(bastion)
        .and_then(|path| fs::read_to_string(path).ok())
        .map_or(0, |text| text.lines().count())
}

fn run_id(bastion: &Bastion) -> String {
    let path = journal(bastion).expect("a journal");
    path.parent()
        .and_then(|run| run.file_name())
        .expect("a run")
        .to_string_lossy()
        .into_owned()
}

fn spawned(bastion: &Bastion, arguments: &[&str]) -> Child {
    let mut command = bastion.etcdops_command(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("etcdops starts")
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    // It may have ended by itself in the meantime.
    let _gone = kill_process(pid, signal);
}

/// Starts etcdops and signals it when the new run's journal has this many records. Its exit code, if it had one.
fn signalled_at(bastion: &Bastion, arguments: &[&str], record: usize, with: Signal) -> Option<i32> {
    let before = journal(bastion);
    let mut child = spawned(bastion, arguments);
    wait_until("the record is written, or the run is over", MINUTE, || {
        let begun = journal(bastion).is_some_and(|path| Some(&path) != before.as_ref());
        (begun && records(bastion) >= record) || child.try_wait().unwrap().is_some()
    });
    signal(&child, with);
    child.wait().unwrap().code()
}

fn log_levels(lab: &Lab) -> Vec<String> {
    let level = "tr '\\0' '\\n' </proc/$(systemctl show -P MainPID etcd)/environ | sed -n 's/^ETCD_LOG_LEVEL=//p'";
    HOSTS
        .iter()
        .map(|host| lab.exec(host, level).trim().to_owned())
        .collect()
}

fn ours_under_run(lab: &Lab) -> String {
    let find = "find /run/systemd/system /run/etcdops -name '*debug-log*' 2>/dev/null; true";
    HOSTS.iter().map(|host| lab.exec(host, find)).collect()
}

fn markers(lab: &Lab) -> String {
    HOSTS
        .iter()
        .map(|host| lab.exec(host, "ls /var/lib/etcdops/*.run 2>/dev/null; true"))
        .collect()
}

/// Which records to be killed at: a fixed sample, all of them in `make soak`.
fn points(all: usize, sample: &[usize]) -> Vec<usize> {
    if std::env::var_os("ETCDOPS_SOAK").is_some() {
        (1..all).collect()
    } else {
        sample.to_vec()
    }
}

#[test]
fn killed_at_any_record_debug_log_is_resumed_to_the_same_end() {
    let Some(lab) = Lab::up(&["--members", "3", "--etcd", "3.5", "--tls", "--client-cert-auth"]) else {
        return;
    };
    lab.etcdctl(&["put", "kept", "yes"]);
    for at in points(60, &[4, 9, 17, 31]) {
        for (words, level) in [(["debug-log", "on"], "debug"), (["debug-log", "off"], "")] {
            let arguments = [words.as_slice(), &["--yes"]].concat();
            signalled_at(lab.bastion(), &arguments, at, Signal::KILL);
            let resumed = lab.etcdops(&["resume", &run_id(lab.bastion()), "--yes"]);
            assert_eq!(
                resumed.code,
                Some(0),
                "{words:?} killed at {at}:\n{}{}",
                resumed.stdout,
                resumed.stderr
            );
            assert_eq!(log_levels(&lab), [level; 3], "{words:?} killed at {at}");
            assert_eq!(
                ours_under_run(&lab).is_empty(),
                level.is_empty(),
                "{}",
                ours_under_run(&lab)
            );
            assert_eq!(markers(&lab), "", "{words:?} killed at {at}");
        }
    }
    assert_eq!(lab.etcdctl(&["get", "--print-value-only", "kept"]), "yes\n");
    lab.etcdops(&["health"]).good();
}

#[test]
fn one_operator_at_a_time_and_another_bastion_can_go_on() {
    let Some(lab) = Lab::up(&["--members", "3", "--etcd", "3.5"]) else {
        return;
    };
    let other = lab.other_bastion("other");
    let restart = ["restart", "etcd-1", "etcd-2", "etcd-3", "--yes"];
    signalled_at(lab.bastion(), &restart, 6, Signal::KILL);
    let run = run_id(lab.bastion());

    let refused = other.etcdops(&["restart", "etcd-1", "--yes"]);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(
        refused.stderr.contains(&run),
        "the other run is named: {}",
        refused.stderr
    );

    let adopted = other.etcdops(&["resume", &run, "--from", "etcd-2", "--yes"]);
    assert_eq!(adopted.code, Some(0), "{}{}", adopted.stdout, adopted.stderr);
    assert_eq!(markers(&lab), "");
    let alone = lab.bastion().etcdops(&["restart", "etcd-1", "--yes"]);
    assert_eq!(alone.code, Some(0), "{}", alone.stderr);

    let children: Vec<Child> = [lab.bastion(), &other].map(|bastion| spawned(bastion, &restart)).into();
    let mut codes: Vec<Option<i32>> = children
        .into_iter()
        .map(|mut child| child.wait().unwrap().code())
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(3)], "exactly one of two goes on");
    lab.etcdops(&["health"]).good();
}

#[test]
fn interrupted_cut_and_without_disk_a_run_stops_in_order() {
    let Some(lab) = Lab::up(&["--members", "3", "--etcd", "3.4"]) else {
        return;
    };
    let restart = ["restart", "etcd-1", "etcd-2", "etcd-3", "--yes"];
    let stopped = signalled_at(lab.bastion(), &restart, 6, Signal::INT);
    assert_eq!(stopped, Some(5), "once: after this call");
    lab.etcdops(&["health"]).good();
    lab.etcdops(&["resume", "--yes"]).good();

    let mut child = spawned(lab.bastion(), &restart);
    wait_until("a change has begun", MINUTE, || {
        journal(lab.bastion())
            .and_then(|path| fs::read_to_string(path).ok())
            .is_some_and(|text| text.lines().last().is_some_and(|line| line.contains("call-started")))
    });
    signal(&child, Signal::INT);
    wait_until("the first Ctrl-C is taken", MINUTE, || {
        signal(&child, Signal::INT);
        child.try_wait().unwrap().is_some()
    });
    assert_eq!(child.wait().unwrap().code(), Some(6), "twice: now, in doubt");
    lab.etcdops(&["resume", "--yes"]).good();

    let mut child = spawned(lab.bastion(), &["restart", "etcd-2", "--yes"]);
    wait_until("the restart has begun", MINUTE, || {
        journal(lab.bastion())
            .and_then(|path| fs::read_to_string(path).ok())
            .is_some_and(|text| {
                text.contains("\"step\":\"each[etcd-2]/restart\"")
                    && text.contains("call-started")
                    && !text.contains("\"ended\"")
            })
    });
    lab.cut("etcd-2", &["--from", "bastion"]);
    wait_until("the cut is noticed", MINUTE, || {
        records(lab.bastion()) > 5 || child.try_wait().unwrap().is_some()
    });
    lab.heal("etcd-2");
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(0 | 1 | 6)), "{code:?}");
    if code != Some(0) {
        lab.etcdops(&["resume", "--yes"]).good();
    }
    lab.etcdops(&["health"]).good();
    assert_eq!(markers(&lab), "");
}
