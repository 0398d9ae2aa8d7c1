//! Members of real clusters added, removed, replaced, promoted and updated, while a client writes; and what befalls them meanwhile.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::lab::Lab;
use crate::support::membership::{
    MINUTES, change, endpoint, healthy_with, members, put_away, serves, started_patiently, stilled, tell,
};
use crate::support::runs::{begun, run_id, signal, signalled_at};
use crate::support::wait_until;
use crate::support::writer::Writer;

/// What `runs show` tells of the newest run, on one line.
fn shown(lab: &Lab) -> String {
    let text = lab.etcdops(&["runs", "show", &run_id(lab.bastion())]).good();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Each of these; of those with `|` between them one.
#[track_caller]
fn tells(lab: &Lab, words: &[&str]) {
    let shown = shown(lab);
    for word in words {
        assert!(word.split('|').any(|one| shown.contains(one)), "{word}: {shown}");
    }
}

fn scheme(lab: &Lab) -> &'static str {
    if lab.folder().join("pki").exists() {
        "https"
    } else {
        "http"
    }
}

/// After etcd-3, whose host is silent, was replaced by etcd-4.
fn what_others_must_do_is_told(lab: &Lab, told: &str) {
    let servers = ["etcd-1", "etcd-2", "etcd-4"].map(|host| format!("{}://{host}:2379", scheme(lab)));
    let flat = told.split_whitespace().collect::<Vec<_>>().join(" ");
    let exactly = format!("--etcd-servers={}", servers.join(","));
    let ports = ["- etcd-3:2379 + etcd-4:2379", "- etcd-3:2380 + etcd-4:2380"];
    let still_to_do = "when it answers again, type etcdops remove-member etcd-3";
    for words in [exactly.as_str(), ports[0], ports[1], still_to_do] {
        assert!(flat.contains(words), "{words}: {told}");
    }
}

