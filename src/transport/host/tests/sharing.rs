//! Several clusters on one host (safety 34).

use super::super::shell::{Details, Place};
use super::*;

/// Names that look alike once what a file's name must not hold is taken out of them.
const NAMES: [&str; 4] = ["tools.k8s", "tools_k8s", "tools", "tools:k8s"];

fn of_cluster(folder: &Path, name: &str) -> Hosts {
    let mut config = (*cluster(folder)).clone();
    name.clone_into(&mut config.name);
    Hosts::new(Arc::new(config), None)
}

#[tokio::test]
async fn marker_and_fence_of_one_cluster_are_not_anothers() {
    let folder = tempfile::tempdir().unwrap();
    let runs = ["aaaa", "bbbb", "cccc", "dddd"].map(|end| marker(&format!("2026-11-20-1304-{end}")));
    let all: Vec<(&str, Hosts, &Marker)> = NAMES
        .iter()
        .zip(&runs)
        .map(|(name, run)| (*name, of_cluster(folder.path(), name), run))
        .collect();
    let ask = async |hosts: &Hosts, op: HostOp| hosts.perform("h", &op, None, BOUND, &Unwatched).await.unwrap();
    for (name, hosts, run) in &all {
        let cluster = (*name).to_owned();
        let marker = (*run).clone();
        ask(hosts, HostOp::WriteMarker { cluster, marker }).await;
        let cluster = (*name).to_owned();
        ask(hosts, HostOp::Fence { cluster }).await;
    }
    // One after another is given back; what the others have stands.
    for gone in 0..=all.len() {
        for (place, (name, hosts, run)) in all.iter().enumerate() {
            let cluster = (*name).to_owned();
            let HostAnswer::Leftovers(left) = ask(hosts, HostOp::Leftovers { cluster }).await else {
                panic!("no leftovers");
            };
            let stands = place >= gone;
            assert_eq!(
                (left.fenced, left.marker.as_ref()),
                (stands, stands.then_some(*run)),
                "{name}, {gone} are gone"
            );
        }
        let Some((name, hosts, _)) = all.get(gone) else { break };
        for other in &runs {
            let op = HostOp::ClearMarker {
                cluster: (*name).to_owned(),
                run: other.run.clone(),
                life: None,
            };
            ask(hosts, op).await;
        }
        let cluster = (*name).to_owned();
        ask(hosts, HostOp::Unfence { cluster }).await;
    }
}

#[test]
fn under_systemd_each_cluster_and_unit_has_paths_of_its_own() {
    let mut seen = std::collections::BTreeSet::new();
    for (place, cluster) in NAMES.iter().enumerate() {
        let mut host = Host::named("h");
        host.service.unit = format!("etcd@{place}");
        let place = Place { host: &host, cluster };
        let op = HostOp::Fence {
            cluster: (*cluster).to_owned(),
        };
        let script = place.direct(&op, &Details::default()).unwrap();
        let set: Vec<&str> = script
            .text
            .lines()
            .filter(|line| line.starts_with("cluster=") || line.starts_with("unit="))
            .collect();
        assert_eq!(set.len(), 2, "{set:?}");
        assert!(set.iter().all(|line| seen.insert((*line).to_owned())), "{set:?} again");
        for path in [
            "fence=$root/$cluster.fenced",
            "fence_conf=/etc/systemd/system/$unit.service.d/zz-etcdops-fence.conf",
        ] {
            assert!(script.text.lines().any(|line| line == path), "no {path}");
        }
        let marker = place.direct(&HostOp::ReadMarker { cluster: String::new() }, &Details::default());
        assert!(marker.unwrap().text.contains("marker=$root/$cluster.run\n"));
    }
}

#[tokio::test]
async fn a_freeze_that_two_clusters_share_ends_with_the_last_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let clusters = [of_cluster(folder.path(), "a"), of_cluster(folder.path(), "b")];
    let is_frozen = || folder.path().join("frozen").exists();
    let change = async |who: usize, op: HostOp, key: &str| {
        let tag = tag(key);
        let done = clusters[who].perform("h", &op, Some(&tag), BOUND, &Unwatched).await;
        assert_eq!(done.unwrap(), HostAnswer::Done, "{key}");
    };
    let counts = async |who: usize| {
        clusters[who]
            .perform("h", &HostOp::FreezeCheck, None, BOUND, &Unwatched)
            .await
            .unwrap()
    };
    let freeze = || HostOp::Freeze { at_most: None };

    change(0, freeze(), "a-1").await;
    assert_eq!(counts(0).await, HostAnswer::Frozen(true));
    assert_eq!(counts(1).await, HostAnswer::Frozen(false), "not on b's account yet");
    change(1, freeze(), "b-1").await;
    assert_eq!(counts(1).await, HostAnswer::Frozen(true));
    change(0, HostOp::Thaw, "a-2").await;
    assert!(is_frozen(), "b still works");
    assert_eq!(counts(0).await, HostAnswer::Frozen(false), "a has let go of it");
    assert_eq!(counts(1).await, HostAnswer::Frozen(true));

    // Thawed by hand meanwhile: b's freeze is made good.
    std::fs::remove_file(folder.path().join("frozen")).unwrap();
    assert_eq!(counts(1).await, HostAnswer::Frozen(false));
    change(1, freeze(), "b-2").await;
    assert!(is_frozen());
    change(1, HostOp::Thaw, "b-3").await;
    assert!(!is_frozen(), "the last one thaws");
    assert_eq!(counts(1).await, HostAnswer::Frozen(false));
}
