//! Backups on real hosts: live and cold, what etcd's own tools say of them, damage, a member that freezes, a bastion that dies.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use rustix::process::Signal;

use crate::support::lab::{Finished, Lab};
use crate::support::runs::{begun, run_id, signal};
use crate::support::wait_until;

const MINUTE: Duration = Duration::from_mins(1);

fn backups(lab: &Lab) -> Vec<Value> {
    let listed: Value = serde_json::from_str(&lab.etcdops(&["backups", "list", "-o", "json"]).good()).unwrap();
    assert_eq!(listed["schema"], "etcdops/backups/v1");
    listed["backups"].as_array().unwrap().clone()
}

fn path(backup: &Value) -> PathBuf {
    PathBuf::from(backup["path"].as_str().unwrap())
}

fn done(finished: &Finished) {
    assert_eq!(finished.code, Some(0), "{}\n{}", finished.stdout, finished.stderr);
}

#[test]
fn a_live_backup_is_whole_private_and_no_older_than_what_was_acknowledged() {
    let Some(lab) = Lab::up(&["--members", "3", "--tls", "--client-cert-auth"]) else {
        return;
    };
    for number in 0..20 {
        lab.etcdctl(&["put", &format!("key-{number}"), "value"]);
    }
    done(&lab.etcdops(&["backup", "--yes"]));
    let found = backups(&lab);
    assert_eq!(found.len(), 1, "{found:?}");
    let first = &found[0];
    assert_eq!(
        (&first["keys"], &first["how"]),
        (&Value::from(20), &Value::from("live")),
        "{first:#}"
    );
    assert!(first["revision"].as_u64() >= Some(21), "{first:#}");
    let file = path(first);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    let status = lab.bastion().command(
        "etcdutl",
        &["snapshot", "status", "-w", "json", &file.to_string_lossy()],
    );
    let said = { status }.output().ok().filter(|output| output.status.success());
    if let Some(said) = said {
        let said: Value = serde_json::from_slice(&said.stdout).unwrap();
        assert_eq!(
            format!("{:x}", said["hash"].as_u64().unwrap()),
            first["hash"].as_str().unwrap()
        );
    }
    // From a follower, where there is one.
    let leader: Value = serde_json::from_str(&lab.etcdops(&["health", "-o", "json"]).good()).unwrap();
    assert_ne!(first["member_id"], leader["leader"], "{first:#}");

    a_full_disk_leaves_nothing_behind(&lab);
    a_frozen_follower_is_passed_over(&lab);
    damage_is_seen(&lab, first["name"].as_str().unwrap(), &file);
}

