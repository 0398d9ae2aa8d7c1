//! What is waited for, for how long, and when no longer: on the simulated world, in simulated time.

use super::*;
use crate::call::{EtcdAnswer, EtcdOp, Reply};
use crate::event::CallEnd;

/// When something happens in the world: a step begins, or it is waited for what must follow it.
#[derive(Clone, Copy)]
pub(super) enum At {
    Begins(&'static str),
    Waits(&'static str),
}

/// Lets it happen, once.
#[derive(Clone)]
struct Then {
    kept: Kept,
    world: World,
    at: At,
    hand: fn(&World),
    happened: Arc<AtomicUsize>,
}

impl Then {
    fn happens(&self) {
        if self.happened.fetch_add(1, Ordering::SeqCst) == 0 {
            (self.hand)(&self.world);
        }
    }
}

impl Journal for Then {
    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        if let (EventKind::StepStarted { step, .. }, At::Begins(wanted)) = (&record.kind, self.at)
            && step.ends_with(wanted)
        {
            self.happens();
        }
        self.kept.append(record)
    }
}

impl Renderer for Then {
    fn show(&mut self, event: &Event) {
        if let (EventKind::Waiting { step, text, .. }, At::Waits(wanted)) = (&event.kind, self.at)
            && step == wanted
            && text.contains("has not started")
        {
            self.happens();
        }
    }
}

/// One run, and what it came to.
pub(super) struct Told {
    pub(super) ending: Ending,
    seconds: i64,
    /// Why a call failed, and what to do.
    pub(super) failed: Option<(String, Option<String>)>,
}

pub(super) fn told(world: &World, plan: &Plan, at: At, hand: fn(&World)) -> Told {
    let kept = Kept {
        events: Arc::default(),
        most: usize::MAX,
    };
    let interrupt = Interrupt::default();
    let before = world.now();
    let run = async {
        let consent = obtain(plan, &State::default(), &Nobody, true).await.unwrap();
        let then = Then {
            kept: kept.clone(),
            world: world.clone(),
            at,
            hand,
            happened: Arc::default(),
        };
        let means = Means {
            transport: world,
            journal: Box::new(then.clone()),
            renderer: Box::new(then),
            interrupt: &interrupt,
            operator: operator(),
        };
        begin(&consent, means).await
    };
    let ending = world.drive(run).unwrap();
    let failed = kept
        .events
        .lock()
        .unwrap()
        .iter()
        .find_map(|record| match &record.kind {
            EventKind::CallEnded {
                end: CallEnd::Failed { why, hint },
                ..
            } => Some((why.clone(), hint.clone())),
            _ => None,
        });
    Told {
        ending,
        seconds: world.now().duration_since(before).as_secs(),
        failed,
    }
}

/// Here the joiner receives the database.
const RECEIVES: At = At::Waits("new/join/joined/start");

fn joining(takes: Duration) -> (World, Plan) {
    let version = "3.5.35".parse().unwrap();
    let (world, cluster) = World::of(version, 3).spare(1).catch_up(takes).build();
    let parameters = BTreeMap::from([
        ("host".to_owned(), json!("etcd-4")),
        ("take_backup".to_owned(), json!(false)),
    ]);
    let plan = planned(&world, &cluster, "add-member", &parameters).unwrap_or_else(|why| panic!("{why:#?}"));
    (world, *plan)
}

#[test]
fn a_joiner_that_ends_while_it_catches_up_is_not_waited_for() {
    let (world, plan) = joining(Duration::from_secs(1200));
    let told = told(&world, &plan, RECEIVES, |world| world.stop_etcd("etcd-4"));
    assert_eq!(told.ending.outcome, RunOutcome::Failed, "{:?}", told.ending);
    assert!(told.seconds < 60, "waited {} s", told.seconds);
    let (why, hint) = told.failed.unwrap();
    assert!(
        why.contains("cannot: etcd on etcd-4 is inactive; its last words: received signal: terminated"),
        "{why}"
    );
    assert_eq!(
        hint.as_deref(),
        Some("on etcd-4: journalctl -u etcd, then systemctl start etcd")
    );
    assert!(told.ending.text.contains("etcdops resume"), "{:?}", told.ending);
}

#[test]
fn a_joiner_whose_host_falls_while_it_catches_up_is_waited_for_two_minutes() {
    let (world, plan) = joining(Duration::from_secs(1200));
    let told = told(&world, &plan, RECEIVES, |world| world.power_off("etcd-4"));
    assert_eq!(told.ending.outcome, RunOutcome::Failed, "{:?}", told.ending);
    assert!((120..300).contains(&told.seconds), "waited {} s", told.seconds);
    let (why, hint) = told.failed.unwrap();
    assert!(why.contains("what must follow did not within 2m"), "{why}");
    assert_eq!(hint.as_deref(), Some("etcdops health"));
    assert!(told.ending.text.contains("etcdops resume"), "{:?}", told.ending);
}

#[test]
fn a_member_that_stands_still_is_not_waited_for_until_the_bound() {
    let (world, cluster) = World::of("3.5.35".parse().unwrap(), 3).build();
    let hosts = BTreeMap::from([("hosts".to_owned(), json!("etcd-3"))]);
    let plan = planned(&world, &cluster, "restart", &hosts).unwrap_or_else(|why| panic!("{why:#?}"));
    let bound = plan
        .steps
        .iter()
        .find(|step| step.path.ends_with("/back"))
        .unwrap()
        .within;
    assert!(bound.unwrap().0 >= Duration::from_secs(600));
    let told = told(&world, &plan, At::Begins("/back"), |world| world.power_off("etcd-3"));
    assert_eq!(told.ending.outcome, RunOutcome::Failed, "{:?}", told.ending);
    assert!((120..240).contains(&told.seconds), "waited {} s", told.seconds);
    let (why, hint) = told.failed.unwrap();
    assert!(
        why.contains("nothing has got on towards what must follow for 2m"),
        "{why}"
    );
    assert_eq!(hint.as_deref(), Some("etcdops health"));
}

#[test]
fn a_joiner_that_gets_on_slowly_is_waited_for_beyond_the_bound() {
    let takes = Duration::from_secs(1200);
    let (world, plan) = joining(takes);
    let step = plan.steps.iter().find(|step| step.path == "new/join/joined/start");
    let bound = step.unwrap().within.unwrap().0;
    let told = told(&world, &plan, RECEIVES, |_| {});
    is_done(&told);
    assert!(bound * 5 < takes && told.seconds >= 1200, "{} s", told.seconds);
    assert_eq!(world.check_promises(), Vec::<String>::new());
}

#[track_caller]
fn is_done(told: &Told) {
    let (ending, failed) = (&told.ending, &told.failed);
    assert_eq!(ending.outcome, RunOutcome::Done, "{ending:?} {failed:?}");
}

/// The refusal occurred, and the run waited it out.
fn waited_out(version: &str, step: &'static str, refusal: &str, hand: fn(&World)) {
    let (world, cluster) = World::of(version.parse().unwrap(), 3).spare(1).build();
    let parameters = BTreeMap::from([
        ("host".to_owned(), json!("etcd-4")),
        ("take_backup".to_owned(), json!(false)),
    ]);
    let plan = planned(&world, &cluster, "add-member", &parameters).unwrap_or_else(|why| panic!("{why:#?}"));
    world.start_trace();
    let told = told(&world, &plan, At::Begins(step), hand);
    let trace = world.trace();
    assert!(
        trace.iter().any(|line| line.contains(refusal)),
        "etcd has not refused:\n{}",
        trace.join("\n")
    );
    is_done(&told);
    assert_eq!(world.model().healthy_voters(), 4);
    assert_eq!(world.check_promises(), Vec::<String>::new());
}

#[test]
fn an_addition_waits_until_a_restarted_member_counts_as_healthy() {
    for version in ["3.4.23", "3.5.35", "3.7.3"] {
        waited_out(version, "new/join/joined/add", "unhealthy cluster", |world| {
            world.kill_etcd("etcd-3");
            // It answers, and is connected for less than five seconds.
            world.pass(Duration::from_secs(2));
        });
    }
}

#[test]
fn a_promotion_waits_until_the_leader_counts_the_learner_as_in_sync() {
    for version in ["3.4.23", "3.5.35", "3.7.3"] {
        waited_out(
            version,
            "new/join/joined/promote",
            "which is in sync with leader",
            |world| {
                world.kill_etcd("etcd-4");
            },
        );
    }
}

#[test]
fn an_addition_waits_until_the_url_of_a_member_just_removed_may_come_back() {
    for version in ["3.4.23", "3.5.35", "3.7.3"] {
        waited_out(version, "new/join/joined/add", "member not found", |world| {
            // Both within one second, in which the same URL has the same ID.
            let begun = u64::try_from(world.now().as_millisecond() % 1000).unwrap();
            world.pass(Duration::from_millis(1000 - begun));
            let endpoint = format!("http://{}:2379", world.leader().unwrap());
            let ask = |op| {
                let to = To::Etcd {
                    endpoint: endpoint.clone(),
                    op,
                };
                let call = Call {
                    to,
                    timeout: Span::seconds(10),
                };
                world.drive(world.perform(&call, &Unwatched)).unwrap().unwrap()
            };
            let peer_urls = vec!["http://etcd-4:2380".to_owned()];
            let added = ask(EtcdOp::MemberAdd {
                peer_urls,
                learner: true,
            });
            let Reply::Etcd(EtcdAnswer::Added { id, .. }) = added else {
                panic!("{added:?}");
            };
            ask(EtcdOp::MemberRemove { id });
        });
    }
}

/// The world, in which one host takes its time to say nothing; and when a way between peers was tried first.
struct Late<'a> {
    world: &'a World,
    tried: Mutex<Option<jiff::Timestamp>>,
}

