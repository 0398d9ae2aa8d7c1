//! The inventory: `etcdops.yaml` with the clusters, every value resolved and with its origin.
//!
//! A file is read whole: all problems are told in one go, each with its line.

use std::path::PathBuf;

use serde_json::Value;

use crate::base::duration::Span;
use crate::base::nearest::nearest;
use crate::base::yaml::{self, Diagnostic, Positions, Source};
use crate::cluster::host::{ClusterConfig, Host};

pub mod address;
pub mod edit;
mod keys;
mod origin;
mod reader;
mod resolve;

pub use super::host::Discovery;
pub use origin::{Origin, Origins};

use reader::{Node, Reader};

/// The bound of each etcd call where nothing else is said.
pub const DEFAULT_CALL_TIMEOUT: Span = Span::seconds(5);

/// A cluster of the inventory, with what the configuration itself does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The file that it stands in.
    pub file: String,
    pub config: ClusterConfig,
    /// Where the endpoints must be asked for.
    pub discovery: Option<Discovery>,
    /// What a host is that is only known by its endpoint.
    pub template: Host,
    /// The file lists the hosts; they are not made of the endpoints.
    pub lists_hosts: bool,
    pub origins: Origins,
}

impl Entry {
    /// A cluster of which nothing is configured.
    pub fn empty(name: &str) -> Self {
        Self {
            file: String::new(),
            config: ClusterConfig {
                name: name.to_owned(),
                endpoints: Vec::new(),
                route: crate::cluster::host::Route::Direct,
                tls: crate::cluster::host::TlsFiles::default(),
                auth: crate::cluster::host::AuthUser::default(),
                clients: None,
                backups: crate::cluster::host::Backups::default(),
                hosts: Vec::new(),
                discovery: None,
                call_timeout: DEFAULT_CALL_TIMEOUT,
            },
            discovery: None,
            template: Host::named(""),
            lists_hosts: false,
            origins: Origins::default(),
        }
    }

    /// Replaces the endpoints; hosts that were made of the old ones are made anew.
    pub fn set_endpoints(&mut self, endpoints: Vec<String>, origin: Origin) {
        self.config.endpoints = endpoints;
        self.discovery = None;
        self.origins.set("endpoints", origin);
        self.place_endpoints();
    }
}

/// All clusters of a file, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    pub clusters: Vec<Entry>,
}

impl Inventory {
    /// Reads a file. Paths with `~/` are those of `home`.
    pub fn load_with_home(source: &Source, home: Option<PathBuf>) -> Result<Self, Vec<Diagnostic>> {
        let positions = Positions::of(source).map_err(|problem| vec![*problem])?;
        // Duplicate keys hide nothing else: the reader tells them with the rest.
        let Some(value) = yaml::parse_unchecked::<Value>(source) else {
            return Err(yaml::parse::<Value>(source).err().unwrap_or_default());
        };
        let reader = Reader::new(source, positions, home);
        let root = Node::root(&value);
        let mut found = Self::default();
        let fields = reader.fields(&root, &["clusters"]);
        match fields.get("clusters") {
            None if value.is_object() => {
                let hint = "write `clusters:` and below it the name of a cluster";
                reader.refuse(&root, "the key `clusters` is missing", Some(hint.into()));
            }
            None => {}
            Some(node) => {
                let entries = reader.entries(node);
                if entries.is_empty() && node.value.is_object() {
                    reader.refuse_key(node, "no cluster is listed", None);
                }
                for (name, node) in entries {
                    if let Err(error) = address::name("cluster", &name) {
                        reader.refuse_key(&node, error.message, error.hint);
                    }
                    let keys = keys::cluster(&reader, &node);
                    found
                        .clusters
                        .push(resolve::cluster(&reader, source, &name, &node, &keys));
                }
            }
        }
        let problems = reader.finish();
        if problems.is_empty() { Ok(found) } else { Err(problems) }
    }

    /// Reads a file, with the home folder of the environment.
    pub fn load(source: &Source) -> Result<Self, Vec<Diagnostic>> {
        Self::load_with_home(source, std::env::var_os("HOME").map(PathBuf::from))
    }

    pub fn cluster(&self, name: &str) -> Option<&Entry> {
        self.clusters.iter().find(|entry| entry.config.name == name)
    }

    pub fn names(&self) -> Vec<&str> {
        self.clusters.iter().map(|entry| entry.config.name.as_str()).collect()
    }

    /// The name that was probably meant.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.names())
    }
}

#[cfg(test)]
mod tests;
