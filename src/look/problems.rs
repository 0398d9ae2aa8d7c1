//! Everything that is not as it should be, each with the command to type.

mod limits;

use super::Evidence;
use super::rows::label;
use super::verdict::{
    Circumstances, Problem, Quorum, Severity, Verdict, answers_without_leader, proved_stopped, voters,
};
use crate::action::explain::{Explanation, explain};
use crate::base::quote::quote;
use crate::cluster::host::ClusterConfig;
use crate::cluster::observed::{CauseKind, MemberSeen, Role, Standing};
use crate::cluster::version::Version;

use self::limits::{alarms, certificate, space};

/// A member this many raft entries behind the leader is behind: etcd itself refuses writes at 5000 unapplied ones.
const BEHIND: u64 = 5000;

/// Entries that the member is behind the leader, if that is many.
pub(super) fn lag(evidence: &Evidence, seen: &MemberSeen) -> Option<u64> {
    let leader = evidence.observed.by_id(evidence.observed.leader?)?;
    let member = seen.raft_applied_index.or(seen.raft_index)?;
    let behind = leader.raft_index?.saturating_sub(member);
    (behind > BEHIND).then_some(behind)
}

/// All problems, whatever their severity.
pub(super) fn all(
    evidence: &Evidence,
    cluster: &ClusterConfig,
    (verdict, quorum): (Verdict, Quorum),
    around: Circumstances,
) -> Vec<Problem> {
    let mut found = Vec::new();
    found.extend(whole(evidence, cluster, verdict, quorum));
    // A plugin's line has room for one: what explains the verdict stands before what will matter in some weeks.
    let members = &evidence.observed.members;
    found.extend(members.iter().flat_map(|seen| member(evidence, seen, verdict, around)));
    found.extend(members.iter().flat_map(alarms));
    found.extend(members.iter().filter_map(|seen| space(evidence, seen)));
    found.extend(members.iter().filter_map(|seen| certificate(seen, around.now)));
    if around.inventory {
        found.extend(members.iter().filter_map(|seen| unknown_to_inventory(cluster, seen)));
    }
    found.extend(versions(evidence));
    found.extend(stale_store(evidence));
    found.extend(even(quorum));
    found.extend(old_data(evidence));
    found.extend(views(evidence));
    found
}

fn warning(text: String, hint: impl Into<String>) -> Problem {
    Problem {
        severity: Severity::Warning,
        text,
        hint: hint.into(),
    }
}

fn critical(text: String, hint: impl Into<String>) -> Problem {
    Problem {
        severity: Severity::Critical,
        ..warning(text, hint)
    }
}

/// What concerns the cluster as a whole.
fn whole(evidence: &Evidence, cluster: &ClusterConfig, verdict: Verdict, quorum: Quorum) -> Option<Problem> {
    match verdict {
        Verdict::NoQuorum => Some(no_quorum(evidence, quorum)),
        Verdict::Unknown => Some(unknown(evidence, cluster)),
        Verdict::Degraded if !evidence.observed.quorum_proved && !evidence.read_denied => Some(critical(
            "a leader is known, but no read through the quorum was answered from here".to_owned(),
            "run `etcdops health` on another machine too, and look at `etcdops logs`: the network between members, or a slow disk",
        )),
        Verdict::Healthy | Verdict::Degraded if !evidence.observed.quorum_proved => Some(warning(
            "the quorum could not be proved by a read: these credentials do not allow it".to_owned(),
            "give `--user` and `--password-file`, or `--cert` and `--key` of a user of etcd",
        )),
        _ => None,
    }
}

fn no_quorum(evidence: &Evidence, quorum: Quorum) -> Problem {
    let out_of_reach: Vec<&MemberSeen> = voters(evidence).filter(|seen| may_run(evidence, seen)).collect();
    let text = format!(
        "quorum is lost: {} of {} voters are well, {} are needed; nothing can be written or read safely",
        quorum.healthy, quorum.voters, quorum.needed
    );
    // Safety 1: what cannot be reached from here may still be a quorum among itself.
    if out_of_reach.len() >= quorum.needed && quorum.needed > 0 {
        let names: Vec<String> = out_of_reach.iter().map(|seen| name(seen)).collect();
        return critical(
            format!(
                "{text}. {} cannot be reached from here: if they run and reach each other, they have a quorum without us",
                names.join(", ")
            ),
            format!(
                "run `etcdops health` on another machine before anything else; what is down is started by: etcdops start {}",
                out_of_reach.iter().map(|seen| on(seen)).collect::<Vec<_>>().join(" ")
            ),
        );
    }
    let startable: Vec<String> = evidence
        .services
        .iter()
        .filter_map(|(host, service)| {
            let service = service.as_ref().ok()?;
            let lost = explain(service, host, host).is_some_and(|why| why.lost);
            (service.exists && !service.is_active() && !service.fenced && !lost).then(|| quote(host))
        })
        .collect();
    if startable.is_empty() {
        critical(text, "etcdops recover")
    } else {
        critical(text, format!("etcdops start {}", startable.join(" ")))
    }
}

