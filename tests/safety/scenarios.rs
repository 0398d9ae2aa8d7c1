//! Which runbook is tried on which world, with which parameters.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

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
    /// Overrides that stay when it has ended well.
    pub kept: &'static [&'static str],
    /// It must be refused.
    pub refused: bool,
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
        }
    }
}

/// One way to try a runbook.
struct Way {
    label: &'static str,
    sizes: &'static [usize],
    spares: usize,
    kept: &'static [&'static str],
    refused: fn(usize, Version) -> bool,
    prepare: fn(&World, usize),
    parameters: fn(usize) -> Value,
}

const PLAIN: Way = Way {
    label: "",
    sizes: &[1, 2, 3, 5],
    spares: 0,
    kept: &[],
    refused: |_, _| false,
    prepare: |_, _| {},
    parameters: |_| json!({}),
};

fn all_hosts(size: usize) -> Value {
    let names: Vec<String> = (1..=size).map(|number| format!("etcd-{number}")).collect();
    json!({ "hosts": names.join(",") })
}

/// The ways to try an embedded runbook; `None`: nobody has said how.
fn ways(name: &str) -> Option<Vec<Way>> {
    let ways = match name {
        "restart" => vec![
            Way {
                label: "of all",
                refused: |size, _| size == 2,
                parameters: all_hosts,
                ..PLAIN
            },
            Way {
                label: "of the first of two",
                sizes: &[3],
                parameters: |_| json!({ "hosts": "etcd-1" }),
                ..PLAIN
            },
        ],
        _ => return None,
    };
    Some(ways)
}

/// All scenarios, and the runbooks that are left out, with the reason.
pub fn of(catalogue: &Catalogue) -> (Vec<Scenario>, Vec<String>) {
    let names: Vec<String> = catalogue.names().map(str::to_owned).collect();
    let books: BTreeMap<String, Runbook> = names
        .iter()
        .filter_map(|name| Some((name.clone(), catalogue.load(name).ok()?.runbook.clone())))
        .collect();
    let books = Arc::new(books);
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for name in names {
        let Some(ways) = ways(&name) else {
            left_out.push(format!("{name} (nobody has said how to try it)"));
            continue;
        };
        for way in ways {
            for version in VERSIONS {
                for &size in way.sizes {
                    let (world, cluster) = World::of(version, size).spare(way.spares).writer().agent().build();
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
                        kept: way.kept,
                        refused: (way.refused)(size, version),
                        books: books.clone(),
                    });
                }
            }
        }
    }
    (found, left_out)
}
