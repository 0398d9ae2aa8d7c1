//! The library on this machine without any cluster: taken in, listed, shown, verified, booted, copied, pruned.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use etcdops::base::files::replace;
use serde_json::Value;

use crate::support::cli::Cli;
use crate::support::etcd::{Etcds, USUAL, programs};
use crate::support::wait_until;

const INVENTORY: &str =
    "clusters:\n  c:\n    endpoints: [http://127.0.0.1:1]\n    backups: {store: library, keep: {last: 1}}\n";

fn saved() -> (Etcds, PathBuf) {
    let etcds = Etcds::start(USUAL, 1, false, &[]);
    wait_until("etcd serves", std::time::Duration::from_secs(20), || {
        etcds.etcdctl(0, &["put", "first", "1"]).status.success()
    });
    etcds.control(0, &["put", "second", "2"]);
    let path = etcds.path("by-hand.db");
    etcds.control(0, &["snapshot", "save", &path.to_string_lossy()]);
    (etcds, path)
}

#[test]
fn what_others_made_is_taken_in_proved_by_boot_and_copied_and_a_changed_byte_is_found() {
    let (etcds, path) = saved();
    let mut cli = Cli::new();
    cli.write("etcdops.yaml", INVENTORY);
    let system = std::env::var("PATH").unwrap_or_default();
    cli.set("PATH", &format!("{}:{system}", programs(USUAL).display()));
    let file = path.to_string_lossy().into_owned();
    let added = cli.run(["backups", "add", &file]);
    assert_eq!(added.code, 0, "{added:?}");
    assert_eq!(cli.run(["backups", "add", &file]).code, 3, "the name is taken");
    let bare = etcds.nodes[0].folder.join("data/member/snap/db");
    let bare = cli.run(["backups", "add", &bare.to_string_lossy(), "--name", "bare"]);
    assert!(bare.code == 0 && bare.stderr.contains("bare database"), "{bare:?}");

    let listed: Value = serde_json::from_str(&cli.run(["backups", "list", "-o", "json"]).stdout).unwrap();
    let found = listed["backups"].as_array().unwrap();
    let by_hand = found.iter().find(|backup| backup["name"] == "by-hand").unwrap();
    assert_eq!(
        (&by_hand["keys"], &by_hand["form"]),
        (&Value::from(2), &Value::from("snapshot")),
        "{by_hand:#}"
    );
    let shown = cli.run(["backups", "show", "by-hand"]).stdout;
    assert!(
        shown.contains("revision        3") && shown.contains("member          e1"),
        "{shown}"
    );

    let booted = cli.run(["backups", "verify", "by-hand", "--boot"]);
    assert!(
        booted.code == 0 && booted.stderr.contains(&format!("etcd {USUAL} starts from it")),
        "{booted:?}"
    );
    let left: Vec<String> = fs::read_dir(cli.work().join("library/c"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "{left:?}");

    let copied = cli.run(["backups", "copy", "by-hand", "elsewhere"]);
    assert_eq!(copied.code, 0, "{copied:?}");
    assert_eq!(
        fs::read(cli.work().join("elsewhere/by-hand/snapshot.db")).unwrap(),
        fs::read(&path).unwrap()
    );
    // Made by others: no rule removes it.
    let pruned = cli.run(["backups", "prune", "--plan"]);
    assert!(pruned.code == 0 && !pruned.stdout.contains("goes"), "{pruned:?}");

    pages_are_read_anew_where_another_reader_read_them(&cli);
    let own = cli.work().join("library/c/by-hand/snapshot.db");
    let mut bytes = fs::read(&own).unwrap();
    bytes[5000] ^= 0x10;
    fs::remove_file(&own).unwrap();
    std::io::Write::write_all(&mut fs::File::create(&own).unwrap(), &bytes).unwrap();
    let damaged = cli.run(["backups", "verify", "--all"]);
    assert!(damaged.code == 1 && damaged.stderr.contains("by-hand"), "{damaged:?}");
    assert_eq!(cli.run(["backups", "copy", "by-hand", "again"]).code, 3);

    what_cannot_be_read_now_is_not_called_damaged(&cli);
}

/// The digest alone is enough for what this reader has read itself: a wrong statement about the content, which no digest shows, is found
/// only by one that reads the pages.
fn pages_are_read_anew_where_another_reader_read_them(cli: &Cli) {
    let path = cli.work().join("library/c/by-hand/manifest.json");
    let whole = fs::read_to_string(&path).unwrap();
    let wrong = || {
        let mut manifest: Value = serde_json::from_str(&whole).unwrap();
        manifest["hash"] = "1".into();
        manifest
    };
    let verified = |manifest: &Value| {
        replace(&path, manifest.to_string().as_bytes()).unwrap();
        cli.run(["backups", "verify", "by-hand"])
    };
    assert_eq!(verified(&wrong()).code, 0, "its bytes are the known ones");
    let mut another = wrong();
    another.as_object_mut().unwrap().remove("reader");
    let read = verified(&another);
    assert!(read.code == 1 && read.stderr.contains("etcd's hash of it"), "{read:?}");
    replace(&path, whole.as_bytes()).unwrap();
    let _ = cli.run(["backups", "verify", "by-hand"]).code(0);
}

/// A file that gives no bytes may be as good as ever; one that is gone is not.
fn what_cannot_be_read_now_is_not_called_damaged(cli: &Cli) {
    let own = cli.work().join("library/c/bare/snapshot.db");
    let away = cli.work().join("away.db");
    fs::rename(&own, &away).unwrap();
    std::os::unix::fs::symlink(&own, &own).unwrap();
    let told = cli.run(["backups", "verify", "bare"]);
    assert!(
        told.code == 1
            && told
                .stderr
                .contains("cannot be read: Too many levels of symbolic links"),
        "{told:?}"
    );
    fs::remove_file(&own).unwrap();
    fs::rename(&away, &own).unwrap();
    let shown = cli.run(["backups", "show", "bare"]).stdout;
    assert!(!shown.contains("DAMAGED"), "{shown}");
    fs::rename(&own, &away).unwrap();
    let told = cli.run(["backups", "verify", "bare"]);
    assert!(told.code == 1 && told.stderr.contains("the file is gone"), "{told:?}");
    assert!(cli.run(["backups", "show", "bare"]).stdout.contains("DAMAGED"));
}

#[test]
fn a_timer_is_shown_before_it_is_written_and_needs_nothing_that_it_will_not_have() {
    let mut cli = Cli::new();
    cli.write("my etcdops.yaml", INVENTORY);
    let plan = [
        "--config",
        "my etcdops.yaml",
        "backup",
        "--install-timer",
        "6h",
        "--plan",
    ];
    let shown = cli.run(plan).code(0).stdout;
    for part in [
        "etcdops-backup-c.service:",
        "etcdops-backup-c.timer:",
        "/work/my etcdops.yaml\" \"--cluster\" c backup \"--yes\"",
        "OnCalendar=*-*-* 00/6:00:00",
        "Persistent=true",
        "daemon-reload",
    ] {
        assert!(shown.contains(part), "no {part} in\n{shown}");
    }
    let _ = cli
        .run([
            "--config",
            "my etcdops.yaml",
            "backup",
            "--install-timer",
            "1m",
            "--plan",
        ])
        .code(2)
        .says(&["too often", "5m"]);
    let _ = cli
        .run(["--config", "my etcdops.yaml", "backup", "--remove-timer"])
        .code(0)
        .says(&["There is no timer"]);
    cli.set("ETCDOPS_USER", "root");
    let _ = cli
        .run(plan)
        .code(2)
        .says(&["password of the etcd user root", "--password-file"]);
    cli.set("ETCDOPS_PASSWORD", "hunter2-secret");
    let refused = cli
        .run(plan)
        .code(2)
        .says(&["$ETCDOPS_PASSWORD, which the timer will not have"]);
    assert!(!refused.stderr.contains("hunter2"), "{refused:?}");
}

/// A data directory in three forms, what is missing and what is changed, and that nobody takes one on which etcd runs.
#[test]
fn data_directories_are_taken_in_whole_and_damage_is_told_with_its_place() {
    let (mut etcds, _) = saved();
    let cli = Cli::new();
    cli.write("etcdops.yaml", INVENTORY);
    let data = etcds.nodes[0].folder.join("data");
    let add = |words: &[&str]| cli.run([&["backups", "add"], words].concat());
    let whole = data.to_string_lossy().into_owned();
    let refused = add(&[&whole]);
    assert!(
        refused.code == 3 && refused.stderr.contains("etcd runs on it"),
        "{refused:?}"
    );
    etcds.kill(0);
    let _ = add(&[&whole]).code(0);
    let _ = add(&[&data.join("member").to_string_lossy(), "--name", "member"]).code(0);
    let log = etcds.nodes[0].folder.join("apart-wal");
    fs::rename(data.join("member/wal"), &log).unwrap();
    let missing = add(&[&whole, "--name", "apart"]);
    assert!(
        missing.code == 3 && missing.stderr.contains("member/wal"),
        "{missing:?}"
    );
    let apart = ["--name", "apart", "--wal-dir", &log.to_string_lossy()];
    let _ = add(&[&[whole.as_str()], &apart[..]].concat()).code(0);

    let listed: Value = serde_json::from_str(&cli.run(["backups", "list", "-o", "json"]).stdout).unwrap();
    let found = listed["backups"].as_array().unwrap();
    assert_eq!(found.len(), 3, "{listed:#}");
    for backup in found {
        assert_eq!(
            (
                &backup["form"],
                &backup["revision"],
                &backup["keys"],
                &backup["v2_data"]
            ),
            (
                &Value::from("data-dir"),
                &Value::from(3),
                &Value::from(2),
                &Value::from(false)
            ),
            "{backup:#}"
        );
        assert!(
            backup["cluster_id"].is_string() && backup["term"].as_u64() >= Some(2),
            "{backup:#}"
        );
        assert_eq!(backup["members"][0]["name"], "e1", "{backup:#}");
    }
    // An archive of ours that comes from elsewhere.
    let _ = cli.run(["backups", "copy", "apart", "elsewhere"]).code(0);
    let _ = add(&["elsewhere/apart/data.tar", "--name", "moved"]).code(0);
    let _ = cli.run(["backups", "verify", "moved"]).code(0);

    let segment = log.join("0000000000000000-0000000000000000.wal");
    let bytes = fs::read(&segment).unwrap();
    let place = bytes.windows(10).position(|window| window == b"clientURLs");
    change(&segment, place.expect("the member tells its URLs in an entry"));
    let broken = add(&[&whole, "--name", "broken", "--wal-dir", &log.to_string_lossy()]);
    assert!(
        broken.code == 3
            && broken
                .stderr
                .contains("member/wal/0000000000000000-0000000000000000.wal, byte"),
        "{broken:?}"
    );
    let names = cli.run(["backups", "list"]).stdout;
    assert!(!names.contains("broken"), "{names}");
}

fn change(path: &std::path::Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::remove_file(path).unwrap();
    std::io::Write::write_all(&mut fs::File::create(path).unwrap(), &bytes).unwrap();
}

#[test]
fn without_etcd_here_a_boot_is_not_tried_and_that_is_no_failure() {
    let (_etcds, path) = saved();
    let mut cli = Cli::new();
    cli.write("etcdops.yaml", INVENTORY);
    cli.set("PATH", "/nonexistent");
    assert_eq!(
        cli.run(["backups", "add", &path.to_string_lossy(), "--name", "b"]).code,
        0
    );
    let verified = cli.run(["backups", "verify", "--boot"]);
    assert!(
        verified.code == 0 && verified.stderr.contains("not proved by boot: no etcd here"),
        "{verified:?}"
    );
}

#[test]
fn an_empty_library_and_nonsense_are_told_with_the_next_command() {
    let cli = Cli::new();
    cli.write("etcdops.yaml", INVENTORY);
    let listed = cli.run(["backups", "list"]);
    assert!(
        listed.code == 0 && listed.stderr.contains("etcdops backup"),
        "{listed:?}"
    );
    let shown = cli.run(["backups", "show", "x"]);
    assert!(
        shown.code == 2 && shown.stderr.contains("etcdops backups list"),
        "{shown:?}"
    );
    for (name, content) in [("empty", ""), ("text", "hello"), ("zeros", "\0\0")] {
        let file = cli.write(name, &content.repeat(if name == "zeros" { 4096 } else { 1 }));
        let added = cli.run(["backups", "add", &file.to_string_lossy()]);
        assert_eq!(added.code, 3, "{name}: {added:?}");
        assert!(added.stderr.contains("nothing was added"), "{name}: {added:?}");
    }
    assert_eq!(cli.run(["backups", "add", "missing"]).code, 3);
}

/// Hands on what comes and goes; of the streams through all gates the first one that has brought a megabyte falls silent, and stays open.
fn gates(etcds: &Etcds, silenced: &Arc<AtomicUsize>) -> Vec<String> {
    let gate = |number: usize| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let behind = etcds.url(number).trim_start_matches("http://").to_owned();
        let silenced = Arc::clone(silenced);
        std::thread::spawn(move || {
            for guest in listener.incoming().map_while(Result::ok) {
                let Ok(host) = TcpStream::connect(&behind) else { return };
                let (mut up, mut to) = (guest.try_clone().unwrap(), host.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut up, &mut to));
                let silenced = Arc::clone(&silenced);
                std::thread::spawn(move || through(host, guest, number, &silenced));
            }
        });
        url
    };
    (0..etcds.nodes.len()).map(gate).collect()
}

