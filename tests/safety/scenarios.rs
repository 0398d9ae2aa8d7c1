//! Which runbook is tried on which world, with which parameters.

mod daily;
mod membership;
mod recovery;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
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
    pub dead: Vec<String>,
    /// Overrides that stay when it has ended well, and `freeze` where that does.
    pub kept: &'static [&'static str],
    /// It must be refused.
    pub refused: bool,
    /// What the refusal says.
    pub refusal: &'static str,
    /// It brings a cluster back: old members may return in the middle.
    pub recovers: bool,
    /// A boot takes back what it did: the unit starts, /run is empty.
    pub reboot_undoes: bool,
    /// What is wrong with the end of the undisturbed run, to which all others are held.
    pub end: fn(&World) -> Option<String>,
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
    refusal: &'static str,
    recovers: bool,
    reboot_undoes: bool,
    prepare: fn(&World, usize),
    /// What the inventory says besides.
    inventory: fn(&mut ClusterConfig),
    end: fn(&World) -> Option<String>,
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
    refusal: "",
    recovers: false,
    reboot_undoes: false,
    prepare: |_, _| {},
    inventory: |_| {},
    end: |_| None,
    parameters: |_| json!({}),
    dead: |_| Vec::new(),
};

/// These hosts are gone for good.
fn lose(world: &World, numbers: RangeInclusive<usize>) {
    world.allow_quorum_loss();
    numbers.for_each(|number| world.scrap(&host(number)));
}

fn host(number: usize) -> String {
    format!("etcd-{number}")
}

fn all_hosts(size: usize) -> Value {
    let names: Vec<String> = (1..=size).map(host).collect();
    json!({ "hosts": names.join(",") })
}

/// The ways to try a runbook. Whoever adds one says there how it is tried.
fn ways(name: &str) -> Vec<Way> {
    daily::ways(name)
        .or_else(|| membership::ways(name))
        .or_else(|| recovery::ways(name))
        .unwrap_or_else(|| panic!("nobody has said how to try the runbook {name}"))
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
                    let (world, mut cluster) = builder.build();
                    (way.inventory)(&mut cluster);
                    (way.prepare)(&world, size);
                    let dead = (way.dead)(size);
                    world.declare_dead(&dead);
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
                        dead,
                        kept: way.kept,
                        refused: (way.refused)(size, version),
                        refusal: way.refusal,
                        recovers: way.recovers,
                        reboot_undoes: way.reboot_undoes,
                        end: way.end,
                        books: books.clone(),
                    });
                }
            }
        }
    }
    found
}
