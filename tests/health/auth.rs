//! A cluster with users and passwords, looked at without and with credentials.

use std::time::Instant;

use etcdops::base::duration::Span;
use etcdops::base::secret::Secret;
use etcdops::look::verdict::Verdict;
use etcdops::look::{Depth, investigate};
use etcdops::transport::etcd::Credentials;

use super::{all_healthy, cluster_of, in_time, judged, look, transport, until};
use crate::support::etcd::Etcds;

fn with_auth(etcds: &Etcds) {
    etcds.control(0, &["user", "add", "root:secret"]);
    etcds.control(0, &["user", "grant-role", "root", "root"]);
    etcds.control(0, &["auth", "enable"]);
}

#[tokio::test]
async fn auth_without_credentials_still_proves_quorum_and_only_then() {
    for version in ["3.3.25", "3.4.23", "3.5.30", "3.6.16", "3.7.3"] {
        let etcds = Etcds::start(version, 3, false, &[]);
        let cluster = cluster_of(&etcds);
        until(&cluster, "healthy", all_healthy).await;
        if version == "3.3.25" {
            etcds.control(0, &["role", "add", "root"]);
        }
        with_auth(&etcds);
        let evidence = look(&cluster, Span::seconds(10)).await;
        let health = judged(&evidence, &cluster);
        assert!(evidence.observed.quorum_proved, "{version}: {evidence:#?}");
        assert!(
            matches!(health.verdict, Verdict::Healthy | Verdict::Degraded),
            "{version} {health:#?}"
        );

        let user = |password: &str| Credentials {
            user: "root".to_owned(),
            password: Secret::new(password.to_owned()),
        };
        let known = transport(&cluster, Some(user("secret")));
        let whole = investigate(&cluster, &known, Span::seconds(10), Depth::Thorough).await;
        assert_eq!(
            judged(&whole, &cluster).verdict,
            Verdict::Healthy,
            "{version}: {whole:#?}"
        );
        assert!(whole.observed.members.iter().all(|seen| seen.revision.is_some()));

        etcds.freeze(1);
        etcds.freeze(2);
        let bound = Span::seconds(4);
        // The first look may still catch the old leader's last moments.
        until(&cluster, "the quorum is gone", |seen| !seen.quorum_proved).await;
        let started = Instant::now();
        let evidence = look(&cluster, bound).await;
        in_time(started, bound);
        assert!(
            !evidence.observed.quorum_proved,
            "{version}: a denied read proved a quorum that is not there"
        );
        etcds.thaw(1);
        etcds.thaw(2);
    }
}