fn through(mut from: TcpStream, mut to: TcpStream, number: usize, silenced: &AtomicUsize) {
    let mut buffer = [0; 16 << 10];
    let mut brought = 0;
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        brought += count;
        let first = || silenced.compare_exchange(0, number + 1, Ordering::Relaxed, Ordering::Relaxed);
        if brought > 1 << 20 && first().is_ok() {
            std::thread::park();
        }
        if to.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

/// A stream that stalls in the middle is noticed, and the backup is taken from another member. Nothing of it is left.
#[test]
fn a_stream_that_stalls_is_given_up_and_another_member_asked() {
    let mut etcds = Etcds::start(USUAL, 3, false, &[]);
    let serves = |etcds: &Etcds, number: usize| {
        wait_until("etcd serves", std::time::Duration::from_secs(20), || {
            etcds.etcdctl(number, &["put", "first", "1"]).status.success()
        });
    };
    serves(&etcds, 0);
    let silenced = Arc::new(AtomicUsize::new(0));
    let gates = gates(&etcds, &silenced);
    for (number, gate) in gates.iter().enumerate() {
        etcds.nodes[number].advertised = Some(gate.clone());
        etcds.kill(number);
        etcds.start_again(number);
        serves(&etcds, number);
    }
    let value = "x".repeat(100_000);
    for number in 0..60 {
        etcds.control(0, &["put", &format!("key{number}"), &value]);
    }
    let endpoints = gates.join(", ");
    let cli = Cli::new();
    cli.write(
        "etcdops.yaml",
        &format!("clusters:\n  c:\n    endpoints: [{endpoints}]\n    backups: {{store: library}}\n"),
    );
    let taken = cli.run(["backup", "--yes"]).code(0);
    assert!(silenced.load(Ordering::Relaxed) > 0, "one fell silent: {taken:?}");
    let said = format!("{}{}", taken.stdout, taken.stderr);
    assert!(said.contains("next call of this step"), "{said}");
    assert!(said.contains("the connection broke in the middle"), "{said}");
    let listed: Value = serde_json::from_str(&cli.run(["backups", "list", "-o", "json"]).stdout).unwrap();
    assert_eq!(
        (
            &listed["backups"][0]["keys"],
            listed["backups"].as_array().unwrap().len()
        ),
        (&Value::from(61), 1),
        "{listed:#}"
    );
    let left = fs::read_dir(cli.work().join("library/c")).unwrap().count();
    assert_eq!(left, 1, "no half backup is left");
}
