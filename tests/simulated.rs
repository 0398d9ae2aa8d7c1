//! The simulated world against what real etcd was seen to do.

use std::time::Duration;

use etcdops::base::duration::Span;
use etcdops::call::etcd::StatusAnswer;
use etcdops::call::host::ServiceSeen;
use etcdops::call::{
    Call, CallError, EtcdAnswer, EtcdOp, Fault, HostAnswer, HostOp, HttpRequest, Reply, To, Unwatched,
};
use etcdops::cluster::version::Version;
use etcdops::transport::Transport;
use etcdops::transport::simulated::{Mishap, When, World};

const V33: Version = Version::new(3, 3, 25);
const V34: Version = Version::new(3, 4, 23);
const V3516: Version = Version::new(3, 5, 16);
const V3535: Version = Version::new(3, 5, 35);
const V36: Version = Version::new(3, 6, 16);
const V37: Version = Version::new(3, 7, 3);
const ALL: [Version; 6] = [V33, V34, V3516, V3535, V36, V37];

fn perform(world: &World, to: To) -> Result<Reply, CallError> {
    let call = Call {
        to,
        timeout: Span::seconds(10),
    };
    world
        .drive(world.perform(&call, &Unwatched))
        .expect("nobody kills this test")
}

fn rpc(world: &World, host: &str, op: EtcdOp) -> Result<EtcdAnswer, CallError> {
    let endpoint = format!("http://{host}:2379");
    match perform(world, To::Etcd { endpoint, op })? {
        Reply::Etcd(answer) => Ok(answer),
        other => panic!("{other:?}"),
    }
}

fn on(world: &World, host: &str, op: HostOp) -> Result<HostAnswer, CallError> {
    let to = To::Host {
        host: host.to_owned(),
        op,
        tag: None,
    };
    match perform(world, to)? {
        Reply::Host(answer) => Ok(answer),
        other => panic!("{other:?}"),
    }
}

fn status(world: &World, host: &str) -> StatusAnswer {
    match rpc(world, host, EtcdOp::Status).unwrap() {
        EtcdAnswer::Status(status) => status,
        other => panic!("{other:?}"),
    }
}

fn service(world: &World, host: &str) -> ServiceSeen {
    match on(world, host, HostOp::InspectService).unwrap() {
        HostAnswer::Service(seen) => *seen,
        other => panic!("{other:?}"),
    }
}

fn pass(world: &World, seconds: u64) {
    world.pass(Duration::from_secs(seconds));
}

#[test]
fn a_fresh_cluster_serves_and_agrees_on_its_leader() {
    for version in ALL {
        for size in [1, 2, 3, 5, 7] {
            let (world, config) = World::of(version, size).build();
            assert!(world.write(), "{version} {size}");
            let leaders: Vec<_> = (1..=size)
                .map(|n| status(&world, &format!("etcd-{n}")).leader)
                .collect();
            assert!(leaders[0].is_some() && leaders.iter().all(|leader| *leader == leaders[0]));
            assert_eq!(config.endpoints.len(), size);
            assert_eq!(world.model().healthy_voters(), size);
            assert_eq!(world.check_promises(), Vec::<String>::new());
        }
    }
}

/// The refusal's words.
fn refusal(answer: Result<EtcdAnswer, CallError>) -> String {
    answer.expect_err("a refusal").message
}

fn add(world: &World, through: &str, host: &str, learner: bool) -> Result<EtcdAnswer, CallError> {
    let op = EtcdOp::MemberAdd {
        peer_urls: vec![format!("http://{host}:2380")],
        learner,
    };
    rpc(world, through, op)
}

fn remove(world: &World, through: &str, host: &str) -> Result<EtcdAnswer, CallError> {
    let url = format!("http://{host}:2380");
    let found = world
        .members()
        .into_iter()
        .find(|member| member.peer_urls.contains(&url));
    rpc(world, through, EtcdOp::MemberRemove { id: found.unwrap().id })
}

fn read(world: &World, host: &str) -> Result<EtcdAnswer, CallError> {
    rpc(world, host, EtcdOp::LinearizableRead)
}

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
    assert_eq!(rpc(&world, "etcd-1", EtcdOp::Status).unwrap_err().fault, Fault::Timeout);
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

