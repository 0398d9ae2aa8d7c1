//! Looks at a cluster whose endpoints do not answer in the order that one would wish for.

use std::pin::Pin;

use etcdops::call::Watch;
use etcdops::look::{self, Depth};
use etcdops::transport::Answer;

use super::*;

/// The world, in which only one endpoint answers at once.
struct FirstOf<'a> {
    world: &'a World,
    prompt: &'static str,
}

impl Transport for FirstOf<'_> {
    fn perform<'a>(&'a self, call: &'a Call, watch: &'a dyn Watch) -> Answer<'a> {
        Box::pin(async move {
            if matches!(&call.to, To::Etcd { endpoint, .. } if !endpoint.contains(self.prompt)) {
                self.world.pause(Duration::from_millis(20)).await;
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
        let transport = FirstOf {
            world: &world,
            prompt: "etcd-4",
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
