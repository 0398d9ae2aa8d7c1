//! Configuration management that would undo what we do: a real timer on the host that starts etcd and writes its configuration.

#![expect(clippy::disallowed_methods, reason = "tests write files of their own")]

use std::fs;
use std::time::Duration;

use crate::support::lab::Lab;
use crate::support::membership::{healthy_with, put_away};
use crate::support::wait_until;

/// Comes round every second: writes etcd's configuration as it knows it and starts etcd. A run takes two seconds. It is thawed only after it
/// has come round twice while it is frozen, so that every freeze is put to the test.
const AGENT: &str = r"
cat >/usr/local/bin/agent <<'EOF'
#!/bin/sh
case $1 in
  off) touch /run/agent.off; echo off >>/run/agent.story ;;
  on)
    until test $(tail -n 2 /run/agent.story | grep -c frozen) = 2; do sleep 0.1; done
    echo on >>/run/agent.story; rm -f /run/agent.off ;;
  is-off) test -e /run/agent.off ;;
  busy) test -e /run/agent.busy ;;
  run)
    test ! -e /run/agent.off || { echo frozen >>/run/agent.story; exit 0; }
    echo begins >>/run/agent.story
    touch /run/agent.busy; sleep 2
    cp /root/etcd.default /etc/default/etcd
    systemctl start --no-block etcd
    echo ran >>/run/agent.runs; rm -f /run/agent.busy ;;
esac
EOF
chmod 755 /usr/local/bin/agent; cp /etc/default/etcd /root/etcd.default
systemd-run --quiet --unit=agent --on-active=1s --on-unit-inactive=1s --timer-property=AccuracySec=100ms /usr/local/bin/agent run
";

fn with_agent(lab: &Lab, host: &str) -> String {
    lab.exec(host, AGENT);
    let path = lab.folder().join("frozen.yaml");
    let inventory = fs::read_to_string(lab.folder().join("etcdops.yaml")).unwrap();
    let freeze = "    freeze: {on: agent off, off: agent on, check: agent is-off, busy: agent busy}\n    hosts:\n";
    fs::write(&path, inventory.replace("    hosts:\n", freeze)).unwrap();
    path.display().to_string()
}

#[test]
fn an_agent_is_waited_for_frozen_and_thawed_only_after_success() {
    let Some(lab) = Lab::up(&["--members", "3"]) else {
        return;
    };
    let config = with_agent(&lab, "etcd-3");
    let book = lab.folder().join("held.yaml");
    let held = |steps: &str| {
        let text = format!(
            "title: Work while configuration management is frozen\nsteps:\n  - id: held\n    hosts: [etcd-3]\n    hold: {{config.freeze: {{at_most: 2s}}}}\n    steps:\n{steps}"
        );
        fs::write(&book, text).unwrap();
        lab.etcdops(&["--config", &config, "run", book.to_str().unwrap(), "--yes"])
    };
    let is_off = || {
        lab.exec(
            "etcd-3",
            "test ! -e /run/agent.off || echo off; test ! -e /var/lib/etcdops/lab.frozen || echo ours",
        )
    };
    let busy = || lab.exec("etcd-3", "test ! -e /run/agent.busy || echo busy") == "busy\n";
    // The agent writes its own configuration and starts etcd; while it is frozen it does neither.
    wait_until("a run of the agent is going on", Duration::from_secs(20), busy);
    let write = "      - {id: away, do: {leader.move: {away_from: etcd-3}}}\n      - {id: stop, do: {service.stop: {}}}\n      - {id: write, do: {etcd.configure: {settings: {snapshot-count: \"4321\"}}}}\n";
    let run = |script: &str| {
        format!("      - {{id: look, do: {{host.run: {{script: '{script}', risk: look, repeatable: true}}}}}}\n")
    };
    let quiet = "test ! -e /run/agent.busy; n=$(wc -l </run/agent.runs); sleep 4; test $(wc -l </run/agent.runs) = $n; test $(systemctl is-active etcd) = inactive; grep 4321 /etc/default/etcd";
    let done = held(&format!("{write}{}", run(quiet)));
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert!(
        done.stdout.contains("wait for the end of a run of it"),
        "{}",
        done.stdout
    );
    assert_eq!(is_off(), "", "thawed after success");
    wait_until("the agent comes round again", Duration::from_secs(20), || {
        lab.exec("etcd-3", "grep -c 4321 /etc/default/etcd; true") == "0\n"
    });
    wait_until("the member that it started is well", Duration::from_secs(60), || {
        lab.etcdops(&["--config", &config, "health"]).code == Some(0)
    });
    // A failure leaves it frozen, and the host says so when the time has passed; it thaws nothing.
    let failed = held(&run("exit 7"));
    assert_eq!(failed.code, Some(1), "{failed:#?}");
    assert_eq!(is_off(), "off\nours\n");
    let run_id = failed
        .stdout
        .split("run ")
        .nth(1)
        .and_then(|rest| rest.split(':').next())
        .unwrap()
        .to_owned();
    let log = "journalctl -q -t etcdops -p crit -o cat --no-pager";
    let wanted =
        format!("still frozen by run {run_id}, for longer than the 2 s that it meant to; etcdops resume {run_id}");
    wait_until(
        "the host says that it is frozen for too long",
        Duration::from_secs(20),
        || lab.exec("etcd-3", log).contains(&wanted),
    );
    assert_eq!(is_off(), "off\nours\n", "never thawed by itself");
    let runs = lab.etcdops(&["--config", &config, "runs", "list"]).good();
    let health = lab.etcdops(&["--config", &config, "health"]);
    assert!(
        health.stdout.contains("etcd-3: configuration management is frozen"),
        "{health:#?}"
    );
    assert!(runs.contains(&run_id), "{runs}");
    let gone = lab.etcdops(&["--config", &config, "runs", "abandon", &run_id, "--yes"]);
    assert_eq!(gone.code, Some(0), "{gone:#?}");
    // Frozen by somebody else: left so.
    lab.exec("etcd-3", "rm -f /var/lib/etcdops/lab.frozen; agent off");
    let done = held(&run("true"));
    assert_eq!(done.code, Some(0), "{done:#?}");
    assert_eq!(is_off(), "off\n", "frozen before us, left frozen");
}

#[test]
fn a_removed_member_stays_down_when_the_agent_comes_round_again() {
    let Some(lab) = Lab::up(&["--members", "3"]) else {
        return;
    };
    let config = with_agent(&lab, "etcd-3");
    let story = || lab.exec("etcd-3", "cat /run/agent.story 2>/dev/null; true");
    wait_until("the agent comes round", Duration::from_secs(20), || {
        story().contains("begins\n")
    });
    let remove = ["--config", &config, "remove-member", "etcd-3", "--no-backup", "--yes"];
    let done = lab.etcdops(&remove);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let told = story();
    let (_, since) = told.split_once("off\n").expect("it was frozen");
    let (frozen, _) = since.rsplit_once("on\n").expect("it was thawed");
    assert!(!frozen.contains("begins"), "{told}");
    let left = "test ! -e /run/agent.off || echo off; test ! -e /var/lib/etcdops/lab.frozen || echo ours";
    assert_eq!(lab.exec("etcd-3", left), "", "thawed after success");
    // A second run begins when the first is over: by then it has tried to start etcd.
    wait_until("the agent has come round again", Duration::from_secs(20), || {
        let again = story();
        again
            .rsplit_once("on\n")
            .is_some_and(|(_, again)| again.matches("begins\n").count() >= 2)
    });
    put_away(&lab, "etcd-3");
    healthy_with(&lab, &["etcd-1", "etcd-2"]);
}
