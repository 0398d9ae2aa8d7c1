//! The playground with real etcd processes on loopback.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::cli::{Cli, Ran};
use crate::support::etcd::etcdctl;
use crate::support::loud;

/// A world with a playground that is taken down at the end, also of a test that fails.
struct Play {
    cli: Cli,
}

impl Play {
    fn new() -> Self {
        Self { cli: Cli::new() }
    }

    fn run(&self, words: &[&str]) -> Ran {
        self.cli.run(words)
    }

    fn up(&self, version: &str) -> Ran {
        let etcd = etcd(version).unwrap();
        self.run(&["playground", "up", "--etcd", etcd.to_str().unwrap()])
    }

    fn folder(&self) -> PathBuf {
        self.cli.folder("data").join("etcdops/playground")
    }

    fn host(&self, number: usize) -> PathBuf {
        self.folder().join(format!("hosts/etcd-{number}"))
    }

    fn pid(&self, number: usize) -> u32 {
        let text = fs::read_to_string(self.host(number).join("pid")).unwrap();
        text.split_whitespace().next().unwrap().parse().unwrap()
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.run(&["playground", "status", "-o", "json"]).stdout).unwrap()
    }

    /// Ends a member as a crash would.
    fn kill(&self, number: usize) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.pid(number)).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        wait_for("the killed member is gone", || !lives(self.pid(number)));
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        let _ = self.run(&["playground", "down"]);
    }
}

/// The folder of an etcd of this version, as `tests/setup test` puts it there; the newest of its minor otherwise.
/// `None` is told loudly: a version that cannot be had here is not tested here.
fn etcd(version: &str) -> Option<PathBuf> {
    let cache = std::env::var("ETCDOPS_CACHE").unwrap_or_else(|_| "/var/cache/etcdops".to_owned());
    let folder = Path::new(&cache).join("etcd").join(version);
    if folder.join("etcd").exists() {
        return Some(folder);
    }
    loud(&format!(
        "NOT TESTED: the playground with etcd {version}: {} is not there",
        folder.display()
    ));
    None
}

fn lives(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        !matches!(state, Some('Z' | 'X') | None)
    })
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "never came true: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn up_twice_status_and_down_twice() {
    let play = Play::new();
    let _ = play
        .up("3.4.23")
        .code(0)
        .shows(&[
            "The playground is up: 3 members, etcd 3.4.23",
            "etcdops health",
            "etcdops playground down",
        ])
        .says(&["Not as on systemd hosts", "boot"]);
    assert_eq!(fs::metadata(play.folder()).unwrap().permissions().mode() & 0o777, 0o700);
    let pids: Vec<u32> = (1..=3).map(|number| play.pid(number)).collect();
    let _ = play
        .run(&["playground", "up"])
        .code(0)
        .shows(&["is up already", "nothing was done"]);
    assert_eq!(pids, (1..=3).map(|number| play.pid(number)).collect::<Vec<_>>());
    let status = play.run(&["playground", "status"]).code(0);
    assert_eq!(status.stdout.matches("running").count(), 3, "{}", status.stdout);
    assert_eq!(status.stdout.matches("healthy, leader").count(), 1, "{}", status.stdout);
    let _ = play.run(&["health", "--cluster", "playground"]).code(0);

    let _ = play
        .run(&["playground", "down"])
        .code(0)
        .shows(&["Stopped etcd-1, etcd-2, etcd-3", "Removed"]);
    assert!(pids.iter().all(|pid| !lives(*pid)));
    let left: Vec<_> = fs::read_dir(play.cli.folder("data").join("etcdops")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let _ = play.run(&["playground", "down"]).code(0).shows(&["no playground"]);
    let _ = play
        .run(&["playground", "status"])
        .code(3)
        .says(&["there is no playground", "etcdops playground up"]);
}

