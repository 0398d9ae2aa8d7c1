//! Who is a member.

use serde_json::{Value, json};

use super::{PLAIN, Way, host};

fn last_member(size: usize) -> Value {
    json!({ "member": host(size), "take_backup": with_backup(size) })
}

/// One size of each takes its backup: what comes before the change is then killed and troubled, too.
fn with_backup(size: usize) -> bool {
    size == 5
}

#[expect(clippy::too_many_lines, reason = "a table: one arm for each runbook")]
pub(super) fn ways(name: &str) -> Option<Vec<Way>> {
    Some(match name {
        "promote-member" => vec![
            Way {
                sizes: &[1, 3, 4],
                spares: 1,
                on: |_, version| version.has_learners(),
                prepare: |world, size| world.join(&host(size + 1), true),
                parameters: |size| json!({ "member": host(size + 1), "take_backup": size == 3 }),
                ..PLAIN
            },
            Way {
                label: "that votes",
                sizes: &[3],
                parameters: |_| json!({ "member": "etcd-1" }),
                ..PLAIN
            },
        ],
        "remove-member" => vec![
            Way {
                label: "that is alive",
                sizes: &[3, 4, 5, 7],
                parameters: last_member,
                ..PLAIN
            },
            Way {
                label: "that is dead",
                sizes: &[3, 5],
                prepare: |world, size| world.scrap(&host(size)),
                parameters: last_member,
                ..PLAIN
            },
            Way {
                label: "that lives, with another one down",
                sizes: &[3],
                refused: |_, _| true,
                refusal: "quorum survives the removal of",
                prepare: |world, _| world.scrap("etcd-1"),
                parameters: last_member,
                ..PLAIN
            },
            Way {
                label: "that is gone",
                sizes: &[3],
                spares: 1,
                parameters: |size| json!({ "member": host(size + 1), "take_backup": false }),
                ..PLAIN
            },
        ],
        "replace-member" => vec![
            Way {
                label: "that is dead, on another host",
                sizes: &[2, 3, 5, 7],
                spares: 1,
                refused: |size, _| size == 2,
                refusal: "quorum",
                prepare: |world, size| world.scrap(&host(size)),
                parameters: |size| json!({ "member": host(size), "host": host(size + 1), "take_backup": with_backup(size) }),
                ..PLAIN
            },
            Way {
                label: "whose data is lost, on its own host",
                sizes: &[3, 5],
                prepare: |world, size| {
                    world.stop_etcd(&host(size));
                    world.wipe_data(&host(size));
                },
                parameters: |size| json!({ "member": host(size), "take_backup": false }),
                ..PLAIN
            },
            Way {
                label: "that is stopped, on its own host",
                sizes: &[3],
                agent: false,
                prepare: |world, size| world.stop_etcd(&host(size)),
                parameters: |size| json!({ "member": host(size), "take_backup": false }),
                ..PLAIN
            },
            Way {
                label: "whose data lie in a folder that etcd may not write, on its own host",
                sizes: &[3],
                agent: false,
                prepare: |world, size| {
                    world.stop_etcd(&host(size));
                    world.give_folder(&host(size), "/var/lib/etcd", "root:root");
                },
                parameters: |size| json!({ "member": host(size), "take_backup": false }),
                ..PLAIN
            },
            Way {
                label: "that is alive, on another host",
                sizes: &[1, 2, 3, 4],
                spares: 1,
                on: |size, version| size > 1 || version.has_learners(),
                parameters: |size| json!({ "member": host(size), "host": host(size + 1), "take_backup": false }),
                ..PLAIN
            },
            Way {
                label: "that is alive, on its own host",
                sizes: &[1, 3, 5],
                refused: |size, _| size == 1,
                refusal: "is the only voter; without it there is no cluster",
                parameters: |size| json!({ "member": host(size), "take_backup": false }),
                ..PLAIN
            },
            Way {
                label: "that is gone, on its own host",
                sizes: &[2, 3],
                spares: 1,
                parameters: |size| json!({ "member": host(size + 1), "take_backup": false }),
                ..PLAIN
            },
        ],
        "add-member" => vec![
            Way {
                sizes: &[1, 2, 3, 4, 5, 6],
                spares: 1,
                parameters: |size| json!({ "host": host(size + 1), "take_backup": with_backup(size) }),
                ..PLAIN
            },
            Way {
                label: "that was added before and never started",
                sizes: &[2, 3, 5],
                spares: 1,
                prepare: |world, size| world.list(&host(size + 1)),
                parameters: |size| json!({ "host": host(size + 1), "take_backup": false }),
                ..PLAIN
            },
            Way {
                label: "that is one already",
                sizes: &[3],
                parameters: |_| json!({ "host": "etcd-2", "take_backup": false }),
                ..PLAIN
            },
            Way {
                label: "where etcd may not make its data directory",
                sizes: &[3],
                spares: 1,
                refused: |_, _| true,
                refusal: "/var/lib/etcd",
                prepare: |world, size| world.give_folder(&host(size + 1), "/var/lib/etcd", "root:root"),
                parameters: |size| json!({ "host": host(size + 1), "take_backup": false }),
                ..PLAIN
            },
            Way {
                label: "with one down",
                sizes: &[3, 5],
                spares: 1,
                refused: |size, version| size == 3 || !version.add_needs_only_quorum(),
                refusal: "etcd refuses to add a member while",
                prepare: |world, size| world.scrap(&host(size)),
                parameters: |size| json!({ "host": host(size + 1), "take_backup": false }),
                ..PLAIN
            },
        ],
        // Part of `add-member` and `replace-member`, which are tried.
        "join-member" => Vec::new(),
        "update-member" => vec![Way {
            sizes: &[1, 3, 5, 7],
            parameters: |size| json!({ "member": host(size), "peer_url": format!("http://etcd-{size}:2390"), "take_backup": with_backup(size) }),
            ..PLAIN
        }],
        "grow" => vec![Way {
            sizes: &[1, 2, 3, 4],
            spares: 1,
            agent: false,
            // Without learners its own guard refuses the second voter, which costs the quorum until it has started.
            on: |size, version| size > 1 || version.has_learners(),
            prepare: |world, size| world.configure_joiner(&host(size + 1)),
            parameters: |size| json!({ "host": host(size + 1) }),
            ..PLAIN
        }],
        "shrink" => vec![
            Way {
                label: "by one that is alive",
                sizes: &[2, 3, 4, 5],
                agent: false,
                parameters: |size| json!({ "member": host(size) }),
                ..PLAIN
            },
            Way {
                label: "by one that is dead",
                sizes: &[3, 5],
                agent: false,
                prepare: |world, size| world.scrap(&host(size)),
                parameters: |size| json!({ "member": host(size) }),
                ..PLAIN
            },
        ],
        _ => return None,
    })
}
