//! `logs` on real hosts: followed, with a host down, and where units log to files; and what relies on them.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::lab::{Finished, Lab};
use crate::support::runs::signal;
use crate::support::wait_until;

const MINUTE: Duration = Duration::from_mins(1);
const FILE: &str = "/var/log/etcd.log";
const SET: &str = "globalLogLevel set to";

/// Gives etcd's unit a drop-in and restarts it.
fn changed(lab: &Lab, host: &str, lines: &str) {
    let folder = "/etc/systemd/system/etcd.service.d";
    let write = format!("mkdir -p {folder} && printf '[Service]\\n{lines}\\n' >{folder}/50-log.conf");
    lab.exec(
        host,
        &format!("{write} && systemctl daemon-reload && systemctl restart etcd"),
    );
    all_well(lab);
}

fn all_well(lab: &Lab) {
    wait_until("all are well", MINUTE, || lab.etcdops(&["health"]).code == Some(0));
}

/// `debug-log`, also where the machine is slow to answer.
fn debug_log(lab: &Lab, what: &str, host: &str) -> Finished {
    lab.etcdops(&["debug-log", what, host, "--yes", "--timeout", "30s"])
}

/// Host and text of each record that `logs -o json` tells, in its order, which must be that of time.
fn records(lab: &Lab, arguments: &[&str]) -> Vec<(String, String)> {
    let told = lab.etcdops(&[&["logs", "-o", "json"], arguments].concat()).good();
    let records: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let times: Vec<jiff::Timestamp> = records
        .iter()
        .filter_map(|record| record["at"].as_str()?.parse().ok())
        .collect();
    assert!(times.is_sorted(), "by time:\n{told}");
    let word = |record: &Value, key: &str| record[key].as_str().unwrap_or_default().to_owned();
    records
        .iter()
        .map(|record| (word(record, "host"), word(record, "text")))
        .collect()
}

fn times_set(lab: &Lab, level: &str) -> usize {
    let count = lab
        .try_exec("etcd-2", &format!("grep -c '{SET} \"{level}\"' {FILE}"))
        .stdout;
    count.trim().parse().unwrap()
}

#[test]
fn logs_come_from_wherever_units_log_to_and_go_on_while_they_are_followed() {
    let Some(lab) = Lab::up(&["--members", "3", "--etcd", "3.4"]) else {
        return;
    };
    // Another zone than the bastion's: capnslog tells none.
    lab.exec("etcd-2", "ln -sf /usr/share/zoneinfo/Asia/Kolkata /etc/localtime");
    changed(
        &lab,
        "etcd-2",
        &format!("StandardOutput=append:{FILE}\\nEnvironment=ETCD_LOG_OUTPUTS=stderr"),
    );
    lab.exec("etcd-2", "systemctl is-active etcd");
    let from_file = |records: &[(String, String)]| {
        let ready = |(host, text): &&(String, String)| {
            host == "etcd-2" && text.starts_with("N | embed: serving insecure client requests on 10.")
        };
        records.iter().filter(ready).count()
    };
    let all = records(&lab, &["--since", "1h"]);
    assert_eq!(from_file(&all), 1, "{all:#?}");
    for host in ["etcd-1", "etcd-3"] {
        assert!(
            all.iter().any(|(name, text)| name == host && text.starts_with("etcd[")),
            "{host}'s journal: {all:#?}"
        );
    }

    // The proof of the level is in that file, and what an earlier process logged there proves nothing.
    debug_log(&lab, "on", "etcd-2").good();
    assert_eq!(times_set(&lab, "DEBUG"), 1);
    lab.exec("etcd-2", "systemctl restart etcd");
    all_well(&lab);
    debug_log(&lab, "on", "etcd-2").good();
    assert_eq!(times_set(&lab, "DEBUG"), 2, "the new process was told as well");
    debug_log(&lab, "off", "etcd-2").good();
    assert_eq!(times_set(&lab, "INFO"), 1);

    followed(&lab);

    // etcd writes the file itself, named by a flag of its own: also what it logged before it was stopped.
    changed(
        &lab,
        "etcd-1",
        "Environment=\"DAEMON_ARGS=--logger=zap --log-outputs=stderr,/var/lib/etcd/own.log\"\\nStandardError=null",
    );
    let refused = debug_log(&lab, "on", "etcd-1");
    assert_eq!(refused.code, Some(3), "{refused:#?}");
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains("logger=zap"), "{said}");
    lab.exec("etcd-1", "systemctl stop etcd");
    let own = records(&lab, &["etcd-1", "--grep", "closed etcd server"]);
    assert!(own.iter().any(|(_, text)| text.starts_with('{')), "{own:#?}");

    // One host is down: it is named with its cause, the others' lines come.
    lab.cut("etcd-3", &["--from", "bastion"]);
    let rest = lab.etcdops(&["logs", "--since", "1h", "--timeout", "4s"]);
    assert_eq!(rest.code, Some(0), "{rest:#?}");
    assert!(rest.stdout.contains(" etcd-2 N | embed: serving"), "{}", rest.stdout);
    assert!(!rest.stdout.contains(" etcd-3 "), "{}", rest.stdout);
    assert!(
        rest.stderr.contains("etcd-3") && (rest.stderr.contains("no answer") || rest.stderr.contains("timed out")),
        "{}",
        rest.stderr
    );
    assert_eq!(lab.etcdops(&["logs", "etcd-3", "--timeout", "4s"]).code, Some(3));
}

fn followed(lab: &Lab) {
    let follow = ["logs", "etcd-1", "etcd-2", "--since", "1h", "--follow"];
    let mut child = lab
        .bastion()
        .etcdops_command(&follow)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (send, lines) = mpsc::channel();
    let output = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        output
            .lines()
            .map_while(Result::ok)
            .try_for_each(|line| send.send(line))
    });
    let next = |wanted: &str| {
        wait_until(wanted, MINUTE, || {
            lines.recv_timeout(MINUTE).is_ok_and(|line| line.contains(wanted))
        });
    };
    next("etcd-1 etcd[");
    for (host, way) in [("etcd-1", "etcd["), ("etcd-2", "N | ")] {
        let put = "curl -sf -X PUT http://127.0.0.1:2379/config/local/log -d '{\"Level\":\"NOTICE\"}'";
        lab.exec(host, put);
        let (place, proof) = (format!(" {host} {way}"), format!("{SET} \"NOTICE\""));
        wait_until("the new line is shown", MINUTE, || {
            lines
                .recv_timeout(MINUTE)
                .is_ok_and(|line| line.contains(&place) && line.contains(&proof))
        });
    }
    signal(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(0), "Ctrl-C is its end");
    let again: Vec<String> = lines.iter().filter(|line| line.contains("NOTICE")).collect();
    assert!(again.is_empty(), "each line once: {again:#?}");
}
