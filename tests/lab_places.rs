//! What is done on hosts in places that are not the usual ones: a configuration file, a mount point, a file sent there.

#![expect(clippy::disallowed_methods, reason = "tests write files of their own")]

use std::fs;

use etcdops::base::hash::sha256_hex;

use crate::support::lab::Lab;

#[test]
fn a_config_file_is_overruled_and_a_mount_point_emptied_and_a_file_sent() {
    let Some(lab) = Lab::up(&["--members", "3", "--spare", "1", "--config", "file", "--data-mount"]) else {
        return;
    };
    // A file of this machine, byte for byte, with owner and mode; what was there keeps its content under another name.
    let bytes: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let local = lab.folder().join("thing.bin");
    fs::write(&local, &bytes).unwrap();
    let digest = sha256_hex(&bytes);
    lab.exec(
        "etcd-4",
        "echo old >/srv/thing; echo data >/var/lib/etcd/default/old; mkdir /var/lib/etcd/default/member",
    );
    let book = lab.folder().join("odd.yaml");
    let text = format!(
        "title: Odd places\nsteps:\n  - {{id: put, hosts: [etcd-4], do: {{file.put: {{local: \"{}\", sha256: {digest}, path: /srv/thing, mode: \"640\", owner: etcd}}}}}}\n  - {{id: aside, hosts: [etcd-4], do: {{file.move_aside: {{path: /var/lib/etcd/default}}}}}}\n",
        local.display()
    );
    fs::write(&book, text).unwrap();
    let done = lab.etcdops(&["run", book.to_str().unwrap(), "--yes"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let there = lab.exec(
        "etcd-4",
        "sha256sum </srv/thing; stat -c '%a %U' /srv/thing; cat /srv/thing.before-*; ls /srv",
    );
    assert!(
        there.starts_with(&digest) && there.contains("\n640 etcd\nold\n"),
        "{there}"
    );
    assert!(!there.contains("etcdops-part"), "{there}");
    let inside = lab.exec(
        "etcd-4",
        "mountpoint -q /var/lib/etcd/default && cd /var/lib/etcd/default && find . -mindepth 1 | sort",
    );
    let names: Vec<&str> = inside.lines().filter(|name| !name.contains("lost+found")).collect();
    assert_eq!(names.len(), 3, "{inside}");
    assert!(
        names[0].contains(".etcdops-") && names[1].ends_with("/member") && names[2].ends_with("/old"),
        "{inside}"
    );

    // etcd is started with an edited copy of its file, and with its own file again.
    let command = "tr '\\0' ' ' </proc/$(systemctl show -P MainPID etcd)/cmdline";
    let before = lab.exec("etcd-1", "sha256sum /etc/etcd/etcd.yml /etc/default/etcd");
    let on = lab.etcdops(&["debug-log", "on", "etcd-1", "--yes"]);
    assert_eq!(on.code, Some(0), "{on:#?}");
    let running = lab.exec("etcd-1", command);
    assert!(running.contains("/run/etcdops/etcd/debug-log.yaml"), "{running}");
    let copy = lab.exec(
        "etcd-1",
        "diff /etc/etcd/etcd.yml /run/etcdops/etcd/debug-log.yaml; true",
    );
    let added: Vec<&str> = copy.lines().filter(|line| line.starts_with(['<', '>'])).collect();
    assert_eq!(added, ["> log-level: 'debug'"], "{copy}");
    let off = lab.etcdops(&["debug-log", "off", "etcd-1", "--yes"]);
    assert_eq!(off.code, Some(0), "{off:#?}");
    let running = lab.exec("etcd-1", command);
    assert!(running.contains("/etc/etcd/etcd.yml"), "{running}");
    assert_eq!(
        lab.exec(
            "etcd-1",
            "ls -A /run/etcdops 2>/dev/null; sha256sum /etc/etcd/etcd.yml /etc/default/etcd"
        ),
        before
    );
    in_a_folder_of_root_s(&lab);
}

/// etcd may not make its data directory again once it has been moved away, nor a log of its own anywhere there.
fn in_a_folder_of_root_s(lab: &Lab) {
    let count = || lab.etcdctl(&["member", "list"]).lines().count();
    let add = ["add-member", "etcd-4", "--no-backup", "--yes"];
    let refused = |words: &str| {
        let done = lab.etcdops(&add);
        assert_eq!(done.code, Some(3), "{done:#?}");
        let said = done.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            said.contains(words) && said.contains("nothing was changed"),
            "{words}: {said}"
        );
        assert_eq!(count(), 3);
    };
    lab.exec(
        "etcd-4",
        "sed -i 's|^data-dir:.*|data-dir: \"/srv/etcd-data\"|' /etc/etcd/etcd.yml",
    );
    refused("etcd-4: /srv/etcd-data is not there, and etcd, which runs as etcd, may not make it");
    lab.exec(
        "etcd-4",
        "install -d -o etcd -g adm -m 750 /srv/etcd-data; install -d -o etcd /srv/etcd-wal; echo 'wal-dir: /srv/etcd-wal' >>/etc/etcd/etcd.yml",
    );
    refused("etcd-4: etcd makes a new log beside /srv/etcd-wal");
    lab.exec(
        "etcd-4",
        "sed -i 's|^wal-dir:.*|wal-dir: /srv/etcd-wal/log|' /etc/etcd/etcd.yml",
    );
    let done = lab.etcdops(&add);
    assert_eq!(done.code, Some(0), "{done:#?}");
    lab.exec("etcd-4", "systemctl stop etcd");
    let done = lab.etcdops(&["replace-member", "etcd-4", "--no-backup", "--yes"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let there = lab.exec(
        "etcd-4",
        "cd /srv; stat -c '%a %U:%G' etcd-data; ls -d etcd-data/member etcd-data.etcdops-*.old/member etcd-wal/log.etcdops-*.old/*.wal; ls",
    );
    assert!(there.starts_with("750 etcd:adm\netcd-data.etcdops-"), "{there}");
    assert!(
        there.contains("\netcd-data/member\n") && !there.contains("etcdops-empty"),
        "{there}"
    );
    assert_eq!(lab.etcdops(&["health"]).code, Some(0));
}
