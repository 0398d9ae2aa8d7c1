//! Which copy is taken, and what is refused.

use super::{Dead, Newest, Startable};
use crate::action::membership::tests::{observed, site_of, three};
use crate::action::{Condition, Site, Verdict};
use crate::call::copy::{CopySeen, Part};
use crate::call::host::{HostAnswer, RunOutput};
use crate::call::{CallError, Fault, HttpAnswer, Look, Sight};
use crate::cluster::host::{ClusterConfig, Host};
use crate::cluster::member::{Id, Member};

/// The copy of member `number` of five.
fn copy(number: u64, commit: u64, last: (u64, u64), term: u64) -> CopySeen {
    let member = |number: u64| Member {
        id: Id(number),
        name: format!("etcd-{number}"),
        peer_urls: vec![format!("http://etcd-{number}:2380")],
        client_urls: Vec::new(),
        learner: false,
    };
    CopySeen {
        data_dir: Some("/var/lib/etcd".to_owned()),
        there: true,
        unit: true,
        member: Some(Id(number)),
        cluster: Some(Id(0xc1)),
        term,
        commit,
        last_term: last.0,
        last_index: last.1,
        part: Part::Voter,
        voters: (1..=5).map(Id).collect(),
        members: (1..=5).map(member).collect(),
        ..CopySeen::default()
    }
}

fn read(copy: CopySeen) -> Sight {
    Sight::Host(HostAnswer::Copy(Box::new(copy)))
}

fn ran(code: i32) -> Sight {
    Sight::Host(HostAnswer::Ran(RunOutput {
        code,
        stdout: String::new(),
        stderr: String::new(),
    }))
}

fn gone(fault: Fault) -> Sight {
    Sight::Blind(CallError::new(fault, "look", "etcd", "No route to host"))
}

fn nobody() -> Sight {
    Sight::Cluster(Box::default())
}

