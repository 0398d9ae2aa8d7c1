//! A database that has reached its quota, backed up and brought back: the alarm comes along, and is disarmed once there is room.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

use crate::support::cli::Cli;
use crate::support::etcd::{USUAL, programs};
use crate::support::wait_until;

const MEMBERS: [&str; 3] = ["etcd-1", "etcd-2", "etcd-3"];
const QUOTA: &str = "ETCD_QUOTA_BACKEND_BYTES";
/// Bytes: less than the databases have here.
const TOO_SMALL: u64 = 100_000;

/// A playground of three members, taken down at the end.
struct World(Cli);

impl World {
    fn new() -> Self {
        let world = Self(Cli::new());
        let etcd = programs(USUAL);
        let _ = world
            .0
            .run(["playground", "up", "--etcd", etcd.to_str().unwrap()])
            .code(0);
        world
    }

    fn env(&self, host: &str) -> PathBuf {
        let hosts = self.0.folder("data").join("etcdops/playground/hosts");
        hosts.join(host).join("env")
    }

    /// In force from the next start on.
    fn set_quota(&self, bytes: u64) {
        for host in MEMBERS {
            let path = self.env(host);
            let text = fs::read_to_string(&path).unwrap();
            let others = text.lines().filter(|line| !line.starts_with(QUOTA));
            let text: Vec<String> = others
                .map(str::to_owned)
                .chain([format!("{QUOTA}={bytes}\n")])
                .collect();
            let mut file = fs::File::create(&path).unwrap();
            std::io::Write::write_all(&mut file, text.join("\n").as_bytes()).unwrap();
        }
    }

    #[expect(clippy::disallowed_methods, reason = "tests use etcdctl as users do")]
    fn puts(&self, value: &str) -> bool {
        let text = fs::read_to_string(self.env("etcd-1")).unwrap();
        let url = text
            .lines()
            .find_map(|line| line.strip_prefix("ETCD_ADVERTISE_CLIENT_URLS="));
        let mut command = Command::new(programs(USUAL).join("etcdctl"));
        command.env_clear().env("ETCDCTL_API", "3");
        command.args(["--endpoints", url.unwrap(), "put", "big", value]);
        command.output().unwrap().status.success()
    }

    /// SIGKILL.
    fn kill(&self, host: &str) {
        let pid = fs::read_to_string(self.env(host).with_file_name("pid")).unwrap();
        let pid = Pid::from_raw(pid.split_whitespace().next().unwrap().parse().unwrap()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
        wait_until("it is gone", Duration::from_secs(10), || {
            test_kill_process(pid).is_err()
        });
    }

    /// Exit code, and the kinds of all alarms.
    fn health(&self) -> (i32, bool) {
        let seen = self.0.run(["health", "-o", "json"]);
        (seen.code, seen.stdout.contains("NOSPACE"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.0.run(["playground", "down"]);
    }
}

#[test]
fn a_full_cluster_comes_back_from_its_backup_with_room_and_without_the_alarm() {
    let world = World::new();
    let cli = &world.0;
    world.set_quota(300_000);
    let _ = cli.run(["restart", "etcd-1", "etcd-2", "etcd-3", "--yes"]).code(0);
    let value = "x".repeat(50_000);
    let mut count = 0;
    while world.puts(&value) {
        count += 1;
        assert!(count < 50, "the quota is never reached");
    }
    assert_eq!(world.health(), (10, true));
    let _ = cli.run(["backup", "--yes"]).code(0);
    let listed = cli.run(["backups", "list", "-o", "json"]).code(0).stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["backups"][0]["alarms"], serde_json::json!(["NOSPACE"]));

    // Disarmed it would be raised again by the first write.
    world.set_quota(TOO_SMALL);
    let _ = cli
        .run(["recover", "--from-backup", "--yes"])
        .code(3)
        .says(&["NOSPACE", "quota-backend-bytes"]);
    assert_eq!(world.health(), (10, true));

    world.set_quota(64 << 20);
    let plan = cli.run(["recover", "--from-backup", "--plan"]).code(0);
    let shown = format!("{}{}", plan.stdout, plan.stderr);
    assert!(shown.contains("disarm the NOSPACE alarm of every member"), "{shown}");
    let _ = cli.run(["recover", "--from-backup", "--yes"]).code(0);
    wait_until("all are well", Duration::from_secs(30), || world.health() == (0, false));
    assert!(world.puts(&value));
}

#[test]
fn a_full_survivor_becomes_a_cluster_without_the_alarm() {
    let world = World::new();
    let cli = &world.0;
    world.set_quota(300_000);
    let _ = cli.run(["restart", "etcd-1", "etcd-2", "etcd-3", "--yes"]).code(0);
    let value = "x".repeat(50_000);
    while world.puts(&value) {}
    assert_eq!(world.health(), (10, true));
    // Two lose their data for good.
    for host in ["etcd-2", "etcd-3"] {
        world.kill(host);
        fs::remove_dir_all(world.env(host).with_file_name("data")).unwrap();
    }
    wait_until("the survivor knows that it is alone", Duration::from_secs(30), || {
        world.health().0 == 11
    });
    let recover = ["recover", "--from-survivor", "etcd-1", "--yes"];
    world.set_quota(TOO_SMALL);
    let _ = cli.run(recover).code(3).says(&["NOSPACE", "quota-backend-bytes"]);
    world.set_quota(64 << 20);
    let _ = cli.run(recover).code(0);
    wait_until("all are well", Duration::from_secs(30), || world.health() == (0, false));
    assert!(world.puts(&value));
}