/// No proof that it is stopped, and no answer: it may run.
fn may_run(evidence: &Evidence, seen: &MemberSeen) -> bool {
    let stopped = seen
        .host
        .as_ref()
        .and_then(|host| evidence.services.get(host))
        .is_some_and(|service| matches!(service, Ok(service) if !service.is_active()));
    let refused = seen
        .cause
        .as_ref()
        .is_some_and(|cause| cause.kind == CauseKind::Connect && cause.message.contains("refused"));
    seen.standing == Standing::Unreachable
        && seen.role != Some(Role::Unstarted)
        && !stopped
        && !refused
        && !answers_without_leader(evidence, seen)
}

fn unknown(evidence: &Evidence, cluster: &ClusterConfig) -> Problem {
    if evidence.observed.members.is_empty() {
        return critical(
            format!("cluster {} has no endpoints", cluster.name),
            "give `--endpoints`, or `endpoints:` in the inventory",
        );
    }
    let only_auth = evidence
        .observed
        .members
        .iter()
        .all(|seen| seen.cause.as_ref().is_some_and(|cause| cause.kind == CauseKind::Auth));
    if only_auth {
        return critical(
            "etcd answers, but tells nothing without a user: membership, leader and quorum are not known".to_owned(),
            "give `--user` and `--password-file`, or `--cert` and `--key` of a user of etcd",
        );
    }
    let stopped = proved_stopped(evidence);
    let also = if stopped > 0 {
        format!(" ({stopped} proved stopped by their host)")
    } else {
        String::new()
    };
    critical(
        format!("nothing could be asked{also}: whether the cluster works is not known"),
        "run `etcdops health` on another machine; `etcdops config check` tries every way to every host",
    )
}

/// How a member is called in texts.
pub fn name(seen: &MemberSeen) -> String {
    match (&seen.member, &seen.host) {
        (Some(member), _) => label(member),
        (None, Some(host)) => host.clone(),
        (None, None) => seen.endpoint.clone(),
    }
}

/// How a member is called in commands: by name, by ID where it has none, by host or URL where it is no member.
fn word(seen: &MemberSeen) -> String {
    let word = match (&seen.member, &seen.host) {
        (Some(member), _) if member.started() => member.name.clone(),
        (Some(member), _) => member.id.to_string(),
        (None, Some(host)) => host.clone(),
        (None, None) => seen.endpoint.clone(),
    };
    quote(&word)
}

fn member(evidence: &Evidence, seen: &MemberSeen, verdict: Verdict, around: Circumstances) -> Vec<Problem> {
    let mut found = Vec::new();
    let severity = if verdict == Verdict::NoQuorum {
        Severity::Critical
    } else {
        Severity::Warning
    };
    if let Some(entries) = lag(evidence, seen) {
        found.push(warning(
            format!("{} is {entries} raft entries behind the leader", name(seen)),
            format!("etcdops logs {}", on(seen)),
        ));
    }
    let Some(cause) = &seen.cause else {
        return found;
    };
    if seen.member.is_none() && evidence.observed.member_list_known {
        found.push(warning(
            format!("endpoint {}: {}", seen.endpoint, cause.message),
            "name the members' own client URLs (etcdops members) in `endpoints:` or --endpoints",
        ));
        return found;
    }
    if verdict == Verdict::Unknown && cause.kind == CauseKind::Auth {
        return found;
    }
    let service = seen.host.as_ref().and_then(|host| evidence.services.get(host));
    let why = match (service, &seen.host) {
        (Some(Ok(service)), Some(host)) => explain(service, host, &word(seen)),
        _ => None,
    };
    let text = match (&why, service) {
        (Some(why), _) => format!("{}: {} ({})", name(seen), why.text, cause.message),
        (None, Some(Err(error))) if around.inventory => {
            format!("{}: {} (its host: {})", name(seen), cause.message, error.message)
        }
        _ => format!("{}: {}", name(seen), cause.message),
    };
    found.push(Problem {
        severity,
        text,
        hint: remedy(evidence, seen, why, verdict),
    });
    found
}

/// The host for a command, or the member where no host is known.
fn on(seen: &MemberSeen) -> String {
    seen.host.as_ref().map_or_else(|| word(seen), |host| quote(host))
}

