//! Starting, stopping, logging, backing up.

use serde_json::json;

use super::{PLAIN, Way, all_hosts, host};

pub(super) fn ways(name: &str) -> Option<Vec<Way>> {
    Some(match name {
        "restart" => vec![
            Way {
                label: "of all",
                refused: |size, _| size == 2,
                parameters: all_hosts,
                ..PLAIN
            },
            Way {
                label: "of one",
                sizes: &[3, 7],
                parameters: |_| json!({ "hosts": "etcd-1" }),
                ..PLAIN
            },
        ],
        "start" | "recover-start" => vec![
            Way {
                label: "of one that is stopped",
                sizes: &[1, 3, 5],
                agent: false,
                prepare: |world, _| world.stop_etcd("etcd-1"),
                parameters: all_hosts,
                ..PLAIN
            },
            Way {
                label: "of all, stopped",
                sizes: &[1, 2, 3],
                agent: false,
                prepare: |world, size| {
                    world.allow_quorum_loss();
                    (1..=size).for_each(|number| world.stop_etcd(&host(number)));
                },
                parameters: all_hosts,
                ..PLAIN
            },
        ],
        "stop" => vec![Way {
            label: "of one",
            sizes: &[1, 2, 3, 4],
            kept: &["freeze"],
            reboot_undoes: true,
            refused: |size, _| size == 2,
            parameters: |_| json!({ "hosts": "etcd-1" }),
            ..PLAIN
        }],
        "debug-log-on" => vec![Way {
            label: "on all",
            sizes: &[1, 3],
            kept: &["debug-log"],
            reboot_undoes: true,
            parameters: all_hosts,
            ..PLAIN
        }],
        "debug-log-off" | "debug-log-status" => vec![Way {
            label: "on all",
            sizes: &[1, 3],
            parameters: all_hosts,
            ..PLAIN
        }],
        "backup" => vec![
            PLAIN,
            Way {
                label: "where the inventory keeps two",
                sizes: &[1, 3],
                prepare: |world, _| {
                    ["first", "second", "third"]
                        .iter()
                        .for_each(|name| world.take_backup(name))
                },
                inventory: |cluster| cluster.backups.keep.last = Some(2),
                end: |world| {
                    let names = world.backups();
                    let right = names.len() == 2 && names[0] == "third";
                    (!right).then(|| format!("not the last two are left, but {names:?}"))
                },
                ..PLAIN
            },
        ],
        "backup-offline" => vec![
            Way {
                sizes: &[1, 3],
                parameters: |_| json!({ "host": "etcd-1" }),
                ..PLAIN
            },
            Way {
                label: "while another one is down",
                sizes: &[3],
                prepare: |world, size| world.scrap(&host(size)),
                parameters: |_| json!({ "host": "etcd-1" }),
                ..PLAIN
            },
        ],
        _ => return None,
    })
}
