//! Elections, quorum and membership, version by version.

use super::*;

#[test]
fn the_leader_dies_and_another_is_elected_after_a_while() {
    let (world, _) = World::of(V3535, 3).build();
    let leader = world.leader().unwrap();
    world.power_off(&leader);
    assert_eq!(world.leader(), None);
    pass(&world, 3);
    assert!(world.leader().is_some_and(|next| next != leader));
    assert!(world.write());
    assert_eq!(world.check_promises(), Vec::<String>::new());
}

#[test]
fn without_quorum_reads_fail_status_answers_and_a_restarted_member_is_mute() {
    let (world, _) = World::of(V3535, 3).build();
    world.allow_quorum_loss();
    world.power_off("etcd-2");
    world.power_off("etcd-3");
    assert!(!world.write());
    assert_eq!(read(&world, "etcd-1").unwrap_err().fault, Fault::Timeout);
    assert_eq!(status(&world, "etcd-1").leader, None);
    assert!(rpc(&world, "etcd-1", EtcdOp::MemberList).is_ok());
    on(&world, "etcd-1", HostOp::Restart).unwrap();
    pass(&world, 30);
    assert_eq!(rpc(&world, "etcd-1", EtcdOp::Status).unwrap_err().fault, Fault::Silent);
    let seen = service(&world, "etcd-1");
    assert_eq!((seen.active.as_str(), seen.ports_open.len()), ("activating", 2));
    let members = HttpRequest {
        method: "GET".to_owned(),
        url: "http://etcd-1:2380/members".to_owned(),
        body: None,
        cluster_tls: false,
        change: false,
    };
    assert!(perform(&world, To::Http(members)).is_ok(), "the peer port answers");
}

#[test]
fn membership_changes_without_quorum_never_answer() {
    let (world, _) = World::of(V36, 3).build();
    world.allow_quorum_loss();
    world.power_off("etcd-2");
    world.power_off("etcd-3");
    let error = remove(&world, "etcd-1", "etcd-3").unwrap_err();
    assert!(error.fault == Fault::Timeout && error.maybe_done);
    assert!(refusal(add(&world, "etcd-1", "etcd-4", true)).contains("unhealthy cluster"));
}

#[test]
fn an_add_with_one_down_depends_on_size_and_version() {
    for version in ALL {
        for (size, accepted) in [
            (3, false),
            (4, version.add_needs_only_quorum()),
            (5, version.add_needs_only_quorum()),
        ] {
            let (world, _) = World::of(version, size).spare(1).build();
            world.power_off(&format!("etcd-{size}"));
            pass(&world, 10);
            let answer = add(&world, "etcd-1", &format!("etcd-{}", size + 1), true);
            assert_eq!(answer.is_ok(), accepted, "{version}, {size}: {answer:?}");
        }
    }
}

#[test]
fn for_five_seconds_after_a_restart_an_add_is_refused() {
    let (world, _) = World::of(V37, 3).spare(1).build();
    on(&world, "etcd-3", HostOp::Restart).unwrap();
    pass(&world, 3);
    assert!(refusal(add(&world, "etcd-1", "etcd-4", true)).contains("unhealthy cluster"));
    pass(&world, 5);
    assert!(add(&world, "etcd-1", "etcd-4", true).is_ok());
}

#[test]
fn a_second_voter_in_a_one_member_cluster_costs_the_quorum_until_it_starts() {
    let (world, _) = World::of(V34, 1).spare(1).build();
    world.allow_quorum_loss();
    world.configure_joiner("etcd-2");
    let _ = add(&world, "etcd-1", "etcd-2", false);
    pass(&world, 5);
    assert!(!world.write());
    on(&world, "etcd-2", HostOp::Start { enable: true }).unwrap();
    pass(&world, 10);
    assert!(world.write());
}

#[test]
fn learners_exist_from_3_4_on_one_at_a_time_and_are_promoted_in_sync_only() {
    let (old, _) = World::of(V33, 3).spare(1).build();
    add(&old, "etcd-1", "etcd-4", true).unwrap();
    assert_eq!(old.model().voter_count(), 4, "3.3 does not know the field");
    let (world, _) = World::of(V3516, 3).spare(2).build();
    world.configure_joiner("etcd-4");
    let Ok(EtcdAnswer::Added { id, .. }) = add(&world, "etcd-1", "etcd-4", true) else {
        panic!("a learner is added");
    };
    assert!(refusal(add(&world, "etcd-1", "etcd-5", true)).contains("too many learner members"));
    let promote = |world: &World| rpc(world, "etcd-2", EtcdOp::MemberPromote { id });
    assert!(refusal(promote(&world)).contains("in sync with leader"));
    on(&world, "etcd-4", HostOp::Start { enable: true }).unwrap();
    world.pass(Duration::from_millis(1500));
    assert!(
        refusal(promote(&world)).contains("in sync with leader"),
        "it still receives the database"
    );
    pass(&world, 10);
    assert!(refusal(read(&world, "etcd-4")).contains("rpc not supported for learner"));
    promote(&world).unwrap();
    assert!(refusal(promote(&world)).contains("can only promote a learner member"));
    assert_eq!(world.model().voter_count(), 4);
}

