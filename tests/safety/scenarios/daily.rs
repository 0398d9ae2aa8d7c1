//! Starting, stopping, logging, backing up.

use serde_json::json;

use super::{PLAIN, Way, all_hosts, host};

pub(super) fn ways(name: &str) -> Option<Vec<Way>> {
    Some(match name {
        "restart" => vec![
            Way {
                label: "of all",
                refused: |size, _| size == 2,
                refusal: "quorum would be lost",
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
            refusal: "quorum would be lost",
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
        "backup" => vec![PLAIN],
        "backup-offline" => vec![Way {
            sizes: &[3],
            parameters: |_| json!({ "host": "etcd-1" }),
            ..PLAIN
        }],
        _ => return None,
    })
}
