//! Which runbook is tried on which world, with which parameters.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use etcdops::cluster::host::ClusterConfig;
use etcdops::cluster::version::Version;
use etcdops::runbook::catalogue::Catalogue;
use etcdops::runbook::types::Runbook;
use etcdops::transport::simulated::World;
use serde_json::{Value, json};

use super::harness::Job;

const VERSIONS: [Version; 6] = [
    Version::new(3, 3, 25),
    Version::new(3, 4, 23),
    Version::new(3, 5, 16),
    Version::new(3, 5, 35),
    Version::new(3, 6, 16),
    Version::new(3, 7, 3),
];

pub struct Scenario {
    pub name: String,
    /// What is special about it.
    pub label: String,
    pub version: Version,
    pub size: usize,
    pub world: World,
    pub cluster: ClusterConfig,
    pub runbook: Runbook,
    pub parameters: BTreeMap<String, Value>,
    pub dead: Vec<String>,
    /// Overrides that stay when it has ended well, and `freeze` where that does.
    pub kept: &'static [&'static str],
    /// It must be refused.
    pub refused: bool,
    /// A boot takes back what it did: the unit starts, /run is empty.
    pub reboot_undoes: bool,
    books: Arc<BTreeMap<String, Runbook>>,
}

impl fmt::Display for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} {} on {} members of {}",
            self.name, self.label, self.size, self.version
        )
    }
}

impl Scenario {
    pub fn job(&self) -> Job<'_> {
        Job {
            name: &self.name,
            runbook: &self.runbook,
            includes: Box::leak(Box::new(|name: &str| {
                let found = self.books.get(name).cloned();
                found.ok_or_else(|| format!("there is no runbook {name}"))
            })),
            cluster: &self.cluster,
            parameters: &self.parameters,
            dead: &self.dead,
        }
    }
}

/// One way to try a runbook.
struct Way {
    label: &'static str,
    sizes: &'static [usize],
    spares: usize,
    /// Configuration management that starts what is stopped.
    agent: bool,
    kept: &'static [&'static str],
    /// Tried on this size and version at all.
    on: fn(usize, Version) -> bool,
    refused: fn(usize, Version) -> bool,
    reboot_undoes: bool,
    prepare: fn(&World, usize),
    parameters: fn(usize) -> Value,
    /// Hosts that the operator declares dead.
    dead: fn(usize) -> Vec<String>,
}

const PLAIN: Way = Way {
    label: "",
    sizes: &[1, 2, 3, 5],
    spares: 0,
    agent: true,
    kept: &[],
    on: |_, _| true,
    refused: |_, _| false,
    reboot_undoes: false,
    prepare: |_, _| {},
    parameters: |_| json!({}),
    dead: |_| Vec::new(),
};

/// Long enough for clients to write a few times.
const REST: Duration = Duration::from_secs(30);

fn host(number: usize) -> String {
    format!("etcd-{number}")
}

fn all_hosts(size: usize) -> Value {
    let names: Vec<String> = (1..=size).map(host).collect();
    json!({ "hosts": names.join(",") })
}

fn last_member(size: usize) -> Value {
    json!({ "member": host(size), "take_backup": false })
}

/// The name of a backup that was taken before.
const BACKUP: &str = "2026-11-20-1200-k3f9-take";

