//! What is found out before anything changes: plans that are refused, and why.

use super::*;
use crate::plan::build::Refusal;

const ENV: &str = "/etc/default/etcd";
const UNIT: &str = "/lib/systemd/system/etcd.service";

fn world() -> (World, ClusterConfig) {
    World::of("3.5.35".parse().unwrap(), 3).spare(1).build()
}

fn with(pairs: &[(&str, &str)]) -> BTreeMap<String, Value> {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
    pairs.collect()
}

fn adding() -> BTreeMap<String, Value> {
    let mut parameters = with(&[("host", "etcd-4")]);
    parameters.insert("take_backup".to_owned(), json!(false));
    parameters
}

/// Refused, with each of these words somewhere, and nothing has changed.
fn refused(world: &World, prepared: Prepared, words: &[&str]) -> Vec<Refusal> {
    let refusals = prepared.expect_err("a refusal");
    let all: Vec<String> = refusals
        .iter()
        .map(|one| format!("{} {}", one.why, one.hint.as_deref().unwrap_or_default()))
        .collect();
    for word in words {
        assert!(all.iter().any(|one| one.contains(word)), "{word}: {all:#?}");
    }
    assert_eq!(world.changes(), 0);
    refusals
}

#[test]
fn too_little_disk_where_the_data_lies_and_a_wrong_clock_are_told_at_once() {
    let (world, cluster) = world();
    world.give_disk("etcd-4", "/var/lib/etcd", 1 << 20);
    world.skew_clock("etcd-4", 120_000);
    let refusals = refused(
        &world,
        planned(&world, &cluster, "add-member", &adding()),
        &["etcd-4 has only 1 MiB free for /var/lib/etcd/default", "etcd-4"],
    );
    assert_eq!(refusals.len(), 2, "the disk and the clock: {refusals:#?}");
}

#[test]
fn a_data_directory_that_the_inventory_does_not_know_is_the_one_that_counts() {
    let (world, cluster) = world();
    world.write_file("etcd-4", ENV, "ETCD_DATA_DIR=/srv/etcd\n");
    world.give_folder("etcd-4", "/srv", "etcd:etcd");
    world.give_disk("etcd-4", "/srv", 1 << 20);
    let prepared = planned(&world, &cluster, "add-member", &adding());
    refused(&world, prepared, &["etcd-4 has only 1 MiB free for /srv/etcd"]);
}

#[test]
fn no_etcd_is_stopped_for_a_copy_for_which_there_is_no_room() {
    let (world, cluster) = world();
    world.give_disk("etcd-3", "/var/lib/etcdops", 4096);
    let copy = planned(&world, &cluster, "backup-offline", &with(&[("host", "etcd-3")]));
    refused(&world, copy, &["etcd-3 has only 4 KiB free for /var/lib/etcdops"]);
    world.allow_quorum_loss();
    for host in ["etcd-1", "etcd-2"] {
        world.scrap(host);
    }
    world.stop_etcd("etcd-3");
    let survivor = planned(
        &world,
        &cluster,
        "recover-from-survivor",
        &with(&[("survivor", "etcd-3")]),
    );
    refused(&world, survivor, &["etcd-3 has only 4 KiB free for /var/lib/etcdops"]);
}

#[test]
fn a_data_directory_that_nobody_knows_is_not_taken_for_an_empty_one() {
    let (world, cluster) = world();
    world.write_file("etcd-4", ENV, "ETCD_DATA_DIR=default.etcd\n");
    let prepared = planned(&world, &cluster, "add-member", &adding());
    refused(
        &world,
        prepared,
        &["its data directory is default.etcd", "an absolute data-dir"],
    );
}

#[test]
fn a_listener_that_nobody_would_reach_is_refused_with_the_line_to_change() {
    let (world, cluster) = world();
    world.write_file("etcd-4", ENV, "ETCD_LISTEN_PEER_URLS=http://localhost:2380\n");
    let prepared = planned(&world, &cluster, "add-member", &adding());
    refused(
        &world,
        prepared,
        &[
            "listen-peer-urls is http://localhost:2380: nobody who calls http://etcd-4:2380",
            "ETCD_LISTEN_PEER_URLS=\"http://0.0.0.0:2380\"",
        ],
    );
}

#[test]
fn a_member_on_a_host_that_nobody_knows_is_named_and_must_be_accepted() {
    let (world, mut cluster) = world();
    cluster.hosts.retain(|host| host.name != "etcd-2");
    let prepared = planned(&world, &cluster, "add-member", &adding());
    let refusals = refused(
        &world,
        prepared,
        &[
            "the member at http://etcd-2:2380 reaches etcd-4 cannot be proved",
            "--accept peers",
        ],
    );
    assert_eq!(refusals.len(), 1, "{refusals:#?}");
    let plan = accepting(&world, &cluster, ("add-member", &adding()), &["peers".to_owned()]).unwrap();
    assert_eq!(plan.accepted, ["peers"]);
    // And the new host must reach it all the same.
    cluster.hosts.retain(|host| host.name == "etcd-4");
    let none = planned(&world, &cluster, "add-member", &adding());
    refused(&world, none, &["http://etcd-1:2380 and the one at http://etcd-2:2380"]);
}

