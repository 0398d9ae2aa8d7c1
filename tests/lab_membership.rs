//! Members of real clusters added, removed, replaced, promoted and updated, while a client writes; and what is refused.

use std::fs;
use std::process::Child;
use std::time::Duration;

use etcdops::plan::types::Plan;
use expectrl::{Expect, Session};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::lab::{Finished, Lab};
use crate::support::runs::{journal, run_id, signal, signalled_at, spawned};
use crate::support::wait_until;
use crate::support::writer::Writer;

const MINUTES: Duration = Duration::from_mins(3);

/// The members as etcd lists them: name (or `?`), whether it votes, its peer URLs.
fn members(lab: &Lab) -> Vec<(String, bool, String)> {
    let document = lab.etcdops(&["members", "-o", "json"]).good();
    let document: Value = serde_json::from_str(&document).unwrap();
    let listed = document["members"].as_array().unwrap().iter();
    let mut found: Vec<(String, bool, String)> = listed
        .filter(|member| member["id"].is_string())
        .map(|member| {
            let name = member["name"].as_str().filter(|name| !name.is_empty()).unwrap_or("?");
            let urls = member["peer_urls"].to_string();
            (name.to_owned(), member["role"] != "learner", urls)
        })
        .collect();
    found.sort();
    found
}

fn names(lab: &Lab) -> Vec<String> {
    members(lab).into_iter().map(|(name, ..)| name).collect()
}

/// Healthy, with exactly these members, all of them voters.
#[track_caller]
fn healthy_with(lab: &Lab, wanted: &[&str]) {
    let health = lab.etcdops(&["health"]);
    assert_eq!(health.code, Some(0), "{}{}", health.stdout, health.stderr);
    assert_eq!(names(lab), wanted);
    assert!(members(lab).iter().all(|(_, votes, _)| *votes), "{:?}", members(lab));
}

/// Carries a membership command out to its end, without a backup.
#[track_caller]
fn change(lab: &Lab, arguments: &[&str]) -> Finished {
    let done = lab.etcdops(&[arguments, &["--no-backup", "--yes"]].concat());
    assert_eq!(done.code, Some(0), "{arguments:?}\n{}{}", done.stdout, done.stderr);
    done
}

/// Refused: exit 3, these words, no member more or less.
#[track_caller]
fn refused(lab: &Lab, arguments: &[&str], words: &str) {
    let before = lab.etcdctl(&["member", "list"]);
    let ended = lab.etcdops(&[arguments, &["--no-backup", "--yes"]].concat());
    assert_eq!(ended.code, Some(3), "{arguments:?}\n{}{}", ended.stdout, ended.stderr);
    let flat = ended.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(words), "{words}\n{}", ended.stderr);
    assert!(flat.contains("nothing was changed"), "{}", ended.stderr);
    assert_eq!(lab.etcdctl(&["member", "list"]), before);
}

/// Starts a run and waits until this step of it has begun.
fn begun(lab: &Lab, arguments: &[&str], step: &str) -> Child {
    let before = journal(lab.bastion());
    let mut child = spawned(lab.bastion(), arguments);
    let wanted = format!("\"step\":\"{step}\"");
    wait_until(&format!("{step} begins"), MINUTES, || {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before {step}");
        journal(lab.bastion())
            .filter(|path| Some(path) != before.as_ref())
            .and_then(|path| fs::read_to_string(path).ok())
            .is_some_and(|text| text.contains(&wanted))
    });
    child
}

fn fenced(lab: &Lab, host: &str) -> bool {
    lab.try_exec(host, "test -e /etc/systemd/system/etcd.service.d/zz-etcdops-fence.conf")
        .code
        == Some(0)
}

