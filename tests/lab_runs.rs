//! Runs on real hosts: killed and resumed, two operators, another bastion, Ctrl-C, a cut, a secret.

use std::fs;
use std::io::Write as _;
use std::process::Child;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::lab::{Finished, Lab};
use crate::support::runs::{journal, points, run_id, signal, signalled_at, spawned};
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
    for at in points(60, &[9, 31]) {
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
fn interrupted_a_run_stops_in_order() {
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
    // Where that call moved the leader, others may not have heard of the new one yet.
    wait_until("all members are well", MINUTE, || {
        lab.etcdops(&["health"]).code == Some(0)
    });
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

    let mut child = spawned(lab.bastion(), &restart);
    wait_until("a change has begun", MINUTE, || {
        journal(lab.bastion())
            .and_then(|path| fs::read_to_string(path).ok())
            .is_some_and(|text| text.lines().last().is_some_and(|line| line.contains("call-started")))
    });
    signal(&child, Signal::HUP);
    assert_eq!(
        child.wait().unwrap().code(),
        Some(5),
        "a terminal that goes away: after this call"
    );
    lab.etcdops(&["resume", "--yes"]).good();
    lab.etcdops(&["health"]).good();
    assert_eq!(markers(&lab), "");
}

/// Takes until it is let go, and says how often it was begun.
const SLOW: &str = "\
title: Something slow
steps:
  - id: slow
    hosts: etcd-2
    do: {host.run: {script: 'echo x >>/root/ran; until [ -e /root/go ]; do sleep 0.1; done'}}
    timeout: 20s
    within: 4m
";

#[test]
fn a_connection_that_is_cut_in_the_middle_of_a_step_does_not_stop_it_nor_begin_it_twice() {
    let Some(lab) = Lab::up(&["--members", "3", "--etcd", "3.5"]) else {
        return;
    };
    let home = lab.bastion().home();
    let runbook = home.join("slow.yaml");
    let said = home.join("said");
    fs::File::create(&runbook)
        .and_then(|mut file| file.write_all(SLOW.as_bytes()))
        .unwrap();
    let mut command = lab
        .bastion()
        .etcdops_command(&["run", runbook.to_str().unwrap(), "--yes", "-o", "json"]);
    let mut child = command.stdout(fs::File::create(&said).unwrap()).spawn().unwrap();
    let ran = || lab.try_exec("etcd-2", "cat /root/ran").stdout;
    wait_until("it has begun", MINUTE, || !ran().is_empty());
    lab.cut("etcd-2", &["--from", "bastion"]);
    let heard = || fs::read_to_string(&said).unwrap();
    let before = heard().len();
    wait_until("the loss is noticed", MINUTE, || {
        heard()[before..].contains("\"waiting\"")
    });
    assert_eq!(child.try_wait().unwrap(), None, "it waits for the host");
    lab.heal("etcd-2");
    lab.exec("etcd-2", "touch /root/go");
    let code = child.wait().unwrap().code();
    assert_eq!(code, Some(0), "{}", heard());
    assert_eq!(ran(), "x\n", "begun once");
    assert_eq!(markers(&lab), "");
}

/// A run whose output holds etcd's password.
const TELLTALE: &str = "\
title: Say what must not be said
steps:
  - {id: look, hosts: etcd-1, do: {host.run: {script: 'cat /root/secret; cat /root/secret >&2', risk: look}}}
  - {id: change, hosts: etcd-1, do: {host.run: {script: 'cat /root/secret; cat /root/secret >&2'}}}
  - {id: fails, hosts: etcd-1, do: {host.run: {script: 'cat /root/secret >&2; exit 3', risk: look}}}
";

#[test]
fn a_password_that_a_host_says_is_neither_shown_nor_recorded() {
    let Some(lab) = Lab::up(&["--members", "1", "--etcd", "3.5", "--auth"]) else {
        return;
    };
    let password = fs::read_to_string(lab.folder().join("password")).unwrap();
    let password = password.trim();
    lab.exec("etcd-1", &format!("echo 'it is {password}.' >/root/secret"));
    let runbook = lab.bastion().home().join("telltale.yaml");
    fs::File::create(&runbook)
        .and_then(|mut file| file.write_all(TELLTALE.as_bytes()))
        .unwrap();
    let runbook = runbook.to_str().unwrap();
    for format in [&["-v"] as &[&str], &["-o", "json"]] {
        let ran = lab.etcdops(&[&["run", runbook, "--yes"], format].concat());
        assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
        let said = ran.stdout + &ran.stderr;
        assert!(said.contains("it is ****.") && !said.contains(password), "{said}");
        lab.etcdops(&["runs", "abandon", &run_id(lab.bastion()), "--yes"])
            .good();
    }
    lab.etcdops(&["restart", "etcd-1", "--yes"]).good();

    let records = journal(lab.bastion()).expect("a record");
    let recorded = Finished::from(
        lab.bastion()
            .command("grep", &["-rlF", password, lab.bastion().home().to_str().unwrap()])
            .output()
            .unwrap(),
    );
    assert_eq!(recorded.stdout, "", "on the bastion, where {} is", records.display());
    // What the host's own command has said stands in its own files there, for root alone.
    let kept = format!("grep -rlF '{password}' /var/lib/etcdops --exclude=stdout --exclude=stderr; true");
    assert_eq!(lab.exec("etcd-1", &kept), "");
}
