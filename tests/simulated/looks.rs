//! Looks at a cluster whose endpoints do not answer in the order that one would wish for.

use std::pin::Pin;

use etcdops::call::Watch;
use etcdops::cluster::observed::Standing;
use etcdops::look::{self, Depth};
use etcdops::transport::Answer;

use super::*;

/// The world, in which one endpoint answers before all others, or not at all.
struct Odd<'a> {
    world: &'a World,
    endpoint: &'static str,
    /// Since when it has given no answer; nothing: it answers first.
    silent: Option<Duration>,
}

impl Transport for Odd<'_> {
    fn perform<'a>(&'a self, call: &'a Call, watch: &'a dyn Watch) -> Answer<'a> {
        Box::pin(async move {
            let odd = matches!(&call.to, To::Etcd { endpoint, .. } if endpoint.contains(self.endpoint));
            match self.silent {
                Some(_) if odd => {
                    let until = self.now() + call.timeout.0;
                    // In small steps: who begins to wait meanwhile has a turn.
                    while self.now() < until {
                        self.world.pause(Duration::from_millis(10)).await;
                    }
                    Err(CallError::new(Fault::Timeout, "ask", self.endpoint, "no answer"))
                }
                None if odd => self.world.perform(call, watch).await,
                _ => {
                    self.world.pause(Duration::from_millis(2)).await;
                    self.world.perform(call, watch).await
                }
            }
        })
    }

    fn silent_for(&self, url: &str) -> Duration {
        let silent = self.silent.filter(|_| url.contains(self.endpoint));
        silent.unwrap_or_default()
    }

    fn now(&self) -> jiff::Timestamp {
        self.world.now()
    }

    fn pause<'a>(&'a self, how_long: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.world.pause(how_long)
    }
}

const ALONE: &str = "\
ETCD_NAME=etcd-4
ETCD_LISTEN_PEER_URLS=http://etcd-4:2380
ETCD_LISTEN_CLIENT_URLS=http://etcd-4:2379
ETCD_INITIAL_ADVERTISE_PEER_URLS=http://etcd-4:2380
ETCD_ADVERTISE_CLIENT_URLS=http://etcd-4:2379
ETCD_INITIAL_CLUSTER=etcd-4=http://etcd-4:2380
";

#[test]
fn a_spare_host_that_serves_a_cluster_of_its_own_and_answers_first_is_not_taken_for_the_cluster() {
    let (world, mut cluster) = World::of(V3535, 3).spare(1).build();
    cluster.endpoints.insert(0, "http://etcd-4:2379".to_owned());
    world.write_file("etcd-4", "/etc/default/etcd", ALONE);
    world.start_etcd("etcd-4");
    pass(&world, 10);
    let (own, ours) = (status(&world, "etcd-4"), status(&world, "etcd-1"));
    assert_ne!(own.cluster_id, ours.cluster_id);
    for depth in [Depth::Brief, Depth::Thorough] {
        let transport = Odd {
            world: &world,
            endpoint: "etcd-4",
            silent: None,
        };
        let look = look::observe(&cluster, &transport, Span::seconds(10), depth);
        let seen = world.drive(look).expect("nobody kills this test");
        assert_eq!(
            seen.cluster_id.map(|id| id.0),
            Some(ours.cluster_id),
            "{depth:?}: {seen:#?}"
        );
        let members = seen.members.iter().filter(|seen| seen.member.is_some());
        let hosts: Vec<_> = members.map(|seen| seen.host.as_deref().unwrap_or("?")).collect();
        assert_eq!(hosts, ["etcd-1", "etcd-2", "etcd-3"], "{depth:?}");
    }
}

#[test]
fn a_brief_look_waits_a_second_for_who_says_nothing_and_hardly_at_all_for_who_said_nothing_before_it() {
    let (world, cluster) = World::of(V3535, 3).build();
    for (silent, took_at_all) in [(Duration::ZERO, 1000..1020), (Duration::from_secs(5), 20..80)] {
        let transport = Odd {
            world: &world,
            endpoint: "etcd-3",
            silent: Some(silent),
        };
        let before = world.now();
        let look = look::observe(&cluster, &transport, Span::seconds(10), Depth::Brief);
        let seen = world.drive(look).expect("nobody kills this test");
        let took = world.now().duration_since(before).as_millis();
        assert!(
            took_at_all.contains(&took),
            "{took} ms, silent for {silent:?} before it"
        );
        let model = seen.model();
        assert_eq!((model.voter_count(), model.healthy_voters()), (3, 2));
        let member = seen.on_host("etcd-3").unwrap();
        assert_eq!(member.standing, Standing::Unreachable, "{member:#?}");
    }
}

/// A machine so slow that each first question of an endpoint gets no answer in time.
struct Slow<'a> {
    world: &'a World,
    asked: std::sync::Mutex<std::collections::BTreeSet<String>>,
}

impl Transport for Slow<'_> {
    fn perform<'a>(&'a self, call: &'a Call, watch: &'a dyn Watch) -> Answer<'a> {
        Box::pin(async move {
            let first = match &call.to {
                To::Etcd { endpoint, op } => self.asked.lock().unwrap().insert(format!("{endpoint} {op:?}")),
                _ => false,
            };
            if !first {
                return self.world.perform(call, watch).await;
            }
            let until = self.now() + call.timeout.0;
            while self.now() < until {
                self.world.pause(Duration::from_millis(10)).await;
            }
            Err(CallError::new(Fault::Timeout, "ask", "etcd", "no answer in time"))
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
fn where_nobody_answered_in_time_everyone_is_asked_once_more() {
    for depth in [Depth::Brief, Depth::Thorough] {
        let (world, cluster) = World::of(V3535, 3).build();
        let slow = Slow {
            world: &world,
            asked: std::sync::Mutex::default(),
        };
        let look = look::observe(&cluster, &slow, Span::seconds(10), depth);
        let seen = world.drive(look).unwrap();
        assert!(seen.member_list_known && seen.quorum_proved, "{depth:?}: {seen:#?}");
        let well = seen.members.iter().filter(|seen| seen.standing == Standing::Healthy);
        assert_eq!(well.count(), 3, "{depth:?}: {seen:#?}");
    }
}
