//! `debug-log off` where the override and the process tell different things.

use super::*;

const LONG: Duration = Duration::from_hours(24);

fn world() -> (World, ClusterConfig) {
    World::of("3.5.35".parse().unwrap(), 3).build()
}

fn kept(most: usize) -> Kept {
    Kept {
        events: Arc::default(),
        most,
    }
}

/// `debug-log off` on all, to its end; how often each member was started by it.
fn off(world: &World, cluster: &ClusterConfig) -> [u32; 3] {
    let starts = || ["etcd-1", "etcd-2", "etcd-3"].map(|host| world.starts(host));
    let before = starts();
    let plan = planned(world, cluster, "debug-log-off", &restart_all()).unwrap_or_else(|why| panic!("{why:#?}"));
    let ending = carried_out(world, &plan, &kept(usize::MAX)).unwrap();
    assert_eq!(ending.outcome, RunOutcome::Done, "{ending:?}");
    assert_eq!(world.check_promises(), Vec::<String>::new());
    let end = world.essence();
    assert!(!end.contains("debug-log"), "an override or a lease is left: {end}");
    let after = starts();
    std::array::from_fn(|place| after[place] - before[place])
}

#[test]
fn a_member_that_was_not_restarted_since_its_override_went_is_restarted() {
    let (world, cluster) = world();
    world.debug_log("etcd-2", LONG);
    world.lose_debug_log("etcd-2");
    assert!(world.debugging("etcd-2"), "its host's timer waits");
    assert_eq!(off(&world, &cluster), [0, 1, 0]);
    assert!(!world.debugging("etcd-2"));
    assert_eq!(off(&world, &cluster), [0, 0, 0], "there is nothing left to do");
}

#[test]
fn it_ends_what_an_abandoned_run_left_between_the_override_and_the_restart() {
    std::panic::set_hook(Box::new(|_| {}));
    let (whole, cluster) = world();
    whole.debug_log("etcd-2", LONG);
    let plan = planned(&whole, &cluster, "debug-log-off", &restart_all()).unwrap();
    let left_so = (1..200).find_map(|most| {
        let world = whole.fork();
        let ended = carried_out(&world, &plan, &kept(most)).is_some();
        assert!(!ended, "never killed between the two");
        world.revive();
        let between = !world.essence().contains("debug-log") && world.debugging("etcd-2");
        between.then_some(world)
    });
    let world = left_so.unwrap();
    world.abandon(&plan.run);
    assert_eq!(off(&world, &cluster), [0, 1, 0]);
    assert!(!world.debugging("etcd-2"));
}

#[test]
fn off_is_the_level_that_the_unit_configures() {
    const ENV: &str = "/etc/default/etcd";
    let (world, cluster) = world();
    let text = world.read_file("etcd-2", ENV).unwrap();
    world.write_file("etcd-2", ENV, &format!("{text}ETCD_LOG_LEVEL=debug\n"));
    world.debug_log("etcd-2", LONG);
    assert_eq!(off(&world.fork(), &cluster), [0, 1, 0], "with the override");
    world.lose_debug_log("etcd-2");
    assert_eq!(off(&world, &cluster), [0, 0, 0], "it runs as its unit says");
    assert!(world.debugging("etcd-2"));
}
