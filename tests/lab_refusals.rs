//! What is refused and what is declined before the members of a real cluster change: the words, the code, and nothing changed.

use std::fs;

use etcdops::base::files::write_private;
use etcdops::plan::types::Plan;

use crate::support::lab::Lab;
use crate::support::membership::{MINUTES, healthy_with, serves};
use crate::support::runs::{answering, journal};
use crate::support::wait_until;

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

/// A command and `run` with its parameters make the same plan.
fn doors_are_their_runbooks(lab: &Lab) {
    let plan = |name: &str, arguments: &[&str]| {
        let file = lab.bastion().home().join(name);
        let path = file.display().to_string();
        lab.etcdops(&[arguments, &["--plan-out", &path]].concat()).good();
        serde_json::from_str::<Plan>(&fs::read_to_string(&file).unwrap()).unwrap()
    };
    let doors: [(&[&str], &[&str]); 5] = [
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
        (&["promote-member", "etcd-1"], &["member=etcd-1"]),
    ];
    for (door, parameters) in doors {
        let mut run = vec!["run", door[0], "--set", "take_backup=false"];
        run.extend(parameters.iter().flat_map(|parameter| ["--set", parameter]));
        let by_door = plan("door.json", &[door, &["--no-backup"]].concat());
        let mut by_name = plan("run.json", &run);
        // What was seen of the members and their units is of the moment.
        by_name.baseline = by_door.baseline.clone();
        assert_eq!(by_door.hash(), by_name.hash(), "{door:?}");
    }
}

const PLAN: &str = "Carry out this plan on cluster lab? [y/N] ";
const YES_NO: &str = "[y/N] ";

/// Each script is answered to its end, which is a "no": declined, and everything is as it was.
fn declined(lab: &Lab, scripts: &[(&str, &[(&str, &str)])]) {
    let before = standing(lab);
    for (arguments, answers) in scripts {
        answering(lab.bastion(), arguments, answers, 4);
    }
    assert_eq!(standing(lab), before);
}

/// The members, and on every host that answers: etcd's settings, its unit, its data, what etcdops keeps there.
fn standing(lab: &Lab) -> String {
    let script = "cd /; cat /etc/default/etcd; systemctl is-active etcd; systemctl is-enabled etcd; ls -d /var/lib/etcd/* /etc/systemd/system/etcd.service.d/* /run/etcdops; ls -A /var/lib/etcdops";
    let hosts = ["etcd-1", "etcd-2", "etcd-3", "etcd-4"].map(|host| lab.try_exec(host, script).stdout);
    format!("{}{}", lab.etcdctl(&["member", "list"]), hosts.join("\n"))
}

fn declined_while_all_are_well(lab: &Lab) {
    let (typed, name) = ("Type lab: ", "Type etcd-2: ");
    let remove = "remove-member etcd-3 --no-backup";
    let add = "add-member etcd-4 --no-backup";
    let living = "replace-member etcd-2 --host etcd-4 --no-backup";
    declined(
        lab,
        &[
            (add, &[(PLAN, "n")]),
            (add, &[(PLAN, "y"), (typed, "")]),
            (remove, &[(PLAN, "n")]),
            (remove, &[(PLAN, "y"), (YES_NO, "n")]),
            (remove, &[(PLAN, "y"), (YES_NO, "y"), (typed, "")]),
            (
                "update-member etcd-2 --peer-url http://etcd-2:2390 --no-backup",
                &[(PLAN, "n")],
            ),
            (living, &[(PLAN, "n")]),
            (living, &[(PLAN, "y"), (name, "")]),
            (living, &[(PLAN, "y"), (name, "etcd-2"), (YES_NO, "n")]),
        ],
    );
}

/// With nothing named at all: the dead one is proposed.
fn declined_while_one_is_dead(lab: &Lab) {
    let proposed = "or nothing to stop: ";
    let bare = "replace-member";
    declined(
        lab,
        &[
            (bare, &[(proposed, "")]),
            (bare, &[(proposed, "1"), (PLAN, "")]),
            (bare, &[(proposed, "1"), (PLAN, "y"), (YES_NO, "n")]),
            (
                "replace-member --host etcd-4 --no-backup",
                &[(proposed, "1"), (PLAN, "n")],
            ),
        ],
    );
}

