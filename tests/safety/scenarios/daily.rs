//! Starting, stopping, logging, backing up.

use std::time::Duration;

use etcdops::cluster::version::Version;
use etcdops::transport::simulated::World;
use serde_json::json;

use super::{PLAIN, Way, all_hosts, host};

/// Longer than any case.
const LONG: Duration = Duration::from_hours(24);

/// The restart of one of two takes the quorum away.
fn restart_of_two(size: usize, version: Version) -> bool {
    size == 2 && version.log_level_needs_restart()
}

fn all_log_more(world: &World, size: usize) {
    if size <= 2 {
        world.allow_quorum_loss();
    }
    (1..=size).for_each(|number| world.debug_log(&host(number), LONG));
}

fn nobody_logs_more(world: &World) -> Option<String> {
    let end = world.essence();
    let left = end
        .lines()
        .find(|line| line.contains("debug=true") || line.contains("debug-log"));
    left.map(str::to_owned)
}

pub(super) fn ways(name: &str) -> Option<Vec<Way>> {
    services(name).or_else(|| logging(name)).or_else(|| backups(name))
}

fn services(name: &str) -> Option<Vec<Way>> {
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
        _ => return None,
    })
}

fn logging(name: &str) -> Option<Vec<Way>> {
    Some(match name {
        "debug-log-on" => vec![
            Way {
                label: "on all",
                sizes: &[1, 2, 3, 4, 5],
                kept: &["debug-log"],
                reboot_undoes: true,
                refused: restart_of_two,
                refusal: "quorum",
                parameters: all_hosts,
                ..PLAIN
            },
            Way {
                label: "while one is down",
                sizes: &[3, 4],
                agent: false,
                on: |_, version| version.log_level_needs_restart(),
                refused: |_, _| true,
                refusal: "quorum",
                prepare: |world, _| world.stop_etcd("etcd-1"),
                parameters: |_| json!({ "hosts": "etcd-2" }),
                ..PLAIN
            },
        ],
        "debug-log-off" => {
            let on_all = Way {
                label: "on all, which log more",
                sizes: &[1, 2, 3, 4, 5],
                refused: restart_of_two,
                refusal: "quorum",
                prepare: all_log_more,
                end: nobody_logs_more,
                parameters: all_hosts,
                ..PLAIN
            };
            vec![
                Way {
                    label: "where the override is gone and nobody was restarted",
                    on: |_, version| version.log_level_needs_restart(),
                    prepare: |world, size| {
                        all_log_more(world, size);
                        (1..=size).for_each(|number| world.lose_debug_log(&host(number)));
                    },
                    ..on_all
                },
                on_all,
            ]
        }
        "debug-log-status" => vec![Way {
            label: "on all",
            sizes: &[1, 3],
            parameters: all_hosts,
            ..PLAIN
        }],
        _ => return None,
    })
}

fn backups(name: &str) -> Option<Vec<Way>> {
    Some(match name {
        "backup" => vec![
            PLAIN,
            Way {
                label: "where the inventory keeps two",
                sizes: &[1, 3],
                prepare: |world, _| {
                    for name in ["first", "second", "third"] {
                        world.take_backup(name);
                    }
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
