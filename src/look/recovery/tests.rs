//! What is offered, in which order, and what it is said to lose.

use jiff::Timestamp;

use super::*;
use crate::call::copy::Part;
use crate::cluster::host::Host;
use crate::cluster::member::{Id, Member};
use crate::transport::simulated::World;

fn cluster() -> ClusterConfig {
    let (_, cluster) = World::of("3.5.35".parse().unwrap(), 3).build();
    cluster
}

fn copy(number: u64, commit: u64, last: u64) -> CopySeen {
    let member = |number: u64| Member {
        id: Id(number),
        name: format!("etcd-{number}"),
        peer_urls: vec![format!("http://etcd-{number}:2380")],
        client_urls: Vec::new(),
        learner: false,
    };
    CopySeen {
        there: true,
        unit: true,
        member: Some(Id(number)),
        cluster: Some(Id(9)),
        commit,
        last_index: last,
        last_term: 2,
        revision: commit,
        part: Part::Voter,
        voters: (1..=3).map(Id).collect(),
        members: (1..=3).map(member).collect(),
        ..CopySeen::default()
    }
}

fn found(copies: &[Option<CopySeen>]) -> Found {
    let lost = || Err(CallError::new(Fault::Timeout, "read", "etcd", "no answer in time"));
    let copies = copies.iter().cloned().enumerate();
    Found {
        copies: copies
            .map(|(at, copy)| {
                (
                    Host::named(&format!("etcd-{}", at + 1)).name,
                    copy.map_or_else(lost, Ok),
                )
            })
            .collect(),
        ..Found::default()
    }
}

fn backup(revision: u64) -> BackupFound {
    BackupFound {
        name: "b1".to_owned(),
        taken: "2026-11-20T03:00:00Z".parse().unwrap(),
        revision,
        v2: false,
        doubt: None,
        fell: None,
    }
}

/// The way back from a backup, on three hosts of which these were read.
fn from_backup(found: &Found, backups: &[BackupFound]) -> Vec<Choice> {
    let choices = found.choices(&cluster(), backups, None, Timestamp::UNIX_EPOCH);
    let all = choices.all.into_iter();
    all.filter(|choice| choice.way == Way::FromBackup).collect()
}

#[test]
fn a_backup_goes_without_hosts_that_are_gone_and_not_without_those_that_answer() {
    let gone = found(&[Some(CopySeen::default()), None, None]);
    let choice = from_backup(&gone, &[backup(1)]).remove(0);
    assert_eq!(choice.refused, None);
    assert_eq!(
        choice.command,
        "etcdops recover --from-backup b1 --dead etcd-2 --dead etcd-3"
    );
    assert_eq!(choice.dead, ["etcd-2", "etcd-3"]);
    assert!(
        choice
            .what
            .ends_with("without etcd-2 and etcd-3, which cannot be reached"),
        "{}",
        choice.what
    );

    let nothing = from_backup(&found(&[None, None, None]), &[backup(1)]).remove(0);
    assert_eq!(nothing.refused.as_deref(), Some("no host can be reached"));

    let mut shut = found(&[Some(CopySeen::default()), None, None]);
    shut.copies[2].1 = Err(CallError::new(Fault::Sudo, "read", "etcd-3", "a password is required"));
    let refused = from_backup(&shut, &[backup(1)]).remove(0).refused.unwrap();
    assert!(
        refused.starts_with("etcd-3 answers and cannot be worked on"),
        "{refused}"
    );

    // No ssh, and yet its etcd answers: it is not dead.
    let mut serving = found(&[Some(CopySeen::default()), None, None]);
    let mut row = crate::cluster::observed::MemberSeen::unheard("http://etcd-2:2379");
    row.host = Some("etcd-2".to_owned());
    row.version = "3.5.35".parse().ok();
    serving.evidence.observed.members.push(row);
    let refused = from_backup(&serving, &[backup(1)]).remove(0).refused.unwrap();
    assert!(refused.starts_with("etcd-2 answers"), "{refused}");
}