#[test]
fn a_peer_url_that_leads_nowhere_or_cannot_be_written_is_refused_before_anything_changes() {
    let (world, cluster) = world();
    let to = |url: &str| {
        let mut parameters = with(&[("member", "etcd-3"), ("peer_url", url)]);
        parameters.insert("take_backup".to_owned(), json!(false));
        planned(&world, &cluster, "update-member", &parameters)
    };
    refused(
        &world,
        to("http://nowhere:2390"),
        &["etcd-1 does not reach etcd-3 on nowhere:2390: Name or service not known"],
    );
    assert!(to("http://etcd-3:2390").is_ok());
    let wrapped = "[Service]\nEnvironmentFile=-/etc/default/etcd\nExecStart=/bin/sh -c 'exec /usr/bin/etcd'\n";
    world.write_file("etcd-3", UNIT, wrapped);
    refused(
        &world,
        to("http://etcd-3:2390"),
        &[
            "the unit starts etcd through /bin/sh",
            "Change by hand on etcd-3: ETCD_LISTEN_PEER_URLS=",
        ],
    );
}

#[test]
fn a_member_that_only_this_machine_cannot_see_is_not_taken_for_dead() {
    let (world, cluster) = world();
    let replacing = |world: &World| {
        let mut parameters = with(&[("member", "etcd-3"), ("host", "etcd-4")]);
        parameters.insert("take_backup".to_owned(), json!(false));
        let plan = planned(world, &cluster, "replace-member", &parameters).unwrap_or_else(|why| panic!("{why:#?}"));
        let texts: Vec<String> = plan
            .steps
            .iter()
            .filter(|step| ["alive", "stopped"].contains(&step.path.as_str()))
            .map(|step| format!("{}: {}", step.path, step.calls[0].action.with))
            .collect();
        texts.join("\n")
    };
    assert!(replacing(&world.fork()).contains("it answers as healthy"));
    // Its client port leads elsewhere; it votes all the same.
    let moved = world.fork();
    let text = moved
        .read_file("etcd-3", ENV)
        .unwrap()
        .replace("http://etcd-3:2379", "http://10.0.0.3:2379");
    moved.write_file("etcd-3", ENV, &text);
    moved.kill_etcd("etcd-3");
    moved.pass(Duration::from_secs(30));
    let asked = replacing(&moved);
    assert!(
        asked.contains("alive: ") && asked.contains("\"typed\":\"etcd-3\""),
        "{asked}"
    );
    world.stop_etcd("etcd-3");
    world.pass(Duration::from_secs(30));
    let told = replacing(&world);
    assert!(
        told.contains("etcdops start etcd-3") && !told.contains("alive"),
        "{told}"
    );
}

#[test]
fn a_certificate_that_has_ended_is_found_before_a_recovery_stops_anything() {
    const DAY: u32 = 86_400;
    let (world, cluster) = world();
    world.take_backup("2026-11-20-1200-k3f9-take");
    let none = BTreeMap::new();
    for host in ["etcd-1", "etcd-2", "etcd-3"] {
        world.certify(host, "/etc/etcd/peer.pem", 0, DAY);
    }
    assert!(planned(&world, &cluster, "recover-from-backup", &none).is_ok());
    world.certify("etcd-2", "/etc/etcd/peer.pem", -i64::from(DAY), DAY / 2);
    let prepared = planned(&world, &cluster, "recover-from-backup", &none);
    let words = ["etcd-2: /etc/etcd/peer.pem, its peer-cert-file, was valid until "];
    let refusals = refused(&world, prepared, &words);
    assert_eq!(refusals.len(), 1, "{refusals:#?}");
    let accepted = ["certificates".to_owned()];
    let plan = accepting(&world, &cluster, ("recover-from-backup", &none), &accepted).unwrap();
    assert_eq!(plan.accepted, accepted);

    // By the host's own clock, not by ours: that one is a minute slow, and the certificate is new.
    world.certify("etcd-2", "/etc/etcd/peer.pem", 0, DAY);
    world.skew_clock("etcd-2", -50_000 - i64::try_from(world.time().as_millis()).unwrap());
    let prepared = planned(&world, &cluster, "recover-from-backup", &none);
    refused(&world, prepared, &["is valid only from 2026-11-20T"]);
}
