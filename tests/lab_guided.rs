//! The ways back that `recover` leads to, on real hosts: what it prints works, and loses what it says.

use std::time::Duration;

use serde_json::Value;

use crate::support::lab::{Finished, Lab};
use crate::support::wait_until;

const HOSTS: [&str; 3] = ["etcd-1", "etcd-2", "etcd-3"];
const DATA: &str = "/var/lib/etcd/default";

fn urls(hosts: &[&str]) -> String {
    let urls: Vec<String> = hosts.iter().map(|host| format!("http://{host}:2379")).collect();
    urls.join(",")
}

/// How many keys there are, as the members on these hosts say through a quorum.
fn keys(lab: &Lab, hosts: &[&str]) -> usize {
    let words = ["--endpoints", &urls(hosts), "get", "--prefix", "--keys-only", "key"];
    let listed = lab.etcdctl(&words);
    listed.lines().filter(|line| !line.is_empty()).count()
}

#[track_caller]
fn done(ended: &Finished) {
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

fn document(lab: &Lab, words: &[&str]) -> Value {
    serde_json::from_str(&lab.etcdops(words).stdout).unwrap()
}

/// Everything that was said, in one line: it is wrapped for people.
fn flat(ended: &Finished) -> String {
    let said = format!("{} {}", ended.stdout, ended.stderr);
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The cluster's ID, as a host's member tells it.
fn cluster_id(lab: &Lab) -> String {
    let told = lab.etcdctl(&["--endpoints", &urls(&HOSTS[..1]), "endpoint", "status", "-w", "json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    told[0]["Status"]["header"]["cluster_id"].to_string()
}

fn lost(lab: &Lab) {
    wait_until("the quorum is lost", Duration::from_mins(1), || {
        matches!(lab.etcdops(&["health"]).code, Some(11 | 12))
    });
}

#[test]
fn what_recover_offers_works_and_loses_what_it_says() {
    let Some(lab) = Lab::up(&["--members", "3", "--etcd", "3.5"]) else {
        return;
    };
    for number in 0..20 {
        lab.etcdctl(&["put", &format!("key{number}"), "value"]);
    }
    // All are only stopped.
    for host in HOSTS {
        lab.exec(host, "systemctl stop --no-block etcd");
    }
    lost(&lab);
    done(&lab.etcdops(&["recover", "--yes"]));
    assert_eq!(lab.etcdops(&["health"]).code, Some(0));
    assert_eq!(keys(&lab, &HOSTS), 20);

    // One copy is left: it alone, a backup of it, all members anew from that.
    let before = cluster_id(&lab);
    for host in &HOSTS[1..] {
        lab.exec(host, &format!("systemctl stop etcd; mv {DATA} {DATA}.lost"));
    }
    lost(&lab);
    let shown = lab.etcdops(&["recover", "--from-survivor", "--then-restore", "--plan"]);
    assert!(
        shown.code == Some(0) && flat(&shown).contains("etcdops recover --from-backup --members etcd-"),
        "{shown:?}"
    );
    let anew = [
        "recover",
        "--from-survivor",
        "--then-restore",
        "--bump-revision",
        "--yes",
    ];
    done(&lab.etcdops(&anew));
    assert_eq!(lab.etcdops(&["health"]).code, Some(0));
    assert_eq!(keys(&lab, &HOSTS), 20);
    assert_ne!(cluster_id(&lab), before, "the cluster is a new one");
    let raised = lab.etcdctl(&["put", "raised", "1", "-w", "json"]);
    let raised: Value = serde_json::from_str(&raised).unwrap();
    assert!(raised["header"]["revision"].as_u64() > Some(1_000_000_000), "{raised}");
    let runs = document(&lab, &["runs", "list", "-o", "json"]);
    let runs: Vec<&str> = runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["runbook"].as_str().unwrap())
        .take(3)
        .collect();
    assert_eq!(runs, ["recover-from-backup", "backup", "recover-from-survivor"]);

    // One host is gone for good, and the data of the others: the command that is printed says so for the operator.
    done(&lab.etcdops(&["backup", "--yes"]));
    lab.kill("etcd-3");
    for host in &HOSTS[..2] {
        lab.exec(host, &format!("systemctl stop etcd; find {DATA} -mindepth 1 -delete"));
    }
    lost(&lab);
    let unsaid = lab.etcdops(&["recover", "--from-backup", "--yes"]);
    assert!(
        unsaid.code == Some(3) && flat(&unsaid).contains("--dead etcd-3"),
        "{unsaid:?}"
    );
    let offered = document(&lab, &["recover", "-o", "json"]);
    let choices = offered["choices"].as_array().unwrap();
    let backup = choices.iter().find(|choice| choice["way"] == "from-backup").unwrap();
    let command = backup["command"].as_str().unwrap();
    assert!(command.ends_with("--dead etcd-3"), "{command}");
    let words: Vec<&str> = command.split(' ').skip(1).chain(["--yes"]).collect();
    done(&lab.etcdops(&words));
    assert_eq!(keys(&lab, &HOSTS[..2]), 20);
    let said = flat(&lab.etcdops(&["health"]));
    assert!(said.contains("etcd-3 was declared dead in run"), "{said}");
}
