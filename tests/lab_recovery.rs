//! Recovery from a backup on real hosts: what comes back, what stays, and what is refused before anything is touched.

#![expect(clippy::disallowed_methods, reason = "a damaged file is what is tried")]

mod tools;

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::lab::{Finished, Lab};
use crate::support::runs::{answering, begun, run_id, signal, signalled_at};
use crate::support::{soak, wait_until};

const HOSTS: [&str; 3] = ["etcd-1", "etcd-2", "etcd-3"];
const DATA: &str = "/var/lib/etcd/default";

/// Twenty keys and a verified backup of them; then one key more, which the backup lacks.
fn backed_up(lab: &Lab) {
    for number in 0..20 {
        lab.etcdctl(&["put", &format!("key{number}"), &format!("value{number}")]);
    }
    lab.etcdops(&["backup", "--yes"]).good();
    lab.etcdctl(&["put", "after", "the backup"]);
}

/// All data directories are gone, as after a fire.
fn destroyed(lab: &Lab, hosts: &[&str]) {
    for host in hosts {
        lab.exec(
            host,
            &format!("systemctl stop etcd; find {DATA} -mindepth 1 -delete; rmdir {DATA} 2>/dev/null; true"),
        );
    }
}

/// Healthy, with the keys of the backup and nothing else.
#[track_caller]
fn is_back(lab: &Lab) {
    let health = lab.etcdops(&["health"]);
    assert_eq!(health.code, Some(0), "{}{}", health.stdout, health.stderr);
    assert_eq!(lab.etcdctl(&["get", "--print-value-only", "key7"]), "value7\n");
    assert_eq!(lab.etcdctl(&["get", "--print-value-only", "after"]), "");
    let left = HOSTS.iter().map(|host| {
        lab.exec(
            host,
            "ls /var/lib/etcdops/*.run /var/lib/etcdops/*.fenced 2>/dev/null; true",
        )
    });
    assert_eq!(left.collect::<String>(), "", "neither a marker nor a fence stays");
}

