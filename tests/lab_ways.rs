//! The ways to a host: sudo with a password, IPv6, etcd's ports through ssh; and a bastion whose disk is full.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use etcdops::base::files::write_private;

use crate::support::hostile;
use crate::support::lab::{Finished, Lab};
use crate::support::terminal::Terminal;

const HOSTS: [(&str, &str); 3] = [("etcd-1", "11"), ("etcd-2", "12"), ("etcd-3", "13")];

/// As `tests/lab` sets it.
const SUDO_PASSWORD: &str = "lab-sudo-password";

/// An inventory beside the lab's own.
fn written(lab: &Lab, name: &str, text: &str) -> String {
    let path = lab.bastion().home().join(name);
    write_private(&path, text.as_bytes()).unwrap();
    path.display().to_string()
}

fn own(lab: &Lab) -> String {
    fs::read_to_string(lab.folder().join("etcdops.yaml")).unwrap()
}

/// When the host's etcd was started, as systemd tells it.
fn invocation(lab: &Lab, host: &str) -> String {
    lab.exec(host, "systemctl show -P InvocationID etcd")
}

/// Runs etcdops on a terminal and types the password of sudo when asked. What was shown after that.
fn with_password(lab: &Lab, arguments: &[&str], password: &str) -> String {
    let mut command = lab.bastion().etcdops_command(arguments);
    command.stdin(Stdio::inherit());
    let mut terminal = Terminal::of(command);
    terminal.sees("Password of sudo on the hosts of lab");
    terminal.types(&format!("{password}\r"));
    terminal.rest()
}

/// Everything that etcdops has written below the operator's home.
fn records(lab: &Lab) -> String {
    let mut folders = vec![lab.bastion().home().to_owned()];
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path: PathBuf = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                text.push_str(&String::from_utf8_lossy(&fs::read(&path).unwrap()));
            }
        }
    }
    text
}

#[test]
fn sudo_asks_for_its_password_and_ipv6_is_a_way_like_any_other() {
    let own_log = "ETCD_LOG_OUTPUTS=/var/lib/etcd/own.log";
    let wide = "ETCD_LISTEN_CLIENT_URLS=http://[::]:2379";
    let Some(lab) = Lab::up(&[
        "--members",
        "3",
        "--etcd",
        "3.5",
        "--sudo",
        "password",
        "--set",
        wide,
        "--set",
        own_log,
    ]) else {
        return;
    };
    let before = invocation(&lab, "etcd-1");
    let unasked = lab.etcdops(&["restart", "etcd-1", "--yes", "--timeout", "30s"]);
    assert_eq!(unasked.code, Some(3), "{unasked:#?}");
    assert!(unasked.stderr.contains("-K"), "{}", unasked.stderr);

    let wrong = with_password(
        &lab,
        &["restart", "etcd-1", "--yes", "-K", "--timeout", "30s"],
        "no-such-password",
    );
    assert!(wrong.contains("sudo"), "{wrong}");
    assert_eq!(invocation(&lab, "etcd-1"), before, "nothing was changed:\n{wrong}");

    let good = with_password(
        &lab,
        &["restart", "etcd-1", "--yes", "-K", "--timeout", "30s"],
        SUDO_PASSWORD,
    );
    assert_ne!(invocation(&lab, "etcd-1"), before, "{good}");
    for text in [&good, &wrong, &records(&lab)] {
        assert!(!text.contains(SUDO_PASSWORD), "the password is told: {text}");
    }

    // The same hosts by their IPv6 addresses, API and ssh.
    let bastion = |arguments: &[&str]| {
        let output = lab.bastion().command("ip", arguments).output().unwrap();
        Finished::from(output).good()
    };
    bastion(&["-6", "addr", "add", "fd77::1/64", "dev", "br0", "nodad"]);
    let mut inventory = own(&lab);
    let mut ssh = String::new();
    for (host, number) in HOSTS {
        lab.exec(host, &format!("ip -6 addr add fd77::{number}/64 dev eth0 nodad"));
        inventory = inventory.replace(
            &format!("http://10.77.0.{number}:2379"),
            &format!("http://[fd77::{number}]:2379"),
        );
        inventory = inventory.replace(&format!("http://{host}:2379"), &format!("http://[fd77::{number}]:2379"));
        inventory = inventory.replace(&format!("{{ssh: {host},"), &format!("{{ssh: \"[fd77::{number}]\","));
        ssh.push_str(&format!("Host fd77::{number}\n  HostKeyAlias {host}\n\n"));
    }
    let config = lab.folder().join("ssh/config");
    let text = fs::read_to_string(&config).unwrap();
    write_private(&config, format!("{ssh}{text}").as_bytes()).unwrap();
    let six = written(&lab, "six.yaml", &inventory);
    let health = lab.etcdops(&["--config", &six, "health", "-o", "json"]).good();
    let health: serde_json::Value = serde_json::from_str(&health).unwrap();
    assert_eq!(health["quorum"]["healthy"], 3, "{health:#}");
    assert_eq!(health["members"][0]["endpoint"], "http://[fd77::11]:2379");
    // etcd logs to a file of its own: it is read as well.
    let logs = ["--config", &six, "logs", "etcd-2", "--since", "1h", "-K"];
    let logs = with_password(&lab, &logs, SUDO_PASSWORD);
    assert!(logs.contains("ready to serve client requests"), "{logs}");
}

