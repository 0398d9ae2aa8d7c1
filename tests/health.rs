//! Looking at real etcd processes, and at things that are none.

use std::time::{Duration, Instant};

use etcdops::base::duration::Span;
use etcdops::cluster::host::{AuthUser, Backups, ClusterConfig, Route, TlsFiles};
use etcdops::cluster::observed::{Observed, Standing};
use etcdops::look::{Depth, Evidence, investigate};
use etcdops::transport::etcd::Credentials;
use etcdops::transport::real::RealTransport;

use crate::support::etcd::{Etcds, USUAL};

pub fn configured(endpoints: Vec<String>, tls: TlsFiles) -> ClusterConfig {
    ClusterConfig {
        name: "test".to_owned(),
        endpoints,
        route: Route::Direct,
        tls,
        auth: AuthUser::default(),
        clients: None,
        backups: Backups::default(),
        hosts: Vec::new(),
        call_timeout: Span::seconds(5),
    }
}

pub fn cluster_of(etcds: &Etcds) -> ClusterConfig {
    let tls = etcds.authority.as_ref().map_or_else(TlsFiles::default, |authority| {
        let (cert, key) = authority.client();
        TlsFiles {
            ca: Some(authority.certificate.clone()),
            cert: Some(cert),
            key: Some(key),
        }
    });
    configured(etcds.urls(), tls)
}

pub fn transport(cluster: &ClusterConfig, credentials: Option<Credentials>) -> RealTransport {
    RealTransport::new(cluster, credentials, None, None).unwrap()
}

/// Looks once, with a fresh transport.
pub async fn look(cluster: &ClusterConfig, bound: Span) -> Evidence {
    investigate(cluster, &transport(cluster, None), bound, Depth::Thorough).await
}

/// Looks until what is seen is as wanted.
pub async fn until(cluster: &ClusterConfig, what: &str, wanted: impl Fn(&Observed) -> bool) -> Observed {
    let transport = transport(cluster, None);
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let observed = investigate(cluster, &transport, Span::seconds(5), Depth::Brief)
            .await
            .observed;
        if wanted(&observed) {
            return observed;
        }
        assert!(Instant::now() < end, "{what}: {observed:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub fn all_healthy(observed: &Observed) -> bool {
    observed.quorum_proved
        && observed.leader.is_some()
        && observed.members.iter().all(|seen| seen.standing == Standing::Healthy)
}

#[tokio::test]
async fn three_healthy_members_with_tls_are_seen_whole() {
    let etcds = Etcds::start(USUAL, 3, true, &[]);
    let cluster = cluster_of(&etcds);
    let observed = until(&cluster, "healthy", all_healthy).await;
    println!("{observed:#?}");
    assert_eq!(observed.members.len(), 3);
}