#[track_caller]
fn recovered(lab: &Lab) {
    let done = lab.etcdops(&["recover", "--from-backup", "--yes"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
}

/// Refused or failed before anything was stopped: etcd still runs everywhere.
#[track_caller]
fn untouched(lab: &Lab, ended: &Finished, words: &str) {
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(matches!(ended.code, Some(1 | 3)), "{said}");
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(words), "{words}\n{said}");
    assert_eq!(lab.etcdctl(&["get", "--print-value-only", "after"]), "the backup\n");
}

/// The library's only backup file.
fn backup_file(lab: &Lab) -> std::path::PathBuf {
    let listed = lab.etcdops(&["backups", "list", "-o", "json"]).good();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    listed["backups"][0]["path"].as_str().unwrap().into()
}

/// The name of the backup that this file belongs to.
fn name_of(file: &std::path::Path) -> String {
    let folder = file.parent().and_then(std::path::Path::file_name);
    folder.unwrap().to_string_lossy().into_owned()
}

fn plan_of(lab: &Lab, arguments: &[&str]) -> Value {
    let path = lab.bastion().home().join("plan.json");
    let shown = path.display().to_string();
    lab.etcdops(&[arguments, &["--plan", "--plan-out", &shown]].concat())
        .good();
    let text = fs::read_to_string(&path).unwrap();
    let plan: Value = serde_json::from_str(&text).unwrap();
    let run = plan["run"].as_str().unwrap();
    let (before, _) = text.split_once(" before this run)").unwrap();
    let age = before.rsplit('(').next().unwrap();
    let text = text
        .replace(run, "RUN")
        .replace(&format!("({age} before this run)"), "(AGE before this run)")
        .replace(&format!("to clients: {age},"), "to clients: AGE,");
    let plan: Value = serde_json::from_str(&text).unwrap();
    // What was measured, such as free space, differs from moment to moment.
    serde_json::json!([plan["runbook"], plan["parameters"], plan["steps"]])
}

const PLAN: &str = "Carry out this plan on cluster lab? [y/N] ";

/// The operator says no at each question; a host lacks what a restore needs, or its certificates have ended: etcd runs on everywhere.
fn nothing_is_touched(lab: &Lab) {
    let scripts: [&[(&str, &str)]; 4] = [
        &[(PLAN, "n")],
        &[(PLAN, "y"), ("Go on? [y/N] ", "n")],
        &[(PLAN, "y"), ("Go on? [y/N] ", "y"), ("[y/N] ", "")],
        &[(PLAN, "y"), ("Go on? [y/N] ", "y"), ("[y/N] ", "y"), ("Type lab: ", "")],
    ];
    for answers in scripts {
        answering(lab.bastion(), "recover --from-backup", answers, 4);
        assert_eq!(lab.etcdctl(&["get", "--print-value-only", "after"]), "the backup\n");
    }
    let taken = tools::take(lab, &HOSTS);
    let ended = lab.etcdops(&["recover", "--from-backup", "--yes"]);
    untouched(lab, &ended, "etcd-2 has neither etcdutl nor etcdctl");
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    tools::give_back(lab, &taken);
    // By the clock of one host the certificates have ended: what answers `date` there is forty years ahead.
    let ahead = "mv /usr/bin/date /usr/bin/date.real && printf '#!/bin/sh\\nexec /usr/bin/date.real -d \"+40 years\" \"$@\"\\n' >/usr/bin/date && chmod 755 /usr/bin/date";
    lab.exec("etcd-2", ahead);
    let ended = lab.etcdops(&["recover", "--from-backup", "--accept", "clock", "--yes"]);
    untouched(
        lab,
        &ended,
        "etcd-2: /etc/etcd/pki/server.crt, its peer-cert-file, was valid until",
    );
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    lab.exec("etcd-2", "mv /usr/bin/date.real /usr/bin/date");
}

#[test]
fn a_cluster_comes_back_from_its_backup_whatever_happened_to_it() {
    let Some(lab) = Lab::up(&[
        "--members",
        "3",
        "--etcd",
        "3.5",
        "--tls",
        "--client-cert-auth",
        "--auth",
    ]) else {
        return;
    };
    backed_up(&lab);

    let door = plan_of(&lab, &["recover", "--from-backup", "--bump", "1000"]);
    let run = plan_of(&lab, &["run", "recover-from-backup", "--set", "bump=1000"]);
    assert_eq!(door, run, "the door is the runbook with its parameters");

    // A backup that is not what its manifest says never reaches a data directory.
    let file = backup_file(&lab);
    let whole = fs::read(&file).unwrap();
    let mut altered = whole.clone();
    altered[9000] ^= 1;
    fs::write(&file, &altered).unwrap();
    let ended = lab.etcdops(&["recover", "--from-backup", "--yes"]);
    untouched(&lab, &ended, "SHA-256");
    lab.etcdops(&["runs", "abandon", &run_id(lab.bastion()), "--yes"])
        .good();
    fs::write(&file, &whole[..whole.len() - 4096]).unwrap();
    let ended = lab.etcdops(&["recover", "--from-backup", "--yes"]);
    untouched(&lab, &ended, "SHA-256");
    lab.etcdops(&["runs", "abandon", &run_id(lab.bastion()), "--yes"])
        .good();
    fs::write(&file, &whole).unwrap();

    nothing_is_touched(&lab);
    tools::come_back_through_another_host(&lab);

    // The new cluster has an ID of its own: the backup is now one of another cluster, and that must be said.
    lab.etcdctl(&["put", "after", "the backup"]);
    let backup = name_of(&file);
    let foreign = ["recover", "--from-backup", &backup, "--yes"];
    untouched(&lab, &lab.etcdops(&foreign), "is of cluster");
    // Accepted beforehand, the cluster's name must still be typed.
    let asked = format!("recover --from-backup {backup} --accept backup");
    let until_typed = [(PLAN, "y"), ("Go on? [y/N] ", "y"), ("[y/N] ", "y"), ("Type lab: ", "")];
    answering(lab.bastion(), &asked, &until_typed, 4);
    assert_eq!(lab.etcdctl(&["get", "--print-value-only", "after"]), "the backup\n");

    // Killed on the way, with data that is still there: it goes on, and the old data is kept.
    let again = [&foreign[..], &["--accept", "backup"]].concat();
    let points: &[usize] = if soak() {
        &[5, 14, 23, 31, 38, 45, 52, 60]
    } else {
        &[31]
    };
    for at in points {
        let before = run_id(lab.bastion());
        signalled_at(lab.bastion(), &again, *at, Signal::KILL);
        let run = run_id(lab.bastion());
        assert_ne!(run, before, "it has begun");
        let resumed = lab.etcdops(&["resume", &run, "--yes"]);
        assert_eq!(
            resumed.code,
            Some(0),
            "killed at {at}\n{}{}",
            resumed.stdout,
            resumed.stderr
        );
        is_back(&lab);
        for host in HOSTS {
            lab.exec(host, &format!("test -s {DATA}.etcdops-{run}.old/member/snap/db"));
        }
        lab.etcdctl(&["put", "after", "the backup"]);
    }
}

/// Versions, sizes and layouts; each from total loss.
#[test]
fn versions_sizes_and_layouts_come_back_from_total_loss() {
    let all: [&[&str]; 6] = [
        &["--members", "3", "--etcd", "3.5", "--data-mount", "--unit-in-etc"],
        &["--members", "3", "--etcd", "3.4"],
        &["--members", "3", "--etcd", "3.6", "--tls", "--config", "file"],
        &["--members", "5", "--etcd", "3.7", "--tls", "--auth"],
        &["--members", "3", "--etcd", "3.3"],
        &["--members", "1", "--etcd", "3.6"],
    ];
    let some = if soak() { all.len() } else { 1 };
    for options in &all[..some] {
        let Some(lab) = Lab::up(options) else { continue };
        backed_up(&lab);
        let count: usize = options[1].parse().unwrap();
        let hosts: Vec<String> = (1..=count).map(|number| format!("etcd-{number}")).collect();
        let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
        destroyed(&lab, &names);
        recovered(&lab);
        let health = lab.etcdops(&["health"]);
        assert_eq!(health.code, Some(0), "{options:?}\n{}{}", health.stdout, health.stderr);
        assert_eq!(
            lab.etcdctl(&["get", "--print-value-only", "key7"]),
            "value7\n",
            "{options:?}"
        );
        assert_eq!(lab.etcdctl(&["get", "--print-value-only", "after"]), "", "{options:?}");
        // Once more, with data that is there.
        let backup = name_of(&backup_file(&lab));
        let done = lab.etcdops(&["recover", "--from-backup", &backup, "--accept", "backup", "--yes"]);
        assert_eq!(done.code, Some(0), "{options:?}\n{}{}", done.stdout, done.stderr);
        let run = run_id(lab.bastion());
        let old = format!("ls -d {DATA}.etcdops-{run}.old/member {DATA}/*.etcdops-{run}.old/member 2>/dev/null; true");
        for host in &names {
            assert_ne!(lab.exec(host, &old), "", "{options:?}: the old data of {host} is kept");
        }
    }
}

/// What befalls a host while it is restored: the run stops, nothing is lost, and it goes on afterwards.
#[test]
#[ignore = "takes minutes: make soak"]
fn a_full_disk_a_power_cut_and_an_agent_that_starts_etcd_lose_nothing() {
    let Some(lab) = Lab::up(&["--members", "3", "--etcd", "3.5", "--disk-mb", "900"]) else {
        return;
    };
    backed_up(&lab);
    let backup = name_of(&backup_file(&lab));
    let again = ["recover", "--from-backup", &backup, "--accept", "backup", "--yes"];
    let kept = |run: &str| {
        for host in HOSTS {
            lab.exec(host, &format!("test -s {DATA}.etcdops-{run}.old/member/snap/db"));
        }
    };

    // The disk is full before anything was stopped: the cluster serves on, and nothing is in the way of the next try.
    let mut child = begun(lab.bastion(), &again, "prepared/upload");
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    lab.fill_but("etcd-2", 20_000);
    let run = run_id(lab.bastion());
    let ended = lab.etcdops(&["resume", &run, "--yes"]);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.code, Some(1), "{said}");
    assert!(said.contains("o space left") || said.contains("full"), "{said}");
    assert_eq!(lab.etcdctl(&["get", "--print-value-only", "after"]), "the backup\n");
    lab.unfill("etcd-2");
    lab.etcdops(&["resume", &run, "--yes"]).good();
    is_back(&lab);
    kept(&run);

    // The power of one host fails while all are stopped.
    lab.etcdctl(&["put", "after", "the backup"]);
    let mut child = begun(lab.bastion(), &again, "clients/frozen/swap");
    lab.kill("etcd-3");
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(1 | 6)), "{code:?}");
    lab.start("etcd-3");
    let run = run_id(lab.bastion());
    lab.etcdops(&["resume", &run, "--yes"]).good();
    is_back(&lab);
    kept(&run);

    // Something on every host unmasks and starts etcd five times a second, frozen or not.
    lab.etcdctl(&["put", "after", "the backup"]);
    for host in HOSTS {
        let agent = "while sleep 0.2; do systemctl unmask etcd; systemctl start --no-block etcd; done";
        lab.exec(host, &format!("systemd-run --quiet --unit=agent sh -c '{agent}'"));
    }
    let done = lab.etcdops(&again);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    for host in HOSTS {
        lab.exec(host, "systemctl stop agent");
    }
    is_back(&lab);
    kept(&run_id(lab.bastion()));
}

