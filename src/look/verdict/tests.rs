use super::*;
use crate::call::host::ServiceSeen;
use crate::cluster::host::{AuthUser, Backups, Route, TlsFiles};
use crate::cluster::member::{Id, Member};
use crate::cluster::observed::{Cause, Observed, OwnList};

fn cluster() -> ClusterConfig {
    ClusterConfig {
        name: "c".to_owned(),
        endpoints: Vec::new(),
        route: Route::Direct,
        tls: TlsFiles::default(),
        auth: AuthUser::default(),
        clients: None,
        backups: Backups::default(),
        hosts: Vec::new(),
        discovery: None,
        call_timeout: crate::base::duration::Span::seconds(5),
    }
}

fn row(number: u64) -> MemberSeen {
    MemberSeen {
        member: Some(Member {
            id: Id(number),
            name: format!("e{number}"),
            peer_urls: vec![format!("http://10.0.0.{number}:2380")],
            client_urls: vec![format!("http://10.0.0.{number}:2379")],
            learner: false,
        }),
        host: Some(format!("h{number}")),
        endpoint: format!("http://10.0.0.{number}:2379"),
        standing: Standing::Healthy,
        role: Some(if number == 1 { Role::Leader } else { Role::Follower }),
        version: Some("3.5.35".parse().unwrap()),
        latency_ms: Some(1.0),
        db_size: Some(20_480),
        db_size_in_use: Some(16_384),
        db_quota: None,
        raft_term: Some(2),
        raft_index: Some(10_000),
        raft_applied_index: Some(10_000),
        revision: Some(5),
        alarms: Some(Vec::new()),
        leader: Some(Id(1)),
        cluster_id: Some(Id(77)),
        certificate_not_after: None,
        own_list: OwnList::Same,
        cause: None,
    }
}

/// Not reached, for this reason.
fn gone(number: u64, kind: CauseKind, message: &str) -> MemberSeen {
    MemberSeen {
        standing: Standing::Unreachable,
        role: None,
        version: None,
        latency_ms: None,
        db_size: None,
        raft_term: None,
        raft_index: None,
        raft_applied_index: None,
        alarms: None,
        leader: None,
        cause: Some(Cause {
            kind,
            message: message.to_owned(),
        }),
        ..row(number)
    }
}

fn refused(number: u64) -> MemberSeen {
    gone(number, CauseKind::Connect, "connection refused: nothing listens there")
}

fn silent(number: u64) -> MemberSeen {
    gone(
        number,
        CauseKind::Timeout,
        "no answer to the connection attempt within 3 s",
    )
}

fn leaderless(number: u64) -> MemberSeen {
    MemberSeen {
        standing: Standing::Unhealthy,
        leader: None,
        cause: Some(Cause {
            kind: CauseKind::Etcd,
            message: "it knows no leader".to_owned(),
        }),
        ..row(number)
    }
}

fn evidence(quorum_proved: bool, members: Vec<MemberSeen>) -> Evidence {
    Evidence {
        observed: Observed {
            cluster_id: Some(Id(77)),
            leader: members.iter().find_map(|seen| seen.leader),
            quorum_proved,
            member_list_known: true,
            members,
        },
        ..Evidence::default()
    }
}

fn judge(evidence: &Evidence) -> Health {
    judge_in(&cluster(), evidence)
}

/// Each problem names a command or a flag to type.
fn judge_in(cluster: &ClusterConfig, evidence: &Evidence) -> Health {
    let around = Circumstances {
        now: "2026-11-20T12:00:00Z".parse().unwrap(),
        inventory: true,
    };
    let health = verdict(evidence, cluster, around);
    for problem in &health.problems {
        let command = ["etcdops ", "etcdctl ", "--"];
        let named = command.iter().any(|command| problem.hint.contains(command));
        assert!(named, "no command: {} -> {}", problem.text, problem.hint);
    }
    health
}

fn service(active: &str, log: &[&str]) -> ServiceSeen {
    ServiceSeen {
        exists: true,
        active: active.to_owned(),
        last_log: log.iter().map(ToString::to_string).collect(),
        ..ServiceSeen::default()
    }
}

fn hints(health: &Health) -> String {
    let all: Vec<String> = health
        .problems
        .iter()
        .map(|problem| format!("{} -> {}", problem.text, problem.hint))
        .collect();
    all.join("\n")
}

