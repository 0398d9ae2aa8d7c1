//! Why a member is ill, from its unit and its last log lines (safety 5). etcd's own words, with what they mean.

use super::bootstrap::bootstraps_in;
use crate::base::quote::quote;
use crate::call::host::ServiceSeen;

/// A reason, and what to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub text: String,
    pub hint: String,
    /// Starting it again cannot help: its data or its membership is gone.
    pub lost: bool,
}

/// What a line of the log means. `{host}` and `{member}` are filled in.
struct Sign {
    words: &'static [&'static str],
    text: &'static str,
    hint: &'static str,
    lost: bool,
}

const SIGNS: &[Sign] = &[
    Sign {
        words: &["tocommit(", "is out of range"],
        text: "its disk was rolled back: the raft log lacks entries that it had acknowledged",
        hint: "etcdops replace-member {member}",
        lost: true,
    },
    Sign {
        words: &["has already been bootstrapped"],
        text: "its data directory is empty although the cluster knows it",
        hint: "etcdops replace-member {member}",
        lost: true,
    },
    Sign {
        words: &["permanently removed from the cluster"],
        text: "it was removed from the cluster; its data directory must not be used again",
        hint: "etcdops add-member {host}",
        lost: true,
    },
    Sign {
        words: &["data-dir used by this member must be removed"],
        text: "it was removed from the cluster; its data directory must not be used again",
        hint: "etcdops add-member {host}",
        lost: true,
    },
    Sign {
        words: &["cluster ID mismatch"],
        text: "its data belongs to another cluster (cluster ID mismatch)",
        hint: "etcdops replace-member {member}",
        lost: true,
    },
    Sign {
        words: &["no space left on device"],
        text: "its disk is full",
        hint: "free space on {host}, then: etcdops start {host}",
        lost: false,
    },
    Sign {
        words: &["certificate has expired or is not yet valid"],
        text: "a certificate has expired, or a clock is wrong",
        hint: "put new certificates on {host}, then: etcdops restart {host}",
        lost: false,
    },
    Sign {
        words: &["address already in use"],
        text: "one of its ports is used by another process",
        hint: "find out which on {host} (`ss -ltnp`), then: etcdops start {host}",
        lost: false,
    },
    Sign {
        words: &["flag provided but not defined"],
        text: "it was started with a flag that this version does not know",
        hint: "correct the unit's flags on {host}, then: etcdops start {host}",
        lost: false,
    },
    Sign {
        words: &["conflicting environment variable"],
        text: "a setting is given both as a flag and in the environment, which etcd refuses",
        hint: "remove one of the two on {host}, then: etcdops start {host}",
        lost: false,
    },
    Sign {
        words: &["member count is unequal"],
        text: "its initial cluster does not list the members that the cluster has",
        hint: "etcdops replace-member {member}",
        lost: false,
    },
    Sign {
        words: &["no match found for existing member"],
        text: "its initial cluster has a peer URL that no member of the cluster has",
        hint: "etcdops members shows the right ones; correct ETCD_INITIAL_CLUSTER on {host}, then: etcdops start {host}",
        lost: false,
    },
    Sign {
        words: &["couldn't find local name"],
        text: "its own name is not in its initial cluster",
        hint: "correct ETCD_INITIAL_CLUSTER on {host}, then: etcdops start {host}",
        lost: false,
    },
    Sign {
        words: &["permission denied"],
        text: "it may not read or write one of its files",
        hint: "check the owner of the data directory and the keys on {host}, then: etcdops start {host}",
        lost: false,
    },
    Sign {
        words: &["cannot fetch cluster info from peer urls"],
        text: "it reaches none of the other members' peer ports",
        hint: "check firewall and certificates between {host} and the other members, then: etcdops restart {host}",
        lost: false,
    },
];

/// The newest line of the log that is known, and what it means.
fn known(service: &ServiceSeen) -> Option<(&'static Sign, &str)> {
    service.last_log.iter().rev().find_map(|line| {
        let means = |sign: &&Sign| sign.words.iter().all(|word| line.contains(word));
        SIGNS.iter().find(means).map(|sign| (sign, line.as_str()))
    })
}

/// Why etcd ended: its exit status, its own words, and what they mean where they are known.
pub fn how_it_ended(service: &ServiceSeen, host: &str) -> String {
    let status = service
        .exit_status
        .map_or_else(String::new, |status| format!(" with status {status}"));
    let words = |line: &str| plain(line).unwrap_or_else(|| line.to_owned());
    match (known(service), service.last_log.last()) {
        (Some((sign, line)), _) => {
            let means = sign.text.replace("{host}", &quote(host));
            format!("{status}: {means}; etcd said: {}", words(line))
        }
        (None, Some(line)) => format!("{status}; its last words: {}", words(line)),
        (None, None) => status,
    }
}

/// A line of etcd's log as a person reads it: from 3.5 on they are JSON.
fn plain(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let part = |name: &str| line.get(name)?.as_str();
    let message = part("msg")?;
    Some(part("error").map_or_else(|| message.to_owned(), |error| format!("{message}: {error}")))
}