/// The library's own disk is full: the half file is never seen, and no other member is troubled.
fn a_full_disk_leaves_nothing_behind(lab: &Lab) {
    let store = lab.bastion().home().join(".local/state/etcdops/backups");
    let store = store.to_string_lossy().into_owned();
    let in_bastion = |program: &str, words: &[&str]| {
        let output = lab.bastion().command(program, words).output().unwrap();
        assert!(output.status.success(), "{program} {words:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    in_bastion("mount", &["-t", "tmpfs", "-o", "size=16k", "tmpfs", &store]);
    let ended = lab.etcdops(&["backup", "--yes"]);
    let left = in_bastion("find", &[&store, "-type", "f"]);
    in_bastion("umount", &[&store]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("No space left on device") || ended.stderr.contains("No space left on device"),
        "{ended:?}"
    );
    assert_eq!(left, "");
    assert_eq!(backups(lab).len(), 1);
}

/// SIGSTOP of a follower right away: it accepts and says nothing; another one is asked.
fn a_frozen_follower_is_passed_over(lab: &Lab) {
    lab.freeze("etcd-2");
    let ended = lab.etcdops(&["backup", "--yes"]);
    lab.thaw("etcd-2");
    done(&ended);
    assert_eq!(backups(lab).len(), 2);
}

fn damage_is_seen(lab: &Lab, name: &str, file: &std::path::Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    File::create(file).and_then(|mut file| file.write_all(&bytes)).unwrap();
    let ended = lab.etcdops(&["backups", "verify", name]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains(name), "{}", ended.stderr);
    let listed = lab.etcdops(&["backups", "list"]).good();
    assert!(listed.contains("DAMAGED"), "{listed}");
    done(&lab.etcdops(&["backups", "verify"]));
}

/// The program, its inventory and what that names, on a host. The inventory's folder.
fn installed_on(lab: &Lab, host: &str) -> String {
    let folder = lab.folder().display().to_string();
    lab.put(
        crate::support::cli::program_path(),
        host,
        "/usr/local/bin/etcdops",
        "755",
    );
    for name in [
        "etcdops.yaml",
        "pki/ca.crt",
        "pki/client.crt",
        "pki/client.key",
        "password",
    ] {
        lab.put(&lab.folder().join(name), host, &format!("{folder}/{name}"), "600");
    }
    folder
}

/// A spare host is the machine where etcdops runs: one with systemd.
#[test]
fn a_timer_takes_verified_backups_and_a_failed_one_is_seen_in_unit_and_journal() {
    let options = [
        "--members",
        "3",
        "--spare",
        "1",
        "--tls",
        "--client-cert-auth",
        "--auth",
    ];
    let Some(lab) = Lab::up(&options) else {
        return;
    };
    let here = "etcd-4";
    let folder = installed_on(&lab, here);
    let etcdops = |words: &str| lab.try_exec(here, &format!("etcdops --config {folder}/etcdops.yaml {words}"));
    let units = "ls /etc/systemd/system/etcdops-backup-lab.*";
    let refused = etcdops("backup --install-timer 6h");
    assert!(
        refused.code == Some(3) && refused.stderr.contains("ExecStart="),
        "{refused:?}"
    );
    assert_ne!(lab.try_exec(here, units).code, Some(0), "nothing was agreed to");
    done(&etcdops("backup --install-timer 6h --yes"));
    lab.exec(
        here,
        "systemd-analyze verify /etc/systemd/system/etcdops-backup-lab.timer",
    );
    let show = |what: &str| lab.exec(here, &format!("systemctl show -P {what} etcdops-backup-lab.timer"));
    assert_eq!(
        (show("ActiveState"), show("UnitFileState")),
        ("active\n".to_owned(), "enabled\n".to_owned())
    );
    assert!(
        show("TimersCalendar").contains("00/6:00:00"),
        "{}",
        show("TimersCalendar")
    );

    lab.exec(here, "systemctl start etcdops-backup-lab.service");
    let list = etcdops("backups list -o json").good();
    let list: Value = serde_json::from_str(&list).unwrap();
    let found = list["backups"].as_array().unwrap();
    assert!(found.len() == 1 && found[0]["verified"]["at"].is_string(), "{list:#}");

    done(&etcdops("backup --install-timer 1h --yes"));
    assert!(show("TimersCalendar").contains("*:00:00"), "{}", show("TimersCalendar"));
    for member in ["etcd-1", "etcd-2", "etcd-3"] {
        lab.exec(member, "systemctl stop --no-block etcd");
    }
    wait_until("they are stopped", MINUTE, || {
        ["etcd-1", "etcd-2", "etcd-3"]
            .iter()
            .all(|member| lab.try_exec(member, "systemctl is-active etcd").stdout == "inactive\n")
    });
    assert_ne!(
        lab.try_exec(here, "systemctl start etcdops-backup-lab.service").code,
        Some(0)
    );
    assert_eq!(
        lab.try_exec(here, "systemctl is-failed etcdops-backup-lab.service")
            .stdout,
        "failed\n"
    );
    let journal = lab.exec(here, "journalctl -o cat -u etcdops-backup-lab.service");
    assert!(journal.contains("no healthy member can be asked"), "{journal}");

    done(&etcdops("backup --remove-timer --yes"));
    assert_ne!(lab.try_exec(here, units).code, Some(0));
    assert_ne!(
        lab.try_exec(here, "systemctl is-active etcdops-backup-lab.timer")
            .stdout,
        "active\n"
    );
}

#[test]
fn a_cold_copy_comes_from_a_stopped_member_which_serves_again_afterwards() {
    let Some(lab) = Lab::up(&["--members", "3"]) else {
        return;
    };
    lab.etcdctl(&["put", "kept", "yes"]);
    let before = lab.exec("etcd-3", "systemctl show -P InvocationID etcd");
    done(&lab.etcdops(&["backup", "--offline", "etcd-3", "--yes"]));
    let found = backups(&lab);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0]["how"], &found[0]["form"]),
        (&Value::from("cold"), &Value::from("data-dir"))
    );
    assert_eq!(found[0]["keys"], 1, "{:#}", found[0]);
    assert_ne!(
        lab.exec("etcd-3", "systemctl show -P InvocationID etcd"),
        before,
        "it was stopped"
    );
    assert_eq!(lab.exec("etcd-3", "systemctl is-active etcd"), "active\n");
    assert_eq!(
        lab.exec(
            "etcd-3",
            "systemctl list-timers --all --no-legend 'etcdops-start-again*' | wc -l"
        )
        .trim(),
        "0"
    );
    let archive = path(&found[0]).display().to_string();
    let names = lab.bastion().command("tar", &["-tf", &archive]).output().unwrap();
    let names = String::from_utf8_lossy(&names.stdout).into_owned();
    assert!(
        names.contains("./member/snap/db") && names.contains("./member/wal/"),
        "{names}"
    );
    done(&lab.etcdops(&["backups", "verify"]));

    // The copy fails: no room. etcd is started again all the same.
    lab.exec(
        "etcd-3",
        "mkdir -p /var/lib/etcdops && mount -t tmpfs -o size=1m tmpfs /var/lib/etcdops",
    );
    let ended = lab.etcdops(&["backup", "--offline", "etcd-3", "--yes"]);
    assert_ne!(ended.code, Some(0), "{}", ended.stdout);
    wait_until("etcd runs again", MINUTE, || {
        lab.try_exec("etcd-3", "systemctl is-active etcd").stdout == "active\n"
    });
    assert_eq!(backups(&lab).len(), 1);
}

