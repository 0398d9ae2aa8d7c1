//! Recovery from a survivor on real hosts: which copy is chosen, what is refused, and that no old member joins or splits the cluster.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::lab::{Finished, Lab};
use crate::support::runs::{begun, records, run_id, signalled_at};
use crate::support::{soak, wait_until};

const DATA: &str = "/var/lib/etcd/default";

fn put(lab: &Lab, name: &str, count: usize) {
    for number in 0..count {
        lab.etcdctl(&["put", &format!("{name}{number}"), "value"]);
    }
}

/// How many keys begin so, as the members say through a quorum.
fn keys(lab: &Lab, hosts: &[&str], name: &str) -> usize {
    let listed = lab.etcdctl(&["--endpoints", &urls(lab, hosts), "get", "--prefix", "--keys-only", name]);
    listed.lines().filter(|line| !line.is_empty()).count()
}

fn urls(lab: &Lab, hosts: &[&str]) -> String {
    let scheme = if lab.folder().join("pki").exists() {
        "https"
    } else {
        "http"
    };
    let urls: Vec<String> = hosts.iter().map(|host| format!("{scheme}://{host}:2379")).collect();
    urls.join(",")
}

/// The output in one line: it is wrapped for people.
fn flat(ended: &Finished) -> String {
    let said = format!("{} {}", ended.stdout, ended.stderr);
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn refused(ended: &Finished, words: &[&str]) {
    let said = flat(ended);
    assert_eq!(ended.code, Some(3), "{said}");
    for word in words.iter().chain(&["nothing was changed"]) {
        assert!(said.contains(word), "{word}\n{}{}", ended.stdout, ended.stderr);
    }
}

/// What `recover` sees of a host's copy.
fn copy(lab: &Lab, host: &str) -> Value {
    let looked = lab.etcdops(&["recover", "-o", "json"]);
    let document: Value = serde_json::from_str(&looked.stdout).unwrap();
    let copies = document["copies"].as_array().unwrap();
    copies.iter().find(|copy| copy["host"] == host).unwrap().clone()
}

/// Names of the members that a host's member lists.
fn members(lab: &Lab, through: &str) -> Vec<String> {
    let listed = lab.etcdctl(&["--endpoints", &urls(lab, &[through]), "member", "list", "-w", "simple"]);
    let mut names: Vec<String> = listed
        .lines()
        .filter_map(|line| Some(line.split(", ").nth(2)?.to_owned()))
        .collect();
    names.sort();
    names
}

/// Two of three hosts are gone for good.
const WITHOUT_TWO: [&str; 7] = [
    "recover",
    "--from-survivor",
    "--dead",
    "etcd-2",
    "--dead",
    "etcd-3",
    "--yes",
];

#[track_caller]
fn healthy(lab: &Lab, hosts: &[&str]) {
    let verdict = || {
        let health = lab.etcdops(&["health", "-o", "json"]);
        let document: Value = serde_json::from_str(&health.stdout).unwrap();
        document["verdict"].clone()
    };
    // A leader of 3.3 waits 7 s for reads that it asked a member about which had not started.
    if lab.exec(hosts[0], "etcd --version").contains("etcd Version: 3.3.") {
        wait_until("all is healthy", Duration::from_secs(30), || verdict() == "healthy");
    }
    assert_eq!(verdict(), "healthy");
    for host in hosts {
        assert_eq!(members(lab, host), hosts, "as {host} lists them");
    }
    equal(lab, hosts);
}

/// The same keys and values on every member.
#[track_caller]
fn equal(lab: &Lab, hosts: &[&str]) {
    let hashes: Vec<String> = hosts
        .iter()
        .map(|host| {
            let told = lab.etcdctl(&["--endpoints", &urls(lab, &[host]), "endpoint", "hashkv", "-w", "json"]);
            let told: Value = serde_json::from_str(&told).unwrap();
            told[0]["HashKV"]["hash"].to_string()
        })
        .collect();
    assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]), "{hashes:?}");
}