/// Everything that membership commands do, one after another, on one cluster.
fn all_changes(version: &str, options: &[&str]) {
    let up = [&["--members", "3", "--spare", "1", "--etcd", version], options].concat();
    let Some(lab) = Lab::up(&up) else { return };
    let learners = !version.starts_with("3.3");
    let inventory = lab.folder().join("etcdops.yaml");
    let text = fs::read_to_string(&inventory).unwrap();
    etcdops::base::files::replace(
        &inventory,
        text.replacen("clusters:", "# by hand\nclusters:", 1).as_bytes(),
    )
    .unwrap();
    lab.exec("etcd-4", "echo '# kept by hand' >>/etc/default/etcd");
    let writer = Writer::start(&lab, version, &["etcd-1", "etcd-2", "etcd-3", "etcd-4"]);

    // Dead, and its host with it: another host takes its place.
    lab.kill("etcd-3");
    serves(&lab);
    let done = lab.etcdops(&[
        "replace-member",
        "etcd-3",
        "--host",
        "etcd-4",
        "--write-inventory",
        "--yes",
    ]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let backups = lab.etcdops(&["backups", "list", "-o", "json"]).good();
    let backups: Value = serde_json::from_str(&backups).unwrap();
    assert_eq!(
        backups["backups"].as_array().map(Vec::len),
        Some(1),
        "a backup was taken first: {backups}"
    );
    healthy_with(&lab, &["etcd-1", "etcd-2", "etcd-4"]);
    assert!(done.stdout.contains("3→2→3"), "{}", done.stdout);
    what_others_must_do_is_told(&lab, &done.stdout);
    let text = fs::read_to_string(&inventory).unwrap();
    let endpoints = text.lines().find(|line| line.contains("endpoints:")).unwrap();
    assert!(
        text.starts_with("# by hand\n") && endpoints.contains("etcd-4") && !endpoints.contains("etcd-3"),
        "{text}"
    );
    assert!(lab.exec("etcd-4", "cat /etc/default/etcd").contains("# kept by hand"));

    // The old host comes back: what it holds is put away, and etcd there cannot start.
    lab.start("etcd-3");
    change(&lab, &["remove-member", "etcd-3"]);
    put_away(&lab, "etcd-3");
    let again = change(&lab, &["remove-member", "etcd-3"]);
    assert!(again.stdout.contains("nothing to remove"), "{}", again.stdout);

    // Grown, and shrunk by a living member.
    change(&lab, &["add-member", "etcd-3"]);
    healthy_with(&lab, &["etcd-1", "etcd-2", "etcd-3", "etcd-4"]);
    started_patiently(&lab, "etcd-3");
    let again = change(&lab, &["add-member", "etcd-3"]);
    assert!(again.stdout.contains("nothing to add"), "{}", again.stdout);
    change(&lab, &["remove-member", "etcd-4"]);
    healthy_with(&lab, &["etcd-1", "etcd-2", "etcd-3"]);

    // A disk that was lost: replaced on its own host.
    lab.kill("etcd-2");
    lab.start("etcd-2");
    lab.exec(
        "etcd-2",
        "systemctl stop etcd; mkdir /var/lib/etcd/lost; mv /var/lib/etcd/default/member /var/lib/etcd/lost/",
    );
    serves(&lab);
    change(&lab, &["replace-member", "etcd-2"]);
    healthy_with(&lab, &["etcd-1", "etcd-2", "etcd-3"]);

    if learners {
        promoted(&lab);
    }
    let url = format!("{}://etcd-1:2390", scheme(&lab));
    change(&lab, &["update-member", "etcd-1", "--peer-url", &url]);
    assert!(
        members(&lab)
            .iter()
            .any(|(name, _, urls)| name == "etcd-1" && urls.contains(&url))
    );
    lab.etcdops(&["health"]).good();
    let again = change(&lab, &["update-member", "etcd-1", "--peer-url", &url]);
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
    tell(&format!("every change on etcd {version}"), writer.end(&lab));
}

/// A learner that was left behind by a killed run is made a voter, and taken out again.
fn promoted(lab: &Lab) {
    let add = ["add-member", "etcd-4", "--no-backup", "--yes"];
    let mut child = begun(lab.bastion(), &add, "new/join/joined/sync");
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    let run = run_id(lab.bastion());
    lab.etcdops(&["runs", "abandon", &run, "--yes"]).good();
    assert!(members(lab).iter().any(|(_, votes, _)| !votes), "{:?}", members(lab));
    // It has only just been started: until it answers, a plan is refused.
    wait_until("the learner answers", MINUTES, || {
        lab.etcdops(&["promote-member", "etcd-4", "--plan"]).code == Some(0)
    });
    let promote = ["promote-member", "etcd-4", "--yes"];
    lab.etcdops(&promote).good();
    healthy_with(lab, &["etcd-1", "etcd-2", "etcd-3", "etcd-4"]);
    assert!(lab.etcdops(&promote).good().contains("a voter already"));
    change(lab, &["remove-member", "etcd-4"]);
}

#[test]
fn members_come_and_go_while_a_client_writes() {
    all_changes("3.5.35", &["--tls", "--client-cert-auth", "--auth"]);
}

#[test]
fn members_come_and_go_on_3_3_which_has_no_learners() {
    all_changes("3.3.25", &[]);
}

#[test]
#[ignore = "takes minutes: make soak"]
fn members_come_and_go_on_every_other_version() {
    all_changes("3.4.23", &["--tls"]);
    all_changes("3.5.16", &["--unit-in-etc", "--data-mount"]);
    all_changes("3.6.16", &["--tls", "--config", "dropin"]);
    all_changes("3.7.3", &["--tls", "--client-cert-auth", "--config", "args"]);
}

#[test]
#[ignore = "takes minutes: make soak"]
fn five_members_bear_the_loss_of_two() {
    let Some(lab) = Lab::up(&["--members", "5", "--spare", "1", "--etcd", "3.6.16", "--tls"]) else {
        return;
    };
    let hosts = ["etcd-1", "etcd-2", "etcd-3", "etcd-4", "etcd-5", "etcd-6"];
    let writer = Writer::start(&lab, "3.6.16", &hosts);
    for host in ["etcd-4", "etcd-5"] {
        lab.kill(host);
    }
    serves(&lab);
    let done = change(&lab, &["replace-member", "etcd-5", "--host", "etcd-6"]);
    assert!(done.stdout.contains("5→4→5"), "{}", done.stdout);
    lab.start("etcd-4");
    wait_until("five are healthy", MINUTES, || lab.etcdops(&["health"]).code == Some(0));
    healthy_with(&lab, &["etcd-1", "etcd-2", "etcd-3", "etcd-4", "etcd-6"]);
    change(&lab, &["remove-member", "etcd-1"]);
    healthy_with(&lab, &["etcd-2", "etcd-3", "etcd-4", "etcd-6"]);
    tell("five members", writer.end(&lab));
}

#[test]
fn a_replacement_that_is_killed_is_resumed_to_the_same_end() {
    let Some(lab) = Lab::up(&["--members", "3", "--spare", "1", "--etcd", "3.5.35", "--tls"]) else {
        return;
    };
    let writer = Writer::start(&lab, "3.5.35", &["etcd-1", "etcd-2", "etcd-3", "etcd-4"]);
    let (mut old, mut new) = ("etcd-3", "etcd-4");
    let soak = crate::support::soak();
    let chosen: &[usize] = if soak {
        &[5, 9, 12, 15, 19, 22, 26, 31]
    } else {
        &[9, 15, 22, 26]
    };
    for &at in chosen {
        lab.exec(old, "systemctl stop etcd");
        let replace = ["replace-member", old, "--host", new, "--no-backup", "--yes"];
        let code = signalled_at(lab.bastion(), &replace, at, Signal::KILL);
        assert_eq!(code, None, "killed at {at}: the run was over before");
        let resumed = lab.etcdops(&["resume", &run_id(lab.bastion()), "--yes"]);
        assert_eq!(
            resumed.code,
            Some(0),
            "killed at {at}: {}{}",
            resumed.stdout,
            resumed.stderr
        );
        let mut wanted = vec!["etcd-1", "etcd-2", new];
        wanted.sort_unstable();
        healthy_with(&lab, &wanted);
        (old, new) = (new, old);
    }
    tell("a replacement killed and resumed", writer.end(&lab));
}

#[test]
fn a_power_cut_in_the_middle_stops_the_run_before_it_makes_things_worse() {
    let Some(lab) = Lab::up(&["--members", "3", "--spare", "1", "--etcd", "3.5.35"]) else {
        return;
    };
    let writer = Writer::start(&lab, "3.5.35", &["etcd-1", "etcd-2", "etcd-3", "etcd-4"]);
    lab.kill("etcd-3");
    serves(&lab);
    let replace = ["replace-member", "etcd-3", "--host", "etcd-4", "--no-backup", "--yes"];
    let mut child = begun(lab.bastion(), &replace, "join/joined/write");
    lab.kill("etcd-4");
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(1 | 6)), "{code:?}");
    lab.etcdctl(&["--endpoints", &endpoint(&lab, "etcd-1"), "put", "still", "served"]);
    lab.start("etcd-4");
    lab.etcdops(&["resume", &run_id(lab.bastion()), "--yes"]).good();
    healthy_with(&lab, &["etcd-1", "etcd-2", "etcd-4"]);

    // Another member falls while one is being replaced: nothing is changed beyond that moment.
    lab.start("etcd-3");
    change(&lab, &["remove-member", "etcd-3"]);
    let replace = ["replace-member", "etcd-4", "--host", "etcd-3", "--no-backup", "--yes"];
    // Long enough before the old one is removed: a host does not fall at once.
    let mut child = begun(lab.bastion(), &replace, "join/joined/start");
    lab.kill("etcd-2");
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(1 | 6)), "{code:?}");
    let listed = lab.etcdctl(&["--endpoints", &endpoint(&lab, "etcd-1"), "member", "list"]);
    assert!(
        listed.contains("etcd-4"),
        "the old one is not removed while another is down: {listed}"
    );
    tells(
        &lab,
        &[
            // Whichever step it was about to begin.
            "failed: not begun: 2 healthy voters, the plan expects at least 3",
            "hint: etcdops health",
            "when its cause is gone: etcdops resume",
        ],
    );
    lab.start("etcd-2");
    wait_until("three are healthy again", MINUTES, || {
        let health = lab.etcdops(&["health", "-o", "json"]).stdout;
        serde_json::from_str::<Value>(&health).is_ok_and(|health| health["quorum"]["healthy"].as_u64() >= Some(3))
    });
    lab.etcdops(&["resume", &run_id(lab.bastion()), "--yes"]).good();
    healthy_with(&lab, &["etcd-1", "etcd-2", "etcd-3"]);
    tell("power cuts in the middle", writer.end(&lab));
}