/// The bastion dies while etcd is stopped: the host starts it again by itself (safety 36). Then `resume` takes the copy.
#[test]
fn a_host_whose_bastion_died_starts_etcd_again_by_itself() {
    let Some(lab) = Lab::up(&["--members", "3"]) else {
        return;
    };
    // The built-in runbook with less patience, held up while etcd is stopped.
    let built_in = include_str!("../runbooks/backup-offline.yaml");
    let taking = "          - {id: take,";
    assert!(built_in.contains("start_again_after: 2h") && built_in.contains(taking));
    let held_up = format!(
        "          - {{id: held_up, do: {{wait: {{}}}}, expect: [{{command: {{on: etcd-3, argv: [test, -e, /run/go-on]}}}}], within: 10m}}\n{taking}"
    );
    let text = built_in.replace("start_again_after: 2h", "start_again_after: 20s");
    let book = lab.folder().join("offline.yaml");
    File::create(&book)
        .and_then(|mut file| file.write_all(text.replace(taking, &held_up).as_bytes()))
        .unwrap();
    let arguments = ["run", book.to_str().unwrap(), "--set", "host=etcd-3", "--yes"];
    let mut child = begun(lab.bastion(), &arguments, "host_work/stopped/held_up");
    let state = |what: &str| lab.try_exec("etcd-3", &format!("systemctl is-active {what}")).stdout;
    assert_eq!(state("etcd"), "inactive\n");
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    assert_eq!(state("'etcdops-start-again*.timer'"), "active\n");
    wait_until("the host has started etcd", MINUTE, || state("etcd") == "active\n");
    wait_until("all three serve", MINUTE, || lab.etcdops(&["health"]).code == Some(0));
    assert!(backups(&lab).is_empty());

    lab.exec("etcd-3", "touch /run/go-on");
    done(&lab.etcdops(&["resume", &run_id(lab.bastion()), "--yes"]));
    assert_eq!((state("etcd"), backups(&lab).len()), ("active\n".to_owned(), 1));
    done(&lab.etcdops(&["health"]));
}

/// A log that lies elsewhere comes along.
#[test]
fn a_cold_copy_has_the_log_that_lies_elsewhere() {
    let Some(lab) = Lab::up(&["--members", "3"]) else {
        return;
    };
    lab.exec(
        "etcd-2",
        "systemctl stop etcd; member=$(find /var/lib/etcd -type d -name member); mv $member/wal /var/lib/etcd/log
        echo ETCD_WAL_DIR=/var/lib/etcd/log >>/etc/default/etcd; systemctl start etcd",
    );
    wait_until("it is back", MINUTE, || lab.etcdops(&["health"]).code == Some(0));
    done(&lab.etcdops(&["backup", "--offline", "etcd-2", "--yes"]));
    let archive = path(&backups(&lab)[0]).display().to_string();
    let names = lab.bastion().command("tar", &["-tf", &archive]).output().unwrap();
    let names = String::from_utf8_lossy(&names.stdout).into_owned();
    assert!(names.contains("./member/wal/0000000000000000-"), "{names}");
    done(&lab.etcdops(&["backups", "verify"]));
}