#[test]
fn the_table_of_verdicts() {
    use Verdict::{Degraded, Healthy, NoQuorum, Unknown};
    let cases: Vec<(&str, bool, Vec<MemberSeen>, Verdict)> = vec![
        ("all well", true, vec![row(1), row(2), row(3)], Healthy),
        ("one down", true, vec![row(1), row(2), refused(3)], Degraded),
        (
            "the bastion is cut off from two",
            true,
            vec![row(1), silent(2), silent(3)],
            Degraded,
        ),
        (
            "one alone, two down",
            false,
            vec![leaderless(1), refused(2), refused(3)],
            NoQuorum,
        ),
        (
            "one alone, two out of reach",
            false,
            vec![leaderless(1), silent(2), silent(3)],
            NoQuorum,
        ),
        (
            "a follower knows a leader, reads fail",
            false,
            vec![row(2), silent(1), silent(3)],
            Degraded,
        ),
        ("nobody answers", false, vec![silent(1), silent(2), silent(3)], Unknown),
        ("all refuse", false, vec![refused(1), refused(2), refused(3)], Unknown),
        ("no members at all", false, vec![], Unknown),
        ("one alone", true, vec![row(1)], Healthy),
    ];
    for (what, proved, members, expected) in cases {
        assert_eq!(judge(&evidence(proved, members)).verdict, expected, "{what}");
    }
}

#[test]
fn quorum_counts_voters_only() {
    let mut learner = row(4);
    learner.member.as_mut().unwrap().learner = true;
    learner.role = Some(Role::Learner);
    let health = judge(&evidence(true, vec![row(1), row(2), row(3), learner]));
    let expected = Quorum {
        voters: 3,
        healthy: 3,
        needed: 2,
        tolerates: 1,
    };
    assert_eq!((health.verdict, health.quorum), (Verdict::Healthy, expected));
    let health = judge(&evidence(true, vec![row(1), row(2), refused(3)]));
    assert_eq!(health.quorum.tolerates, 0);
}

#[test]
fn a_mute_member_means_no_quorum_and_not_unknown() {
    let mut evidence = evidence(false, vec![silent(1), refused(2), refused(3)]);
    evidence.mute = vec!["http://10.0.0.1:2379".to_owned()];
    assert_eq!(judge(&evidence).verdict, Verdict::NoQuorum);
}

#[test]
fn a_bastion_that_is_cut_off_is_never_told_to_recover() {
    let health = judge(&evidence(false, vec![leaderless(1), silent(2), silent(3)]));
    assert!(!health.problems[0].hint.contains("recover"), "{}", hints(&health));
    assert!(
        health.problems[0].text.contains("cannot be reached from here"),
        "{}",
        hints(&health)
    );
    let unknown = judge(&evidence(false, vec![silent(1), silent(2), silent(3)]));
    assert!(!hints(&unknown).contains("recover"), "{}", hints(&unknown));
}

#[test]
fn what_is_stopped_is_started_before_anything_else() {
    let mut evidence = evidence(false, vec![leaderless(1), refused(2), refused(3)]);
    assert_eq!(judge(&evidence).problems[0].hint, "etcdops recover");
    for host in ["h2", "h3"] {
        evidence.services.insert(host.to_owned(), Ok(service("inactive", &[])));
    }
    assert_eq!(judge(&evidence).problems[0].hint, "etcdops start h2 h3");
}

#[test]
fn units_proved_stopped_on_a_majority_prove_that_quorum_is_lost() {
    let mut evidence = evidence(false, vec![refused(1), refused(2), silent(3)]);
    evidence.services.insert("h1".to_owned(), Ok(service("inactive", &[])));
    assert_eq!(judge(&evidence).verdict, Verdict::Unknown);
    evidence.services.insert("h2".to_owned(), Ok(service("failed", &[])));
    assert_eq!(judge(&evidence).verdict, Verdict::NoQuorum);
    // The last one still follows the leader that it had: the units know better.
    evidence.observed.members[2] = MemberSeen {
        leader: Some(Id(1)),
        ..row(3)
    };
    assert_eq!(judge(&evidence).verdict, Verdict::NoQuorum);
    evidence.services.remove("h2");
    assert_eq!(judge(&evidence).verdict, Verdict::Degraded);
}

#[test]
fn the_sick_are_explained_from_their_unit() {
    let mut evidence = evidence(true, vec![row(1), row(2), refused(3)]);
    let log = ["panic: tocommit(8) is out of range [lastIndex(0)]"];
    evidence.services.insert("h3".to_owned(), Ok(service("failed", &log)));
    let health = judge(&evidence);
    assert!(hints(&health).contains("disk was rolled back"), "{}", hints(&health));
    assert!(
        hints(&health).contains("etcdops replace-member e3"),
        "{}",
        hints(&health)
    );
}