impl Transport for Late<'_> {
    fn perform<'a>(&'a self, call: &'a Call, watch: &'a dyn Watch) -> transport::Answer<'a> {
        Box::pin(async move {
            match &call.to {
                To::Host { host, .. } if host == "etcd-3" => {
                    let until = self.now() + Duration::from_secs(5);
                    // In small steps: who begins to wait meanwhile has a turn.
                    while self.now() < until {
                        self.world.pause(Duration::from_millis(10)).await;
                    }
                }
                To::Host {
                    op: HostOp::PeerReach { .. },
                    ..
                } => {
                    self.tried.lock().unwrap().get_or_insert_with(|| self.now());
                }
                _ => {}
            }
            self.world.perform(call, watch).await
        })
    }

    fn now(&self) -> jiff::Timestamp {
        self.world.now()
    }

    fn pause<'a>(&'a self, how_long: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.world.pause(how_long)
    }
}

#[test]
fn what_a_plan_asks_if_a_late_host_is_down_is_asked_while_it_is_waited_for() {
    let (world, cluster) = World::of("3.5.30".parse().unwrap(), 3).spare(1).build();
    world.power_off("etcd-3");
    let parameters = BTreeMap::from([
        ("member".to_owned(), json!("etcd-3")),
        ("host".to_owned(), json!("etcd-4")),
    ]);
    let late = Late {
        world: &world,
        tried: Mutex::default(),
    };
    let before = world.now();
    let prepared = through(&world, &late, &cluster, ("replace-member", &parameters), &[]);
    assert!(prepared.is_ok(), "{prepared:#?}");
    let seconds = |at: jiff::Timestamp| at.duration_since(before).as_secs_f64();
    let tried = seconds(late.tried.lock().unwrap().expect("the ways between peers were tried"));
    assert!(tried < 2.0, "after {tried} s");
    assert!(seconds(world.now()) >= 5.0, "the plan is made of what the host says");
}

