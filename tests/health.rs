//! Looking at real etcd processes, and at things that are none.

mod auth;
mod causes;
mod discovery;
mod document;
mod quiet;
mod shared;
mod widths;

use std::time::{Duration, Instant};

use etcdops::base::duration::Span;
use etcdops::call::{Call, EtcdAnswer, EtcdOp, Reply, To, Unwatched};
use etcdops::cluster::host::{AuthUser, Backups, Become, ClusterConfig, Host, Route, Shell, TlsFiles};
use etcdops::cluster::observed::{CauseKind, MemberSeen, Observed, Role, Standing};
use etcdops::look::verdict::{Circumstances, Health, Verdict, verdict};
use etcdops::look::{Depth, Evidence, investigate};
use etcdops::transport::Transport;
use etcdops::transport::etcd::Credentials;
use etcdops::transport::real::RealTransport;

use crate::support::cli::Cli;
use crate::support::etcd::{Etcds, Port, USUAL};
use crate::support::wait_until;

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
        discovery: None,
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

fn judged(evidence: &Evidence, cluster: &ClusterConfig) -> Health {
    let around = Circumstances {
        now: etcdops::base::clock::now(),
        inventory: false,
    };
    verdict(evidence, cluster, around)
}

fn row<'a>(evidence: &'a Evidence, name: &str) -> &'a MemberSeen {
    let named = |seen: &&MemberSeen| seen.member.as_ref().is_some_and(|member| member.name == name);
    evidence.observed.members.iter().find(named).unwrap()
}

fn cause(seen: &MemberSeen) -> (CauseKind, &str) {
    let cause = seen.cause.as_ref().unwrap();
    (cause.kind, &cause.message)
}

/// The look itself and what a busy machine may add to it.
fn in_time(started: Instant, bound: Span) {
    let took = started.elapsed();
    assert!(
        took < bound.0 + Duration::from_millis(600),
        "took {took:?} of {:?}",
        bound.0
    );
}

#[tokio::test]
async fn three_healthy_members_with_tls_are_seen_whole() {
    let etcds = Etcds::start(USUAL, 3, true, &[]);
    let cluster = cluster_of(&etcds);
    until(&cluster, "healthy", all_healthy).await;
    // One endpoint is enough to find the others.
    let mut one = cluster.clone();
    one.endpoints.truncate(1);
    let started = Instant::now();
    let evidence = look(&one, Span::seconds(10)).await;
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "everything has answered: nothing is waited for"
    );
    let health = judged(&evidence, &one);
    assert_eq!(health.verdict, Verdict::Healthy, "{health:#?}");
    assert_eq!(health.problems, [], "nothing to say");
    assert_eq!(health.quorum.tolerates, 1);
    for seen in &evidence.observed.members {
        assert_eq!(seen.version, Some(USUAL.parse().unwrap()));
        assert!(seen.certificate_not_after.is_some());
        assert_eq!(seen.db_quota, None, "3.5 does not tell it");
        assert_eq!(seen.alarms, Some(Vec::new()));
    }
}

#[tokio::test]
async fn the_oldest_version_tells_less_and_that_is_null() {
    let etcds = Etcds::start("3.3.25", 1, false, &[]);
    let cluster = cluster_of(&etcds);
    until(&cluster, "healthy", all_healthy).await;
    let evidence = look(&cluster, Span::seconds(10)).await;
    let seen = row(&evidence, "e1");
    assert_eq!(
        (seen.alarms.clone(), seen.db_size_in_use, seen.raft_applied_index),
        (None, None, None)
    );
    assert_eq!(evidence.v2_data, Some(false));
    etcds_put_old(&etcds);
    assert_eq!(look(&cluster, Span::seconds(10)).await.v2_data, Some(true));
    let nobody = Port::take();
    let mut dead_first = cluster.clone();
    let url = format!("http://127.0.0.1:{}", nobody.number);
    dead_first.endpoints.insert(0, url);
    let evidence = look(&dead_first, Span::seconds(10)).await;
    assert_eq!(evidence.v2_data, Some(true), "the next one is asked");
}

/// A key in the v2 store.
fn etcds_put_old(etcds: &Etcds) {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", etcds.nodes[0].client.number)).unwrap();
    std::io::Write::write_all(
        &mut stream,
        b"PUT /v2/keys/old HTTP/1.1\r\nhost: e\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 7\r\nconnection: close\r\n\r\nvalue=1",
    )
    .unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    assert!(answer.contains("201"), "{answer}");
}