#[test]
fn alarms_and_lag_degrade_and_warnings_do_not() {
    let mut full = row(2);
    full.alarms = Some(vec!["NOSPACE".to_owned()]);
    let health = judge(&evidence(true, vec![row(1), full, row(3)]));
    assert_eq!(health.verdict, Verdict::Degraded);
    assert_eq!(health.problems[0].severity, Severity::Critical);
    assert!(health.problems[0].hint.contains("alarm disarm"));

    let mut behind = row(2);
    behind.raft_applied_index = Some(1000);
    let health = judge(&evidence(true, vec![row(1), behind, row(3)]));
    assert_eq!(health.verdict, Verdict::Degraded);
    assert!(
        hints(&health).contains("9000 raft entries behind"),
        "{}",
        hints(&health)
    );

    let mut other = row(2);
    other.version = Some("3.4.23".parse().unwrap());
    other.certificate_not_after = Some("2026-12-01T12:00:00Z".parse().unwrap());
    other.db_size = Some(1_900_000_000);
    let mut evidence = evidence(true, vec![row(1), other, row(3), row(4)]);
    evidence.v2_data = Some(true);
    let health = judge(&evidence);
    assert_eq!(health.verdict, Verdict::Healthy);
    for part in [
        "different versions: 3.4.23, 3.5.35",
        "ends in 11 days",
        "assuming etcd's default",
        "4 voters",
        "v2 store",
    ] {
        assert!(hints(&health).contains(part), "no `{part}` in {}", hints(&health));
    }
    assert!(
        health
            .problems
            .iter()
            .all(|problem| problem.severity == Severity::Warning)
    );
    assert!(hints(&health).contains("install etcd 3.5.35 on h2, then: etcdops restart h2"));
}

#[test]
fn what_no_host_of_the_inventory_explains_has_a_command_as_well() {
    let strange = MemberSeen {
        member: None,
        ..gone(3, CauseKind::Tls, "its certificate is for another name")
    };
    let unknown = MemberSeen { host: None, ..row(4) };
    let nameless = gone(2, CauseKind::Dns, "no such host");
    let mut cluster = cluster();
    cluster.hosts.push(crate::cluster::host::Host::named("h1"));
    let evidence = evidence(true, vec![row(1), nameless, strange, unknown]);
    let hints = hints(&judge_in(&cluster, &evidence));
    for part in ["this machine's resolver", "in `endpoints:`", "under `hosts:` of c"] {
        assert!(hints.contains(part), "no `{part}` in {hints}");
    }
}

#[test]
fn a_configured_quota_is_believed() {
    let mut big = row(2);
    big.db_size = Some(1_900_000_000);
    big.version = Some("3.6.16".parse().unwrap());
    big.db_quota = Some(8 << 30);
    let health = judge(&evidence(true, vec![row(1), big, row(3)]));
    assert!(!hints(&health).contains("fills"), "{}", hints(&health));
}

#[test]
fn without_rights_only_what_was_learned_is_said() {
    let denied = |number| gone(number, CauseKind::Auth, "etcdserver: user name is empty");
    let mut evidence = evidence(false, vec![denied(1), denied(2)]);
    evidence.observed.member_list_known = false;
    evidence.read_denied = true;
    let health = judge(&evidence);
    assert_eq!(health.verdict, Verdict::Unknown);
    assert!(health.problems[0].hint.contains("--user"), "{}", hints(&health));
}

#[test]
fn a_version_whose_store_misleads_3_6_is_told_with_what_to_do() {
    let with = |version: &str| {
        let mut evidence = evidence(true, vec![row(1), row(2), row(3)]);
        evidence.observed.members[1].version = version.parse().ok();
        let mut health = judge(&evidence);
        health.problems.retain(|problem| problem.severity == Severity::Notice);
        assert_eq!(health.verdict, Verdict::Healthy);
        hints(&health)
    };
    let both = with("3.5.16");
    assert!(
        both.contains("e2 of etcd 3.5.16") && both.contains("removed may be back"),
        "{both}"
    );
    assert!(
        both.contains("learners that were promoted") && both.contains("newest 3.5"),
        "{both}"
    );
    let zombies = with("3.5.25");
    assert!(zombies.contains("e2") && !zombies.contains("promoted"), "{zombies}");
    assert_eq!(with("3.5.26"), "");
    assert_eq!(with("3.6.0"), "");
}
