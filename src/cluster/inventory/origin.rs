//! Where each value came from.

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::{Serialize, Serializer};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Origin {
    /// A flag, such as `--endpoints`.
    Flag(&'static str),
    /// An environment variable.
    Environment(String),
    /// A line of the inventory.
    File { file: String, line: usize },
    /// Found out, and how: `SRV records of example.org`.
    Discovered(String),
    /// Nobody set it.
    #[default]
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => out.write_str(flag),
            Self::Environment(variable) => write!(out, "${variable}"),
            Self::File { file, line } => write!(out, "{file}:{line}"),
            Self::Discovered(how) => write!(out, "discovered: {how}"),
            Self::Default => out.write_str("default"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The origin of each value that somebody set, by dotted path (`tls.ca`, `hosts.etcd-1.data_dir`).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Origins(BTreeMap<String, Origin>);

impl Origins {
    pub fn set(&mut self, path: impl Into<String>, origin: Origin) {
        self.0.insert(path.into(), origin);
    }

    /// Paths whose values came from the environment, with the variable.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(path, origin)| match origin {
            Origin::Environment(variable) => Some((path.as_str(), variable.as_str())),
            _ => None,
        })
    }

    pub fn of(&self, path: &str) -> Origin {
        self.0.get(path).cloned().unwrap_or_default()
    }
}
