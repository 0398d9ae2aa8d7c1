//! `backups verify --boot`: what a throw-away etcd proves of a backup, and what speaks against the backup and what does not.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::cli::Cli;
use crate::support::etcd::{Etcds, USUAL, programs};
use crate::support::wait_until;

const INVENTORY: &str = "clusters:\n  c:\n    endpoints: [http://127.0.0.1:1]\n    backups: {store: library}\n";

fn serving(version: &str, flags: &[&str]) -> Etcds {
    let etcds = Etcds::start(version, 1, false, flags);
    wait_until("etcd serves", Duration::from_secs(20), || {
        etcds.etcdctl(0, &["put", "first", "1"]).status.success()
    });
    etcds
}

/// A world whose etcd programs are those of a version.
fn cli_with(version: &str) -> Cli {
    let mut cli = Cli::new();
    cli.write("etcdops.yaml", INVENTORY);
    let system = std::env::var("PATH").unwrap_or_default();
    let first = cli.work().join("bin");
    let path = format!("{}:{}:{system}", first.display(), programs(version).display());
    cli.set("PATH", &path);
    cli
}

/// A program of this name that comes before the real one, which is `$REAL`.
fn pretend(cli: &Cli, name: &str, script: &str) {
    let real = programs(USUAL).join(name);
    let path = cli.write(
        &format!("bin/{name}"),
        &format!("#!/bin/sh\nREAL={}\n{script}\n", real.display()),
    );
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn manifest(cli: &Cli, name: &str) -> String {
    fs::read_to_string(cli.work().join(format!("library/c/{name}/manifest.json"))).unwrap()
}

fn snapshot_of(etcds: &Etcds, name: &str) -> PathBuf {
    let path = etcds.path(name);
    etcds.control(0, &["snapshot", "save", &path.to_string_lossy()]);
    path
}

fn put_v2(etcds: &Etcds) {
    let mut stream = TcpStream::connect(("127.0.0.1", etcds.nodes[0].client.number)).unwrap();
    let request = "PUT /v2/keys/kept?value=1 HTTP/1.0\r\nHost: etcd\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 201"), "{answer}");
}

/// Nothing here is the backup's fault: its manifest stays as it is, byte for byte, and it stays the newest verified one.
#[test]
fn what_is_in_the_way_of_a_boot_is_not_held_against_the_backup() {
    let etcds = serving(USUAL, &[]);
    let cli = cli_with(USUAL);
    let file = snapshot_of(&etcds, "b.db");
    let _ = cli.run(["backups", "add", &file.to_string_lossy()]).code(0);
    let before = manifest(&cli, "b");
    let version = "[ \"$1\" = --version ] || [ \"$1\" = version ] && exec $REAL \"$@\"";
    for (program, ends, why) in [
        (
            "etcdutl",
            "echo 'write data/member/snap/db: no space left on device' >&2; exit 1",
            "no space left on device",
        ),
        ("etcdutl", "exit 0", "cannot restore it"),
        (
            "etcd",
            "echo 'bind: operation not permitted'; exit 1",
            "operation not permitted",
        ),
        (
            "etcd",
            "echo 'wal: no space left on device, walpb: crc mismatch'; exit 1",
            "no space left on device",
        ),
        ("etcd", "kill -9 $$", "ended at its start"),
    ] {
        pretend(&cli, program, &format!("{version}\n{ends}"));
        let told = cli.run(["backups", "verify", "b", "--boot"]).code(1).says(&[
            why,
            "1 backup could not be checked",
            "nothing is recorded",
        ]);
        assert!(!told.stderr.contains("cannot be trusted"), "{told:?}");
        assert_eq!(manifest(&cli, "b"), before, "{why}");
        fs::remove_file(cli.work().join("bin").join(program)).unwrap();
    }
    let _ = cli
        .run(["backups", "verify", "b", "--boot"])
        .code(0)
        .says(&[&format!("etcd {USUAL} starts from it")]);
}

