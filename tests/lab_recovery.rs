//! Recovery from a backup on real hosts: what comes back, what stays, and what is refused before anything is touched.

#![expect(clippy::disallowed_methods, reason = "a damaged file is what is tried")]

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::lab::{Finished, Lab};
use crate::support::runs::{run_id, signalled_at};

const HOSTS: [&str; 3] = ["etcd-1", "etcd-2", "etcd-3"];
const DATA: &str = "/var/lib/etcd/default";

fn soak() -> bool {
    std::env::var_os("ETCDOPS_SOAK").is_some()
}

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
    let plan: Value = serde_json::from_str(&text.replace(run, "RUN")).unwrap();
    // What was measured, such as free space, differs from moment to moment.
    serde_json::json!([plan["runbook"], plan["parameters"], plan["steps"]])
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

    destroyed(&lab, &HOSTS);
    recovered(&lab);
    is_back(&lab);

    // The new cluster has an ID of its own: the backup is now one of another cluster, and that must be said.
    lab.etcdctl(&["put", "after", "the backup"]);
    let backup = name_of(&file);
    let foreign = ["recover", "--from-backup", &backup, "--yes"];
    untouched(&lab, &lab.etcdops(&foreign), "is of cluster");

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

/// What etcd's old API holds is in no snapshot: it comes back from what `etcdctl backup` made of a stopped member.
#[test]
fn v2_data_comes_back_from_a_cold_copy_after_the_loss_of_everything() {
    let mut ways = vec![&["--members", "3", "--etcd", "3.3.25"][..]];
    if soak() {
        ways.push(&["--members", "3", "--etcd", "3.4.23", "--v2", "--tls"]);
    }
    for options in ways {
        let Some(lab) = Lab::up(options) else { return };
        let old_api = |host: &str, words: &str| {
            let tls = "--ca-file /etc/etcd/pki/ca.crt --cert-file /etc/etcd/pki/server.crt --key-file /etc/etcd/pki/server.key";
            let (scheme, tls) = if options.contains(&"--tls") {
                ("https", tls)
            } else {
                ("http", "")
            };
            let line = format!("ETCDCTL_API=2 etcdctl {tls} --endpoints {scheme}://{host}:2379 {words}");
            lab.exec(host, &line)
        };
        old_api("etcd-1", "set /app/old one");
        lab.etcdctl(&["put", "new", "two"]);
        lab.etcdops(&["backup", "--yes"]).good();
        lab.etcdops(&["backup", "--offline", "etcd-2", "--yes"]).good();
        old_api("etcd-1", "set /app/late three");
        let listed: Value = serde_json::from_str(&lab.etcdops(&["backups", "list", "-o", "json"]).good()).unwrap();
        let cold = &listed["backups"][0];
        assert_eq!(
            (&cold["form"], &cold["v2_data"]),
            (&"v2-backup".into(), &true.into()),
            "{cold:#}"
        );
        destroyed(&lab, &HOSTS);
        let asked = lab.etcdops(&["recover", "--from-backup", "--yes"]);
        assert!(
            asked.code == Some(2) && asked.stderr.contains("which backup?"),
            "{asked:?}"
        );
        let name = cold["name"].as_str().unwrap();
        let done = lab.etcdops(&["recover", "--from-backup", name, "--yes"]);
        assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
        assert_eq!(lab.etcdops(&["health"]).code, Some(0));
        for host in HOSTS {
            assert_eq!(old_api(host, "get /app/old"), "one\n");
            assert_eq!(old_api(host, "ls /app"), "/app/old\n");
            let forced = lab.exec(
                host,
                "systemctl show etcd -P DropInPaths; tr '\\0' '\\n' </proc/$(systemctl show etcd -P MainPID)/environ",
            );
            assert!(!forced.to_lowercase().contains("force"), "{forced}");
        }
        assert_eq!(lab.etcdctl(&["get", "--print-value-only", "new"]), "two\n");
        let members = lab.etcdctl(&["member", "list"]);
        assert!(
            members.lines().count() == 3 && !members.contains("localhost"),
            "{members}"
        );
    }
}
