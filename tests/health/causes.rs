//! Why an endpoint is no healthy member, in words of its own for each cause.

use std::time::Instant;

use etcdops::base::duration::Span;
use etcdops::cluster::host::TlsFiles;
use etcdops::cluster::observed::CauseKind;
use etcdops::look::verdict::Verdict;

use super::{all_healthy, cause, cluster_of, configured, in_time, judged, look, until};
use crate::support::certificates::Authority;
use crate::support::etcd::{Etcds, Port, USUAL};
use crate::support::fakes::Fake;

#[tokio::test]
async fn an_endpoint_that_is_no_member_is_a_row() {
    let etcds = Etcds::start(USUAL, 1, false, &[]);
    let mut cluster = cluster_of(&etcds);
    until(&cluster, "healthy", all_healthy).await;
    cluster.endpoints.push(etcds.url(0).replace("127.0.0.1", "localhost"));
    let evidence = look(&cluster, Span::seconds(5)).await;
    assert_eq!(evidence.observed.members.len(), 2);
    let stray = evidence
        .observed
        .members
        .iter()
        .find(|seen| seen.member.is_none())
        .unwrap();
    assert!(cause(stray).1.contains("load balancer"), "{stray:#?}");
    let health = judged(&evidence, &cluster);
    assert_eq!((health.verdict, health.quorum.voters), (Verdict::Healthy, 1));
}

/// The cause for one endpoint, and that the look ended in time.
async fn only_cause(url: String, tls: TlsFiles) -> (CauseKind, String) {
    let cluster = configured(vec![url], tls);
    let (bound, started) = (Span::seconds(2), Instant::now());
    let evidence = look(&cluster, bound).await;
    in_time(started, bound);
    assert_eq!(judged(&evidence, &cluster).verdict, Verdict::Unknown, "{evidence:#?}");
    let (kind, message) = cause(&evidence.observed.members[0]);
    (kind, message.to_owned())
}

#[tokio::test]
async fn what_is_no_etcd_has_a_cause_and_ends_in_time() {
    let none = TlsFiles::default;
    let hole = Fake::black_hole().await;
    let (kind, message) = only_cause(hole.url("http"), none()).await;
    assert_eq!(kind, CauseKind::Timeout, "{message}");
    assert!(message.contains("accepted, then nothing comes"), "{message}");

    let garbage = Fake::saying(b"\x00\xff\x13garbage that is nothing\n").await;
    let (kind, message) = only_cause(garbage.url("http"), none()).await;
    assert_eq!(kind, CauseKind::Etcd, "{message}");
    assert!(message.contains("no etcd"), "{message}");

    let web = Fake::web().await;
    let (kind, message) = only_cause(web.url("http"), none()).await;
    assert_eq!(kind, CauseKind::Etcd, "{message}");
    assert!(message.contains("HTTP/1 server"), "{message}");

    let free = Port::take();
    let (kind, message) = only_cause(format!("http://127.0.0.1:{}", free.number), none()).await;
    assert_eq!(kind, CauseKind::Connect, "{message}");
    assert!(message.contains("connection refused"), "{message}");

    let (kind, message) = only_cause("http://no-such-host.invalid:2379".to_owned(), none()).await;
    assert_eq!(kind, CauseKind::Dns, "{message}");
}

#[tokio::test]
async fn each_tls_check_that_fails_has_its_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "the right authority");
    let other = tempfile::tempdir().unwrap();
    let stranger = Authority::new(other.path(), "another authority");
    let trusting = |authority: &Authority| TlsFiles {
        ca: Some(authority.certificate.clone()),
        ..TlsFiles::default()
    };
    authority.issue(folder.path(), "good", &["127.0.0.1"]);
    authority.issue_as(folder.path(), "cn-only", &[], "127.0.0.1");
    authority.issue(folder.path(), "elsewhere", &["elsewhere.example"]);
    authority.issue_until(folder.path(), "old", &["127.0.0.1"], "old", (2021, 1, 1));
    let mut cases = Vec::new();
    for (file, tls, words) in [
        ("good", trusting(&stranger), "unknown authority"),
        ("cn-only", trusting(&authority), "not valid for any names"),
        ("elsewhere", trusting(&authority), "not valid for 127.0.0.1, only for"),
        ("old", trusting(&authority), "has expired (2021-01-01"),
    ] {
        let server = Fake::secure(folder.path(), file).await;
        cases.push((only_cause(server.url("https"), tls).await, words));
    }
    let plain = Fake::web().await;
    cases.push((
        only_cause(plain.url("https"), trusting(&authority)).await,
        "plain http://",
    ));
    for ((kind, message), words) in cases {
        assert_eq!(kind, CauseKind::Tls, "{message}");
        assert!(message.contains(words), "no `{words}` in: {message}");
    }
}

#[tokio::test]
async fn a_member_that_wants_a_client_certificate_says_so() {
    let etcds = Etcds::start(USUAL, 1, true, &[]);
    let cluster = cluster_of(&etcds);
    until(&cluster, "healthy", all_healthy).await;
    let without = TlsFiles {
        ca: cluster.tls.ca.clone(),
        ..TlsFiles::default()
    };
    let (kind, message) = only_cause(etcds.url(0), without).await;
    assert_eq!(kind, CauseKind::Tls, "{message}");
    assert!(message.contains("client certificate"), "{message}");
    let (kind, message) = only_cause(etcds.url(0).replace("https", "http"), TlsFiles::default()).await;
    assert_eq!(kind, CauseKind::Tls, "{message}");
    assert!(message.contains("https://"), "{message}");
}