fn tell(what: &str, (count, gap): (usize, Duration)) {
    eprintln!(
        "{what}: {count} acknowledged writes, none lost, longest gap {:.1} s",
        gap.as_secs_f64()
    );
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
    assert!(done.stdout.contains("--etcd-servers="), "{}", done.stdout);
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
    assert!(fenced(&lab, "etcd-3"), "a removed member's host is fenced");
    let again = change(&lab, &["remove-member", "etcd-3"]);
    assert!(again.stdout.contains("nothing to remove"), "{}", again.stdout);

    // Grown, and shrunk by a living member.
    change(&lab, &["add-member", "etcd-3"]);
    healthy_with(&lab, &["etcd-1", "etcd-2", "etcd-3", "etcd-4"]);
    assert!(!fenced(&lab, "etcd-3"));
    let again = change(&lab, &["add-member", "etcd-3"]);
    assert!(again.stdout.contains("nothing to add"), "{}", again.stdout);
    change(&lab, &["remove-member", "etcd-4"]);
    healthy_with(&lab, &["etcd-1", "etcd-2", "etcd-3"]);

    // A disk that was lost: replaced on its own host.
    lab.kill("etcd-2");
    lab.start("etcd-2");
    lab.exec(
        "etcd-2",
        "systemctl stop etcd; mv /var/lib/etcd/default /var/lib/etcd/lost",
    );
    change(&lab, &["replace-member", "etcd-2"]);
    healthy_with(&lab, &["etcd-1", "etcd-2", "etcd-3"]);

    if learners {
        promoted(&lab);
    }
    let scheme = if lab.folder().join("pki").exists() {
        "https"
    } else {
        "http"
    };
    let url = format!("{scheme}://etcd-1:2390");
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
    let mut child = begun(lab, &add, "new/join/joined/sync");
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    let run = run_id(lab.bastion());
    lab.etcdops(&["runs", "abandon", &run, "--yes"]).good();
    assert!(members(lab).iter().any(|(_, votes, _)| !votes), "{:?}", members(lab));
    let promote = ["promote-member", "etcd-4", "--yes"];
    lab.etcdops(&promote).good();
    healthy_with(lab, &["etcd-1", "etcd-2", "etcd-3", "etcd-4"]);
    assert!(lab.etcdops(&promote).good().contains("a voter already"));
    change(lab, &["remove-member", "etcd-4"]);
}