/// Ctrl-C as soon as a step has begun.
struct Impatient<'a>(&'a Interrupt);

impl Journal for Impatient<'_> {
    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        if matches!(record.kind, EventKind::StepStarted { .. }) {
            self.0.press();
        }
        Ok(())
    }
}

#[test]
fn the_first_ctrl_c_ends_a_long_wait() {
    let (world, cluster) = World::of("3.5.30".parse().unwrap(), 3).build();
    world.stop_etcd("etcd-3");
    let text = "title: Wait in vain\nsteps:\n  - {id: vain, do: {wait: {}}, expect: [{service: {on: etcd-3, running: true}}], within: 1h}\n";
    let document = crate::runbook::parse::parse(crate::base::yaml::Source::new("vain", text)).unwrap();
    let run = RunId::from_parts(jiff::Timestamp::UNIX_EPOCH, 7);
    let request = Request {
        name: "vain",
        runbook: &document.runbook,
        includes: &|_: &str| Err(String::new()),
        cluster: &cluster,
        parameters: &BTreeMap::new(),
        run: &run,
        dead: &[],
        remembered: &Remembered::default(),
        accept: &[],
    };
    let plan = world.drive(prepare(&request, &world)).unwrap().unwrap();
    let interrupt = Interrupt::default();
    let before = world.now();
    let carried_out = async {
        let consent = obtain(&plan, &State::default(), &Nobody, true).await.unwrap();
        let means = Means {
            transport: &world,
            journal: Box::new(Impatient(&interrupt)),
            renderer: Box::new(Silent),
            interrupt: &interrupt,
            operator: operator(),
        };
        begin(&consent, means).await
    };
    let ending = world.drive(carried_out).unwrap();
    assert_eq!(ending.outcome, RunOutcome::Refused, "{ending:?}");
    assert_eq!(ending.text, "stopped before the first change; nothing was changed");
    let waited = world.now().duration_since(before).as_secs();
    assert!(waited < 10, "waited {waited} s");
}
