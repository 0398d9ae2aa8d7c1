//! The simulated world against what real etcd was seen to do.

mod hosts;
mod looks;
mod membership;

use std::time::Duration;

use etcdops::base::duration::Span;
use etcdops::call::etcd::StatusAnswer;
use etcdops::call::host::{ServiceSeen, Stood};
use etcdops::call::{
    Call, CallError, EtcdAnswer, EtcdOp, Fault, HostAnswer, HostOp, HttpRequest, Reply, To, Unwatched,
};
use etcdops::cluster::version::Version;
use etcdops::transport::Transport;
use etcdops::transport::simulated::{Mishap, When, World};

const V33: Version = Version::new(3, 3, 25);
const V34: Version = Version::new(3, 4, 23);
const V3516: Version = Version::new(3, 5, 16);
const V3535: Version = Version::new(3, 5, 35);
const V36: Version = Version::new(3, 6, 16);
const V37: Version = Version::new(3, 7, 3);
const ALL: [Version; 6] = [V33, V34, V3516, V3535, V36, V37];

fn perform(world: &World, to: To) -> Result<Reply, CallError> {
    let call = Call {
        to,
        timeout: Span::seconds(10),
    };
    world
        .drive(world.perform(&call, &Unwatched))
        .expect("nobody kills this test")
}

fn rpc(world: &World, host: &str, op: EtcdOp) -> Result<EtcdAnswer, CallError> {
    let endpoint = format!("http://{host}:2379");
    match perform(world, To::Etcd { endpoint, op })? {
        Reply::Etcd(answer) => Ok(answer),
        other => panic!("{other:?}"),
    }
}

fn on(world: &World, host: &str, op: HostOp) -> Result<HostAnswer, CallError> {
    let to = To::Host {
        host: host.to_owned(),
        op,
        tag: None,
    };
    match perform(world, to)? {
        Reply::Host(answer) => Ok(answer),
        other => panic!("{other:?}"),
    }
}

fn status(world: &World, host: &str) -> StatusAnswer {
    match rpc(world, host, EtcdOp::Status).unwrap() {
        EtcdAnswer::Status(status) => status,
        other => panic!("{other:?}"),
    }
}

fn service(world: &World, host: &str) -> ServiceSeen {
    match on(world, host, HostOp::InspectService).unwrap() {
        HostAnswer::Service(seen) => *seen,
        other => panic!("{other:?}"),
    }
}

fn pass(world: &World, seconds: u64) {
    world.pass(Duration::from_secs(seconds));
}

#[test]
fn a_fresh_cluster_serves_and_agrees_on_its_leader() {
    for version in ALL {
        for size in [1, 2, 3, 5, 7] {
            let (world, config) = World::of(version, size).build();
            assert!(world.write(), "{version} {size}");
            let leaders: Vec<_> = (1..=size)
                .map(|n| status(&world, &format!("etcd-{n}")).leader)
                .collect();
            assert!(leaders[0].is_some() && leaders.iter().all(|leader| *leader == leaders[0]));
            assert_eq!(config.endpoints.len(), size);
            assert_eq!(world.model().healthy_voters(), size);
            assert_eq!(world.check_promises(), Vec::<String>::new());
        }
    }
}

/// The refusal's words.
fn refusal(answer: Result<EtcdAnswer, CallError>) -> String {
    answer.expect_err("a refusal").message
}

fn add(world: &World, through: &str, host: &str, learner: bool) -> Result<EtcdAnswer, CallError> {
    let op = EtcdOp::MemberAdd {
        peer_urls: vec![format!("http://{host}:2380")],
        learner,
    };
    rpc(world, through, op)
}

fn remove(world: &World, through: &str, host: &str) -> Result<EtcdAnswer, CallError> {
    let url = format!("http://{host}:2380");
    let found = world
        .members()
        .into_iter()
        .find(|member| member.peer_urls.contains(&url));
    rpc(world, through, EtcdOp::MemberRemove { id: found.unwrap().id })
}

fn read(world: &World, host: &str) -> Result<EtcdAnswer, CallError> {
    rpc(world, host, EtcdOp::LinearizableRead)
}
