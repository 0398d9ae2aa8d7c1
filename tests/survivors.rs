//! What a data directory tells, against real members that were killed in the middle.

use std::sync::Arc;
use std::time::{Duration, Instant};

use etcdops::base::duration::Span;
use etcdops::call::Unwatched;
use etcdops::call::copy::{CopySeen, Part};
use etcdops::call::host::{HostAnswer, HostOp};
use etcdops::cluster::host::{
    AuthUser, Backups, Become, ClusterConfig, Host, Route, Service, ServiceKind, Shell, TlsFiles,
};
use etcdops::cluster::member::Id;
use etcdops::transport::host::Hosts;

use crate::support::etcd::Etcds;

const VERSIONS: [&str; 5] = ["3.3.25", "3.4.23", "3.5.35", "3.6.16", "3.7.3"];

/// The nodes as hosts of this machine.
fn hosts_of(cluster: &Etcds) -> Hosts {
    let host = |index: usize| {
        let node = &cluster.nodes[index];
        Host {
            shell: Shell::Local,
            elevate: Become::None,
            service: Service {
                kind: ServiceKind::Process,
                unit: node.name.clone(),
                env_file: None,
                process_dir: Some(node.folder.clone()),
            },
            data_dir: Some(node.folder.join("data").to_string_lossy().into_owned()),
            ..Host::named(&node.name)
        }
    };
    let config = ClusterConfig {
        name: "c".to_owned(),
        endpoints: cluster.urls(),
        route: Route::Direct,
        tls: TlsFiles::default(),
        auth: AuthUser::default(),
        clients: None,
        backups: Backups::default(),
        hosts: (0..cluster.nodes.len()).map(host).collect(),
        discovery: None,
        call_timeout: Span(Duration::from_secs(5)),
    };
    Hosts::new(Arc::new(config), None)
}

async fn read(hosts: &Hosts, name: &str) -> CopySeen {
    let bound = Duration::from_secs(60);
    match hosts
        .perform(name, &HostOp::ReadCopy, None, bound, &Unwatched)
        .await
        .unwrap()
    {
        HostAnswer::Copy(copy) => *copy,
        other => panic!("{other:?}"),
    }
}

/// Waits until a write goes through.
fn wait_for_quorum(cluster: &Etcds) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !cluster.etcdctl(0, &["put", "first", "1"]).status.success() {
        assert!(
            Instant::now() < deadline,
            "{} has no quorum: {}",
            cluster.version,
            cluster.log(0)
        );
    }
}

/// Member IDs as etcd tells them, by name.
fn ids(cluster: &Etcds) -> Vec<(String, Id)> {
    let list = cluster.control(0, &["member", "list", "-w", "simple"]);
    let row = |line: &str| {
        let mut fields = line.split(", ");
        let id = fields.next()?.trim().parse().ok()?;
        Some((fields.nth(1)?.to_owned(), id))
    };
    list.lines().filter_map(row).collect()
}

#[tokio::test]
async fn the_copies_of_killed_members_are_read_on_every_version() {
    for version in VERSIONS {
        let mut cluster = Etcds::start(version, 3, false, &["--snapshot-count=20"]);
        wait_for_quorum(&cluster);
        for number in 0..50 {
            cluster.control(number % 3, &["put", &format!("k{number}"), "v"]);
        }
        let ids = ids(&cluster);
        let hosts = hosts_of(&cluster);
        let live = read(&hosts, "e1").await;
        assert!(live.running && live.intact(), "{version}: {live:?}");
        // One falls behind, the others go on.
        cluster.kill(2);
        wait_for_quorum(&cluster);
        for number in 0..10 {
            cluster.control(0, &["put", &format!("later{number}"), "v"]);
        }
        cluster.kill(0);
        cluster.kill(1);
        let mut copies = Vec::new();
        for (name, id) in &ids {
            let copy = read(&hosts, name).await;
            assert!(copy.intact() && !copy.running, "{version} {name}: {copy:?}");
            assert_eq!(copy.member, Some(*id), "{version} {name}");
            assert_eq!(
                (copy.part, copy.voters.len()),
                (Part::Voter, 3),
                "{version} {name}: {copy:?}"
            );
            assert!(
                copy.last_index >= copy.committed() && copy.last_term <= copy.term,
                "{version} {name}: {copy:?}"
            );
            assert!(!copy.v2_data, "{version} {name}");
            let own = copy.own().unwrap_or_else(|| panic!("{version} {name}: {copy:?}"));
            assert_eq!(own.name, *name, "{version}");
            assert!(
                copy.peer_url().is_some_and(|url| url.starts_with("http://127.0.0.1:")),
                "{version}: {own:?}"
            );
            assert!(
                copy.consistent_index > 50 && copy.revision > 50,
                "{version} {name}: {copy:?}"
            );
            copies.push(copy);
        }
        let of = |name: &str| copies[ids.iter().position(|(known, _)| known == name).unwrap()].clone();
        assert!(
            of("e3").rank() < of("e1").rank() && of("e3").rank() < of("e2").rank(),
            "{version}"
        );
        assert!(
            of("e1").uncommitted() <= 1 && of("e1").committed() > 60,
            "{version}: {:?}",
            of("e1")
        );
        assert_eq!(of("e1").cluster, of("e3").cluster);
    }
}
