//! What hosts undo by themselves when `--for` has passed: the bastion has no part in it.

use std::time::Duration;

use crate::support::lab::Lab;
use crate::support::wait_until;

const PATIENCE: Duration = Duration::from_mins(3);
const ON: [&str; 6] = ["debug-log", "on", "etcd-1", "--for", "20s", "--yes"];

/// What is left of it on the host, etcd's own settings aside.
fn left(lab: &Lab, host: &str) -> String {
    let find = "find /run/etcdops /run/systemd/system -name '*debug-log*' 2>/dev/null; systemctl list-units --plain --no-legend 'etcdops-lease-*'; true";
    lab.exec(host, find)
}

/// The level that was set last while etcd ran.
fn last_set(lab: &Lab, host: &str) -> String {
    let set = "journalctl -q -u etcd -o cat | sed -n 's/.*globalLogLevel set to \"\\([A-Z]*\\)\".*/\\1/p' | tail -n 1";
    lab.exec(host, set).trim().to_owned()
}

/// The level that the running process was given.
fn given(lab: &Lab, host: &str) -> String {
    let level = "tr '\\0' '\\n' </proc/$(systemctl show -P MainPID etcd)/environ | sed -n 's/^ETCD_LOG_LEVEL=//p'";
    lab.exec(host, level).trim().to_owned()
}

fn start(lab: &Lab, host: &str) -> String {
    lab.exec(host, "systemctl show -P InvocationID etcd")
}

/// Programs that are not on the host's path any more.
fn hide(lab: &Lab, host: &str, programs: &[&str]) {
    for program in programs {
        lab.exec(host, &format!("mv /usr/bin/{program} /usr/bin/{program}.hidden"));
    }
}

/// The override is gone then, and etcd runs as it was started.
fn on_until_the_timer_waits_for_etcd_2(lab: &Lab) {
    lab.etcdops(&ON).good();
    lab.exec("etcd-2", "systemctl stop etcd");
    wait_until("the timer has come and waits", PATIENCE, || {
        lab.try_exec("etcd-1", "pgrep -f '^sleep 30$'").code == Some(0)
    });
    assert_eq!(given(lab, "etcd-1"), "debug");
}

#[test]
fn a_host_sets_the_level_back_while_etcd_runs() {
    let Some(lab) = Lab::up(&["--members", "3", "--etcd", "3.4", "--tls", "--client-cert-auth"]) else {
        return;
    };
    let began = start(&lab, "etcd-1");
    let status = |words: &str| {
        let shown = lab.etcdops(&["debug-log", "status"]).good();
        let of_host = |line: &str| line.contains("etcd-1") && line.contains(words);
        assert!(shown.lines().any(of_host), "{words}: {shown}");
    };
    status("log level info");
    // With curl, and with openssl alone.
    for hidden in [&[] as &[&str], &["curl"]] {
        hide(&lab, "etcd-1", hidden);
        lab.etcdops(&ON).good();
        assert_eq!(last_set(&lab, "etcd-1"), "DEBUG");
        assert_ne!(left(&lab, "etcd-1"), "", "the timer is armed");
        status("log level debug");
        wait_until("the host has set the level back", PATIENCE, || {
            last_set(&lab, "etcd-1") == "INFO" && left(&lab, "etcd-1").is_empty()
        });
        status("log level info");
    }
    assert_eq!(start(&lab, "etcd-1"), began, "nothing was restarted");

    hide(&lab, "etcd-1", &["openssl"]);
    let refused = lab.etcdops(&ON);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    for words in [
        "etcd-1 has neither curl nor openssl",
        "install curl or openssl on etcd-1",
    ] {
        let said = refused.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(last_set(&lab, "etcd-1"), "INFO");
    lab.etcdops(&["health"]).good();
}

#[test]
fn a_host_restarts_its_member_without_debug_logging_once_nobody_works_on_it() {
    let Some(lab) = Lab::up(&["--members", "3", "--etcd", "3.5", "--tls", "--client-cert-auth"]) else {
        return;
    };
    // With curl, and with etcdctl alone; the second time somebody works there when the time is up.
    for (hidden, marked) in [(&[] as &[&str], false), (&["curl"], true)] {
        hide(&lab, "etcd-1", hidden);
        lab.etcdops(&ON).good();
        assert_eq!(given(&lab, "etcd-1"), "debug");
        let began = start(&lab, "etcd-1");
        if marked {
            lab.exec("etcd-1", "echo '{}' >/var/lib/etcdops/lab.run");
            wait_until("the timer has come and waits", PATIENCE, || {
                lab.try_exec("etcd-1", "pgrep -f '^sleep 30$'").code == Some(0)
            });
            assert!(!left(&lab, "etcd-1").contains(".conf"), "the override is gone at once");
            assert_eq!(
                (start(&lab, "etcd-1"), given(&lab, "etcd-1")),
                (began.clone(), "debug".to_owned())
            );
            lab.exec("etcd-1", "rm /var/lib/etcdops/lab.run");
        }
        wait_until("the host has restarted its member", PATIENCE, || {
            start(&lab, "etcd-1") != began && given(&lab, "etcd-1").is_empty() && left(&lab, "etcd-1").is_empty()
        });
        wait_until("all are well", PATIENCE, || lab.etcdops(&["health"]).code == Some(0));
    }

    // While another voter is down it waits as well.
    on_until_the_timer_waits_for_etcd_2(&lab);
    lab.exec("etcd-2", "systemctl start etcd");
    wait_until("the host has restarted its member", PATIENCE, || {
        given(&lab, "etcd-1").is_empty() && left(&lab, "etcd-1").is_empty()
    });
    wait_until("all are well", PATIENCE, || lab.etcdops(&["health"]).code == Some(0));

    // Who asks for it need not wait for the host, which here never comes to it.
    on_until_the_timer_waits_for_etcd_2(&lab);
    lab.exec("etcd-1", "systemctl kill -s STOP etcdops-lease-etcd-debug-log.service");
    let off = || lab.etcdops(&["debug-log", "off", "etcd-1", "--yes"]).code;
    assert_eq!(off(), Some(3), "the restart would cost the quorum");
    lab.exec("etcd-2", "systemctl start etcd");
    wait_until("debug logging is off", PATIENCE, || off() == Some(0));
    assert_eq!(given(&lab, "etcd-1"), "");
    assert_eq!(left(&lab, "etcd-1"), "");
}