/// Fewer hosts, then others; a log with a directory of its own; the revision raised above all that was seen.
#[test]
#[ignore = "takes minutes: make soak"]
fn a_cluster_comes_back_on_fewer_and_on_other_hosts() {
    let wal = "ETCD_WAL_DIR=/var/lib/etcd/wal";
    let Some(lab) = Lab::up(&["--members", "3", "--spare", "1", "--etcd", "3.6", "--set", wal]) else {
        return;
    };
    backed_up(&lab);
    let backup = name_of(&backup_file(&lab));
    let from = ["recover", "--from-backup", &backup, "--accept", "backup", "--yes"];
    let healthy = |members: usize| {
        let health = lab.etcdops(&["health", "-o", "json"]);
        let health: Value = serde_json::from_str(&health.stdout).unwrap();
        assert_eq!(health["quorum"]["voters"], members, "{health:#}");
        assert_eq!(lab.etcdctl(&["get", "--print-value-only", "key7"]), "value7\n");
        assert_eq!(lab.etcdctl(&["get", "--print-value-only", "after"]), "");
    };

    // One host, raised above all that was seen; then two more.
    let done = lab.etcdops(&[&from[..], &["--members", "etcd-1", "--bump-revision"]].concat());
    let said = format!("{}{}", done.stdout, done.stderr);
    assert_eq!(done.code, Some(0), "{said}");
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "at least 1 revision",
        "raised by 1000000000",
        "Still stopped and fenced: etcd-2, etcd-3",
        "20 keys",
    ] {
        assert!(flat.contains(words), "{words}\n{said}");
    }
    let run = run_id(lab.bastion());
    for host in HOSTS {
        lab.exec(host, &format!("test -d {DATA}.etcdops-{run}.old/member"));
    }
    lab.exec(
        "etcd-1",
        &format!("test -d /var/lib/etcd/wal.etcdops-{run}.old && test -s /var/lib/etcd/wal/*.wal"),
    );
    let told = lab.etcdctl(&["--endpoints", "http://etcd-1:2379", "put", "raised", "1", "-w", "json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told["header"]["revision"].as_u64() > Some(1_000_000_000), "{told}");
    let health = lab.etcdops(&["health"]);
    let said = format!("{}{}", health.stdout, health.stderr);
    assert!(
        said.contains("etcd-2: etcd is fenced") && said.contains("etcd-3: etcd is fenced"),
        "{said}"
    );
    for host in ["etcd-2", "etcd-3"] {
        let done = lab.etcdops(&["add-member", host, "--yes"]);
        assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    }
    healthy(3);

    // etcd-3 is lost with its data; etcd-4 takes its place.
    lab.kill("etcd-3");
    let done = lab.etcdops(&[&from[..], &["--host-map", "etcd-3=etcd-4", "--dead", "etcd-3"]].concat());
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    healthy(3);
    let settings = lab.exec("etcd-4", "cat /etc/default/etcd");
    assert!(
        settings.contains("ETCD_INITIAL_CLUSTER=") && settings.contains("etcd-4=http://etcd-4:2380"),
        "{settings}"
    );
    let said = lab.etcdops(&["health"]);
    let said = format!("{}{}", said.stdout, said.stderr);
    assert!(said.contains("etcd-3 was declared dead in run"), "{said}");

    // What was declared dead returns, cannot join, is stopped and joins anew: then nothing of it is repeated.
    lab.start("etcd-3");
    wait_until("etcd-3 runs again", std::time::Duration::from_secs(60), || {
        lab.try_exec("etcd-3", "pidof etcd").code == Some(0)
    });
    healthy(3);
    lab.etcdops(&["stop", "etcd-3", "--yes"]).good();
    let done = lab.etcdops(&["add-member", "etcd-3", "--yes"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let said = lab.etcdops(&["health"]);
    assert!(
        !format!("{}{}", said.stdout, said.stderr).contains("declared dead"),
        "{}",
        said.stdout
    );
}
