//! `update-member --peer-url`: how a member comes to another peer URL.

use super::waits::{At, told};
use super::*;

fn moving() -> (World, Plan) {
    let (world, cluster) = World::of("3.5.35".parse().unwrap(), 3).build();
    let parameters = BTreeMap::from([
        ("member".to_owned(), json!("etcd-3")),
        ("peer_url".to_owned(), json!("http://etcd-3:2390")),
        ("take_backup".to_owned(), json!(false)),
    ]);
    let plan = planned(&world, &cluster, "update-member", &parameters).unwrap_or_else(|why| panic!("{why:#?}"));
    (world, *plan)
}

#[test]
fn each_listener_is_proved_in_effect_before_the_next_step() {
    let (world, plan) = moving();
    let kept = Kept {
        events: Arc::default(),
        most: usize::MAX,
    };
    let ending = carried_out(&world, &plan, &kept).unwrap();
    assert_eq!(ending.outcome, RunOutcome::Done, "{ending:?}");
    let events = kept.events.lock().unwrap();
    let ended = events.iter().filter_map(|record| match &record.kind {
        EventKind::StepEnded { step, .. } => step.rsplit('/').next(),
        _ => None,
    });
    let around = ["hold", "hand_over", "back", "give_back"];
    let order: Vec<&str> = ended.filter(|step| !around.contains(step)).collect();
    assert_eq!(
        order,
        [
            "write",
            "restart",
            "in_effect",
            "update",
            "write_new",
            "restart",
            "new_in_effect",
            "tell"
        ]
    );
    assert_eq!(world.check_promises(), Vec::<String>::new());
}

/// Somebody takes back what was written, and etcd starts with that.
fn take_back(world: &World) {
    const ENV: &str = "/etc/default/etcd";
    let text = world.read_file("etcd-3", ENV).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("ETCD_LISTEN_PEER_URLS="));
    let lines: Vec<&str> = lines.chain(["ETCD_LISTEN_PEER_URLS=http://0.0.0.0:2380"]).collect();
    world.write_file("etcd-3", ENV, &format!("{}\n", lines.join("\n")));
    world.stop_etcd("etcd-3");
    world.start_etcd("etcd-3");
}

#[test]
fn the_member_list_is_not_told_of_a_listener_that_is_not_in_effect() {
    let (world, plan) = moving();
    let told = told(&world, &plan, At::Begins("/in_effect"), take_back);
    assert_eq!(told.ending.outcome, RunOutcome::Failed, "{:?}", told.ending);
    let (why, _) = told.failed.unwrap();
    assert!(
        why.contains("it runs with listen-peer-urls http://0.0.0.0:2380"),
        "{why}"
    );
    assert!(
        world
            .members()
            .iter()
            .all(|member| member.peer_urls != ["http://etcd-3:2390"])
    );
}