/// Waits until the others have a leader again: right after a power cut a plan is refused, and that is not what is tried here.
fn serves(lab: &Lab) {
    wait_until("the others serve", MINUTES, || {
        lab.try_etcdctl(&["--endpoints", &endpoint(lab, "etcd-1"), "get", "x"])
            .code
            == Some(0)
    });
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
fn members_come_and_go_on_every_other_version() {
    if std::env::var_os("ETCDOPS_SOAK").is_none() {
        return;
    }
    all_changes("3.4.23", &["--tls"]);
    all_changes("3.5.16", &["--unit-in-etc", "--data-mount"]);
    all_changes("3.6.16", &["--tls", "--config", "dropin"]);
    all_changes("3.7.3", &["--tls", "--client-cert-auth", "--config", "args"]);
}

/// A command and `run` with its parameters make the same plan.
fn doors_are_their_runbooks(lab: &Lab) {
    let hash = |name: &str, arguments: &[&str]| {
        let file = lab.bastion().home().join(name);
        let path = file.display().to_string();
        lab.etcdops(&[arguments, &["--plan-out", &path]].concat()).good();
        let plan: Plan = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        plan.hash()
    };
    let doors: [(&[&str], &[&str]); 4] = [
        (&["add-member", "etcd-4"], &["host=etcd-4"]),
        (&["remove-member", "etcd-3"], &["member=etcd-3"]),
        (
            &["replace-member", "etcd-3", "--host", "etcd-4"],
            &["member=etcd-3", "host=etcd-4"],
        ),
        (
            &["update-member", "etcd-2", "--peer-url", "http://etcd-2:2390"],
            &["member=etcd-2", "peer_url=http://etcd-2:2390"],
        ),
    ];
    for (door, parameters) in doors {
        let mut run = vec!["run", door[0], "--set", "take_backup=false"];
        run.extend(parameters.iter().flat_map(|parameter| ["--set", parameter]));
        let by_door = hash("door.json", &[door, &["--no-backup"]].concat());
        assert_eq!(by_door, hash("run.json", &run), "{door:?}");
    }
    let promote = hash("door.json", &["promote-member", "etcd-1"]);
    assert_eq!(
        promote,
        hash("run.json", &["run", "promote-member", "--set", "member=etcd-1"])
    );
}

/// Answers the questions of a command on a terminal of its own, one after another; its exit code must be this one.
#[track_caller]
fn answering(lab: &Lab, arguments: &str, answers: &[(&str, &str)], code: u8) {
    let line = format!("{} {arguments}; echo \"code=$?.\"", env!("CARGO_BIN_EXE_etcdops"));
    let mut session = Session::spawn(lab.bastion().command("bash", &["--norc", "-c", &line])).unwrap();
    session.set_expect_timeout(Some(MINUTES));
    session.get_process_mut().set_window_size(120, 40).unwrap();
    for (question, answer) in answers {
        if let Err(error) = session.expect(*question) {
            panic!("{arguments}: `{question}` never came: {error}");
        }
        session.send(format!("{answer}\r")).unwrap();
    }
    if let Err(error) = session.expect(format!("code={code}.")) {
        panic!("{arguments}: not {code}: {error}");
    }
}

fn declined_at_each_question(lab: &Lab) {
    let before = lab.etcdctl(&["member", "list"]);
    let chosen = "replace-member --host etcd-4 --no-backup";
    let dead = "replace-member etcd-3 --host etcd-4 --no-backup";
    let (proposed, plan) = ("or nothing to stop: ", "Carry out this plan on cluster lab? [y/N] ");
    let scripts: [(&str, &[(&str, &str)]); 4] = [
        (chosen, &[(proposed, "")]),
        (chosen, &[(proposed, "1"), (plan, "n")]),
        (dead, &[(plan, "")]),
        (dead, &[(plan, "y"), ("[y/N] ", "n")]),
    ];
    for (arguments, answers) in scripts {
        answering(lab, arguments, answers, 4);
    }
    assert_eq!(lab.etcdctl(&["member", "list"]), before);
}

#[test]
fn what_would_hurt_is_refused_and_changes_nothing() {
    let Some(lab) = Lab::up(&["--members", "3", "--spare", "1", "--etcd", "3.5.16"]) else {
        return;
    };
    doors_are_their_runbooks(&lab);
    let unknown = lab.etcdops(&["add-member", "etcd-5", "--yes"]);
    assert_eq!(unknown.code, Some(2), "{}", unknown.stderr);
    assert!(unknown.stderr.contains("did you mean"), "{}", unknown.stderr);
    lab.use_version("etcd-4", "3.4.23");
    refused(&lab, &["add-member", "etcd-4"], "etcd 3.4.23 there, 3.5.16");
    lab.use_version("etcd-4", "3.5.16");
    // The clock of one host: what answers `date` there is two minutes ahead.
    let ahead = "mv /usr/bin/date /usr/bin/date.real && printf '#!/bin/sh\\nexec /usr/bin/date.real -d \"+2 minutes\" \"$@\"\\n' >/usr/bin/date && chmod 755 /usr/bin/date";
    lab.exec("etcd-4", ahead);
    refused(&lab, &["add-member", "etcd-4"], "the clock of etcd-4");
    lab.exec("etcd-4", "mv /usr/bin/date.real /usr/bin/date");
    lab.exec("etcd-4", "systemctl start --no-block etcd");
    wait_until("etcd runs on the spare host", MINUTES, || {
        lab.try_exec("etcd-4", "pidof etcd").code == Some(0)
    });
    refused(
        &lab,
        &["add-member", "etcd-4"],
        "etcd-4 has the unit, is proved stopped",
    );
    lab.exec("etcd-4", "systemctl stop etcd");
    lab.cut("etcd-4", &["--from", "etcd-2", "--port", "2380", "--one-way"]);
    refused(&lab, &["add-member", "etcd-4"], "etcd-2");
    lab.heal("etcd-4");

    lab.kill("etcd-3");
    serves(&lab);
    declined_at_each_question(&lab);
    refused(
        &lab,
        &["add-member", "etcd-4"],
        "etcd refuses to add a member while 2 of 3 voters are healthy",
    );
    refused(&lab, &["remove-member", "etcd-2"], "quorum");
    refused(&lab, &["replace-member", "etcd-3"], "take another host: --host etcd-4");
    lab.kill("etcd-2");
    let lost = lab.etcdops(&["replace-member", "etcd-3", "--host", "etcd-4", "--no-backup", "--yes"]);
    assert_eq!(lost.code, Some(3), "{}", lost.stderr);
    assert!(lost.stderr.contains("etcdops recover"), "{}", lost.stderr);
}

#[test]
fn a_replacement_that_is_killed_is_resumed_to_the_same_end() {
    let Some(lab) = Lab::up(&["--members", "3", "--spare", "1", "--etcd", "3.5.35", "--tls"]) else {
        return;
    };
    let writer = Writer::start(&lab, "3.5.35", &["etcd-1", "etcd-2", "etcd-3", "etcd-4"]);
    let (mut old, mut new) = ("etcd-3", "etcd-4");
    let soak = std::env::var_os("ETCDOPS_SOAK").is_some();
    let chosen: &[usize] = if soak {
        &[5, 9, 12, 15, 19, 22, 26, 31]
    } else {
        &[15, 22]
    };
    for &at in chosen {
        lab.exec(old, "systemctl stop etcd");
        let replace = ["replace-member", old, "--host", new, "--no-backup", "--yes"];
        signalled_at(lab.bastion(), &replace, at, Signal::KILL);
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
    let mut child = begun(&lab, &replace, "join/joined/write");
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
    let mut child = begun(&lab, &replace, "join/joined/sync");
    lab.kill("etcd-2");
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(1 | 6)), "{code:?}");
    let listed = lab.etcdctl(&["--endpoints", &endpoint(&lab, "etcd-1"), "member", "list"]);
    assert!(
        listed.contains("etcd-4"),
        "the old one is not removed while another is down: {listed}"
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

fn endpoint(lab: &Lab, host: &str) -> String {
    let scheme = if lab.folder().join("pki").exists() {
        "https"
    } else {
        "http"
    };
    format!("{scheme}://{host}:2379")
}

/// What a test does to a host.
type Hand = fn(&Lab, &str);

#[test]
fn what_goes_wrong_on_the_new_host_is_told_and_resumed() {
    let Some(lab) = Lab::up(&["--members", "3", "--spare", "1", "--etcd", "3.5.35", "--disk-mb", "700"]) else {
        return;
    };
    let misfortunes: [(&str, Hand, Hand); 3] = [
        (
            "the disk is full",
            |lab, host| lab.fill(host),
            |lab, host| lab.unfill(host),
        ),
        (
            "sudo refuses",
            |lab, host| drop(lab.exec(host, "mv /etc/sudoers.d /etc/sudoers.gone")),
            |lab, host| drop(lab.exec(host, "mv /etc/sudoers.gone /etc/sudoers.d")),
        ),
        (
            "the bastion is cut off",
            |lab, host| lab.cut(host, &["--from", "bastion"]),
            |lab, host| lab.heal(host),
        ),
    ];
    let (mut old, mut new) = ("etcd-3", "etcd-4");
    for (what, befalls, is_put_right) in misfortunes {
        lab.exec(old, "systemctl stop etcd");
        let replace = ["replace-member", old, "--host", new, "--no-backup", "--yes"];
        let mut child = begun(&lab, &replace, "join/joined/add");
        befalls(&lab, new);
        let code = child.wait().unwrap().code();
        assert!(matches!(code, Some(1 | 6)), "{what}: {code:?}");
        is_put_right(&lab, new);
        let resumed = lab.etcdops(&["resume", &run_id(lab.bastion()), "--yes"]);
        assert_eq!(resumed.code, Some(0), "{what}: {}{}", resumed.stdout, resumed.stderr);
        let mut wanted = vec!["etcd-1", "etcd-2", new];
        wanted.sort_unstable();
        healthy_with(&lab, &wanted);
        (old, new) = (new, old);
    }
}
