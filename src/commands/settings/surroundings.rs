//! What a command finds around itself: variables and folders. A value, so that tests have their own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::commands::{Failure, folders};
use crate::playground;

/// The environment variables. An empty one counts as not set.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self::from_pairs(
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The first of these variables that is set, with its name.
    pub(super) fn first(&self, names: &[&str]) -> Option<(String, &str)> {
        names
            .iter()
            .find_map(|name| self.get(name).map(|value| ((*name).to_owned(), value)))
    }
}

/// Where a command runs.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub environment: Environment,
    pub home: Option<PathBuf>,
    /// Where an inventory is looked for when nobody names one, in this order.
    pub places: Vec<PathBuf>,
    /// The inventory of the playground, if one stands.
    pub playground: Option<PathBuf>,
    /// Where backups are kept when nobody says where.
    pub backups: PathBuf,
    /// Mistakes in files are shown in colour.
    pub colour: bool,
    /// … and fit into so many columns.
    pub columns: Option<usize>,
}

impl Surroundings {
    /// Those of this process.
    pub fn detect(colour: bool, columns: Option<usize>) -> Self {
        let folders = etcetera::choose_base_strategy().ok();
        let user = folders
            .as_ref()
            .map(|folders| folders.config_dir().join("etcdops").join("etcdops.yaml"));
        let places = [
            Some("./etcdops.yaml".into()),
            user,
            Some("/etc/etcdops/etcdops.yaml".into()),
        ];
        Self {
            environment: Environment::of_process(),
            home: folders.as_ref().map(|folders| folders.home_dir().to_owned()),
            places: places.into_iter().flatten().collect(),
            playground: folders.map(|folders| playground_inventory(&folders.data_dir())),
            backups: folders::backups(),
            colour,
            columns,
        }
    }

    /// `ETCDOPS_RESOLVER=ADDRESS:PORT`: the DNS server to ask instead of the system's, for split DNS and tests.
    pub(super) fn resolver(&self) -> Result<Option<SocketAddr>, Failure> {
        let Some(text) = self.environment.get("ETCDOPS_RESOLVER") else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            Failure::usage(format!("$ETCDOPS_RESOLVER is no address with a port: `{text}`"))
                .hint("write for example 10.0.0.53:53 or [2001:db8::53]:53")
        })
    }
}

fn playground_inventory(data_dir: &Path) -> PathBuf {
    playground::layout::inventory_path(&playground::root_in(data_dir))
}
