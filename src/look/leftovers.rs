//! What runs left on hosts: fences, freezes, overrides, markers. Each with the command that takes it away.

use futures_util::future::join_all;

use super::verdict::{Problem, Severity};
use crate::base::duration::Span;
use crate::base::quote::quote;
use crate::call::host::{HostAnswer, HostOp, LeftoversSeen};
use crate::call::{Call, CallError, Fault, Reply, To, Unwatched};
use crate::cluster::host::{ClusterConfig, Host};
use crate::transport::Transport;

/// A host, and what stands there.
pub type Found = (String, Result<LeftoversSeen, CallError>);

/// Asks these hosts, all at once, each within `bound`.
pub async fn ask(cluster: &ClusterConfig, hosts: &[&Host], transport: &dyn Transport, bound: Span) -> Vec<Found> {
    let asked = hosts.iter().map(async |host| {
        let op = HostOp::Leftovers {
            cluster: cluster.name.clone(),
        };
        let to = To::Host {
            host: host.name.clone(),
            op,
            tag: None,
        };
        let answer = transport.perform(&Call { to, timeout: bound }, &Unwatched).await;
        let left = answer.and_then(|reply| match reply {
            Reply::Host(HostAnswer::Leftovers(left)) => Ok(left),
            _ => Err(CallError::new(
                Fault::Garbage,
                "look for what was left behind",
                &host.name,
                "another answer",
            )),
        });
        (host.name.clone(), left)
    });
    join_all(asked).await
}

/// Nothing of etcdops stands there, for sure.
pub fn is_clean(left: &LeftoversSeen) -> bool {
    *left
        == LeftoversSeen {
            frozen: left.frozen.filter(|frozen| !frozen),
            ..LeftoversSeen::default()
        }
}

/// What an operator should know about them.
pub fn problems(found: &[Found]) -> Vec<Problem> {
    found
        .iter()
        .filter_map(|(host, left)| Some((host, left.as_ref().ok()?)))
        .flat_map(|(host, left)| on_host(host, left))
        .collect()
}

/// The hosts that did not tell: what stands there is not known.
pub fn not_asked(found: &[Found]) -> Vec<Problem> {
    let silent: Vec<String> = found
        .iter()
        .filter_map(|(host, left)| Some(format!("{host} ({})", left.as_ref().err()?.message)))
        .collect();
    if silent.is_empty() {
        return Vec::new();
    }
    vec![Problem {
        severity: Severity::Warning,
        text: format!("not asked what runs left there: {}", silent.join(", ")),
        hint: "etcdops config check".to_owned(),
    }]
}

fn on_host(host: &str, left: &LeftoversSeen) -> Vec<Problem> {
    let warning = |text: String, hint: String| Problem {
        severity: Severity::Warning,
        text,
        hint,
    };
    let run = left.marker.as_ref().map(|marker| &marker.run);
    let by_run = |otherwise: String| {
        run.map_or(otherwise, |run| {
            format!("etcdops resume {run}, or etcdops runs abandon {run}")
        })
    };
    let mut problems = Vec::new();
    if let Some(marker) = &left.marker {
        problems.push(warning(
            format!(
                "{host}: run {} of {} stands there since {}: {}",
                marker.run, marker.who, marker.since, marker.doing
            ),
            format!(
                "etcdops runs show {run}; if nobody carries it on: etcdops resume {run} --from {host}",
                run = marker.run,
                host = quote(host)
            ),
        ));
    }
    if left.fenced {
        problems.push(warning(
            format!("{host}: etcd is fenced: it does not start there"),
            by_run("etcdops runs list; the run that fenced it says why".to_owned()),
        ));
    }
    if left.frozen == Some(true) {
        problems.push(warning(
            format!("{host}: configuration management is frozen"),
            by_run(format!(
                "by `etcdops stop`: etcdops start {}; by somebody else: as they do it",
                quote(host)
            )),
        ));
    }
    for name in &left.overrides {
        let until = left.leases.get(name);
        let text = match until {
            Some(until) => format!("{host}: the override {name} is in force, and ends by itself at {until}"),
            None => format!("{host}: the override {name} is in force, and nothing ends it"),
        };
        let hint = if name == "debug-log" {
            format!("etcdops debug-log off {}", quote(host))
        } else {
            by_run("etcdops runs list".to_owned())
        };
        problems.push(warning(text, hint));
    }
    problems
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::call::host::Marker;

    fn texts(left: LeftoversSeen) -> Vec<String> {
        problems(&[("etcd-1".to_owned(), Ok(left))])
            .into_iter()
            .map(|problem| format!("{} -> {}", problem.text, problem.hint))
            .collect()
    }

    #[test]
    fn a_host_that_could_not_be_asked_is_named() {
        let asked = ("etcd-1".to_owned(), Ok(LeftoversSeen::default()));
        assert_eq!(not_asked(std::slice::from_ref(&asked)), Vec::new());
        let error = CallError::new(Fault::Timeout, "look for what was left", "etcd-2", "no answer in time");
        let told = not_asked(&[asked, ("etcd-2".to_owned(), Err(error))]);
        assert_eq!(
            told[0].text,
            "not asked what runs left there: etcd-2 (no answer in time)"
        );
    }

    #[test]
    fn what_stands_there_is_told_with_the_command_that_takes_it_away() {
        let left = LeftoversSeen {
            fenced: true,
            frozen: Some(true),
            leases: BTreeMap::from([("debug-log".to_owned(), "2026-11-20T13:30:00Z".to_owned())]),
            overrides: vec!["debug-log".to_owned()],
            marker: None,
        };
        assert!(!is_clean(&left));
        assert_eq!(
            texts(left),
            [
                "etcd-1: etcd is fenced: it does not start there -> etcdops runs list; the run that fenced it says why",
                "etcd-1: configuration management is frozen -> by `etcdops stop`: etcdops start etcd-1; by somebody else: as they do it",
                "etcd-1: the override debug-log is in force, and ends by itself at 2026-11-20T13:30:00Z -> etcdops debug-log off etcd-1",
            ]
        );
    }

    #[test]
    fn with_a_marker_the_run_is_named() {
        let run: crate::base::id::RunId = "2026-11-20-1304-k3f9".parse().unwrap();
        let marker = Marker {
            run,
            who: "ada@bastion-1".to_owned(),
            machine: "m".to_owned(),
            pid: 1,
            pid_started: 1,
            since: "2026-11-20T13:04:00Z".to_owned(),
            doing: "Stop etcd on etcd-1".to_owned(),
        };
        let texts = texts(LeftoversSeen {
            frozen: Some(true),
            marker: Some(marker),
            ..LeftoversSeen::default()
        });
        assert!(
            texts[0].contains("of ada@bastion-1") && texts[0].contains("resume 2026-11-20-1304-k3f9 --from etcd-1")
        );
        assert!(texts[1].contains("runs abandon 2026-11-20-1304-k3f9"), "{texts:?}");
    }

    #[test]
    fn a_host_that_is_not_frozen_is_clean() {
        let left = LeftoversSeen {
            frozen: Some(false),
            ..LeftoversSeen::default()
        };
        assert!(is_clean(&left));
        assert!(texts(left).is_empty());
    }
}