/// An old member that was switched on: it takes no write, and the cluster stays what it is.
#[track_caller]
fn cannot_join(lab: &Lab, stale: &str, cluster: &[&str]) {
    // It has come up and tried for a while, or it was told that it is removed.
    wait_until("the old member has started", Duration::from_secs(30), || {
        let seen = lab.exec(
            stale,
            "systemctl show etcd -p ActiveState -p ExecMainStartTimestampMonotonic",
        );
        !seen.contains("ExecMainStartTimestampMonotonic=0") || seen.contains("failed")
    });
    for _ in 0..3 {
        let put = lab.try_etcdctl(&[
            "--endpoints",
            &urls(lab, &[stale]),
            "--command-timeout=2s",
            "put",
            "stale",
            "1",
        ]);
        assert_ne!(put.code, Some(0), "{stale} takes writes");
    }
    for host in cluster {
        assert_eq!(members(lab, host), cluster, "as {host} lists them");
    }
    assert_eq!(
        lab.etcdctl(&["--endpoints", &urls(lab, cluster), "get", "stale", "--print-value-only"]),
        ""
    );
}

/// Power cuts; returns when what is left has noticed that it has no leader.
fn cut_power(lab: &Lab, hosts: &[&str]) {
    for host in hosts {
        lab.kill(host);
    }
    wait_until("the quorum is lost", Duration::from_secs(60), || {
        matches!(lab.etcdops(&["health"]).code, Some(11 | 12))
    });
}

fn old_data(lab: &Lab, host: &str) -> String {
    lab.exec(
        host,
        &format!("ls -d {DATA}.etcdops-*/member {DATA}/*.etcdops-*/member 2>/dev/null; true"),
    )
}

#[track_caller]
fn done(ended: &Finished) -> String {
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    flat(ended)
}

/// Of five two are left: one is behind, and stood alone for so long that its term is the highest. The other one is taken, and old members
/// that are switched on during and after it neither join nor split.
#[test]
fn of_two_survivors_the_newer_one_is_taken_and_old_members_stay_out() {
    // 3.4: without pre-vote a member that stands alone raises its term.
    let Some(lab) = Lab::up(&["--members", "5", "--etcd", "3.4"]) else {
        return;
    };
    put(&lab, "early", 5);
    lab.exec("etcd-1", "systemctl stop etcd");
    put(&lab, "late", 5);
    for host in ["etcd-3", "etcd-4", "etcd-5"] {
        lab.kill(host);
    }
    lab.exec("etcd-2", "systemctl stop etcd");
    lab.exec("etcd-1", "systemctl start --no-block etcd");
    wait_until("etcd-1 stood alone for a while", Duration::from_secs(60), || {
        copy(&lab, "etcd-1")["term"].as_u64() > copy(&lab, "etcd-2")["term"].as_u64().map(|term| term + 2)
    });

    let gone = ["--dead", "etcd-3", "--dead", "etcd-4", "--dead", "etcd-5"];
    let from = |host: &'static str, dead: &[&'static str]| {
        let survivor: &[&str] = if host.is_empty() { &[] } else { &[host] };
        [&["recover", "--from-survivor"], survivor, &["--yes"], dead].concat()
    };
    // The copy that is behind, whatever its term; without a word on the dead; one of them being alive.
    refused(&lab.etcdops(&from("etcd-1", &gone)), &["the copy on etcd-2 is newer"]);
    refused(
        &lab.etcdops(&from("etcd-2", &gone[..4])),
        &["etcd-5 cannot be read and may be newer", "--dead etcd-5"],
    );
    lab.start("etcd-5");
    refused(&lab.etcdops(&from("", &gone)), &["etcd-5 is not dead"]);
    // From here nothing of it answers; another host still reaches it.
    lab.cut("etcd-5", &["--from", "bastion"]);
    refused(
        &lab.etcdops(&from("", &gone)),
        &["etcd-5 is not dead", "asked from etcd-"],
    );
    lab.kill("etcd-5");

    // etcd-4 is switched on while the others already grow: it is none of theirs any more.
    let mut run = begun(lab.bastion(), &from("", &gone), "frozen/alone/fetch");
    lab.start("etcd-4");
    let ended = run.wait().unwrap();
    let shown = lab.etcdops(&["runs", "show", &run_id(lab.bastion())]);
    assert_eq!(ended.code(), Some(0), "{}{}", shown.stdout, shown.stderr);
    healthy(&lab, &["etcd-1", "etcd-2"]);
    assert_eq!(
        (keys(&lab, &["etcd-1"], "early"), keys(&lab, &["etcd-2"], "late")),
        (5, 5)
    );
    cannot_join(&lab, "etcd-4", &["etcd-1", "etcd-2"]);
    assert_ne!(old_data(&lab, "etcd-1"), "", "the old data of etcd-1 is kept");

    // One comes back as a new member, its old data beside the new.
    lab.start("etcd-3");
    cannot_join(&lab, "etcd-3", &["etcd-1", "etcd-2"]);
    lab.exec("etcd-3", "systemctl stop etcd");
    done(&lab.etcdops(&["add-member", "etcd-3", "--yes"]));
    healthy(&lab, &["etcd-1", "etcd-2", "etcd-3"]);
    assert_ne!(old_data(&lab, "etcd-3"), "", "the old data of etcd-3 is kept");
    assert_eq!(keys(&lab, &["etcd-3"], "late"), 5);
}