/// Five hosts with URLs.
fn on_five(test: impl FnOnce(&Site<'_>)) {
    site_of(|site| {
        let hosts = (1..=5).map(|number| Host {
            peer_url: Some(format!("http://etcd-{number}:2380")),
            client_url: Some(format!("http://etcd-{number}:2379")),
            ..Host::named(&format!("etcd-{number}"))
        });
        let cluster = ClusterConfig {
            hosts: hosts.collect(),
            ..site.cluster.clone()
        };
        test(&Site {
            cluster: &cluster,
            ..*site
        });
    });
}

fn names(numbers: &[u64]) -> Vec<String> {
    numbers.iter().map(|number| format!("etcd-{number}")).collect()
}

fn newest(is: &str, dead: &[u64]) -> Newest {
    Newest {
        is: is.to_owned(),
        among: names(&[1, 2, 3, 4, 5]),
        dead: names(dead),
        empty: Vec::new(),
        named: false,
    }
}

/// The verdict when the dead are silent.
fn judge(site: &Site<'_>, condition: &Newest, copies: Vec<Sight>) -> Verdict {
    let wanted = condition.looks(site).len();
    let mut seen = vec![nobody()];
    seen.extend(copies);
    seen.resize_with(wanted, || gone(Fault::Connect));
    condition.judge(site, &seen, None)
}

#[track_caller]
fn refused(verdict: Verdict, word: &str) -> String {
    match verdict {
        Verdict::Not { saw, hint } => {
            let text = format!("{saw} -> {}", hint.unwrap_or_default());
            assert!(text.contains(word), "{text}");
            text
        }
        other => panic!("expected a refusal with `{word}`: {other:?}"),
    }
}

#[test]
fn a_copy_that_was_begun_anew_since_the_plan_makes_no_quorum() {
    on_five(|site| {
        // Two have all, and a third that had lost its data was started at a boot.
        let copies = || {
            vec![
                read(copy(1, 400, (5, 401), 5)),
                read(copy(2, 400, (5, 401), 5)),
                read(copy(3, 4, (2, 5), 2)),
            ]
        };
        let wanted = newest("etcd-1", &[4, 5]);
        refused(judge(site, &wanted, copies()), "make a quorum (3 of 5 voters)");
        let knowing = Newest {
            empty: names(&[3]),
            ..wanted
        };
        let verdict = judge(site, &knowing, copies());
        assert!(matches!(verdict, Verdict::Holds(_)), "{verdict:?}");
        // One that is newer is newer, whatever was there before.
        let newer = vec![read(copy(1, 400, (5, 401), 5)), read(copy(3, 500, (5, 500), 5))];
        let knowing = Newest {
            among: names(&[1, 3]),
            ..knowing
        };
        refused(judge(site, &knowing, newer), "the copy on etcd-3 is newer");
    });
}

#[test]
fn the_commit_index_decides_and_an_inflated_term_does_not() {
    on_five(|site| {
        let stale = || read(copy(1, 51, (5, 60), 21));
        let good = || read(copy(2, 400, (5, 401), 5));
        let dead = &[3, 4, 5];
        let verdict = judge(site, &newest("etcd-1", dead), vec![stale(), good()]);
        refused(verdict, "--from-survivor etcd-2");
        let Verdict::Holds(saw) = judge(site, &newest("etcd-2", dead), vec![stale(), good()]) else {
            panic!("the newest is the newest");
        };
        assert!(
            saw.contains("etcd-2: committed up to 400, 1 entry after that, possibly acknowledged"),
            "{saw}"
        );
        assert!(saw.contains("NOT fenced: etcd-3, etcd-4, etcd-5"), "{saw}");
        assert!(
            saw.contains("form the old quorum"),
            "three dead of five are a majority: {saw}"
        );
    });
}

#[test]
fn the_last_entry_settles_a_tie_and_the_database_counts_as_committed() {
    on_five(|site| {
        let dead = &[3, 4, 5];
        let copies = || vec![read(copy(1, 400, (5, 410), 9)), read(copy(2, 400, (6, 405), 6))];
        refused(judge(site, &newest("etcd-1", dead), copies()), "etcd-2 is newer");
        assert!(matches!(
            judge(site, &newest("etcd-2", dead), copies()),
            Verdict::Holds(_)
        ));
        let ahead = CopySeen {
            consistent_index: 401,
            ..copy(1, 390, (5, 410), 9)
        };
        let copies = vec![read(ahead), read(copy(2, 400, (6, 405), 6))];
        refused(judge(site, &newest("etcd-2", dead), copies), "etcd-1 is newer");
    });
}

#[test]
fn enough_intact_voters_are_started_instead() {
    on_five(|site| {
        let copies = |third: Sight| vec![read(copy(1, 9, (2, 9), 2)), read(copy(2, 9, (2, 9), 2)), third];
        let dead = &[4, 5];
        let verdict = judge(site, &newest("etcd-1", dead), copies(read(copy(3, 8, (2, 8), 2))));
        let text = refused(verdict, "recover --start");
        assert!(text.contains("3 of 5 voters"), "{text}");
        let broken = CopySeen {
            damage: vec!["log: a record's checksum".to_owned()],
            ..copy(3, 8, (2, 8), 2)
        };
        let Verdict::Holds(saw) = judge(site, &newest("etcd-1", dead), copies(read(broken))) else {
            panic!("a damaged copy makes no quorum");
        };
        assert!(saw.contains("the copy on etcd-3 is damaged"), "{saw}");
        let learner = CopySeen {
            part: Part::Learner,
            ..copy(9, 8, (2, 8), 2)
        };
        assert!(matches!(
            judge(site, &newest("etcd-1", dead), copies(read(learner))),
            Verdict::Holds(_)
        ));
    });
}

#[test]
fn what_cannot_be_read_may_be_newer() {
    on_five(|site| {
        let copies = vec![
            read(copy(1, 9, (2, 9), 2)),
            read(copy(2, 9, (2, 9), 2)),
            gone(Fault::Timeout),
        ];
        let text = refused(judge(site, &newest("etcd-1", &[4, 5]), copies), "--dead etcd-3");
        assert!(text.contains("may be newer"), "{text}");
        // A host that was read and has no data any more cannot be newer.
        let wiped = read(CopySeen::default());
        let copies = vec![read(copy(1, 9, (2, 9), 2)), read(copy(2, 9, (2, 9), 2)), wiped];
        assert!(matches!(
            judge(site, &newest("etcd-1", &[4, 5]), copies),
            Verdict::Holds(_)
        ));
    });
}

#[test]
fn nobody_is_forced_while_a_member_knows_a_leader() {
    on_five(|site| {
        let condition = newest("etcd-1", &[2, 3, 4, 5]);
        let mut seen = vec![Sight::Cluster(Box::new(observed(three())))];
        seen.push(read(copy(1, 9, (2, 9), 2)));
        refused(condition.judge(site, &seen, None), "knows a leader");
    });
}

#[test]
fn a_host_that_answers_anyone_is_not_dead() {
    on_five(|site| {
        let condition = newest("etcd-1", &[2, 3, 4, 5]);
        let looks = condition.looks(site);
        let with = |place: usize, sight: Sight| {
            let mut seen = vec![nobody(), read(copy(1, 9, (2, 9), 2))];
            seen.resize_with(looks.len(), || gone(Fault::Connect));
            seen[place] = sight;
            condition.judge(site, &seen, None)
        };
        let place = |wanted: &dyn Fn(&Look) -> bool| looks.iter().position(wanted).unwrap();
        let shell = place(&|look| *look == Look::service("etcd-2"));
        let http = place(&|look| matches!(look, Look::Http(request) if request.url == "http://etcd-3:2380/version"));
        let from_survivor = looks.len() - 1;
        refused(
            with(shell, Sight::Host(HostAnswer::Service(Box::default()))),
            "etcd-2 is not dead: its shell answers",
        );
        refused(with(shell, gone(Fault::HostKey)), "etcd-2 is not dead");
        let answer = HttpAnswer {
            status: 200,
            body: "{}".to_owned(),
        };
        refused(with(http, Sight::Http(answer)), "etcd-3 is not dead: its peer port");
        refused(with(http, gone(Fault::Tls)), "etcd-3 is not dead");
        refused(with(from_survivor, ran(0)), "asked from etcd-1");
        assert!(matches!(with(from_survivor, ran(124)), Verdict::Holds(_)));
        assert!(matches!(with(shell, gone(Fault::Timeout)), Verdict::Holds(_)));
    });
}

#[test]
fn too_few_are_not_started_in_the_hope_of_a_quorum() {
    on_five(|site| {
        let condition = Startable {
            hosts: names(&[1, 2, 3]),
        };
        let judge = |third: Sight| {
            let seen = [read(copy(1, 9, (2, 9), 2)), read(copy(2, 9, (2, 9), 2)), third];
            condition.judge(site, &seen, None)
        };
        assert!(matches!(judge(read(copy(3, 1, (1, 1), 1))), Verdict::Holds(_)));
        refused(
            judge(read(CopySeen::default())),
            "2 of 5 voters, 3 are needed; etcd-3 has no data",
        );
        refused(judge(gone(Fault::Timeout)), "etcd-3 cannot be read");
    });
}

#[test]
fn the_word_that_hosts_are_dead_is_checked_from_everywhere() {
    on_five(|site| {
        let condition = Dead {
            hosts: names(&[5]),
            asked_from: names(&[1, 2]),
            quorum: false,
        };
        let looks = condition.looks(site);
        let silent = || vec![gone(Fault::Connect); looks.len()];
        let found = |condition: &Dead| match condition.judge(site, &silent(), None) {
            Verdict::Holds(saw) => saw,
            other => panic!("{other:?}"),
        };
        assert_eq!(found(&condition), "no answer; given up and NOT fenced: etcd-5");
        let many = Dead {
            quorum: true,
            ..condition.clone()
        };
        assert!(found(&many).contains("If they return together they form the old quorum"));
        let asked = |host: &str| {
            let from = |look: &Look| matches!(look, Look::Host { host: from, .. } if from == host);
            looks.iter().position(from).unwrap()
        };
        let mut seen = silent();
        seen[asked("etcd-2")] = ran(0);
        refused(
            condition.judge(site, &seen, None),
            "etcd-5 is not dead: its client port, asked from etcd-2",
        );
        let mut seen = silent();
        seen[asked("etcd-5")] = gone(Fault::Sudo);
        refused(condition.judge(site, &seen, None), "etcd-5 is not dead: its shell");
        // That another host cannot be asked says nothing of the dead.
        let mut seen = silent();
        seen[asked("etcd-2")] = gone(Fault::Sudo);
        assert!(matches!(condition.judge(site, &seen, None), Verdict::Holds(_)));
        let none = Dead {
            hosts: Vec::new(),
            ..condition
        };
        assert!(none.looks(site).is_empty());
        assert!(matches!(none.judge(site, &[], None), Verdict::Holds(_)));
    });
}

#[test]
fn which_of_two_clusters_is_meant_is_never_guessed() {
    on_five(|site| {
        // What an earlier recovery left behind has the higher index.
        let old = CopySeen {
            cluster: Some(Id(0xc0)),
            ..copy(1, 900, (5, 900), 5)
        };
        let copies = || vec![read(old.clone()), read(copy(2, 400, (5, 400), 5))];
        let dead = &[3, 4, 5];
        for host in ["etcd-1", "etcd-2"] {
            refused(judge(site, &newest(host, dead), copies()), "copies of several clusters");
        }
        let named = Newest {
            named: true,
            ..newest("etcd-2", dead)
        };
        let verdict = judge(site, &named, copies());
        assert!(
            matches!(&verdict, Verdict::Holds(saw) if saw.contains("data of another cluster")),
            "{verdict:?}"
        );
        let start = Startable { hosts: names(&[1, 2]) };
        refused(start.judge(site, &copies(), None), "copies of several clusters");
    });
}
