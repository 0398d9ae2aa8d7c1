//! A run is adopted while its first process still lives.

use super::super::begin::go_on;
use super::*;

/// One life of a run under this process number.
fn live(world: &World, plan: &Plan, kept: &Kept, (pid, same): (u32, bool)) -> Option<Ending> {
    let interrupt = Interrupt::default();
    let run = async {
        let consent = obtain(plan, &State::default(), &Nobody, true).await.unwrap();
        let means = Means {
            transport: world,
            journal: Box::new(kept.clone()),
            renderer: Box::new(Silent),
            interrupt: &interrupt,
            operator: Operator {
                who: format!("op@bastion-{pid}"),
                pid,
                ..operator()
            },
        };
        let events = kept.events.lock().unwrap().clone();
        match (events.is_empty(), same) {
            (true, _) => begin(&consent, means).await,
            (false, true) => go_on(&consent, &events, means).await,
            (false, false) => resume(&consent, &events, None, means).await,
        }
    };
    let driven = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.drive(run)));
    driven.ok().flatten()
}

#[test]
fn the_first_process_halts_before_its_next_change_and_says_who_took_its_run_over() {
    std::panic::set_hook(Box::new(|_| {}));
    let (world, cluster) = World::of("3.5.30".parse().unwrap(), 3).build();
    let plan = planned(&world, &cluster, "restart", &restart_all()).unwrap();
    let mut first = Kept {
        events: Arc::default(),
        most: usize::MAX,
    };
    live(&world.fork(), &plan, &first, (1, false)).unwrap();
    // The first process stands just before its second restart.
    let second_restart =
        |record: &Record| matches!(&record.kind, EventKind::StepStarted { step } if step.ends_with("restart"));
    let places: Vec<usize> = {
        let events = first.events.lock().unwrap();
        let numbered = events.iter().enumerate();
        numbered
            .filter(|(_, record)| second_restart(record))
            .map(|(at, _)| at)
            .collect()
    };
    first = Kept {
        events: Arc::default(),
        most: places[1],
    };
    assert!(live(&world, &plan, &first, (1, false)).is_none(), "it is made to wait");
    world.revive();
    first.most = usize::MAX;

    let mut second = Kept {
        events: Arc::new(Mutex::new(first.events.lock().unwrap().clone())),
        most: places[1] + 6,
    };
    assert!(
        live(&world, &plan, &second, (2, false)).is_none(),
        "it is killed as well"
    );
    world.revive();

    let (starts, markers) = (world.starts("etcd-2"), world.markers());
    let ending = live(&world, &plan, &first, (1, true)).unwrap();
    assert_eq!(ending.outcome, RunOutcome::Stopped, "{ending:?}");
    assert!(
        ending.text.contains("op@bastion-2 has taken this run over"),
        "{ending:?}"
    );
    assert_eq!((world.starts("etcd-2"), world.markers()), (starts, markers));

    second.most = usize::MAX;
    let ending = live(&world, &plan, &second, (3, false)).unwrap();
    assert_eq!(ending.outcome, RunOutcome::Done, "{ending:?}");
    assert_eq!(world.markers(), Vec::<String>::new());
    assert_eq!(world.check_promises(), Vec::<String>::new());

    // Whoever comes too late finds the run over.
    let ending = live(&world, &plan, &first, (1, true)).unwrap();
    assert!(ending.text.contains("marker on etcd-1 is gone"), "{ending:?}");
    assert_ne!(ending.outcome, RunOutcome::Done);
}
