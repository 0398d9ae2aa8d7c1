//! The way between peers, proved with their own certificates before anything changes.

use crate::support::lab::{Finished, Lab};

fn added(lab: &Lab) -> (Finished, String) {
    let done = lab.etcdops(&["add-member", "etcd-3", "--no-backup", "--yes"]);
    let all = format!("{} {}", done.stdout, done.stderr);
    let said = all.split_whitespace().collect::<Vec<_>>().join(" ");
    (done, said)
}

/// Refused with these words, and nothing is different.
fn refused(lab: &Lab, words: &[&str]) {
    let (done, said) = added(lab);
    assert_eq!(done.code, Some(3), "{done:#?}");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(
        lab.etcdctl(&["member", "list"]).lines().count(),
        2,
        "no member was added"
    );
    assert_eq!(
        lab.exec("etcd-3", "ls /var/lib/etcdops 2>/dev/null; true"),
        "",
        "nothing was written"
    );
    let listener = lab.exec("etcd-3", "pgrep -x openssl; ss -Htln sport = 2380; true");
    assert_eq!(listener, "", "the listener has ended");
}

#[test]
fn a_way_that_etcd_could_not_go_is_found_before_anything_changes() {
    let Some(lab) = Lab::up(&["--members", "2", "--spare", "1", "--tls", "--client-cert-auth"]) else {
        return;
    };
    // A firewall in one direction only, whether it drops or refuses.
    for options in [
        &["--from", "etcd-1", "--port", "2380", "--one-way"][..],
        &["--from", "etcd-1", "--port", "2380", "--one-way", "--reject"],
    ] {
        lab.cut("etcd-3", options);
        refused(&lab, &["etcd-1 does not reach etcd-3 on etcd-3:2380"]);
        lab.heal("etcd-3");
    }
    lab.cut("etcd-2", &["--from", "etcd-3", "--port", "2380", "--one-way"]);
    refused(
        &lab,
        &["etcd-3 does not reach etcd-2 on etcd-2:2380: no answer in time"],
    );
    lab.heal("etcd-2");
    // Certificates that etcd would not take.
    let with_certificate = |script: &str, words: &[&str]| {
        lab.exec("etcd-3", "cp -a /etc/etcd/pki /root/pki");
        lab.exec("etcd-3", &format!("cd /etc/etcd/pki; {script}; chown etcd: *"));
        refused(&lab, words);
        lab.exec("etcd-3", "rm -r /etc/etcd/pki; mv /root/pki /etc/etcd/pki");
    };
    with_certificate(
        "rm server.crt",
        &["etcd-3: its peer certificate /etc/etcd/pki/server.crt is not there"],
    );
    with_certificate("rm server.key", &["peer key /etc/etcd/pki/server.key is not there"]);
    let own =
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout server.key -out server.crt -subj /CN=x -addext";
    with_certificate(
        &format!("{own} subjectAltName=DNS:etcd-3; cp server.crt ca.crt"),
        &["certificate"],
    );
    let folder = lab.folder().join("pki");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    let other = format!(
        "printf '%s' '{}' >server.crt; printf '%s' '{}' >server.key",
        read("etcd-2.crt"),
        read("etcd-2.key")
    );
    with_certificate(
        &other,
        &[
            "etcd-1 does not reach etcd-3",
            "the certificate shown there is not accepted: hostname mismatch",
        ],
    );
    let (done, said) = added(&lab);
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(
        said.contains("4 ways are open, with the hosts' own peer certificates"),
        "{said}"
    );
    assert!(!said.contains("PRIVATE KEY"), "{said}");
    another_name(&lab);
    unseen_from_here(&lab);
}

/// A peer URL whose name leads to the member, and for which its certificate does not hold.
fn another_name(lab: &Lab) {
    for host in ["etcd-1", "etcd-2", "etcd-3"] {
        lab.exec(host, "getent hosts etcd-3 | awk '{ print $1, \"moved\" }' >>/etc/hosts");
    }
    let text = lab.exec("etcd-3", "cat /etc/default/etcd");
    for port in [2380, 2390] {
        let url = format!("https://moved:{port}");
        let done = lab.etcdops(&["update-member", "etcd-3", "--peer-url", &url, "--no-backup", "--yes"]);
        let all = format!("{} {}", done.stdout, done.stderr);
        let said = all.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(done.code, Some(3), "{said}");
        let word = format!("etcd-1 does not reach etcd-3 on moved:{port}: the certificate shown there is not accepted");
        assert!(said.contains(&word), "{said}");
    }
    assert_eq!(lab.exec("etcd-3", "cat /etc/default/etcd"), text, "nothing was written");
    assert!(!lab.etcdctl(&["member", "list"]).contains("moved"));
}

/// A member that lives, with its client port closed to this machine alone.
fn unseen_from_here(lab: &Lab) {
    lab.cut("etcd-3", &["--from", "bastion", "--port", "2379"]);
    let plan = lab.etcdops(&["replace-member", "etcd-3", "--no-backup", "--plan"]);
    lab.heal("etcd-3");
    let all = format!("{} {}", plan.stdout, plan.stderr);
    let said = all.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("its unit is active on etcd-3"), "{said}");
}