#[test]
fn removed_members_exit_and_stay_out() {
    let (world, _) = World::of(V3535, 3).build();
    remove(&world, "etcd-1", "etcd-3").unwrap();
    pass(&world, 2);
    let seen = service(&world, "etcd-3");
    assert!(!seen.is_active() && seen.last_log.iter().any(|line| line.contains("permanently removed")));
    on(&world, "etcd-3", HostOp::Start { enable: false }).unwrap();
    pass(&world, 5);
    assert!(!service(&world, "etcd-3").is_active(), "its data still says who it was");
    assert_eq!(world.check_promises(), Vec::<String>::new());
}

#[test]
fn a_live_member_of_three_with_one_down_is_not_removed_and_the_dead_one_is() {
    let (world, _) = World::of(V36, 3).build();
    world.power_off("etcd-3");
    pass(&world, 10);
    assert!(refusal(remove(&world, "etcd-1", "etcd-2")).contains("unhealthy cluster"));
    remove(&world, "etcd-1", "etcd-3").unwrap();
    assert_eq!(world.model().voter_count(), 2);
}

#[test]
fn the_same_url_is_refused_twice_and_banned_for_a_second_after_a_removal() {
    let (world, _) = World::of(V37, 3).spare(1).build();
    assert!(refusal(add(&world, "etcd-1", "etcd-2", true)).contains("Peer URLs already exists"));
    add(&world, "etcd-1", "etcd-4", true).unwrap();
    assert!(refusal(add(&world, "etcd-1", "etcd-4", true)).contains("member ID already exist"));
    remove(&world, "etcd-1", "etcd-4").unwrap();
    assert!(refusal(add(&world, "etcd-1", "etcd-4", true)).contains("member not found"));
    pass(&world, 1);
    assert!(add(&world, "etcd-1", "etcd-4", true).is_ok());
}

#[test]
fn a_joiner_with_a_wrong_list_exits_and_one_with_wiped_data_panics() {
    let (world, _) = World::of(V3535, 3).spare(1).build();
    world.configure_joiner("etcd-4");
    on(&world, "etcd-4", HostOp::Start { enable: false }).unwrap();
    let seen = service(&world, "etcd-4");
    assert_eq!(seen.exit_status, Some(1));
    assert!(
        seen.last_log
            .iter()
            .any(|line| line.contains("member count is unequal")),
        "{:?}",
        seen.last_log
    );
    world.stop_etcd("etcd-3");
    world.wipe_data("etcd-3");
    on(&world, "etcd-3", HostOp::Start { enable: false }).unwrap();
    let seen = service(&world, "etcd-3");
    assert!(
        seen.last_log
            .iter()
            .any(|line| line.contains("has already been bootstrapped")),
        "{:?}",
        seen.last_log
    );
    let text = world.read_file("etcd-3", "/etc/default/etcd").unwrap();
    world.write_file("etcd-3", "/etc/default/etcd", &text.replace("\"new\"", "\"existing\""));
    on(&world, "etcd-3", HostOp::Start { enable: false }).unwrap();
    pass(&world, 5);
    let seen = service(&world, "etcd-3");
    assert_eq!(seen.exit_status, Some(2), "{seen:?}");
    assert!(seen.last_log.iter().any(|line| line.contains("is out of range")));
}

#[test]
fn leadership_moves_only_through_the_leader_and_only_to_a_voter() {
    let (world, _) = World::of(V3535, 3).build();
    let leader = world.leader().unwrap();
    let other = if leader == "etcd-1" { "etcd-2" } else { "etcd-1" };
    let to = world.member_id(other).unwrap();
    assert!(refusal(rpc(&world, other, EtcdOp::MoveLeader { to })).contains("not leader"));
    rpc(&world, &leader, EtcdOp::MoveLeader { to }).unwrap();
    assert_eq!(world.leader().as_deref(), Some(other));
}
