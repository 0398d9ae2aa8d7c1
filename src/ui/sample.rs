//! A small plan and the record of a run, for the tests of views.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::action::{GiveBack, Named, Risk};
use crate::base::duration::Span;
use crate::cluster::host::{AuthUser, Backups, ClusterConfig, Host, Route, TlsFiles};
use crate::cluster::member::Id;
use crate::cluster::model::{Model, ModelMember};
use crate::event::{CallEnd, Event, EventKind, Operator, Outcome, RunOutcome};
use crate::plan::types::{Baseline, Checked, HoldRole, Plan, PlannedCall, PlannedStep, SCHEMA};

pub(super) fn cluster() -> ClusterConfig {
    ClusterConfig {
        name: "tools-k8s".to_owned(),
        endpoints: vec!["https://etcd-1:2379".to_owned()],
        route: Route::Direct,
        tls: TlsFiles::default(),
        auth: AuthUser::default(),
        clients: None,
        backups: Backups::default(),
        hosts: ["etcd-1", "etcd-2", "etcd-3"].map(Host::named).to_vec(),
        discovery: None,
        call_timeout: Span::seconds(5),
    }
}

/// Three voters, of which those named are down.
pub(super) fn model(down: &[&str]) -> Model {
    let member = |(number, name): (u64, &str)| ModelMember {
        id: Some(Id(0x8211_f1d0_f64f_3260 + number)),
        name: name.to_owned(),
        host: Some(name.to_owned()),
        peer_urls: vec![format!("https://{name}:2380")],
        client_urls: vec![format!("https://{name}:2379")],
        learner: false,
        up: !down.contains(&name),
        version: "3.5.30".parse().ok(),
    };
    Model {
        cluster_id: Some(Id(0xcdf8_18c6_72c7_0bdf)),
        members: [(1, "etcd-1"), (2, "etcd-2"), (3, "etcd-3")].map(member).to_vec(),
        ..Model::default()
    }
}

fn named(name: &str, with: Value) -> Named {
    Named {
        name: name.to_owned(),
        with,
    }
}

pub(super) fn call(host: Option<&str>, action: &str, describe: &str) -> PlannedCall {
    PlannedCall {
        host: host.map(str::to_owned),
        action: named(action, json!({})),
        describe: describe.to_owned(),
        loses: None,
        takes_member_down: false,
        guard: Vec::new(),
        done_when: Vec::new(),
        expect: Vec::new(),
    }
}

pub(super) fn step(path: &str, risk: Risk, calls: Vec<PlannedCall>) -> PlannedStep {
    PlannedStep {
        path: path.to_owned(),
        title: None,
        risk,
        calls,
        at_once: None,
        within: None,
        timeout: None,
        hold: None,
        allow: Vec::new(),
        model_before: None,
        model_after: None,
        outage: None,
        if_stuck: None,
    }
}

/// Four steps: look, destroy, change, and what is given back.
pub(super) fn plan() -> Plan {
    let leader = step(
        "restart[etcd-2]/leader",
        Risk::Change,
        vec![call(None, "leader.move", "move leadership away from etcd-2")],
    );
    let mut stop = step(
        "restart[etcd-2]/stop",
        Risk::Destroy,
        vec![call(Some("etcd-2"), "service.stop", "stop etcd")],
    );
    stop.model_before = Some(model(&[]));
    stop.model_after = Some(model(&["etcd-2"]));
    stop.calls[0].loses = Some("etcd-2 serves nobody until it is started".to_owned());
    stop.calls[0].guard = vec![named("cluster", json!({"healthy": true}))];
    stop.hold = Some(HoldRole::Take {
        hold: "restart[etcd-2]".to_owned(),
        give_back: GiveBack::Always,
    });
    let mut start = step(
        "restart[etcd-2]/start",
        Risk::Change,
        vec![call(Some("etcd-2"), "service.start", "start etcd")],
    );
    start.model_before = Some(model(&["etcd-2"]));
    start.model_after = Some(model(&[]));
    start.within = Some(Span::seconds(120));
    start.calls[0].expect = vec![named("cluster", json!({"healthy": true}))];
    let mut give = step(
        "restart[etcd-2]/give-back",
        Risk::Change,
        vec![call(Some("etcd-2"), "service.start", "start etcd, if it is stopped")],
    );
    give.hold = Some(HoldRole::Give {
        hold: "restart[etcd-2]".to_owned(),
        give_back: GiveBack::Always,
    });
    Plan {
        schema: SCHEMA.to_owned(),
        made_by: "0.1.0".to_owned(),
        run: "2026-11-20-1304-k3f9".parse().expect("it is a run's name"),
        runbook: "restart".to_owned(),
        title: "Restart etcd-2".to_owned(),
        parameters: BTreeMap::from([("hosts".to_owned(), json!(["etcd-2"]))]),
        cluster: cluster(),
        baseline: Baseline {
            cluster_id: Some(Id(0xcdf8_18c6_72c7_0bdf)),
            model: model(&[]),
            ..Baseline::default()
        },
        requires: vec![
            Checked {
                condition: named("cluster", json!({"healthy": true})),
                text: "every member is healthy".to_owned(),
                saw: "3 of 3 healthy".to_owned(),
                accepted: false,
            },
            Checked {
                condition: named("clock", json!({})),
                text: "the clocks of all hosts agree within 1s".to_owned(),
                saw: "etcd-3 is 4.1s ahead".to_owned(),
                accepted: true,
            },
        ],
        steps: vec![leader, stop, start, give],
        accepted: vec!["clock".to_owned()],
        dead: Vec::new(),
        notes: vec!["etcd-3 runs with debug logging until 13:30; that is left as it is.".to_owned()],
    }
}

