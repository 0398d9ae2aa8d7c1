//! Endpoints that DNS gives, through the command line.

use super::{all_healthy, cluster_of, until};
use crate::support::cli::Cli;
use crate::support::dns;
use crate::support::etcd::{Etcds, USUAL};

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_found_through_the_srv_records_of_its_domain() {
    let etcds = Etcds::start(USUAL, 1, true, &[]);
    let cluster = cluster_of(&etcds);
    until(&cluster, "healthy", all_healthy).await;
    let port = etcds.nodes[0].client.number;
    let record = vec![(0, 0, port, "localhost.".to_owned())];
    let ours = "_etcd-client-ssl-c1._tcp.example.test";
    let resolver = dns::serve([(ours.to_owned(), record)].into()).await;
    let mut cli = Cli::new();
    cli.set("ETCDOPS_RESOLVER", &resolver.to_string());
    cli.set("COLUMNS", "200");
    let file = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let authority = etcds.authority.as_ref().unwrap();
    let (cert, key) = authority.client();
    let inventory = format!(
        "clusters: {{lab: {{discovery_srv: {{domain: example.test, name: c1}}, tls: {{ca: '{}', cert: '{}', key: '{}'}}}}}}\n",
        file(&authority.certificate),
        file(&cert),
        file(&key),
    );
    cli.write("etcdops.yaml", &inventory);

    let shown = format!("https://localhost:{port}");
    let _ = cli
        .run(["config", "show"])
        .code(0)
        .shows(&[&shown, &format!("discovered: SRV records {ours}")]);
    let _ = cli
        .run(["health"])
        .code(0)
        .shows(&["lab: healthy: 1 of 1 voters", "e1"]);
    let _ = cli
        .run(["health", "--discovery-srv-name", "c2"])
        .code(3)
        .stdout("")
        .says(&["cannot find the endpoints", "_etcd-client-ssl-c2._tcp.example.test"]);
}
