//! Runs on real hosts: killed and resumed, two operators, another bastion, Ctrl-C, a cut, a full disk.

use std::fs;
use std::process::Child;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::lab::Lab;
use crate::support::runs::{journal, points, records, run_id, signal, signalled_at, spawned};
use crate::support::wait_until;

const MINUTE: Duration = Duration::from_mins(1);
const HOSTS: [&str; 3] = ["etcd-1", "etcd-2", "etcd-3"];

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

#[test]
fn killed_at_any_record_debug_log_is_resumed_to_the_same_end() {
    let Some(lab) = Lab::up(&["--members", "3", "--etcd", "3.5", "--tls", "--client-cert-auth"]) else {
        return;
    };
    lab.etcdctl(&["put", "kept", "yes"]);
    for at in points(60, &[4, 9, 17, 31]) {
        for (words, level) in [(["debug-log", "on"], "debug"), (["debug-log", "off"], "")] {
            wait_until("all are well", MINUTE, || lab.etcdops(&["health"]).code == Some(0));
            let arguments = [words.as_slice(), &["--yes", "--timeout", "30s"]].concat();
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
    let mut child = spawned(lab.bastion(), &restart);
    wait_until("a change has begun", MINUTE, || {
        journal(lab.bastion())
            .and_then(|path| fs::read_to_string(path).ok())
            .is_some_and(|text| text.contains("call-started"))
    });
    signal(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(5), "once: after this call");
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