/// The ways to try a runbook. Whoever adds one says here how it is tried.
#[expect(clippy::too_many_lines, reason = "a table: one arm for each runbook")]
fn ways(name: &str) -> Vec<Way> {
    match name {
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
        "promote-member" => vec![
            Way {
                sizes: &[1, 3, 4],
                spares: 1,
                on: |_, version| version.has_learners(),
                prepare: |world, size| world.join(&host(size + 1), true),
                parameters: |size| json!({ "member": host(size + 1) }),
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
                sizes: &[3, 4, 5],
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
                prepare: |world, size| world.scrap(&host(size)),
                parameters: |size| json!({ "member": host(size), "host": host(size + 1), "take_backup": false }),
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
                sizes: &[1, 2, 3, 4, 6],
                spares: 1,
                // Without learners a second voter costs a single member its quorum until it has started.
                on: |size, version| size > 1 || version.has_learners(),
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
                prepare: |world, size| world.give_folder(&host(size + 1), "/var/lib/etcd", "root:root"),
                parameters: |size| json!({ "host": host(size + 1), "take_backup": false }),
                ..PLAIN
            },
            Way {
                label: "with one down",
                sizes: &[3, 5],
                spares: 1,
                refused: |size, version| size == 3 || !version.add_needs_only_quorum(),
                prepare: |world, size| world.scrap(&host(size)),
                parameters: |size| json!({ "host": host(size + 1), "take_backup": false }),
                ..PLAIN
            },
        ],
        // Part of `add-member` and `replace-member`, which are tried.
        "join-member" => Vec::new(),
        "update-member" => vec![Way {
            sizes: &[1, 3, 5],
            parameters: |size| json!({ "member": host(size), "peer_url": format!("http://etcd-{size}:2390"), "take_backup": false }),
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
        "backup" => vec![PLAIN],
        "backup-offline" => vec![Way {
            sizes: &[3],
            parameters: |_| json!({ "host": "etcd-1" }),
            ..PLAIN
        }],
        "recover-from-backup" => vec![
            Way {
                label: "while it serves",
                sizes: &[1, 3],
                prepare: |world, _| world.take_backup(BACKUP),
                ..PLAIN
            },
            Way {
                label: "when all data is gone",
                sizes: &[3, 5],
                agent: false,
                prepare: |world, size| {
                    world.take_backup(BACKUP);
                    world.allow_quorum_loss();
                    for host in (1..=size).map(host) {
                        world.stop_etcd(&host);
                        world.wipe_data(&host);
                    }
                },
                ..PLAIN
            },
            Way {
                label: "on fewer hosts, the rest being stopped",
                sizes: &[3],
                agent: false,
                prepare: |world, size| {
                    world.take_backup(BACKUP);
                    world.allow_quorum_loss();
                    (1..=size).for_each(|number| world.stop_etcd(&host(number)));
                },
                parameters: |_| json!({ "members": "etcd-1,etcd-2" }),
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
                on: |_, version| version < Version::new(3, 5, 0),
                prepare: |world, size| {
                    world.copy_offline(BACKUP, "etcd-1");
                    world.allow_quorum_loss();
                    (2..=size).for_each(|number| world.scrap(&host(number)));
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
                prepare: |world, size| {
                    world.allow_quorum_loss();
                    (2..=size).for_each(|number| world.scrap(&host(number)));
                },
                dead: |size| (2..=size).map(host).collect(),
                ..PLAIN
            },
            Way {
                label: "of five, two left, one of them behind",
                sizes: &[5],
                // Without learners the second voter costs the survivor its quorum until it has started.
                on: |_, version| version.has_learners(),
                prepare: |world, size| {
                    world.allow_quorum_loss();
                    world.stop_etcd("etcd-1");
                    world.pass(REST);
                    (3..=size).for_each(|number| world.scrap(&host(number)));
                    world.start_etcd("etcd-1");
                },
                dead: |size| (3..=size).map(host).collect(),
                ..PLAIN
            },
            Way {
                label: "of three, while two could be started",
                sizes: &[3],
                agent: false,
                refused: |_, _| true,
                prepare: |world, size| {
                    world.allow_quorum_loss();
                    (1..=size).for_each(|number| world.stop_etcd(&host(number)));
                },
                dead: |_| vec![host(3)],
                ..PLAIN
            },
        ],
        _ => panic!("nobody has said how to try the runbook {name}"),
    }
}

/// All scenarios.
pub fn of(catalogue: &Catalogue) -> Vec<Scenario> {
    let names: Vec<String> = catalogue.names().map(str::to_owned).collect();
    let books: BTreeMap<String, Runbook> = names
        .iter()
        .filter_map(|name| Some((name.clone(), catalogue.load(name).ok()?.runbook.clone())))
        .collect();
    let books = Arc::new(books);
    let mut found = Vec::new();
    for name in names {
        for way in ways(&name) {
            for version in VERSIONS {
                for &size in way.sizes.iter().filter(|size| (way.on)(**size, version)) {
                    let builder = World::of(version, size).spare(way.spares).writer();
                    let builder = if way.agent { builder.agent() } else { builder };
                    let (world, cluster) = builder.build();
                    (way.prepare)(&world, size);
                    let parameters = serde_json::from_value((way.parameters)(size)).unwrap();
                    found.push(Scenario {
                        name: name.clone(),
                        label: way.label.to_owned(),
                        version,
                        size,
                        world,
                        cluster,
                        runbook: books[&name].clone(),
                        parameters,
                        dead: (way.dead)(size),
                        kept: way.kept,
                        refused: (way.refused)(size, version),
                        reboot_undoes: way.reboot_undoes,
                        books: books.clone(),
                    });
                }
            }
        }
    }
    found
}
