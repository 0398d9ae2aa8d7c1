//! A host that dies while it joins a recovered cluster, and does not come back.

use std::collections::BTreeMap;
use std::path::Path;

use etcdops::event::EventKind;
use etcdops::runbook::catalogue::Catalogue;
use etcdops::transport::simulated::{Ending as End, World};
use serde_json::{Value, json};

use super::harness::{Fate, Record, agreed, before, is_done, live, live_on, live_truly};
use super::scenarios::{self, Scenario};

/// One more command of the operator, carried out to its good end.
fn then(catalogue: &Catalogue, scenario: &mut Scenario, world: &World, (name, with): (&str, Value), life: u64) {
    name.clone_into(&mut scenario.name);
    scenario.runbook = catalogue.load(name).unwrap().runbook.clone();
    scenario.parameters = serde_json::from_value::<BTreeMap<String, Value>>(with).unwrap();
    scenario.dead = Vec::new();
    let plan = scenario
        .job()
        .plan(world, life)
        .unwrap_or_else(|why| panic!("{name}: {why:#?}"));
    let record = Record::default();
    let ending = live(world, &agreed(&plan), &record, Fate::Peace);
    assert!(is_done(ending.as_ref()), "{name}: {ending:?}");
}

/// The run ends and says how the others get in without it; and that is so.
#[test]
fn a_joiner_that_dies_for_good_does_not_keep_the_others_out() {
    let catalogue = Catalogue::open(Path::new("/nonexistent")).unwrap();
    let all = scenarios::of(&catalogue).into_iter();
    let wanted = |scenario: &Scenario| {
        scenario.name == "recover-from-survivor" && scenario.label.contains("data of two lost")
            && !scenario.label.contains("certificate")
            // Without learners a joiner that dies takes the quorum of a cluster of one with it.
            && scenario.version.has_learners()
    };
    let mut tried = 0;
    for mut scenario in all.filter(wanted) {
        tried += 1;
        scenario.world.allow_quorum_loss();
        let world = scenario.world.fork();
        let plan = scenario.job().plan(&world, 1).unwrap();
        let (consent, record) = (agreed(&plan), Record::default());
        let (ending, _, moments) = live_truly(&world, &consent, &record);
        assert!(is_done(ending.as_ref()), "{scenario}: {ending:?}");
        let joins = |kind: &EventKind| matches!(kind, EventKind::StepStarted { step } if step == "grow[etcd-2]/join/joined/sync" || step == "frozen/grow[etcd-2]/join/joined/sync");
        let number = record.events().iter().position(|event| joins(&event.kind));
        let number = number.expect("etcd-2 joins first");

        let (world, record) = before(&moments, &scenario.world, &record, |at, _| at <= number);
        world.power_off("etcd-2");
        let ending = live_on(&world, &consent, &record, Fate::Peace).expect("nobody kills it");
        assert!(!is_done(Some(&ending)), "{scenario}");
        let abandon = format!("etcdops runs abandon {}", plan.run);
        for part in [
            abandon.as_str(),
            "etcdops remove-member etcd-2",
            "etcdops add-member etcd-3",
        ] {
            assert!(
                ending.text.contains(part),
                "{scenario}: no `{part}` in: {}",
                ending.text
            );
        }

        world.abandon(&plan.run);
        let without_backup = |key: &str, host: &str| json!({ key: host, "take_backup": false });
        let remove = ("remove-member", without_backup("member", "etcd-2"));
        then(&catalogue, &mut scenario, &world, remove, 2);
        let add = ("add-member", without_backup("host", "etcd-3"));
        then(&catalogue, &mut scenario, &world, add, 3);
        let voters = world.members().into_iter().filter(|member| !member.learner).count();
        assert_eq!(voters, 2, "{scenario}");
        assert_eq!(
            world.check_end(End::Unfinished, &[]),
            Vec::<String>::new(),
            "{scenario}"
        );
    }
    assert!(tried > 0);
}
