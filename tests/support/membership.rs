//! What tests of membership share: the member list, runs that are caught at a step, a cluster that serves.

use std::process::Child;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::lab::{Finished, Lab};
use super::runs::signal;
use super::{say, wait_until};

pub const MINUTES: Duration = Duration::from_mins(3);

/// The members as etcd lists them: name (or `?`), whether it votes, its peer URLs.
pub fn members(lab: &Lab) -> Vec<(String, bool, String)> {
    let document = lab.etcdops(&["members", "-o", "json"]).good();
    let document: Value = serde_json::from_str(&document).unwrap();
    let listed = document["members"].as_array().unwrap().iter();
    let mut found: Vec<(String, bool, String)> = listed
        .filter(|member| member["id"].is_string())
        .map(|member| {
            let name = member["name"].as_str().filter(|name| !name.is_empty()).unwrap_or("?");
            let urls = member["peer_urls"].to_string();
            (name.to_owned(), member["role"] != "learner", urls)
        })
        .collect();
    found.sort();
    found
}

pub fn names(lab: &Lab) -> Vec<String> {
    members(lab).into_iter().map(|(name, ..)| name).collect()
}

/// Healthy, with exactly these members, all of them voters.
#[track_caller]
pub fn healthy_with(lab: &Lab, wanted: &[&str]) {
    let health = lab.etcdops(&["health"]);
    assert_eq!(health.code, Some(0), "{}{}", health.stdout, health.stderr);
    assert_eq!(names(lab), wanted);
    assert!(members(lab).iter().all(|(_, votes, _)| *votes), "{:?}", members(lab));
}

/// Carries a membership command out to its end, without a backup.
#[track_caller]
pub fn change(lab: &Lab, arguments: &[&str]) -> Finished {
    let done = lab.etcdops(&[arguments, &["--no-backup", "--yes"]].concat());
    assert_eq!(done.code, Some(0), "{arguments:?}\n{}{}", done.stdout, done.stderr);
    done
}

fn fenced(lab: &Lab, host: &str) -> bool {
    lab.try_exec(host, "test -e /etc/systemd/system/etcd.service.d/zz-etcdops-fence.conf")
        .code
        == Some(0)
}

/// etcd there is fenced and disabled, its data renamed, and no start brings it back.
pub fn put_away(lab: &Lab, host: &str) {
    assert!(fenced(lab, host), "a removed member's host is fenced");
    let enabled = lab.try_exec(host, "systemctl is-enabled etcd").stdout;
    assert_eq!(enabled.trim(), "disabled");
    let renamed =
        "ls -d /var/lib/etcd/default.etcdops-*.old /var/lib/etcd/default/default.etcdops-*.old 2>/dev/null; true";
    assert!(
        lab.exec(host, renamed).contains(".old"),
        "its data is kept under another name"
    );
    assert!(
        !lab.exec(host, "ls /var/lib/etcd/default 2>/dev/null; true")
            .contains("member")
    );
    let start = lab.try_exec(host, "systemctl start etcd");
    assert_ne!(start.code, Some(0), "{start:#?}");
    assert_eq!(lab.exec(host, "pgrep -x etcd; true"), "");
}

/// A big database takes longer than systemd would wait by itself.
pub fn started_patiently(lab: &Lab, host: &str) {
    assert!(!fenced(lab, host));
    let limit = lab.exec(host, "systemctl show -p TimeoutStartUSec --value etcd");
    assert_eq!(limit.trim(), "infinity");
}

/// The run stands still meanwhile: what befalls it is there before it goes on, however fast it is.
pub fn stilled(run: &Child, meanwhile: impl FnOnce()) {
    signal(run, Signal::STOP);
    meanwhile();
    signal(run, Signal::CONT);
}

/// Waits until the others have a leader again: right after a power cut a plan is refused, and that is not what is tried here.
pub fn serves(lab: &Lab) {
    wait_until("the others serve", MINUTES, || {
        lab.try_etcdctl(&["--endpoints", &endpoint(lab, "etcd-1"), "get", "x"])
            .code
            == Some(0)
    });
}

pub fn endpoint(lab: &Lab, host: &str) -> String {
    let scheme = if lab.folder().join("pki").exists() {
        "https"
    } else {
        "http"
    };
    format!("{scheme}://{host}:2379")
}

pub fn tell(what: &str, (count, gap): (usize, Duration)) {
    let gap = gap.as_secs_f64();
    say(&format!(
        "{what}: {count} acknowledged writes, none lost, longest gap {gap:.1} s"
    ));
}
