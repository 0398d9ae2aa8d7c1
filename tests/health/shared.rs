//! HTTP over the connection of gRPC.

use std::sync::Arc;
use std::time::Duration;

use etcdops::call::{EtcdOp, HttpRequest, Unwatched};
use etcdops::transport::dial::Dialer;
use etcdops::transport::etcd::Etcd;

use super::{all_healthy, cluster_of, until};
use crate::support::etcd::{Etcds, USUAL};

const BOUND: Duration = Duration::from_secs(10);

fn question(url: &str) -> HttpRequest {
    HttpRequest {
        method: "GET".to_owned(),
        url: format!("{url}/v2/keys/"),
        body: None,
        cluster_tls: true,
        change: false,
    }
}

#[tokio::test]
async fn behind_tls_old_keys_are_asked_for_over_the_connection_that_is_there() {
    for (version, status) in [("3.3.25", 200), (USUAL, 404)] {
        let etcds = Etcds::start(version, 1, true, &[]);
        let cluster = cluster_of(&etcds);
        until(&cluster, "healthy", all_healthy).await;
        let etcd = Etcd::new(Arc::new(Dialer::of_cluster(&cluster, None).unwrap()), None);
        let url = &cluster.endpoints[0];
        assert_eq!(
            etcd.get(&question(url), BOUND).await,
            None,
            "{version}: no connection yet"
        );
        etcd.perform(url, &EtcdOp::Status, BOUND, &Unwatched).await.unwrap();
        let answer = etcd.get(&question(url), BOUND).await.unwrap().unwrap();
        assert_eq!(answer.status, status, "{version}: {}", answer.body);
        let mut other = question(url);
        other.method = "HEAD".to_owned();
        assert_eq!(etcd.get(&other, BOUND).await, None, "only plain questions");
    }
}

#[tokio::test]
async fn a_plain_port_serves_http_on_a_connection_of_its_own() {
    let etcds = Etcds::start(USUAL, 1, false, &[]);
    let cluster = cluster_of(&etcds);
    until(&cluster, "healthy", all_healthy).await;
    let etcd = Etcd::new(Arc::new(Dialer::of_cluster(&cluster, None).unwrap()), None);
    let url = &cluster.endpoints[0];
    etcd.perform(url, &EtcdOp::Status, BOUND, &Unwatched).await.unwrap();
    assert_eq!(etcd.get(&question(url), BOUND).await, None);
}