#[test]
fn a_killed_member_is_shown_and_started_again_with_its_data() {
    let play = Play::new();
    let _ = play.up("3.5.35").code(0);
    play.kill(2);
    // Until the others have elected a leader there is no quorum to be proved.
    wait_for("two of three have a leader", || {
        play.run(&["playground", "status"]).code == 10
    });
    let seen = play
        .run(&["playground", "status"])
        .code(10)
        .says(&["etcdops playground up"]);
    let row = seen.stdout.lines().find(|line| line.starts_with("etcd-2")).unwrap();
    assert!(row.contains("dead") && row.contains("does not run"), "{row}");
    let others = [play.pid(1), play.pid(3)];
    let _ = play
        .run(&["playground", "up"])
        .code(0)
        .shows(&["whole again: started etcd-2"]);
    assert_eq!(others, [play.pid(1), play.pid(3)]);
    // As after a power cut: nothing runs, everything is on the disk.
    for number in 1..=3 {
        play.kill(number);
    }
    let _ = play.run(&["playground", "status"]).code(11);
    let _ = play
        .run(&["playground", "up"])
        .code(0)
        .shows(&["started etcd-1, etcd-2, etcd-3"]);
    let status = play.status();
    assert!(
        status["hosts"]
            .as_array()
            .unwrap()
            .iter()
            .all(|host| host["healthy"] == true),
        "{status:#}"
    );
}

#[test]
fn where_all_data_is_lost_nothing_is_started_empty_and_the_backup_brings_it_back() {
    let play = Play::new();
    let _ = play.up("3.5.35").code(0);
    let _ = play.run(&["backup", "--yes"]).code(0);
    let before = play.run(&["members"]).code(0).stdout;
    for number in 1..=3 {
        play.kill(number);
        fs::remove_dir_all(play.host(number).join("data")).unwrap();
    }
    let seen = play.run(&["health", "--timeout", "5s"]).code(11);
    let said = seen.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("holds no data") && said.contains("-> etcdops recover"),
        "{said}"
    );
    assert!(!said.contains("etcdops start"), "{said}");
    let _ = play
        .run(&["start", "etcd-1", "etcd-2", "etcd-3", "--yes"])
        .code(3)
        .says(&["nothing was changed", "founds no new cluster", "etcd-1 has no data in"]);
    assert!((1..=3).all(|number| !lives(play.pid(number))), "nothing was started");
    let _ = play
        .run(&["recover", "--from-backup", "--yes"])
        .code(0)
        .shows(&["restore", "done"]);
    let health = play.run(&["health"]).code(0).stdout;
    assert!(health.contains("3 of 3 voters healthy"), "{health}");
    assert_ne!(before, play.run(&["members"]).code(0).stdout, "it is a new cluster");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test starts a process of its own")]
fn what_waits_to_undo_something_later_ends_too() {
    let play = Play::new();
    let _ = play.up("3.5.35").code(0);
    let mut waiting = std::process::Command::new("sh")
        .args(["-c", "sleep 300; true"])
        .process_group(0)
        .spawn()
        .unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", waiting.id())).unwrap();
    let started = stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap();
    let record = play.cli.write("record", &format!("{} {started}\n", waiting.id()));
    fs::copy(record, play.host(2).join("state/debug-log.lease.pid")).unwrap();
    let _ = play.run(&["playground", "down"]).code(0);
    assert_eq!(waiting.wait().unwrap().signal(), Some(15));
}

#[test]
fn every_version_one_member_and_a_spare() {
    for version in ["3.3.25", "3.4.23", "3.5.16", "3.6.16", "3.7.3"] {
        let Some(folder) = etcd(version) else { continue };
        let play = Play::new();
        let program = folder.join("etcd");
        let words = [
            "playground",
            "up",
            "--members",
            "1",
            "--spare",
            "1",
            "--etcd",
            program.to_str().unwrap(),
        ];
        let _ = play.run(&words).code(0).shows(&[&format!("1 member, etcd {version}")]);
        let status = play.status();
        assert_eq!(status["hosts"][0]["role"], "leader", "{status:#}");
        assert_eq!(status["hosts"][1]["process"], "stopped", "{status:#}");
        let _ = play.run(&["playground", "up"]).code(0).shows(&["is up already"]);
        let _ = play
            .run(&["playground", "up", "--members", "3"])
            .code(3)
            .says(&["1 member and 1 spare host", "playground down"]);
    }
}

#[test]
fn no_etcd_and_no_real_etcd_are_told_and_leave_nothing() {
    let mut play = Play::new();
    let empty = play.cli.work().display().to_string();
    let fake = play.cli.write("etcd", "#!/bin/sh\necho hello\n");
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    let _ = play
        .run(&["playground", "up", "--etcd", &empty])
        .code(2)
        .says(&["is no etcd", "hello", "--etcd"]);
    let _ = play
        .run(&["playground", "up", "--etcd", "/nowhere/etcd"])
        .code(2)
        .says(&["/nowhere/etcd", "--etcd"]);
    play.cli.set("PATH", "/nowhere");
    let _ = play.run(&["playground", "up"]).code(3).says(&[
        "no etcd is installed",
        "apt-get install etcd-server",
        "--etcd",
    ]);
    let _ = play
        .run(&["playground", "up", "--members", "0"])
        .code(2)
        .says(&["1 to 9"]);
    assert!(!play.folder().exists());
}

