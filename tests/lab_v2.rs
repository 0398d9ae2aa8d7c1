//! Data of etcd's old API on real hosts: what no snapshot holds comes back from a cold copy.

use serde_json::Value;

use crate::support::lab::Lab;
use crate::support::soak;

const HOSTS: [&str; 3] = ["etcd-1", "etcd-2", "etcd-3"];

/// What etcd's old API holds is in no snapshot: it comes back from what `etcdctl backup` made of a stopped member.
#[test]
fn v2_data_comes_back_from_a_cold_copy_after_the_loss_of_everything() {
    let mut ways = vec![&["--members", "3", "--etcd", "3.3.25"][..]];
    if soak() {
        ways.push(&["--members", "3", "--etcd", "3.4.23", "--v2", "--tls"]);
    }
    for options in ways {
        let Some(lab) = Lab::up(options) else { return };
        let old_api = |host: &str, words: &str| {
            let tls = "--ca-file /etc/etcd/pki/ca.crt --cert-file /etc/etcd/pki/server.crt --key-file /etc/etcd/pki/server.key";
            let (scheme, tls) = if options.contains(&"--tls") {
                ("https", tls)
            } else {
                ("http", "")
            };
            let line = format!("ETCDCTL_API=2 etcdctl {tls} --endpoints {scheme}://{host}:2379 {words}");
            lab.exec(host, &line)
        };
        old_api("etcd-1", "set /app/old one");
        lab.etcdctl(&["put", "new", "two"]);
        lab.etcdops(&["backup", "--yes"]).good();
        lab.etcdops(&["backup", "--offline", "etcd-2", "--yes"]).good();
        old_api("etcd-1", "set /app/late three");
        let listed: Value = serde_json::from_str(&lab.etcdops(&["backups", "list", "-o", "json"]).good()).unwrap();
        let cold = &listed["backups"][0];
        assert_eq!(
            (&cold["form"], &cold["v2_data"]),
            (&"v2-backup".into(), &true.into()),
            "{cold:#}"
        );
        // A snapshot in their place would drop all of it, in one step or in three.
        let snapshot = listed["backups"][1]["name"].as_str().unwrap();
        no_snapshot_in_its_place(&lab, snapshot);
        for host in HOSTS {
            lab.exec(
                host,
                "systemctl stop etcd; find /var/lib/etcd/default -mindepth 1 -delete; rmdir /var/lib/etcd/default 2>/dev/null; true",
            );
        }
        let asked = lab.etcdops(&["recover", "--from-backup", "--yes"]);
        assert!(
            asked.code == Some(2) && asked.stderr.contains("which backup?"),
            "{asked:?}"
        );
        let name = cold["name"].as_str().unwrap();
        is_offered(&lab, name, snapshot);
        let done = lab.etcdops(&["recover", "--from-backup", name, "--yes"]);
        assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
        assert_eq!(lab.etcdops(&["health"]).code, Some(0));
        for host in HOSTS {
            assert_eq!(old_api(host, "get /app/old"), "one\n");
            assert_eq!(old_api(host, "ls /app"), "/app/old\n");
            let forced = lab.exec(
                host,
                "systemctl show etcd -P DropInPaths; tr '\\0' '\\n' </proc/$(systemctl show etcd -P MainPID)/environ",
            );
            assert!(!forced.to_lowercase().contains("force"), "{forced}");
        }
        assert_eq!(lab.etcdctl(&["get", "--print-value-only", "new"]), "two\n");
        let members = lab.etcdctl(&["member", "list"]);
        assert!(
            members.lines().count() == 3 && !members.contains("localhost"),
            "{members}"
        );
    }
}

fn no_snapshot_in_its_place(lab: &Lab, snapshot: &str) {
    for words in [
        &["recover", "--from-backup", snapshot, "--yes"][..],
        &["recover", "--from-survivor", "--then-restore", "--yes"],
    ] {
        let refused = lab.etcdops(words);
        let said = refused.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            refused.code == Some(3) && said.contains("data of the v2 API") && said.contains("--accept v2_data"),
            "{refused:?}"
        );
    }
}

/// The cold copy, and the snapshot with what it would lose.
fn is_offered(lab: &Lab, cold: &str, snapshot: &str) {
    let offered = lab.etcdops(&["recover", "-o", "json"]);
    let offered: Value = serde_json::from_str(&offered.stdout).unwrap();
    let backups: Vec<(&Value, bool)> = offered["choices"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|choice| choice["way"] == "from-backup")
        .map(|choice| {
            let loses = choice["loses"].as_str().unwrap();
            (&choice["command"], loses.contains("all data of the v2 API"))
        })
        .collect();
    let commands = [
        format!("etcdops recover --from-backup {cold}").into(),
        format!("etcdops recover --from-backup {snapshot} --accept v2_data").into(),
    ];
    assert_eq!(backups, [(&commands[0], false), (&commands[1], true)]);
}
