//! Units, overrides, leases, fences, files, misfortunes and time.

use super::*;

const STOP: HostOp = HostOp::Stop {
    disable: false,
    start_again: None,
};

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
    on(&world, "etcd-3", STOP).unwrap();
    pass(&world, 40);
    assert!(service(&world, "etcd-3").is_active(), "the agent started it");
    on(&world, "etcd-3", STOP).unwrap();
    on(&world, "etcd-3", HostOp::Fence { cluster: cluster() }).unwrap();
    pass(&world, 40);
    world.power_off("etcd-3");
    world.power_on("etcd-3");
    assert!(on(&world, "etcd-3", HostOp::Start { enable: true }).is_err());
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
    assert!(
        on(&world, "etcd-1", rename)
            .unwrap_err()
            .message
            .contains("mount point")
    );
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
    assert!(
        on(&world, "etcd-1", onto)
            .unwrap_err()
            .message
            .contains("is there already")
    );
}

#[test]
fn a_file_that_somebody_else_has_changed_is_not_written_over() {
    let (world, _) = World::of(V3535, 1).build();
    let path = "/etc/default/etcd";
    let seen = world.read_file("etcd-1", path).unwrap();
    let write = |content: &str| HostOp::WriteFile {
        path: path.to_owned(),
        content: content.to_owned(),
        mode: None,
        owner: None,
        was: Some(Stood::of(Some(&seen))),
    };
    world.write_file("etcd-1", path, "theirs");
    let error = on(&world, "etcd-1", write("ours")).unwrap_err();
    assert_eq!(error.fault, Fault::Refused);
    assert!(error.message.contains("changed by somebody else"), "{error}");
    assert_eq!(world.read_file("etcd-1", path).as_deref(), Some("theirs"));
    world.write_file("etcd-1", path, &seen);
    on(&world, "etcd-1", write("ours")).unwrap();
    assert_eq!(world.read_file("etcd-1", path).as_deref(), Some("ours"));
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
        let error = on(&world, "etcd-3", STOP).unwrap_err();
        assert_eq!(error.maybe_done, maybe_done, "{mishap:?}");
        world.heal_all();
        assert_eq!(!service(&world, "etcd-3").is_active(), stopped, "{mishap:?}");
    }
    let (world, _) = World::of(V3535, 3).build();
    world.inject(1, When::After, Mishap::Killed);
    let call = Call {
        to: To::Host {
            host: "etcd-3".to_owned(),
            op: STOP,
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
            op: STOP,
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
