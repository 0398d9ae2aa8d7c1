//! What one host makes for another: packed there, carried over, unpacked here, removed.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::base::hash::sha256_hex;
use crate::call::host::Restore;

fn carry(file: &str, path: &str, sha256: &str) -> HostOp {
    HostOp::Carry {
        from: "other".to_owned(),
        file: file.to_owned(),
        path: path.to_owned(),
        sha256: sha256.to_owned(),
    }
}

fn mode(path: &str) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_file_of_another_host_arrives_whole_or_not_at_all() {
    let world = World::new();
    let (file, path) = (world.path("there/a 'b' $(c)"), world.path("here/x"));
    fs::create_dir(world.path("there")).unwrap();
    // Several pieces, and a part of one.
    let content: Vec<u8> = (0..20_000_003_u32).map(|place| (place % 251) as u8).collect();
    write(&file, &content);
    let sha256 = sha256_hex(&content);

    let wrong = world
        .change(carry(&file, &path, &sha256_hex(b"x")), "wrong")
        .await
        .unwrap_err();
    assert_eq!(wrong.fault, Fault::Refused);
    assert!(wrong.message.contains("the file that arrived has SHA-256"), "{wrong}");
    assert_eq!(world.stat(&path).await.kind, None);
    let missing = world
        .change(carry(&world.path("none"), &path, &sha256), "missing")
        .await
        .unwrap_err();
    assert_eq!((missing.fault, missing.place.as_str()), (Fault::Missing, "other"));

    for _ in 0..2 {
        // The second time it is found done under its tag, and nothing is read for it.
        assert_eq!(
            world.change(carry(&file, &path, &sha256), "right").await.unwrap(),
            HostAnswer::Done
        );
        assert!(fs::read(&path).unwrap() == content);
        assert_eq!(mode(&path), 0o600);
        let _ = fs::remove_file(&file);
    }
    assert!(!std::path::Path::new(&format!("{path}.etcdops-part")).exists());
}

/// Makes what etcd's tool would.
const TOOL: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do case $1 in --data-dir) d=$2; shift ;; esac; shift; done
mkdir -p "$d/member/snap" "$d/member/wal"
echo keys >"$d/member/snap/db"
echo log >"$d/member/wal/0.wal"
head -c 4000000 /dev/zero >>"$d/member/wal/0.wal"
"#;

#[tokio::test]
async fn a_data_directory_is_packed_there_and_unpacked_here() {
    let world = World::new();
    let tool = world.path("tool");
    write(&tool, TOOL);
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    let backup = world.path("backup.db");
    write(&backup, "backup");
    let own = |name: &str| format!("{}/{name}", world.path("state/2026-11-20-1304-k3f9/files"));
    fs::create_dir_all(own("")).unwrap();

    let archive = own("h.etcdops-data.tar");
    let packed = Restore {
        tool,
        file: backup,
        sha256: sha256_hex(b"backup"),
        into: archive.clone(),
        wal_into: None,
        data_dir: String::new(),
        user: None,
        name: "it's".to_owned(),
        initial_cluster: "it's=http://h:2380".to_owned(),
        peer_urls: "http://h:2380".to_owned(),
        token: "t".to_owned(),
        bump: 0,
        pack: true,
        inside: None,
    };
    let restore = |restore: &Restore| HostOp::Restore(Box::new(restore.clone()));
    // What a try left behind is not in the way.
    fs::create_dir(format!("{archive}.part")).unwrap();
    for key in ["pack", "again"] {
        world.change(restore(&packed), key).await.unwrap();
    }
    assert_eq!(mode(&archive), 0o600);
    let size = fs::metadata(&archive).unwrap().len();
    assert!(size < 1_000_000, "room that is set aside is not packed: {size}");
    let left = fs::read_dir(own("")).unwrap().map(|entry| entry.unwrap().path());
    let left: Vec<_> = left
        .filter(|path| path.extension().is_some_and(|end| end == "part"))
        .collect();
    assert!(left.is_empty(), "scratch is left: {left:?}");

    let (into, log) = (world.path("data.etcdops-1.new"), world.path("log.etcdops-1.new"));
    let unpacked = Restore {
        tool: "tar".to_owned(),
        file: archive.clone(),
        sha256: sha256_hex(&fs::read(&archive).unwrap()),
        into: into.clone(),
        wal_into: Some(log.clone()),
        pack: false,
        inside: Some("./member".to_owned()),
        ..packed
    };
    world.change(restore(&unpacked), "unpack").await.unwrap();
    assert_eq!(fs::read_to_string(format!("{into}/member/snap/db")).unwrap(), "keys\n");
    assert_eq!(fs::metadata(format!("{log}/0.wal")).unwrap().len(), 4_000_004);
    assert_eq!((mode(&into), mode(&log)), (0o700, 0o700));

    let discard = |path: &str| HostOp::Discard { path: path.to_owned() };
    for (nth, foreign) in [&into, &own("../../../data.etcdops-1.new"), "/etc/hostname"]
        .into_iter()
        .enumerate()
    {
        let refused = world
            .change(discard(foreign), &format!("foreign{nth}"))
            .await
            .unwrap_err();
        assert_eq!(refused.fault, Fault::Refused, "{foreign}");
        assert!(std::path::Path::new(foreign).exists(), "{foreign}");
    }
    world.change(discard(&archive), "discard").await.unwrap();
    assert_eq!(fs::read_dir(own("")).unwrap().count(), 0);
}
