//! Who is meant, and whether all agree: membership where members are called as others are, and where one knows later than the rest.

use std::collections::BTreeMap;
use std::time::Duration;

use etcdops::cluster::host::ClusterConfig;
use etcdops::cluster::version::Version;
use etcdops::event::EventKind;
use etcdops::plan::build::Refusal;
use etcdops::plan::types::Plan;
use etcdops::run::driver::Ending;
use etcdops::runbook::catalogue::Catalogue;
use etcdops::transport::simulated::World;
use serde_json::{Value, json};

use super::harness::{Fate, Job, Record, agreed, is_done, live, live_truly};

const VERSION: Version = Version::new(3, 5, 35);

pub(super) fn plan(
    world: &World,
    cluster: &ClusterConfig,
    runbook: &str,
    parameters: Value,
) -> Result<Plan, Vec<Refusal>> {
    let catalogue = Catalogue::embedded();
    let includes = |name: &str| {
        let found = catalogue.load(name).map(|found| found.runbook.clone());
        found.map_err(|error| error.to_string())
    };
    let parameters: BTreeMap<String, Value> = serde_json::from_value(parameters).unwrap();
    let job = Job {
        name: runbook,
        runbook: &catalogue.load(runbook).unwrap().runbook,
        includes: &includes,
        cluster,
        parameters: &parameters,
        dead: &[],
    };
    job.plan(world, 1)
}

fn carried_out(world: &World, plan: &Plan) -> (Option<Ending>, String) {
    let record = Record::default();
    let ending = live(world, &agreed(plan), &record, Fate::Peace);
    (ending, record.text())
}

/// Names of members, in order.
fn names(world: &World) -> Vec<String> {
    let mut names: Vec<String> = world.members().into_iter().map(|member| member.name).collect();
    names.sort();
    names
}

/// The member on etcd-1 is called etcd-3, the one on etcd-3 is called etcd-b.
fn crossed() -> (World, ClusterConfig) {
    let (world, cluster) = World::of(VERSION, 4).build();
    world.call("etcd-3", "etcd-b");
    world.call("etcd-1", "etcd-3");
    assert_eq!(names(&world), ["etcd-2", "etcd-3", "etcd-4", "etcd-b"]);
    (world, cluster)
}

#[test]
fn the_member_that_is_named_leaves_and_not_the_one_that_is_called_as_its_host() {
    let id = crossed().0.member_id("etcd-3").unwrap().to_string();
    for word in ["etcd-b", id.as_str()] {
        let (world, cluster) = crossed();
        let parameters = json!({ "member": word, "take_backup": false });
        let plan = plan(&world, &cluster, "remove-member", parameters).unwrap();
        assert_eq!(plan.parameters["member"], id);
        let (ending, text) = carried_out(&world, &plan);
        assert!(is_done(ending.as_ref()), "{ending:?}\n{text}");
        assert_eq!(names(&world), ["etcd-2", "etcd-3", "etcd-4"], "{word}");
        assert_eq!(world.member_id("etcd-3"), None, "{word}");
    }
}

#[test]
fn a_word_for_two_members_is_refused_with_the_ids_to_type() {
    let refused = |world: &World, cluster: &ClusterConfig, runbook: &str, word: &str| {
        let (before, changes) = (world.essence(), world.changes());
        let mut parameters = json!({ "member": word, "take_backup": false });
        if runbook == "update-member" {
            parameters["peer_url"] = json!("http://etcd-3:2390");
        }
        let refusals = plan(world, cluster, runbook, parameters).unwrap_err();
        let [refusal] = refusals.as_slice() else {
            panic!("{refusals:?}");
        };
        assert!(!refusal.usage, "{refusal:?}");
        assert!(refusal.why.contains("may mean"), "{refusal:?}");
        for host in ["etcd-1", "etcd-3"] {
            let id = world.member_id(host).unwrap().to_string();
            assert!(refusal.why.contains(&id) && refusal.why.contains(host), "{refusal:?}");
            assert!(refusal.hint.as_ref().unwrap().contains(&id), "{refusal:?}");
        }
        assert_eq!((world.essence(), world.changes()), (before, changes));
    };
    // The name of one, the host of another.
    let (world, cluster) = crossed();
    // The name of both.
    let (twins, twin_cluster) = World::of(VERSION, 3).build();
    for host in ["etcd-1", "etcd-3"] {
        twins.call(host, "twin");
    }
    for runbook in ["remove-member", "replace-member", "update-member", "promote-member"] {
        refused(&world, &cluster, runbook, "etcd-3");
        refused(&twins, &twin_cluster, runbook, "twin");
    }
}

#[test]
fn a_restart_is_about_the_member_on_the_host() {
    let (world, cluster) = crossed();
    let plan = plan(&world, &cluster, "restart", json!({ "hosts": "etcd-1,etcd-3" })).unwrap();
    let (ending, text) = carried_out(&world, &plan);
    assert!(is_done(ending.as_ref()), "{ending:?}\n{text}");
    assert_eq!(world.check_promises(), Vec::<String>::new());
}

#[test]
fn a_removal_is_done_when_every_member_knows_of_it() {
    let behind = |length: u64| {
        let (world, cluster) = World::of(VERSION, 4).build();
        let parameters = json!({ "member": "etcd-4", "take_backup": false });
        let plan = plan(&world, &cluster, "remove-member", parameters).unwrap();
        world.keep_list("etcd-2", Duration::from_secs(length));
        carried_out(&world, &plan)
    };
    let (ending, text) = behind(30);
    assert!(is_done(ending.as_ref()), "{ending:?}\n{text}");
    let (ending, text) = behind(3600);
    assert!(!is_done(ending.as_ref()), "{text}");
    assert!(text.contains("the member list of etcd-2 is another one"), "{text}");
}

/// When the removal begins, another member leads.
#[test]
fn the_leader_hands_over_before_it_is_removed() {
    let (world, cluster) = World::of(VERSION, 3).build();
    let leader = world.leader().expect("somebody leads");
    let parameters = json!({ "member": leader, "take_backup": false });
    let plan = plan(&world, &cluster, "remove-member", parameters).unwrap();
    let record = Record::default();
    let (ending, lies, moments) = live_truly(&world, &agreed(&plan), &record);
    assert!(is_done(ending.as_ref()) && lies.is_empty(), "{ending:?} {lies:?}");
    let removes = record
        .events()
        .iter()
        .position(|event| matches!(&event.kind, EventKind::CallStarted { step, .. } if step.ends_with("/remove")));
    let led_by = moments[removes.expect("it is removed")].world.leader();
    assert!(led_by.is_some_and(|host| host != leader), "{leader} still leads");
    assert!(!names(&world).contains(&leader));
}