/// What a test does to a host.
type Hand = fn(&Lab, &str);

#[test]
fn what_goes_wrong_on_the_new_host_is_told_and_resumed() {
    let Some(lab) = Lab::up(&["--members", "3", "--spare", "1", "--etcd", "3.5.35", "--disk-mb", "700"]) else {
        return;
    };
    // Which call it meets first depends on how fast the machine is; its cause is told whichever that is.
    let misfortunes: [(&str, Hand, Hand, &[&str]); 3] = [
        (
            "the disk is full",
            |lab, host| lab.fill(host),
            |lab, host| lab.unfill(host),
            &["hint: make room on the host, then: etcdops resume"],
        ),
        (
            "sudo refuses",
            |lab, host| drop(lab.exec(host, "mv /etc/sudoers.d /etc/sudoers.gone")),
            |lab, host| drop(lab.exec(host, "mv /etc/sudoers.gone /etc/sudoers.d")),
            &[
                "sudo: a password is required",
                "hint: find out why (etcdops config check)|hint: give the ssh user sudo on the host",
            ],
        ),
        (
            "the bastion is cut off",
            |lab, host| lab.cut(host, &["--from", "bastion"]),
            |lab, host| lab.heal(host),
            &[
                "ssh: Connection timed out|ssh: connect to host",
                "hint: find out why (etcdops config check), then: etcdops resume",
            ],
        ),
    ];
    let (mut old, mut new) = ("etcd-3", "etcd-4");
    for (what, befalls, is_put_right, words) in misfortunes {
        lab.exec(old, "systemctl stop etcd");
        let replace = ["replace-member", old, "--host", new, "--no-backup", "--yes"];
        let mut child = begun(lab.bastion(), &replace, "join/joined/add");
        stilled(&child, || befalls(&lab, new));
        let code = child.wait().unwrap().code();
        assert!(matches!(code, Some(1 | 6)), "{what}: {code:?}");
        tells(&lab, words);
        is_put_right(&lab, new);
        let resumed = lab.etcdops(&["resume", &run_id(lab.bastion()), "--yes"]);
        assert_eq!(resumed.code, Some(0), "{what}: {}{}", resumed.stdout, resumed.stderr);
        let mut wanted = vec!["etcd-1", "etcd-2", new];
        wanted.sort_unstable();
        healthy_with(&lab, &wanted);
        (old, new) = (new, old);
    }
}