#[test]
fn the_log_level_is_set_live_up_to_3_4_and_not_at_all_later() {
    for version in ALL {
        let (world, _) = World::of(version, 1).build();
        let put = HttpRequest {
            method: "PUT".to_owned(),
            url: "http://etcd-1:2379/config/local/log".to_owned(),
            body: Some("{\"Level\":\"debug\"}".to_owned()),
            cluster_tls: false,
            change: true,
        };
        let Ok(Reply::Http(answer)) = perform(&world, To::Http(put)) else {
            panic!("an answer");
        };
        let live = !version.log_level_needs_restart();
        assert_eq!(answer.status, if live { 204 } else { 404 }, "{version}");
        assert_eq!(world.debugging("etcd-1"), live, "{version}");
    }
}

#[test]
fn an_override_counts_from_the_next_start_and_its_lease_takes_it_back() {
    let (world, _) = World::of(V3535, 3).build();
    let settings = [("log-level".to_owned(), "debug".to_owned())].into();
    let name = || "debug-log".to_owned();
    on(&world, "etcd-2", HostOp::Override { name: name(), settings }).unwrap();
    assert!(!world.debugging("etcd-2"));
    let lease = HostOp::ArmLease {
        name: name(),
        after: Span::seconds(60),
        stagger: Span::seconds(0),
        cluster: "sim".to_owned(),
    };
    on(&world, "etcd-2", lease).unwrap();
    on(&world, "etcd-2", HostOp::Restart).unwrap();
    pass(&world, 20);
    assert!(world.debugging("etcd-2") && service(&world, "etcd-2").leases.contains_key("debug-log"));
    pass(&world, 60);
    assert!(!world.debugging("etcd-2") && service(&world, "etcd-2").overrides.is_empty());
    assert_eq!(world.check_promises(), Vec::<String>::new());
}

#[test]
fn a_fence_holds_against_starts_boots_and_agents() {
    let (world, _) = World::of(V3535, 3).agent().build();
    let cluster = || "sim".to_owned();
    on(&world, "etcd-3", HostOp::Stop { disable: false }).unwrap();
    pass(&world, 40);
    assert!(service(&world, "etcd-3").is_active(), "the agent started it");
    on(&world, "etcd-3", HostOp::Stop { disable: false }).unwrap();
    on(&world, "etcd-3", HostOp::Fence { cluster: cluster() }).unwrap();
    pass(&world, 40);
    world.power_off("etcd-3");
    world.power_on("etcd-3");
    on(&world, "etcd-3", HostOp::Start { enable: true }).unwrap();
    assert!(service(&world, "etcd-3").proved_stopped());
    on(&world, "etcd-3", HostOp::Unfence { cluster: cluster() }).unwrap();
    on(&world, "etcd-3", HostOp::Start { enable: true }).unwrap();
    pass(&world, 5);
    assert!(service(&world, "etcd-3").is_active());
}

#[test]
fn two_majorities_and_lost_writes_are_noticed() {
    let (world, _) = World::of(V3535, 3).build();
    world.allow_quorum_loss();
    for host in ["etcd-1", "etcd-2", "etcd-3"] {
        world.stop_etcd(host);
    }
    let forced = world.read_file("etcd-3", "/etc/default/etcd").unwrap() + "ETCD_FORCE_NEW_CLUSTER=true\n";
    world.write_file("etcd-3", "/etc/default/etcd", &forced);
    world.unplug("etcd-3");
    world.start_etcd("etcd-1");
    world.start_etcd("etcd-2");
    world.start_etcd("etcd-3");
    pass(&world, 10);
    assert!(
        world
            .check_promises()
            .iter()
            .any(|text| text.contains("two majorities"))
    );
}

#[test]
fn a_stale_survivor_that_is_forced_has_lost_writes() {
    let (world, _) = World::of(V34, 3).build();
    world.allow_quorum_loss();
    world.stop_etcd("etcd-3");
    assert!((0..10).all(|_| world.write()));
    world.stop_etcd("etcd-1");
    world.stop_etcd("etcd-2");
    let forced = world.read_file("etcd-3", "/etc/default/etcd").unwrap() + "ETCD_FORCE_NEW_CLUSTER=true\n";
    world.write_file("etcd-3", "/etc/default/etcd", &forced);
    world.start_etcd("etcd-3");
    pass(&world, 5);
    assert_eq!(world.model().voter_count(), 1);
    assert!(
        world
            .check_promises()
            .iter()
            .any(|text| text.contains("acknowledged writes are lost"))
    );
}

