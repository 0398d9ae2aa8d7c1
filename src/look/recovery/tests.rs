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
    let backup = BackupFound {
        name: "b1".to_owned(),
        taken: "2026-11-20T03:00:00Z".parse().unwrap(),
        revision: 796,
    };
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
        name: "b1".to_owned(),
        taken: Timestamp::UNIX_EPOCH,
        revision: 0,
    };
    let choices = found.choices(&cluster(), &[backup], None, Timestamp::UNIX_EPOCH);
    let backup = choices.all.iter().find(|choice| choice.way == Way::FromBackup);
    assert_eq!(backup.unwrap().loses, "no later revision is known, 0 seconds");
}