/// Two of three hosts are gone for good; later both come back empty-handed or with old data, and join anew.
fn of_three_one_is_left(options: &[&str]) {
    let Some(lab) = Lab::up(&[&["--members", "3"], options].concat()) else {
        return;
    };
    put(&lab, "entry", 10);
    cut_power(&lab, &["etcd-2", "etcd-3"]);
    let said = done(&lab.etcdops(&WITHOUT_TWO));
    for words in ["NOT fenced", "etcd-2", "etcd-3"] {
        assert!(said.contains(words), "{options:?}: {words}\n{said}");
    }
    healthy(&lab, &["etcd-1"]);
    assert_eq!(keys(&lab, &["etcd-1"], "entry"), 10, "{options:?}");
    for (host, cluster) in [
        ("etcd-2", &["etcd-1", "etcd-2"][..]),
        ("etcd-3", &["etcd-1", "etcd-2", "etcd-3"]),
    ] {
        lab.start(host);
        lab.exec(host, "systemctl stop etcd");
        done(&lab.etcdops(&["add-member", host, "--yes"]));
        healthy(&lab, cluster);
        assert_ne!(old_data(&lab, host), "", "{options:?}: the old data of {host} is kept");
    }
    assert_eq!(keys(&lab, &["etcd-3"], "entry"), 10, "{options:?}");
}

#[test]
#[ignore = "takes minutes: make soak"]
fn a_survivor_of_every_version_becomes_three_again() {
    let all: [&[&str]; 6] = [
        &["--etcd", "3.5", "--tls", "--client-cert-auth", "--auth"],
        &["--etcd", "3.3"],
        &["--etcd", "3.4", "--tls"],
        &["--etcd", "3.6", "--unit-in-etc", "--data-mount"],
        &["--etcd", "3.7", "--tls", "--auth", "--config", "file"],
        &["--etcd", "3.6", "--auth", "--config", "dropin"],
    ];
    for options in all {
        of_three_one_is_left(options);
    }
}

#[test]
#[ignore = "takes minutes: make soak"]
fn two_of_five_of_every_version_become_two_again() {
    let all: [&[&str]; 3] = [
        &["--etcd", "3.7", "--tls", "--auth"],
        &["--etcd", "3.6"],
        &["--etcd", "3.5"],
    ];
    for options in all {
        let Some(lab) = Lab::up(&[&["--members", "5"], options].concat()) else {
            continue;
        };
        put(&lab, "entry", 10);
        cut_power(&lab, &["etcd-1", "etcd-2", "etcd-3"]);
        let dead = ["--dead", "etcd-1", "--dead", "etcd-2", "--dead", "etcd-3"];
        done(&lab.etcdops(&[&["recover", "--from-survivor", "--yes"][..], &dead].concat()));
        healthy(&lab, &["etcd-4", "etcd-5"]);
        assert_eq!(keys(&lab, &["etcd-5"], "entry"), 10, "{options:?}");
    }
}