#[test]
fn what_a_snapshot_lacks_and_what_is_strange_about_it_is_told() {
    let old = |v2_data| CopySeen {
        v2_data,
        ..CopySeen::default()
    };
    let held = found(&[Some(old(false)), Some(old(true)), Some(old(false))]);
    let v2 = BackupFound {
        name: "v2".to_owned(),
        v2: true,
        ..backup(1)
    };
    let choices = from_backup(&held, &[v2, backup(1)]);
    assert!(choices[0].v2 && choices[0].accept.is_empty() && !choices[0].loses.contains("v2 API"));
    assert!(
        choices[1].loses.ends_with("all data of the v2 API"),
        "{}",
        choices[1].loses
    );
    assert_eq!(choices[1].command, "etcdops recover --from-backup b1 --accept v2_data");
    let none = found(&[Some(old(false)), Some(old(false)), Some(old(false))]);
    let strange = BackupFound {
        doubt: Some("it is another's".to_owned()),
        fell: Some("it holds 1 key".to_owned()),
        ..backup(1)
    };
    let choice = from_backup(&none, &[strange]).remove(0);
    assert_eq!(
        choice.refused.as_deref(),
        Some("it is another's; if it is of this cluster: etcdops recover --from-backup b1 --accept backup")
    );
    assert!(choice.loses.ends_with("; beware: it holds 1 key"), "{}", choice.loses);
    assert_eq!(choice.command, "etcdops recover --from-backup b1");
}

#[test]
fn what_is_stopped_is_started_first() {
    let found = found(&[Some(copy(1, 9, 9)), Some(copy(2, 9, 12)), None]);
    let choices = found.choices(&cluster(), &[], None, Timestamp::UNIX_EPOCH);
    assert_eq!(choices.recommended, Some(0));
    assert_eq!(choices.all[0].what, "start what is stopped: etcd-1 and etcd-2");
    assert_eq!(choices.all[0].loses, "nothing");
    let survivor = &choices.all[1];
    assert_eq!(
        survivor.refused.as_deref(),
        Some("not needed: etcd-1 and etcd-2 make a quorum")
    );
}

#[test]
fn a_survivor_and_a_backup_tell_what_they_lose() {
    let found = found(&[None, Some(copy(2, 2000, 2003)), None]);
    let now: Timestamp = "2026-11-20T03:41:00Z".parse().unwrap();
    let backup = backup(796);
    let choices = found.choices(&cluster(), &[backup], None, now);
    let told: Vec<(Way, &str)> = choices
        .all
        .iter()
        .map(|choice| (choice.way, choice.loses.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (Way::Start, "nothing"),
            (
                Way::FromSurvivor,
                "3 entries, possibly acknowledged; whatever only etcd-1 and etcd-3 had"
            ),
            (Way::FromBackup, "at least 1,204 revisions, 41 minutes"),
        ]
    );
    assert_eq!(
        choices.all[0].refused.as_deref(),
        Some("too few: 1 of 3 voters have intact data, 2 are needed")
    );
    assert_eq!(choices.recommended, Some(1));
    assert_eq!(
        choices.all[1].command,
        "etcdops recover --from-survivor etcd-2 --dead etcd-1 --dead etcd-3"
    );
}

#[test]
fn where_nothing_is_left_nothing_is_recommended() {
    let found = found(&[Some(CopySeen::default()), None, None]);
    let choices = found.choices(&cluster(), &[], None, Timestamp::UNIX_EPOCH);
    assert_eq!((choices.recommended, choices.all.len()), (None, 1));
}

#[test]
fn a_store_that_was_never_written_to_loses_nothing_that_is_known() {
    // Its database says 0, its members say 1.
    let found = found(&[Some(copy(1, 1, 1)), None, None]);
    let backup = BackupFound {
        taken: Timestamp::UNIX_EPOCH,
        ..backup(0)
    };
    let choices = found.choices(&cluster(), &[backup], None, Timestamp::UNIX_EPOCH);
    let backup = choices.all.iter().find(|choice| choice.way == Way::FromBackup);
    assert_eq!(backup.unwrap().loses, "no later revision is known, 0 seconds");
}
