//! What is asked before the first change: where the end state is even, or none may fail, the cluster's name is typed (safety 11).

use etcdops::cluster::version::Version;
use etcdops::run::consent::{Question, QuestionKind, questions};
use etcdops::run::state::State;
use etcdops::transport::simulated::World;
use serde_json::{Value, json};

use super::members::plan;

const VERSION: Version = Version::new(3, 5, 35);

fn asked(size: usize, prepare: impl FnOnce(&World), runbook: &str, parameters: Value) -> Vec<Question> {
    let (world, cluster) = World::of(VERSION, size).spare(1).build();
    prepare(&world);
    let plan = plan(&world, &cluster, runbook, parameters).unwrap();
    questions(&plan, &State::default())
}

/// What the typed question is about.
fn typed(questions: &[Question]) -> Option<String> {
    let typed = |question: &&Question| question.kind == QuestionKind::Typed("sim".to_owned());
    questions.iter().find(typed).map(|question| question.detail.join("\n"))
}

fn removal(size: usize, prepare: impl FnOnce(&World)) -> Option<String> {
    let parameters = json!({ "member": format!("etcd-{size}"), "take_backup": false });
    typed(&asked(size, prepare, "remove-member", parameters))
}

#[test]
fn an_even_end_is_typed_and_an_odd_one_with_tolerance_is_not() {
    let even = removal(3, |_| {}).unwrap();
    assert!(even.contains("it ends with 2 voters"), "{even}");
    assert_eq!(even.lines().count(), 1, "one reason is enough: {even}");
    let grown = asked(
        3,
        |_| {},
        "add-member",
        json!({ "host": "etcd-4", "take_backup": false }),
    );
    assert!(typed(&grown).unwrap().contains("it ends with 4 voters"));
    assert_eq!(removal(4, |_| {}), None);
    let dead = json!({ "member": "etcd-3", "host": "etcd-4", "take_backup": false });
    let replaced = asked(3, |world| world.scrap("etcd-3"), "replace-member", dead);
    assert_eq!(typed(&replaced), None, "{replaced:#?}");
}

#[test]
fn an_odd_end_where_none_may_fail_is_typed() {
    let living = removal(4, |world| world.scrap("etcd-1")).unwrap();
    assert!(living.contains("where no voter may fail"), "{living}");
    assert!(living.contains("voters 3, up 2"), "{living}");
    let stopped = asked(3, |_| {}, "stop", json!({ "hosts": "etcd-3" }));
    assert!(
        typed(&stopped).unwrap().contains("where no voter may fail"),
        "{stopped:#?}"
    );
    let restarted = asked(3, |_| {}, "restart", json!({ "hosts": "etcd-3" }));
    assert_eq!(typed(&restarted), None, "{restarted:#?}");
    // It was so before, and is no work of ours.
    let looked = asked(3, |world| world.scrap("etcd-3"), "backup", json!({}));
    assert_eq!(typed(&looked), None, "{looked:#?}");
}

#[test]
fn the_outage_of_a_single_member_is_asked_once_and_not_typed() {
    let restarted = asked(1, |_| {}, "restart", json!({ "hosts": "etcd-1" }));
    assert_eq!(typed(&restarted), None, "{restarted:#?}");
    let outages: Vec<_> = restarted
        .iter()
        .filter(|question| question.text.contains("single voter"))
        .collect();
    let [outage] = outages.as_slice() else {
        panic!("{restarted:#?}");
    };
    assert_eq!(outage.kind, QuestionKind::YesNo);
    assert_eq!(restarted.len(), 2, "the plan, and the outage: {restarted:#?}");
}

/// The bastion reaches the hosts over ssh and no port of etcd: what it cannot see it does not stop.
#[test]
fn nothing_that_runs_is_stopped_where_nobody_says_who_is_a_member() {
    let (world, mut cluster) = World::of(VERSION, 3).build();
    cluster.endpoints.clear();
    for host in &mut cluster.hosts {
        (host.client_url, host.peer_url) = (Some("http://nowhere:2379".to_owned()), None);
    }
    for (runbook, parameters) in [
        ("stop", json!({ "hosts": "etcd-2" })),
        ("restart", json!({ "hosts": "etcd-1, etcd-2, etcd-3" })),
    ] {
        let refusals = plan(&world, &cluster, runbook, parameters).unwrap_err();
        let [refusal] = refusals.as_slice() else {
            panic!("{runbook}: {refusals:#?}")
        };
        assert!(
            refusal.why.contains("no member says who belongs to its cluster"),
            "{refusal:#?}"
        );
        assert_eq!(refusal.accept.as_deref(), Some("quorum"), "{refusal:#?}");
    }
    // Nothing is lost by the stop of what does not run.
    world.stop_etcd("etcd-2");
    plan(&world, &cluster, "stop", json!({ "hosts": "etcd-2" })).unwrap();
}