fn remedy(evidence: &Evidence, seen: &MemberSeen, why: Option<Explanation>, verdict: Verdict) -> String {
    if let Some(why) = why {
        // Nothing is replaced without a quorum.
        if why.lost && verdict == Verdict::NoQuorum {
            return "etcdops recover".to_owned();
        }
        return why.hint;
    }
    let cause = seen.cause.as_ref().map(|cause| cause.kind);
    if seen.role == Some(Role::Unstarted) {
        return match &seen.host {
            Some(host) => format!("etcdops start {}", quote(host)),
            None => format!("start etcd on its host, or: etcdops remove-member {}", word(seen)),
        };
    }
    if answers_without_leader(evidence, seen) {
        return format!("etcdops logs {}", on(seen));
    }
    match cause {
        Some(CauseKind::Dns) => format!(
            "check the name in {} and this machine's resolver, then: etcdops config check",
            seen.endpoint
        ),
        Some(CauseKind::Tls) => {
            "check `--cacert`, `--cert` and `--key`; `etcdops config show` says where they come from".to_owned()
        }
        Some(CauseKind::Auth) => {
            "give `--user` and `--password-file`, or `--cert` and `--key` of a user of etcd".to_owned()
        }
        Some(CauseKind::Connect) if verdict == Verdict::NoQuorum && seen.host.is_some() => {
            format!("etcdops start {}", on(seen))
        }
        Some(CauseKind::Etcd) if seen.raft_term.is_some() => format!("etcdops logs {}", on(seen)),
        _ if verdict == Verdict::NoQuorum => "etcdops recover".to_owned(),
        Some(CauseKind::Connect | CauseKind::Timeout | CauseKind::Shell) => match &seen.host {
            Some(host) => format!(
                "etcdops start {}; if its host is gone for good: etcdops replace-member {}",
                quote(host),
                word(seen)
            ),
            None => format!(
                "start etcd there; if its host is gone for good: etcdops replace-member {}",
                word(seen)
            ),
        },
        _ => format!("etcdops logs {}", on(seen)),
    }
}

fn unknown_to_inventory(cluster: &ClusterConfig, seen: &MemberSeen) -> Option<Problem> {
    let member = seen.member.as_ref()?;
    (seen.host.is_none() && !cluster.hosts.is_empty()).then(|| {
        warning(
            format!("{} runs on a host that the inventory does not know", label(member)),
            format!(
                "add it under `hosts:` of {} (peer URL {}), then: etcdops config check",
                cluster.name,
                member.peer_urls.join(", ")
            ),
        )
    })
}

fn versions(evidence: &Evidence) -> Option<Problem> {
    let members = &evidence.observed.members;
    let mut versions: Vec<Version> = members.iter().filter_map(|seen| seen.version).collect();
    versions.sort_unstable();
    versions.dedup();
    let newest = *versions.last().filter(|_| versions.len() > 1)?;
    let all: Vec<String> = versions.iter().map(ToString::to_string).collect();
    let older = members
        .iter()
        .filter(|seen| seen.version.is_some_and(|version| version < newest));
    Some(warning(
        format!("members run different versions: {}", all.join(", ")),
        format!("finish the upgrade: {}", upgrade(&newest.to_string(), older)),
    ))
}

/// How these members come to another version.
fn upgrade<'a>(version: &str, members: impl Iterator<Item = &'a MemberSeen>) -> String {
    let hosts: Vec<String> = members.map(on).collect();
    format!(
        "install etcd {version} on {}, then: etcdops restart {}",
        hosts.join(", "),
        hosts.join(" ")
    )
}

/// What 3.6 will read of these versions' store is not what they say themselves.
fn stale_store(evidence: &Evidence) -> Option<Problem> {
    let members = evidence.observed.members.iter().filter(|seen| seen.member.is_some());
    let affected: Vec<(&MemberSeen, Version)> = members
        .filter_map(|seen| Some((seen, seen.version.filter(|version| version.keeps_zombies())?)))
        .collect();
    let (_, lowest) = affected.iter().min_by_key(|(_, version)| *version)?;
    let names: Vec<String> = affected.iter().map(|(seen, _)| name(seen)).collect();
    let forgets = affected.iter().any(|(_, version)| version.forgets_promotions());
    let also = if forgets {
        " and learners that were promoted may be learners"
    } else {
        ""
    };
    Some(Problem {
        severity: Severity::Notice,
        ..warning(
            format!(
                "{} of etcd {lowest}: after an upgrade to 3.6 members that were removed may be back{also}; until then nothing is amiss",
                names.join(", ")
            ),
            format!(
                "before 3.6: {}; it corrects its store",
                upgrade("3.5.32 or the newest 3.5", affected.iter().map(|(seen, _)| *seen))
            ),
        )
    })
}

fn even(quorum: Quorum) -> Option<Problem> {
    (quorum.voters > 0 && quorum.voters.is_multiple_of(2)).then(|| {
        warning(
            format!(
                "{} voters tolerate no more failures than {} would",
                quorum.voters,
                quorum.voters - 1
            ),
            "add or remove one: etcdops add-member HOST, or etcdops remove-member MEMBER",
        )
    })
}

fn old_data(evidence: &Evidence) -> Option<Problem> {
    (evidence.v2_data == Some(true)).then(|| {
        warning(
            "there is data in the old v2 store (/v2/keys), and v3 snapshots hold none of it".to_owned(),
            "back it up with `etcdops backup --offline HOST`, and migrate it before 3.6",
        )
    })
}

fn views(evidence: &Evidence) -> Option<Problem> {
    (!evidence.other_views.is_empty()).then(|| {
        warning(
            format!("members do not agree about who is a member: {}", evidence.other_views.join("; ")),
            "ask again in a moment: etcdops members; one that stays different was cut off or belongs to another cluster",
        )
    })
}
