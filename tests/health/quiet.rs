//! Looking writes nothing to etcd's log (safety 3).

use std::time::Duration;

use etcdops::base::duration::Span;
use etcdops::call::{Call, EtcdAnswer, EtcdOp, HttpRequest, Look, Reply, Sight, To, Unwatched};
use etcdops::cluster::host::ClusterConfig;
use etcdops::look::{Depth, investigate, see};
use etcdops::transport::Transport;

use super::{all_healthy, cluster_of, transport, until};
use crate::support::cli::Cli;
use crate::support::etcd::Etcds;

const BOUND: Span = Span(Duration::from_secs(5));

async fn ask(transport: &dyn Transport, to: To) -> Reply {
    let call = Call { to, timeout: BOUND };
    transport.perform(&call, &Unwatched).await.unwrap()
}

async fn get(cluster: &ClusterConfig, path: &str) -> String {
    let request = HttpRequest {
        method: "GET".to_owned(),
        url: format!("{}{path}", cluster.endpoints[0]),
        body: None,
        cluster_tls: false,
        change: false,
    };
    match ask(&transport(cluster, None), To::Http(request)).await {
        Reply::Http(answer) => answer.body,
        other => panic!("{other:?}"),
    }
}

/// Where the log ends.
async fn index(cluster: &ClusterConfig) -> u64 {
    let endpoint = cluster.endpoints[0].clone();
    let op = EtcdOp::Status;
    match ask(&transport(cluster, None), To::Etcd { endpoint, op }).await {
        Reply::Etcd(EtcdAnswer::Status(status)) => status.raft_index,
        other => panic!("{other:?}"),
    }
}

/// Waits until etcd has written of itself what it writes after its first start: its name, then the version of the cluster.
async fn at_rest(cluster: &ClusterConfig) -> u64 {
    until(cluster, "healthy", all_healthy).await;
    let end = std::time::Instant::now() + Duration::from_secs(30);
    while get(cluster, "/version").await.contains("not_decided") {
        assert!(std::time::Instant::now() < end, "the cluster's version is not decided");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    index(cluster).await
}

async fn look_everywhere(cluster: &ClusterConfig) {
    let transport = transport(cluster, None);
    for depth in [Depth::Brief, Depth::Thorough] {
        for _ in 0..5 {
            let evidence = investigate(cluster, &transport, BOUND, depth).await;
            assert!(evidence.observed.quorum_proved);
        }
    }
    for _ in 0..3 {
        let hashes = see(&Look::Hashes { revision: 0 }, cluster, &transport, BOUND).await;
        assert!(
            matches!(&hashes, Sight::Hashes(all) if all.iter().all(|(_, store)| store.is_ok())),
            "{hashes:?}"
        );
    }
}

/// One member: elections, which write by themselves, cannot disturb.
#[tokio::test]
async fn looks_add_nothing_to_the_log_whatever_the_version() {
    let versions = [("3.3.25", true), ("3.4.23", true), ("3.5.35", false), ("3.7.3", false)];
    let all: Vec<Etcds> = versions
        .iter()
        .map(|(version, _)| Etcds::start(version, 1, false, &[]))
        .collect();
    let cli = Cli::new();
    for ((version, asking_writes), etcds) in versions.iter().zip(&all) {
        let cluster = cluster_of(etcds);
        let before = at_rest(&cluster).await;
        look_everywhere(&cluster).await;
        assert_eq!(index(&cluster).await, before, "{version}: a look wrote to the log");
        for words in [
            &["health"][..],
            &["health", "-v", "-o", "json"],
            &["members", "-o", "json"],
            &["health", "-o", "nagios"],
            &["members"],
        ] {
            let endpoints = ["--endpoints", &cluster.endpoints[0]];
            let _ = cli.run(words.iter().chain(&endpoints)).code(0);
        }
        assert_eq!(index(&cluster).await, before, "{version}: a command wrote to the log");

        // What a look must not ask, and what shows that a write would have been seen.
        get(&cluster, "/health").await;
        let asked = index(&cluster).await;
        assert_eq!(asked > before, *asking_writes, "{version}: GET /health");
        etcds.control(0, &["alarm", "list"]);
        assert!(index(&cluster).await > asked, "{version}: an alarm list is a write");
    }
}