/// A peer URL that only its own host can reach, and a learner that nobody started: what an old recovery by hand leaves.
#[test]
#[ignore = "takes minutes: make soak"]
fn a_peer_url_of_localhost_is_corrected_and_learners_are_put_out() {
    // Before 3.5.25 a forced start keeps learners.
    let Some(lab) = Lab::up(&["--members", "3", "--spare", "1", "--etcd", "3.4"]) else {
        return;
    };
    put(&lab, "entry", 10);
    let add = [
        "member",
        "add",
        "etcd-4",
        "--learner",
        "--peer-urls",
        "http://etcd-4:2380",
    ];
    // etcd wants its members connected for five seconds first.
    wait_until("a learner is added", Duration::from_secs(30), || {
        lab.try_etcdctl(&add).code == Some(0)
    });
    let listed = lab.etcdctl(&["member", "list", "-w", "simple"]);
    let id = listed
        .lines()
        .find(|line| line.contains(", etcd-1, "))
        .unwrap()
        .split(',')
        .next()
        .unwrap();
    lab.etcdctl(&["member", "update", id, "--peer-urls", "http://localhost:2380"]);
    wait_until("etcd-1 knows it", Duration::from_secs(30), || {
        let told = lab.etcdctl(&["--endpoints", &urls(&lab, &["etcd-1"]), "member", "list"]);
        told.contains("localhost")
    });
    cut_power(&lab, &["etcd-2", "etcd-3"]);
    done(&lab.etcdops(&WITHOUT_TWO));
    let listed = lab.etcdctl(&[
        "--endpoints",
        &urls(&lab, &["etcd-1"]),
        "member",
        "list",
        "-w",
        "simple",
    ]);
    assert!(!listed.contains("localhost") && !listed.contains(", true"), "{listed}");
    lab.start("etcd-2");
    lab.exec("etcd-2", "systemctl stop etcd");
    done(&lab.etcdops(&["add-member", "etcd-2", "--yes"]));
    let health = lab.etcdops(&["health"]);
    assert_eq!(health.code, Some(0), "{}{}", health.stdout, health.stderr);
    assert_eq!(keys(&lab, &["etcd-2"], "entry"), 10);
}

/// All data but one copy is gone; killed on the way it goes on, and reaches three members.
#[test]
fn a_recovery_from_a_survivor_that_is_killed_is_resumed_to_the_same_end() {
    let Some(lab) = Lab::up(&["--members", "3", "--etcd", "3.5", "--tls"]) else {
        return;
    };
    put(&lab, "entry", 10);
    let points: &[usize] = if soak() {
        &[6, 14, 21, 29, 36, 44, 53, 67]
    } else {
        &[29]
    };
    for (round, at) in points.iter().enumerate() {
        for host in ["etcd-2", "etcd-3"] {
            lab.exec(host, &format!("systemctl stop etcd && mv {DATA} {DATA}.lost{round}"));
        }
        // The one that is left notices after an election time-out.
        wait_until("quorum is lost", Duration::from_secs(30), || {
            let plan = lab.etcdops(&["recover", "--from-survivor", "--plan"]);
            plan.code == Some(0)
        });
        signalled_at(
            lab.bastion(),
            &["recover", "--from-survivor", "--yes"],
            *at,
            Signal::KILL,
        );
        assert!(records(lab.bastion()) >= *at, "it ended before record {at}");
        let resumed = lab.etcdops(&["resume", &run_id(lab.bastion()), "--yes"]);
        assert_eq!(
            resumed.code,
            Some(0),
            "killed at {at}\n{}{}",
            resumed.stdout,
            resumed.stderr
        );
        healthy(&lab, &["etcd-1", "etcd-2", "etcd-3"]);
        assert_eq!(keys(&lab, &["etcd-3"], "entry"), 10, "killed at {at}");
        let left = lab.exec(
            "etcd-1",
            "ls /var/lib/etcdops/*.run /var/lib/etcdops/*.fenced 2>/dev/null; true",
        );
        assert_eq!(left, "", "neither a marker nor a fence stays");
    }
}