#[tokio::test]
async fn a_frozen_member_costs_the_bound_and_is_a_row() {
    let etcds = Etcds::start(USUAL, 3, false, &[]);
    let cluster = cluster_of(&etcds);
    until(&cluster, "healthy", all_healthy).await;
    etcds.freeze(1);
    until(&cluster, "the others go on", |seen| seen.quorum_proved).await;
    let (bound, started) = (Span::seconds(3), Instant::now());
    let evidence = look(&cluster, bound).await;
    in_time(started, bound);
    let health = judged(&evidence, &cluster);
    assert_eq!(health.verdict, Verdict::Degraded, "{health:#?}");
    let seen = row(&evidence, "e2");
    assert_eq!(seen.standing, Standing::Unreachable);
    assert_eq!(cause(seen).0, CauseKind::Timeout);
    assert!(evidence.mute.is_empty(), "a frozen process does not wait for quorum");
    etcds.thaw(1);
}

#[tokio::test]
async fn lost_quorum_is_told_and_a_restarted_member_is_mute() {
    let mut etcds = Etcds::start(USUAL, 3, false, &[]);
    let cluster = cluster_of(&etcds);
    until(&cluster, "healthy", all_healthy).await;
    etcds.kill(1);
    etcds.kill(2);
    until(&cluster, "no leader", |seen| seen.leader.is_none()).await;
    let evidence = look(&cluster, Span::seconds(10)).await;
    let health = judged(&evidence, &cluster);
    assert_eq!(health.verdict, Verdict::NoQuorum, "{health:#?}");
    assert!(evidence.observed.member_list_known, "the list needs no quorum");
    assert_eq!(evidence.observed.members.len(), 3);
    assert!(cause(row(&evidence, "e2")).1.contains("connection refused"));

    etcds.kill(0);
    etcds.start_again(0);
    let port = etcds.nodes[0].peer.number;
    wait_until("its peer port", Duration::from_secs(10), || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let mut cluster = cluster;
    // A free port number makes no default: the inventory says where the peer port is.
    cluster.hosts = vec![host("h1", &etcds.url(0), &etcds.peer_url(0))];
    let (bound, started) = (Span::seconds(6), Instant::now());
    let evidence = look(&cluster, bound).await;
    in_time(started, bound);
    let health = judged(&evidence, &cluster);
    assert_eq!(health.verdict, Verdict::NoQuorum, "{evidence:#?}");
    let seen = evidence
        .observed
        .members
        .iter()
        .find(|seen| seen.endpoint == etcds.url(0))
        .unwrap();
    assert!(cause(seen).1.contains("waits for quorum since its start"), "{seen:#?}");
}

fn host(name: &str, client: &str, peer: &str) -> Host {
    Host {
        shell: Shell::Local,
        elevate: Become::None,
        peer_url: Some(peer.to_owned()),
        client_url: Some(client.to_owned()),
        ..Host::named(name)
    }
}

#[tokio::test]
async fn an_unstarted_member_and_a_learner_are_rows() {
    let mut etcds = Etcds::start(USUAL, 1, false, &[]);
    let mut cluster = cluster_of(&etcds);
    until(&cluster, "healthy", all_healthy).await;
    let index = etcds.prepare("e2");
    let peer = etcds.peer_url(index);
    etcds.control(0, &["member", "add", "e2", "--learner", "--peer-urls", &peer]);
    let evidence = look(&cluster, Span::seconds(5)).await;
    let unstarted = evidence
        .observed
        .members
        .iter()
        .find(|seen| seen.role == Some(Role::Unstarted));
    assert!(cause(unstarted.unwrap()).1.contains("never started"));
    assert_eq!(judged(&evidence, &cluster).quorum.voters, 1, "a learner is no voter");

    etcds.start_again(index);
    cluster.endpoints.truncate(1);
    let observed = until(&cluster, "the learner answers", all_healthy).await;
    let roles: Vec<_> = observed.members.iter().map(|seen| seen.role).collect();
    assert_eq!(roles, [Some(Role::Leader), Some(Role::Learner)]);
}

#[tokio::test]
async fn a_full_database_is_an_alarm_of_its_member() {
    let etcds = Etcds::start(USUAL, 1, false, &["--quota-backend-bytes=200000"]);
    let cluster = cluster_of(&etcds);
    until(&cluster, "healthy", all_healthy).await;
    let value = "x".repeat(50_000);
    let mut puts = 0;
    while etcds.etcdctl(0, &["put", "big", &value]).status.success() {
        puts += 1;
        assert!(puts < 50, "the quota is never reached");
    }
    let evidence = look(&cluster, Span::seconds(5)).await;
    assert_eq!(row(&evidence, "e1").alarms, Some(vec!["NOSPACE".to_owned()]));
    let health = judged(&evidence, &cluster);
    assert_eq!(health.verdict, Verdict::Degraded);
    assert!(health.problems[0].text.contains("refuses all writes"), "{health:#?}");
}

#[tokio::test]
async fn a_snapshot_is_whole_private_and_checked() {
    let etcds = Etcds::start(USUAL, 1, true, &[]);
    let cluster = cluster_of(&etcds);
    until(&cluster, "healthy", all_healthy).await;
    etcds.control(0, &["put", "a", "b"]);
    let path = etcds.path("snapshot.db");
    let call = Call {
        to: To::Etcd {
            endpoint: etcds.url(0),
            op: EtcdOp::Snapshot {
                path: path.to_string_lossy().into_owned(),
            },
        },
        timeout: Span::seconds(20),
    };
    let reply = transport(&cluster, None).perform(&call, &Unwatched).await.unwrap();
    let Reply::Etcd(EtcdAnswer::Snapshot {
        bytes,
        sha256,
        revision,
    }) = reply
    else {
        panic!("{reply:?}")
    };
    let content = std::fs::read(&path).unwrap();
    assert_eq!((content.len() as u64, content.len() % 512, revision), (bytes, 32, 2));
    assert_eq!(etcdops::base::hash::sha256_hex(&content), sha256);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert!(!etcds.path("snapshot.db.part").exists());
}

#[tokio::test]
async fn the_commands_print_documents_and_their_exit_codes() {
    let mut etcds = Etcds::start(USUAL, 3, true, &[]);
    let cluster = cluster_of(&etcds);
    until(&cluster, "healthy", all_healthy).await;
    let cli = Cli::new();
    let endpoints = etcds.urls().join(",");
    let authority = etcds.authority.as_ref().unwrap();
    let (cert, key) = authority.client();
    let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let files = [path(&authority.certificate), path(&cert), path(&key)];
    let run = |arguments: &[&str]| {
        let all = [
            "--endpoints",
            &endpoints,
            "--cacert",
            &files[0],
            "--cert",
            &files[1],
            "--key",
            &files[2],
            "--timeout",
            "5s",
        ];
        cli.run(arguments.iter().copied().chain(all))
    };
    let healthy = run(&["health", "-o", "json"]).code(0);
    let document: serde_json::Value = serde_json::from_str(&healthy.stdout).unwrap();
    assert_eq!(document["schema"], "etcdops/health/v1");
    assert_eq!(
        (&document["verdict"], &document["quorum"]["tolerates"]),
        (&"healthy".into(), &1.into())
    );
    assert_eq!(document["members"].as_array().unwrap().len(), 3);
    assert!(document["members"][0]["id"].is_string());
    run(&["health"])
        .code(0)
        .shows(&["healthy: 3 of 3 voters", "e1", "leader"]);
    run(&["health", "-o", "nagios"])
        .code(0)
        .shows(&["ETCD OK - ", " | voters=3"]);
    run(&["members", "-o", "json"])
        .code(0)
        .shows(&["etcdops/members/v1", "peer_urls"]);

    etcds.kill(2);
    until(&cluster, "two go on", |seen| {
        seen.quorum_proved && seen.leader.is_some()
    })
    .await;
    run(&["health"])
        .code(10)
        .shows(&["degraded: 2 of 3", "e3: ", "connection refused"]);
    run(&["health", "-o", "nagios"]).code(1).shows(&["ETCD WARNING - "]);
    etcds.kill(1);
    until(&cluster, "no leader", |seen| seen.leader.is_none()).await;
    run(&["health"])
        .code(11)
        .shows(&["no-quorum: 0 of 3", "quorum is lost"]);
    run(&["health", "-o", "nagios"]).code(2).shows(&["ETCD CRITICAL - "]);
    run(&["members"]).code(0).shows(&["e1", "e2", "e3"]);
    etcds.kill(0);
    run(&["health"]).code(12).shows(&["unknown"]);
    run(&["members"]).code(12);
}