#[test]
fn a_port_that_was_taken_meanwhile_is_named() {
    let play = Play::new();
    let _ = play.up("3.5.35").code(0);
    let state: Value =
        serde_json::from_str(&fs::read_to_string(play.folder().join("playground.json")).unwrap()).unwrap();
    let port = u16::try_from(state["hosts"][1]["peer_port"].as_u64().unwrap()).unwrap();
    play.kill(2);
    let mut holder = None;
    wait_for("the killed member's port is free", || {
        holder = TcpListener::bind(("127.0.0.1", port)).ok();
        holder.is_some()
    });
    let _ = play.run(&["playground", "up"]).code(3).says(&[
        "etcd-2",
        &port.to_string(),
        "taken by another program",
        "playground down",
    ]);
    drop(holder);
    let _ = play.run(&["playground", "up"]).code(0).shows(&["started etcd-2"]);
}

#[test]
fn two_playgrounds_do_not_meet_and_a_member_that_cannot_start_is_told_with_its_log() {
    let (one, two) = (Play::new(), Play::new());
    let _ = one.up("3.5.35").code(0);
    let _ = two.up("3.5.35").code(0);
    two.kill(1);
    let env = two.host(1).join("env");
    let text = fs::read_to_string(&env)
        .unwrap()
        .replace("ETCD_NAME=etcd-1", "ETCD_SNAPSHOT_COUNT=x\nETCD_NAME=etcd-1");
    two.cli.write("env", &text);
    fs::copy(two.cli.work().join("env"), &env).unwrap();
    let _ = two
        .run(&["playground", "up"])
        .code(1)
        .says(&["etcd-1", "playground status"]);
    let _ = one.run(&["playground", "status"]).code(0);
}

/// etcd writes what is committed to its log with the next entry only: after a SIGKILL the database has more than the log says, and a start
/// with force-new-cluster cuts the log there. Who then joins by the log lacks entries that the survivor has, and etcd says nothing.
#[test]
fn who_joins_a_survivor_that_was_killed_gets_all_that_it_has() {
    let all = ["3.4.23", "3.7.3", "3.3.25", "3.5.16", "3.5.35", "3.6.16"];
    for version in &all[..if crate::support::soak() { all.len() } else { 1 }] {
        let Some(folder) = etcd(version) else { continue };
        let play = Play::new();
        let _ = play.up(version).code(0);
        let status = play.status();
        let urls: Vec<&str> = (0..3)
            .map(|host| status["hosts"][host]["endpoint"].as_str().unwrap())
            .collect();
        for number in 0..10 {
            let _ = etcdctl(&folder, urls[0], &["put", &format!("key{number}"), "value"]);
        }
        let copy = || {
            let looked = play.run(&["recover", "-o", "json"]).stdout;
            let looked: Value = serde_json::from_str(&looked).unwrap();
            looked["copies"][0].clone()
        };
        // The database is written a moment after the log.
        let index = |copy: &Value, name: &str| copy[name].as_u64().unwrap();
        wait_for("the database has all entries", || {
            let copy = copy();
            index(&copy, "consistent_index") == index(&copy, "last_index")
        });
        for number in 1..=3 {
            play.kill(number);
        }
        let seen = copy();
        if version.starts_with("3.4") {
            assert!(index(&seen, "consistent_index") > index(&seen, "commit"), "{seen:#}");
        }
        for number in 2..=3 {
            fs::remove_dir_all(play.host(number).join("data")).unwrap();
        }
        let _ = play.run(&["recover", "--from-survivor", "--yes"]).code(0);
        let _ = play.run(&["health"]).code(0).shows(&["3 of 3 voters healthy"]);
        for url in urls {
            let own = ["get", "key", "--prefix", "--keys-only", "--consistency=s"];
            let keys = etcdctl(&folder, url, &own);
            assert_eq!(keys.matches("key").count(), 10, "etcd {version}, {url}: {keys}");
        }
    }
}