#[test]
fn renames_never_land_on_something_and_mount_points_stay() {
    let (world, _) = World::of(V3535, 1).mount().build();
    world.allow_quorum_loss();
    world.stop_etcd("etcd-1");
    let path = || "/var/lib/etcd/default".to_owned();
    let rename = HostOp::Rename {
        from: path(),
        to: "/var/lib/etcd/old".to_owned(),
    };
    assert!(on(&world, "etcd-1", rename).unwrap_err().message.contains("busy"));
    let aside = HostOp::MoveAside {
        path: path(),
        to: "/var/lib/etcd/default/aside".to_owned(),
    };
    on(&world, "etcd-1", aside).unwrap();
    let seen = service(&world, "etcd-1");
    assert!(seen.data_dir_empty && seen.data_dir_is_mount);
    assert_eq!(world.check_promises(), Vec::<String>::new());
    let onto = HostOp::Rename {
        from: "/var/lib/etcd/default/aside".to_owned(),
        to: path(),
    };
    assert!(on(&world, "etcd-1", onto).unwrap_err().message.contains("File exists"));
}

#[test]
fn misfortunes_strike_before_or_after_the_effect() {
    for (when, mishap, stopped, maybe_done) in [
        (When::Before, Mishap::Refused, false, false),
        (When::Before, Mishap::Silence, false, true),
        (When::After, Mishap::Silence, true, true),
        (When::After, Mishap::Cut(None), true, true),
    ] {
        let (world, _) = World::of(V3535, 3).build();
        world.inject(1, when, mishap);
        let error = on(&world, "etcd-3", HostOp::Stop { disable: false }).unwrap_err();
        assert_eq!(error.maybe_done, maybe_done, "{mishap:?}");
        world.heal_all();
        assert_eq!(!service(&world, "etcd-3").is_active(), stopped, "{mishap:?}");
    }
    let (world, _) = World::of(V3535, 3).build();
    world.inject(1, When::After, Mishap::Killed);
    let call = Call {
        to: To::Host {
            host: "etcd-3".to_owned(),
            op: HostOp::Stop { disable: false },
            tag: None,
        },
        timeout: Span::seconds(10),
    };
    assert!(world.drive(world.perform(&call, &Unwatched)).is_none());
    world.revive();
    assert!(!service(&world, "etcd-3").is_active());
}

#[test]
fn pauses_at_the_same_time_end_in_their_order() {
    let (world, _) = World::of(V3535, 1).build();
    let began = world.now();
    let long = world.pause(Duration::from_secs(3));
    let short = world.pause(Duration::from_secs(1));
    let between = async {
        short.await;
        world.now()
    };
    let ((), middle) = world.drive(futures_util::future::join(long, between)).unwrap();
    assert_eq!(middle.duration_since(began).as_secs(), 1);
    assert_eq!(world.now().duration_since(began).as_secs(), 3);
}

#[test]
fn a_slow_change_outlives_the_caller() {
    let (world, _) = World::of(V3535, 3).build();
    world.slow_changes(Some(Duration::from_secs(5)));
    world.inject(1, When::Before, Mishap::Killed);
    let tag = etcdops::call::Tag {
        run: "2026-11-20-1304-k3f9".parse().unwrap(),
        key: "stop.1".to_owned(),
    };
    let call = Call {
        to: To::Host {
            host: "etcd-3".to_owned(),
            op: HostOp::Stop { disable: false },
            tag: Some(tag.clone()),
        },
        timeout: Span::seconds(30),
    };
    assert!(world.drive(world.perform(&call, &Unwatched)).is_none());
    world.revive();
    let look = || HostOp::Detached { tag: tag.clone() };
    let running = on(&world, "etcd-3", look()).unwrap();
    assert!(format!("{running:?}").contains("Running") && service(&world, "etcd-3").is_active());
    pass(&world, 6);
    let ended = on(&world, "etcd-3", look()).unwrap();
    assert!(format!("{ended:?}").contains("Ended { code: 0"), "{ended:?}");
    assert!(!service(&world, "etcd-3").is_active());
}
