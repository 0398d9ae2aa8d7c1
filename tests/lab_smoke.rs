//! The lab itself: if these fail, look here before anywhere else.

use std::path::Path;
use std::time::Duration;

use crate::support::lab::Lab;
use crate::support::wait_until;

#[test]
fn hosts_are_real_and_nothing_of_them_is_left_behind() {
    let Some(lab) = Lab::up(&["--members", "3", "--spare", "1"]) else {
        return;
    };
    assert_eq!(lab.etcdctl(&["member", "list"]).lines().count(), 3);
    lab.etcdctl(&["endpoint", "health"]);
    for host in ["etcd-1", "etcd-2", "etcd-3", "etcd-4"] {
        assert_eq!(
            lab.ssh(host, "id -un; sudo id -un; hostname").good(),
            format!("ops\nroot\n{host}\n")
        );
    }
    assert_eq!(lab.exec("etcd-3", "systemctl is-active etcd"), "active\n");
    assert_eq!(lab.try_exec("etcd-4", "systemctl is-active etcd").stdout, "inactive\n");
    let folder = lab.folder().to_owned();
    drop(lab);
    assert!(!folder.exists());
    let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(!Path::new(&format!("/sys/fs/cgroup/systemd/etcdops-lab-{name}-etcd-1")).exists());
}

#[test]
fn a_power_cut_and_a_pulled_cable_take_one_member_away_and_give_it_back() {
    let Some(lab) = Lab::up(&["--members", "3", "--tls", "--client-cert-auth"]) else {
        return;
    };
    let healthy = |endpoint: &str| {
        let endpoint = format!("--endpoints=https://{endpoint}:2379");
        lab.try_etcdctl(&[&endpoint, "--command-timeout=1s", "endpoint", "health"])
            .code
            == Some(0)
    };
    let minute = Duration::from_mins(1);
    lab.etcdctl(&["put", "kept", "yes"]);
    lab.kill("etcd-1");
    assert!(!healthy("etcd-1"));
    wait_until("two of three are a quorum", minute, || healthy("etcd-2"));
    lab.start("etcd-1");
    wait_until("the member is back", minute, || healthy("etcd-1"));
    assert_eq!(
        lab.etcdctl(&["--endpoints=https://etcd-1:2379", "get", "--print-value-only", "kept"]),
        "yes\n"
    );
    lab.cut("etcd-2", &[]);
    assert!(!healthy("etcd-2"));
    lab.heal("etcd-2");
    lab.cut("etcd-3", &["--from", "bastion", "--port", "2379", "--reject"]);
    wait_until("the cable is in again", minute, || healthy("etcd-2"));
    assert!(!healthy("etcd-3"));
    lab.heal("etcd-3");
    wait_until("the firewall is gone", minute, || healthy("etcd-3"));
}

#[test]
fn every_fault_can_be_made_and_undone() {
    let Some(lab) = Lab::up(&["--members", "1", "--data-mount", "--disk-mb", "256"]) else {
        return;
    };
    let healthy = || lab.try_etcdctl(&["--command-timeout=1s", "endpoint", "health"]).code == Some(0);
    let free = || lab.exec("etcd-1", "df --output=avail /var/lib/etcd/default | tail -n 1");
    lab.freeze("etcd-1");
    assert!(!healthy());
    lab.thaw("etcd-1");
    wait_until("etcd goes on", Duration::from_mins(1), healthy);
    lab.fill("etcd-1");
    assert_eq!(free().trim(), "0");
    lab.unfill("etcd-1");
    assert_ne!(free().trim(), "0");
    lab.use_version("etcd-1", "3.4");
    assert!(lab.exec("etcd-1", "etcd --version").starts_with("etcd Version: 3.4."));
}

#[test]
fn the_bastion_knows_the_hosts_and_each_operator_has_a_home() {
    let Some(lab) = Lab::up(&["--members", "1", "--no-start"]) else {
        return;
    };
    let printed = |mut command: std::process::Command| {
        let output = command.output().expect("a process");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let bastion = lab.bastion();
    assert!(printed(bastion.command("getent", &["hosts", "etcd-1"])).contains("10.77.0.11"));
    assert_eq!(
        printed(bastion.command("pwd", &[])),
        format!("{}\n", bastion.home().display())
    );
    let other = lab.other_bastion("other");
    assert_ne!(other.home(), bastion.home());
    assert_eq!(
        printed(other.command("printenv", &["HOME"])),
        format!("{}\n", other.home().display())
    );
    assert_eq!(lab.etcdops(&["--version"]).code, Some(0));
    let started = other.etcdops_command(&["--version"]).output().expect("a process");
    assert!(started.status.success());
}