/// What the unit says. `None`: it runs and its last lines say nothing that is known.
pub fn explain(service: &ServiceSeen, host: &str, member: &str) -> Option<Explanation> {
    let fill = |text: &str| text.replace("{host}", &quote(host)).replace("{member}", &quote(member));
    if service.fenced {
        return Some(Explanation {
            text: format!("it is fenced on {host}, so that it cannot start"),
            hint: "etcdops runs list".to_owned(),
            lost: false,
        });
    }
    if let Some((sign, _)) = known(service) {
        return Some(Explanation {
            text: fill(sign.text),
            hint: fill(sign.hint),
            lost: sign.lost,
        });
    }
    if !service.exists {
        return Some(Explanation {
            text: format!("there is no such unit on {host}"),
            hint: "etcdops config check".to_owned(),
            lost: false,
        });
    }
    if service.is_active() {
        return None;
    }
    if let Some(directory) = bootstraps_in(service) {
        return Some(Explanation {
            text: format!("its unit is {} and {directory} holds no data", service.active),
            hint: fill("etcdops replace-member {member}"),
            lost: true,
        });
    }
    let status = service
        .exit_status
        .filter(|status| *status != 0)
        .map_or_else(String::new, |status| format!(", exit status {status}"));
    Some(Explanation {
        text: format!("its unit is {}{status}", service.active),
        hint: fill("etcdops start {host}"),
        lost: false,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn with_log(lines: &[&str]) -> ServiceSeen {
        ServiceSeen {
            exists: true,
            active: "failed".to_owned(),
            exit_status: Some(2),
            last_log: lines.iter().map(ToString::to_string).collect(),
            ..ServiceSeen::default()
        }
    }

    #[test]
    fn etcds_last_words_are_understood() {
        let mut understood: BTreeSet<&[&str]> = BTreeSet::new();
        for (line, command) in [
            (
                "panic: tocommit(8) is out of range [lastIndex(0)]. Was the raft log corrupted, truncated, or lost?",
                "etcdops replace-member e2",
            ),
            (
                "member 8211f1d0f64f3269 has already been bootstrapped",
                "etcdops replace-member e2",
            ),
            (
                "the member has been permanently removed from the cluster",
                "etcdops add-member etcd-2",
            ),
            (
                "write /var/lib/etcd/member/wal/0.tmp: no space left on device",
                "etcdops start etcd-2",
            ),
            (
                "listen tcp 10.0.0.2:2380: bind: address already in use",
                "etcdops start etcd-2",
            ),
            ("flag provided but not defined: -enable-v2", "etcdops start etcd-2"),
            (
                "request cluster ID mismatch (got a want b)",
                "etcdops replace-member e2",
            ),
            (
                "member 1a has been removed: data-dir used by this member must be removed",
                "etcdops add-member etcd-2",
            ),
            (
                "x509: certificate has expired or is not yet valid: current time is after",
                "etcdops restart etcd-2",
            ),
            (
                "conflicting environment variable \"ETCD_NAME\" is shadowed by corresponding command-line flag",
                "etcdops start etcd-2",
            ),
            (
                "error validating peerURLs {ClusterID:1a}: member count is unequal",
                "etcdops replace-member e2",
            ),
            (
                "error validating peerURLs {ClusterID:1a}: PeerURLs: no match found for existing member (1b, [http://10.0.0.9:2380])",
                "etcdops start etcd-2",
            ),
            (
                "couldn't find local name \"etcd-2\" in the initial cluster configuration",
                "etcdops start etcd-2",
            ),
            (
                "cannot fetch cluster info from peer urls: could not retrieve cluster information",
                "etcdops restart etcd-2",
            ),
            (
                "cannot access data directory: open /var/lib/etcd: permission denied",
                "etcdops start etcd-2",
            ),
        ] {
            let found = explain(&with_log(&["starting", line]), "etcd-2", "e2").unwrap();
            assert!(found.hint.contains(command), "{line}: {}", found.hint);
            let means = |sign: &&Sign| sign.words.iter().all(|word| line.contains(word));
            understood.extend(SIGNS.iter().find(means).map(|sign| sign.words));
        }
        for sign in SIGNS {
            assert!(understood.contains(sign.words), "no line for {:?}", sign.words);
        }
    }

    #[test]
    fn what_ended_it_is_told_with_its_meaning_and_without_a_stack_trace() {
        let json = r#"{"level":"fatal","msg":"discovery failed","error":"listen tcp 10.0.0.2:2380: bind: address already in use","stacktrace":"a\nb"}"#;
        assert_eq!(
            how_it_ended(&with_log(&["older", json]), "etcd-2"),
            " with status 2: one of its ports is used by another process; etcd said: discovery failed: listen tcp 10.0.0.2:2380: bind: \
             address already in use"
        );
        assert_eq!(
            how_it_ended(&with_log(&["panic: what"]), "etcd-2"),
            " with status 2; its last words: panic: what"
        );
        assert_eq!(how_it_ended(&with_log(&[]), "etcd-2"), " with status 2");
    }

    #[test]
    fn a_stopped_unit_is_told_and_a_running_one_is_left_alone() {
        let found = explain(&with_log(&["bye"]), "etcd-2", "e2").unwrap();
        assert_eq!(found.text, "its unit is failed, exit status 2");
        assert_eq!(found.hint, "etcdops start etcd-2");
        let running = ServiceSeen {
            exists: true,
            active: "active".to_owned(),
            ..ServiceSeen::default()
        };
        assert_eq!(explain(&running, "etcd-2", "e2"), None);
        let lost = ServiceSeen {
            data_dir: Some("/d".to_owned()),
            last_log: Vec::new(),
            ..with_log(&[])
        };
        let found = explain(&lost, "etcd-2", "e2").unwrap();
        assert_eq!(found.text, "its unit is failed and /d holds no data");
        assert!(found.lost, "{found:?}");
    }
}