/// etcd's own word, and what it serves: another store of the same size, revision and number of keys is told by its hash.
#[test]
fn what_etcd_says_of_the_data_is_held_against_the_backup() {
    let etcds = serving(USUAL, &[]);
    let cli = cli_with(USUAL);
    for name in ["corrupt", "other"] {
        let file = snapshot_of(&etcds, &format!("{name}.db"));
        let _ = cli.run(["backups", "add", &file.to_string_lossy()]).code(0);
    }
    let version = "[ \"$1\" = --version ] || [ \"$1\" = version ] && exec $REAL \"$@\"";
    pretend(
        &cli,
        "etcd",
        &format!("{version}\necho 'panic: walpb: crc mismatch'; exit 2"),
    );
    let _ = cli
        .run(["backups", "verify", "corrupt", "--boot"])
        .code(1)
        .says(&["1 backup cannot be trusted", "crc mismatch"]);
    let _ = cli.run(["backups", "show", "corrupt"]).shows(&["DAMAGED"]);
    fs::remove_file(cli.work().join("bin/etcd")).unwrap();

    let stranger = Etcds::start(USUAL, 1, false, &[]);
    wait_until("etcd serves", Duration::from_secs(20), || {
        stranger.etcdctl(0, &["put", "first", "2"]).status.success()
    });
    let file = snapshot_of(&stranger, "stranger.db");
    // `snapshot restore FILE …`: of another file.
    pretend(
        &cli,
        "etcdutl",
        &format!(
            "{version}\nshift 3\nexec $REAL snapshot restore {} \"$@\"",
            file.display()
        ),
    );
    let _ = cli
        .run(["backups", "verify", "other", "--boot"])
        .code(1)
        .says(&["1 backup cannot be trusted", "has the hash"]);
}

/// Deleted keys, history that was compacted up to a tombstone, auth: each etcd that can tell has the hash that we compute.
#[test]
fn every_version_serves_the_hash_that_is_in_the_file() {
    let etcds = serving("3.5.16", &[]);
    for number in 0..30 {
        etcds.control(0, &["put", &format!("key{}", number % 7), &number.to_string()]);
    }
    etcds.control(0, &["del", "key3"]);
    etcds.control(0, &["put", "key3", "again"]);
    etcds.control(0, &["del", "key4"]);
    let at = etcds.control(0, &["get", "key4", "-w", "fields"]);
    let revision = at
        .lines()
        .find_map(|line| line.strip_prefix("\"Revision\" : "))
        .unwrap();
    etcds.control(0, &["compact", revision]);
    etcds.control(0, &["put", "key1", "after"]);
    etcds.control(0, &["put", "key4", "after"]);
    etcds.control(0, &["del", "key5"]);
    etcds.control(0, &["user", "add", "root:secret"]);
    etcds.control(0, &["user", "grant-role", "root", "root"]);
    let file = etcds.path("b.db");
    etcds.control(0, &["snapshot", "save", &file.to_string_lossy()]);
    etcds.control(0, &["auth", "enable"]);
    let secured = etcds.path("secured.db");
    let saved = ["--user", "root:secret", "snapshot", "save", &secured.to_string_lossy()];
    etcds.control(0, &saved);
    for version in ["3.5.16", USUAL, "3.6.16", "3.7.3"] {
        let cli = cli_with(version);
        for file in [&file, &secured] {
            let _ = cli.run(["backups", "add", &file.to_string_lossy()]).code(0);
        }
        let said = format!("etcd {version} starts from it");
        let told = cli.run(["backups", "verify", "--all", "--boot"]).code(0);
        assert_eq!(told.stderr.matches(&said).count(), 2, "{version}: {told:?}");
    }
}

/// A data directory is started as it is, alone; with v2 data by the last version that reads it.
#[test]
fn a_cold_copy_is_booted_too() {
    for (wrote, v2) in [("3.4.23", true), ("3.4.23", false), (USUAL, false), ("3.7.3", false)] {
        let flags: &[&str] = if v2 { &["--enable-v2"] } else { &[] };
        let mut etcds = serving(wrote, flags);
        if v2 {
            put_v2(&etcds);
        }
        etcds.control(0, &["put", "second", "2"]);
        etcds.control(0, &["del", "first"]);
        etcds.kill(0);
        let data = etcds.nodes[0].folder.join("data").to_string_lossy().into_owned();
        for version in [USUAL, "3.7.3"] {
            let cli = cli_with(version);
            let _ = cli.run(["backups", "add", &data, "--name", "cold"]).code(0);
            let older = wrote == "3.7.3" && version == USUAL;
            let said = match (v2, older) {
                (true, _) if version == "3.7.3" => "not proved by boot: etcd 3.7.3 here reads no v2 data".to_owned(),
                (_, true) => format!("not proved by boot: etcd {version} here is older than the backup's data"),
                // A member goes from version to version, one minor at a time; the log of an older one is beyond it.
                _ if wrote != version && version == "3.7.3" => "another version wrote the data".to_owned(),
                _ => format!("etcd {version} starts from it"),
            };
            let _ = cli.run(["backups", "verify", "--boot"]).code(0).says(&[&said]);
            let left = fs::read_dir(cli.work().join("library/c")).unwrap().count();
            assert_eq!(left, 1, "the throw-away folder is gone");
        }
    }
}