fn operator() -> Operator {
    Operator {
        who: "ada@bastion-1".to_owned(),
        machine: "5f1c".to_owned(),
        pid: 4242,
        pid_started: 1,
    }
}

fn started(step: &str) -> EventKind {
    EventKind::StepStarted { step: step.to_owned() }
}

fn call_started(step: &str, host: Option<&str>) -> EventKind {
    EventKind::CallStarted {
        step: step.to_owned(),
        host: host.map(str::to_owned),
        attempt: 1,
        before: Value::Null,
    }
}

fn call_ended(step: &str, host: Option<&str>, end: CallEnd) -> EventKind {
    EventKind::CallEnded {
        step: step.to_owned(),
        host: host.map(str::to_owned),
        end,
    }
}

fn done(already: bool) -> CallEnd {
    CallEnd::Done {
        output: Value::Null,
        already,
    }
}

/// The record of a run that failed in its third step.
#[expect(clippy::too_many_lines, reason = "data: one record after another")]
pub(super) fn events() -> Vec<Event> {
    let (leader, stop, start) = (
        "restart[etcd-2]/leader",
        "restart[etcd-2]/stop",
        "restart[etcd-2]/start",
    );
    let on = Some("etcd-2");
    let waiting = |text: &str| EventKind::Waiting {
        step: start.to_owned(),
        host: on.map(str::to_owned),
        text: text.to_owned(),
    };
    let kinds = vec![
        (
            0,
            EventKind::Created {
                schema: crate::event::SCHEMA.to_owned(),
                plan: Box::new(plan()),
                hash: "3f2a".to_owned(),
                operator: operator(),
            },
        ),
        (
            1,
            EventKind::Consented {
                hash: "3f2a".to_owned(),
                how: "typed y".to_owned(),
                from: 0,
            },
        ),
        (
            2,
            EventKind::Locked {
                hosts: ["etcd-1", "etcd-2", "etcd-3"].map(str::to_owned).to_vec(),
                unreachable: Vec::new(),
            },
        ),
        (3, started(leader)),
        (4, call_ended(leader, None, done(true))),
        (
            4,
            EventKind::StepEnded {
                step: leader.to_owned(),
                outcome: Outcome::Done,
            },
        ),
        (5, started(stop)),
        (5, call_started(stop, on)),
        (7, call_ended(stop, on, done(false))),
        (8, started(start)),
        (8, call_started(start, on)),
        (10, waiting("the unit is activating")),
        (19, waiting("the unit is activating; waits for quorum")),
        (20, waiting("the unit is activating; waits for quorum")),
        (
            29,
            call_ended(
                start,
                on,
                CallEnd::Failed {
                    why: "the unit ended with status 1: listen tcp 10.0.0.2:2380: bind: address already in use"
                        .to_owned(),
                    hint: Some("`ss -ltnp` on etcd-2 shows who listens".to_owned()),
                },
            ),
        ),
        (
            29,
            EventKind::StepEnded {
                step: start.to_owned(),
                outcome: Outcome::Failed,
            },
        ),
        (
            30,
            EventKind::Ended {
                outcome: RunOutcome::Failed,
                text: "1 of 4 steps failed; `etcdops resume k3f9` carries on".to_owned(),
            },
        ),
    ];
    let began: jiff::Timestamp = "2026-11-20T13:04:00Z".parse().expect("it is a time");
    kinds
        .into_iter()
        .zip(1..)
        .map(|((second, kind), seq)| Event {
            seq,
            at: began + jiff::SignedDuration::from_secs(second),
            kind,
        })
        .collect()
}