/// Stops etcd, and gives it back whatever happens. What the first step says is longer than the room that a full disk leaves in the
/// last block of the journal.
const COLD: &str = "\
title: Keep etcd-1 stopped for a while
steps:
  - {id: away, do: {leader.move: {away_from: etcd-1}}}
  - id: cold
    hosts: etcd-1
    hold: {service.stop: {}}
    steps:
      - {id: first, do: {host.run: {script: sleep 3; seq 3000}}}
      - {id: second, do: {host.run: {script: systemctl is-active etcd >/var/tmp/second; true}}}
";

/// Fills the disk of the state folder as soon as the first step inside is on record.
const FILL: &str = "\
cd \"$HOME/.local/state/etcdops\"
until grep -q '\"step\":\"cold/first\"' runs/*/journal.jsonl 2>/dev/null; do sleep 0.05; done
cat /dev/zero >filling 2>/dev/null; true
";

#[test]
fn etcd_is_reached_through_ssh_and_a_full_disk_stops_a_run_in_order() {
    let Some(lab) = Lab::up(&["--members", "3", "--etcd", "3.6", "--tls", "--client-cert-auth"]) else {
        return;
    };
    lab.etcdops(&["config", "check"]).good();
    let wrong = own(&lab).replace("unit: etcd", "unit: etcdd");
    let wrong = lab.etcdops(&["--config", &written(&lab, "wrong.yaml", &wrong), "config", "check"]);
    assert_ne!(wrong.code, Some(0), "{wrong:#?}");
    assert!(
        format!("{}{}", wrong.stdout, wrong.stderr).contains("etcdd"),
        "{wrong:#?}"
    );

    a_hostile_text_stays_a_text(&lab);
    let state = lab.bastion().home().join(".local/state/etcdops");
    fs::create_dir_all(&state).unwrap();
    let state = state.display().to_string();
    let mount = ["-t", "tmpfs", "-o", "size=512k,mode=0700", "none", &state];
    Finished::from(lab.bastion().command("mount", &mount).output().unwrap()).good();
    let book = written(&lab, "cold.yaml", COLD);
    let mut filler = lab.bastion().command("sh", &["-c", FILL]).spawn().unwrap();
    let stopped = lab.etcdops(&["run", &book, "--yes"]);
    filler.wait().unwrap();
    assert_eq!(stopped.code, Some(6), "{stopped:#?}");
    assert!(
        stopped.stderr.contains("start etcd on etcd-1: done"),
        "{}",
        stopped.stderr
    );
    assert_eq!(lab.exec("etcd-1", "systemctl is-active etcd"), "active\n");
    assert_eq!(
        lab.try_exec("etcd-1", "test -e /var/tmp/second").code,
        Some(1),
        "nothing more was changed"
    );
    Finished::from(
        lab.bastion()
            .command("rm", &[&format!("{state}/filling")])
            .output()
            .unwrap(),
    )
    .good();
    let resumed = lab.etcdops(&["resume", "--yes"]);
    assert!(
        resumed
            .stdout
            .contains("this no longer holds, and is done again: stop etcd"),
        "{}",
        resumed.stdout
    );
    resumed.good();
    let states = lab.exec("etcd-1", "cat /var/tmp/second; systemctl is-active etcd");
    assert_eq!(
        states, "inactive\nactive\n",
        "stopped for the second step, and started again"
    );
    Finished::from(lab.bastion().command("umount", &[&state]).output().unwrap()).good();

    for host in HOSTS.map(|(host, _)| host) {
        for port in ["2379", "2380"] {
            lab.cut(host, &["--from", "bastion", "--port", port, "--reject"]);
        }
    }
    assert_eq!(
        lab.etcdops(&["health", "--timeout", "5s"]).code,
        Some(12),
        "nothing answers directly"
    );
    for way in ["ssh", "auto"] {
        let inventory = own(&lab).replacen("    data_dir:", &format!("    api: {way}\n    data_dir:"), 1);
        let config = written(&lab, &format!("{way}.yaml"), &inventory);
        lab.etcdops(&["--config", &config, "health"]).good();
    }
    let config = lab.bastion().home().join("ssh.yaml").display().to_string();
    let before = invocation(&lab, "etcd-2");
    lab.etcdops(&["--config", &config, "restart", "etcd-2", "--yes"]).good();
    assert_ne!(invocation(&lab, "etcd-2"), before);
}

/// Through our shell, ssh, the login shell, sudo and another shell a text comes out as it was typed.
fn a_hostile_text_stays_a_text(lab: &Lab) {
    let trap = "/tmp/gotcha";
    let (book, set) = (
        written(lab, "say.yaml", hostile::SAY),
        format!("text={}", hostile::text(trap)),
    );
    let said = lab.etcdops(&["run", &book, "--set", &set, "--yes", "-o", "json"]);
    hostile::said_as_typed(&said.good(), trap);
    assert_eq!(lab.try_exec("etcd-1", "test -e /tmp/gotcha").code, Some(1));
}

/// What the operator's ssh_config and agent give: a host behind another one, a key that lies in no file.
#[test]
fn a_host_behind_another_one_is_reached_with_a_key_that_only_the_agent_has() {
    let Some(lab) = Lab::up(&["--members", "3"]) else {
        return;
    };
    let ssh = lab.folder().join("ssh");
    let (config, key) = (ssh.join("config"), ssh.join("id").display().to_string());
    let text = fs::read_to_string(&config).unwrap();
    let in_a_file = format!("  IdentityFile {key}\n  IdentitiesOnly yes\n");
    assert!(text.contains(&in_a_file), "{text}");
    let text = text.replace(&in_a_file, "  IdentityFile none\n");
    write_private(&config, format!("Host etcd-3\n  ProxyJump etcd-1\n\n{text}").as_bytes()).unwrap();
    lab.cut("etcd-3", &["--from", "bastion", "--port", "22"]);

    let before = invocation(&lab, "etcd-3");
    let without = lab.etcdops(&["restart", "etcd-3", "--yes"]);
    assert_eq!(without.code, Some(3), "{without:#?}");
    assert!(
        without.stderr.contains("etcd-3 cannot be worked on: ssh: "),
        "{}",
        without.stderr
    );
    assert_eq!(invocation(&lab, "etcd-3"), before, "nothing was changed");

    // Somebody was killed right after an override was taken away: systemd still asks for its file.
    let gone = "d=/run/systemd/system/etcd.service.d/zz-etcdops-x.conf; mkdir -p ${d%/*}; printf '[Service]\\nEnvironmentFile=/run/etcdops/x\\n' >$d; systemctl daemon-reload; rm $d";
    lab.exec("etcd-3", gone);
    let with_agent = "ssh-add -q \"$1\" && shift && exec \"$@\"";
    let etcdops = env!("CARGO_BIN_EXE_etcdops");
    let words = [
        "sh", "-c", with_agent, "sh", &key, etcdops, "restart", "etcd-3", "--yes",
    ];
    let done = Finished::from(lab.bastion().command("ssh-agent", &words).output().unwrap());
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert_ne!(invocation(&lab, "etcd-3"), before, "it was restarted");
    who_is_not_who_was_known_is_not_worked_on(&lab);
}

/// A host with another key than the known one, and one whose key nobody knows: nothing is said to them.
fn who_is_not_who_was_known_is_not_worked_on(lab: &Lab) {
    let path = lab.folder().join("ssh/known_hosts");
    let whole = fs::read_to_string(&path).unwrap();
    let of = |host: &str| whole.lines().find(|line| line.starts_with(host)).unwrap();
    let key = |host: &str| of(host).split_once(' ').unwrap().1;
    let changed = whole.replace(key("etcd-2"), key("etcd-1"));
    let unknown: String = whole.replace(of("etcd-2"), "");
    let before = invocation(lab, "etcd-2");
    for (known, means) in [
        (changed, "not the known ED25519 key in"),
        (unknown, "compare the key's fingerprint"),
    ] {
        write_private(&path, known.as_bytes()).unwrap();
        let refused = lab.etcdops(&["restart", "etcd-2", "--yes"]);
        assert_eq!(refused.code, Some(3), "{refused:#?}");
        let said = refused.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(means), "{}", refused.stderr);
        assert!(!said.contains("--dead") && !said.contains("@@"), "{}", refused.stderr);
        assert_eq!(invocation(lab, "etcd-2"), before, "nothing was changed");
    }
    write_private(&path, whole.as_bytes()).unwrap();
    let known = lab.etcdops(&["restart", "etcd-2", "--yes"]);
    assert!(
        known.stderr.contains("Permission denied"),
        "it is asked in again, without a key: {known:#?}"
    );
}
