//! Bringing a cluster back.

use serde_json::json;

use std::ops::RangeInclusive;
use std::time::Duration;

use etcdops::cluster::version::Version;
use etcdops::transport::simulated::World;

use super::{PLAIN, Way, host, lose};

/// The name of a backup that was taken before.
const BACKUP: &str = "2026-11-20-1200-k3f9-take";

/// Long enough for clients to write a few times.
const REST: Duration = Duration::from_secs(30);

/// Stopped, and nothing is left of their data.
fn wipe(world: &World, hosts: RangeInclusive<usize>) {
    world.allow_quorum_loss();
    for host in hosts.map(host) {
        world.stop_etcd(&host);
        world.wipe_data(&host);
    }
}

/// What was carried along is disarmed.
fn no_alarm(world: &World) -> Option<String> {
    let none = world.essence().contains("alarms=0");
    (!none).then(|| "an alarm is left".to_owned())
}

#[expect(clippy::too_many_lines, reason = "a table: one arm for each runbook")]
pub(super) fn ways(name: &str) -> Option<Vec<Way>> {
    Some(match name {
        "recover-from-backup" => vec![
            Way {
                label: "while it serves",
                sizes: &[1, 3],
                prepare: |world, _| world.take_backup(BACKUP),
                ..PLAIN
            },
            Way {
                label: "that carries a full database",
                sizes: &[3],
                prepare: |world, _| {
                    world.raise_alarm("etcd-2", "NOSPACE");
                    world.take_backup(BACKUP);
                },
                end: no_alarm,
                ..PLAIN
            },
            Way {
                label: "when all data is gone",
                sizes: &[3, 5],
                agent: false,
                prepare: |world, size| {
                    world.take_backup(BACKUP);
                    wipe(world, 1..=size);
                },
                ..PLAIN
            },
            Way {
                label: "when some hosts lack the tool",
                sizes: &[3],
                prepare: |world, _| {
                    world.take_backup(BACKUP);
                    world.take_tools("etcd-1");
                    world.take_tools("etcd-3");
                },
                ..PLAIN
            },
            Way {
                label: "when only a host that stays out has the tool",
                sizes: &[1],
                spares: 1,
                prepare: |world, _| {
                    world.take_backup(BACKUP);
                    world.take_tools("etcd-1");
                },
                parameters: |_| json!({ "members": "etcd-1" }),
                ..PLAIN
            },
            Way {
                label: "when no host has the tool",
                sizes: &[3],
                refused: |_, _| true,
                refusal: "neither etcdutl nor etcdctl",
                prepare: |world, size| {
                    world.take_backup(BACKUP);
                    (1..=size).for_each(|number| world.take_tools(&host(number)));
                },
                ..PLAIN
            },
            Way {
                label: "on fewer hosts, the rest being stopped",
                sizes: &[3],
                agent: false,
                recovers: true,
                prepare: |world, size| {
                    world.take_backup(BACKUP);
                    world.allow_quorum_loss();
                    (1..=size).for_each(|number| world.stop_etcd(&host(number)));
                },
                parameters: |_| json!({ "members": "etcd-1,etcd-2" }),
                ..PLAIN
            },
            Way {
                label: "on a survivor and new hosts, two being gone for good",
                sizes: &[3],
                spares: 2,
                recovers: true,
                prepare: |world, size| {
                    world.take_backup(BACKUP);
                    // As whoever set them up has configured them.
                    world.configure_joiner("etcd-4");
                    world.configure_joiner("etcd-5");
                    lose(world, 2..=size);
                },
                parameters: |_| json!({ "members": "etcd-1,etcd-4,etcd-5" }),
                dead: |size| (2..=size).map(host).collect(),
                ..PLAIN
            },
            Way {
                label: "on whoever is left, two being gone for good",
                sizes: &[3, 5],
                recovers: true,
                prepare: |world, size| {
                    world.take_backup(BACKUP);
                    lose(world, size - 1..=size);
                },
                dead: |size| (size - 1..=size).map(host).collect(),
                ..PLAIN
            },
            Way {
                label: "when one is gone and nobody says so",
                sizes: &[3],
                refused: |_, _| true,
                refusal: "etcd-3",
                prepare: |world, size| {
                    world.take_backup(BACKUP);
                    lose(world, size..=size);
                },
                ..PLAIN
            },
            Way {
                label: "when there is v2 data",
                sizes: &[3],
                on: |_, version| version < Version::new(3, 5, 0),
                refused: |_, _| true,
                refusal: "data of the v2 API on etcd-1, etcd-2, etcd-3",
                prepare: |world, _| {
                    world.take_backup(BACKUP);
                    world.hold_v2_data();
                },
                ..PLAIN
            },
            Way {
                label: "when the peer certificate of one has ended",
                sizes: &[3],
                refused: |_, _| true,
                refusal: "etcd-2: /etc/etcd/peer.pem, its peer-cert-file, was valid until",
                prepare: |world, _| {
                    world.take_backup(BACKUP);
                    world.certify("etcd-2", "/etc/etcd/peer.pem", -86_400, 3_600);
                },
                ..PLAIN
            },
            Way {
                label: "when one that is called dead answers",
                sizes: &[3],
                refused: |_, _| true,
                refusal: "etcd-3 is not dead",
                prepare: |world, _| {
                    world.take_backup(BACKUP);
                    lose(world, 2..=2);
                    world.stop_etcd("etcd-3");
                },
                agent: false,
                parameters: |_| json!({ "members": "etcd-1" }),
                dead: |_| vec![host(2), host(3)],
                ..PLAIN
            },
        ],
        "recover-from-v2-backup" => vec![
            Way {
                label: "while it serves",
                sizes: &[3],
                on: |_, version| version < Version::new(3, 5, 0),
                prepare: |world, _| world.copy_offline(BACKUP, "etcd-2"),
                parameters: |_| json!({ "backup": BACKUP }),
                ..PLAIN
            },
            Way {
                label: "when two of three are gone for good",
                sizes: &[3],
                recovers: true,
                on: |_, version| version < Version::new(3, 5, 0),
                prepare: |world, size| {
                    world.copy_offline(BACKUP, "etcd-1");
                    lose(world, 2..=size);
                },
                parameters: |_| json!({ "backup": BACKUP, "host": "etcd-1" }),
                dead: |size| (2..=size).map(host).collect(),
                ..PLAIN
            },
        ],
        "recover-from-survivor" => vec![
            Way {
                label: "of three, two gone for good",
                sizes: &[3],
                recovers: true,
                prepare: |world, size| lose(world, 2..=size),
                dead: |size| (2..=size).map(host).collect(),
                ..PLAIN
            },
            Way {
                label: "of three, the data of two lost",
                sizes: &[3],
                agent: false,
                recovers: true,
                prepare: |world, size| wipe(world, 2..=size),
                ..PLAIN
            },
            Way {
                label: "of three, two gone for good, with a full database",
                sizes: &[3],
                recovers: true,
                prepare: |world, size| {
                    world.raise_alarm("etcd-1", "NOSPACE");
                    lose(world, 2..=size);
                },
                end: no_alarm,
                dead: |size| (2..=size).map(host).collect(),
                ..PLAIN
            },
            Way {
                label: "of five, two left, one of them behind",
                sizes: &[5],
                recovers: true,
                prepare: |world, size| {
                    world.allow_quorum_loss();
                    world.stop_etcd("etcd-1");
                    world.pass(REST);
                    lose(world, 3..=size);
                    world.start_etcd("etcd-1");
                },
                dead: |size| (3..=size).map(host).collect(),
                ..PLAIN
            },
            Way {
                label: "of three, the data of two lost, and the peer certificate of one that would join has ended",
                sizes: &[3],
                agent: false,
                refused: |_, _| true,
                refusal: "etcd-3: /etc/etcd/peer.pem, its peer-cert-file, was valid until",
                prepare: |world, size| {
                    wipe(world, 2..=size);
                    world.certify("etcd-3", "/etc/etcd/peer.pem", -86_400, 3_600);
                },
                ..PLAIN
            },
            Way {
                label: "of three, while two could be started",
                sizes: &[3],
                agent: false,
                refused: |_, _| true,
                refusal: "the copies on etcd-1, etcd-2 are intact and make a quorum",
                prepare: |world, size| {
                    lose(world, 3..=size);
                    (1..=2).for_each(|number| world.stop_etcd(&host(number)));
                },
                dead: |_| vec![host(3)],
                ..PLAIN
            },
            Way {
                label: "of three, while two of them serve",
                sizes: &[3],
                refused: |_, _| true,
                refusal: "knows a leader",
                prepare: |world, size| lose(world, 3..=size),
                dead: |_| vec![host(3)],
                ..PLAIN
            },
            Way {
                label: "of three, one called dead that answers",
                sizes: &[3],
                agent: false,
                refused: |_, _| true,
                refusal: "etcd-3 is not dead",
                prepare: |world, _| {
                    lose(world, 2..=2);
                    world.stop_etcd("etcd-3");
                },
                dead: |_| vec![host(2), host(3)],
                ..PLAIN
            },
        ],
        _ => return None,
    })
}
