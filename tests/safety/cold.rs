//! What `backup --offline` makes sure of before it stops etcd, and what becomes of etcd when nobody comes back to the run.

use std::path::Path;
use std::time::Duration;

use etcdops::event::EventKind;
use etcdops::plan::types::PlannedCall;
use etcdops::run::consent::{Question, QuestionKind, questions};
use etcdops::run::state::State;
use etcdops::runbook::catalogue::Catalogue;
use etcdops::transport::simulated::Ending as End;

use super::Sweep;
use super::harness::{Record, agreed, is_done, live_truly};
use super::scenarios::{self, Scenario};

/// When nobody comes back to a run any more.
const LONG_AFTER: Duration = Duration::from_secs(3 * 3600);

impl Sweep<'_> {
    /// Killed, and nobody resumes it: what it stopped only for a while the host starts again by itself (safety 36).
    pub(super) fn never_resumed(&self) {
        let starts_again = |call: &PlannedCall| !call.action.with["start_again_after"].is_null();
        let stops = self.plan.steps.iter().flat_map(|step| &step.calls);
        let hosts: Vec<&String> = stops
            .filter(|call| starts_again(call))
            .filter_map(|call| call.host.as_ref())
            .collect();
        if hosts.is_empty() {
            return;
        }
        for (most, moment) in self.moments.iter().enumerate().skip(1) {
            self.tally.case();
            let world = moment.world.fork();
            world.pass(LONG_AFTER);
            let mut wrong = world.check_end(End::Unfinished, self.scenario.kept);
            let down = hosts.iter().filter(|host| world.member_id(host).is_none());
            wrong.extend(down.map(|host| format!("etcd on {host} is still stopped")));
            if !wrong.is_empty() {
                let what = format!("killed at record {most}, never resumed");
                self.tally.fail(self.scenario, &what, &wrong.join("; "), None);
            }
        }
    }
}

fn offline() -> Vec<Scenario> {
    let catalogue = Catalogue::open(Path::new("/nonexistent")).unwrap();
    let mut all = scenarios::of(&catalogue);
    all.retain(|scenario| scenario.name == "backup-offline");
    assert!(!all.is_empty());
    all
}

/// Of one of two that are left: the cluster's name is typed; of the only member it is asked.
#[test]
fn a_cold_copy_that_costs_the_quorum_is_agreed_to_by_name() {
    for scenario in offline() {
        let plan = scenario.job().plan(&scenario.world, 1).unwrap();
        let questions = questions(&plan, &State::default());
        let typed = |question: &Question| matches!(question.kind, QuestionKind::Typed(_));
        assert_eq!(questions.iter().any(typed), !scenario.label.is_empty(), "{scenario}");
        // Of a single voter it is clear without a name; it is asked all the same.
        let asked = questions
            .iter()
            .any(|question| question.text.contains("has a single voter and does not serve"));
        assert_eq!(asked, scenario.size == 1, "{scenario}");
    }
}

/// When the stop begins, another member leads.
#[test]
fn the_leader_hands_over_before_it_is_stopped_for_a_copy() {
    for mut scenario in offline() {
        if scenario.size == 1 || !scenario.label.is_empty() {
            continue;
        }
        let world = scenario.world.fork();
        let leader = world.leader().expect("somebody leads");
        scenario.parameters.insert("host".to_owned(), leader.clone().into());
        let plan = scenario.job().plan(&world, 1).unwrap();
        let record = Record::default();
        let (ending, lies, moments) = live_truly(&world, &agreed(&plan), &record);
        assert!(
            is_done(ending.as_ref()) && lies.is_empty(),
            "{scenario}: {ending:?} {lies:?}"
        );
        let stops = record.events().iter().position(
            |event| matches!(&event.kind, EventKind::CallStarted { step, .. } if step.ends_with("/stopped/hold")),
        );
        let led_by = moments[stops.expect("it is stopped")].world.leader();
        assert!(
            led_by.is_some() && led_by.as_ref() != Some(&leader),
            "{scenario}: {led_by:?}"
        );
    }
}
