//! The certificates that etcd is set to use, read on the host.

use super::*;
use crate::call::host::CertificatesSeen;

/// A certificate for these years, behind its own key, as one file.
fn pem(years: std::ops::Range<i32>) -> (String, String) {
    let mut params = rcgen::CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    (key.serialize_pem() + &certificate, certificate)
}

async fn seen(world: &World) -> CertificatesSeen {
    match world.ask(HostOp::Certificates).await.unwrap() {
        HostAnswer::Certificates(seen) => seen,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_etcd_is_set_to_use_is_told_with_the_hosts_time() {
    let world = World::new();
    write(world.path("argv"), "/usr/bin/etcd\n--name=h\n");
    assert_eq!(seen(&world).await.files, [], "no TLS at all");
    let (peer, authorities) = (world.path("peer.pem"), world.path("ca.pem"));
    let argv = format!(
        "/usr/bin/etcd\n--peer-cert-file={peer}\n--peer-trusted-ca-file={authorities}\n--cert-file={}\n--trusted-ca-file={}\n",
        world.path("gone.pem"),
        world.path("empty.pem"),
    );
    write(world.path("argv"), &argv);
    write(&peer, &pem(2020..2021).0);
    write(&authorities, &(pem(2020..2021).1 + &pem(2020..2090).1));
    write(world.path("empty.pem"), "nothing\n");
    let found = seen(&world).await;
    let here = crate::base::clock::now();
    assert!((here.as_second() - found.now.as_second()).abs() < 60, "{found:?}");
    let told: Vec<String> = found
        .files
        .iter()
        .map(|one| {
            let end = one.trouble.clone().unwrap_or_else(|| one.not_after.to_string());
            format!("{} {end}", one.setting)
        })
        .collect();
    assert_eq!(
        told,
        [
            "peer-cert-file 2021-01-01T00:00:00Z",
            "peer-trusted-ca-file 2090-01-01T00:00:00Z",
            "cert-file is not there",
            "trusted-ca-file holds no certificate",
        ]
    );
    assert_eq!(found.files[0].path, peer);
}