/// Three answers later there are three members again, and a verified backup from before.
fn agreed_to_while_one_is_dead(lab: &Lab) {
    let id = || {
        let list = lab.etcdctl(&["member", "list"]);
        let line = list.lines().find(|line| line.contains(", etcd-3, "));
        line.unwrap().split(',').next().unwrap().to_owned()
    };
    let before = id();
    let answers = [("or nothing to stop: ", "1"), (PLAN, "y"), (YES_NO, "y")];
    answering(lab.bastion(), "replace-member", &answers, 0);
    healthy_with(lab, &["etcd-1", "etcd-2", "etcd-3"]);
    assert_ne!(id(), before, "the dead one was replaced");
    let list = lab.etcdops(&["backups", "list", "-o", "json"]).good();
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert!(list["backups"][0]["verified"]["at"].is_string(), "{list:#}");
    let record = fs::read_to_string(journal(lab.bastion()).unwrap()).unwrap();
    let (_plan, events) = record.split_once('\n').unwrap();
    let backup = events.rfind("\"step\":\"backup");
    let removal = events.find("\"step\":\"out_first/out/remove\"");
    assert!(backup.is_some() && backup < removal, "{events}");
}

/// Two members of one name, and an inventory that gives one name twice.
fn one_name_for_two(lab: &Lab) {
    let twice = || lab.etcdctl(&["member", "list"]).matches(", etcd-1, ").count();
    let called = |name: &str, times: usize| {
        let script = format!("sed -i 's/^ETCD_NAME=.*/ETCD_NAME={name}/' /etc/default/etcd; systemctl restart etcd");
        lab.exec("etcd-2", &script);
        wait_until("the member list says so", MINUTES, || twice() == times);
        wait_until("all are healthy", MINUTES, || {
            lab.etcdops(&["health", "-o", "nagios"]).code == Some(0)
        });
    };
    called("etcd-1", 2);
    refused(lab, &["add-member", "etcd-4"], "two members are called etcd-1");
    refused(lab, &["remove-member", "etcd-1"], "`etcd-1` may mean");
    called("etcd-2", 1);
    let inventory = fs::read_to_string(lab.folder().join("etcdops.yaml")).unwrap();
    let path = lab.bastion().home().join("twice.yaml");
    write_private(&path, inventory.replace("      etcd-3:", "      etcd-2:").as_bytes()).unwrap();
    let config = path.display().to_string();
    let ended = lab.etcdops(&["--config", &config, "add-member", "etcd-4", "--no-backup", "--yes"]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(
        ended.stderr.contains("the key `etcd-2` stands twice"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_would_hurt_is_refused_and_changes_nothing() {
    let Some(lab) = Lab::up(&["--members", "3", "--spare", "1", "--etcd", "3.5.16"]) else {
        return;
    };
    doors_are_their_runbooks(&lab);
    let unknown = lab.etcdops(&["add-member", "etc-4", "--yes"]);
    assert_eq!(unknown.code, Some(2), "{}", unknown.stderr);
    assert!(unknown.stderr.contains("did you mean `etcd-4`"), "{}", unknown.stderr);
    declined_while_all_are_well(&lab);
    one_name_for_two(&lab);
    let before = standing(&lab);
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
    lab.exec(
        "etcd-4",
        "systemctl stop etcd; find /var/lib/etcd/default -mindepth 1 -delete",
    );
    lab.cut("etcd-4", &["--from", "etcd-2", "--port", "2380", "--one-way"]);
    refused(
        &lab,
        &["add-member", "etcd-4"],
        "etcd-2 does not reach etcd-4 on etcd-4:2380: no answer in time",
    );
    lab.heal("etcd-4");
    assert_eq!(standing(&lab), before);

    lab.exec("etcd-3", "systemctl stop etcd");
    serves(&lab);
    declined_while_one_is_dead(&lab);
    agreed_to_while_one_is_dead(&lab);
    lab.exec("etcd-3", "systemctl stop etcd");
    serves(&lab);
    lab.kill("etcd-3");
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
