//! Looks: what probes, conditions and facts want to see. `look` answers them with one or more calls.

use serde::{Deserialize, Serialize};

use super::error::CallError;
use super::host::{HostAnswer, HostOp, RunOutput};
use super::http::{HttpAnswer, HttpRequest};
use super::library::{LibraryAnswer, LibraryOp};
use crate::base::duration::Span;
use crate::cluster::observed::Observed;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Look {
    /// Every member and endpoint, all at once.
    Cluster,
    /// One host look (`HostOp` without a change).
    Host {
        host: String,
        op: HostOp,
    },
    Http(HttpRequest),
    /// A command of the inventory on the bastion; it must change nothing.
    Bastion {
        command: String,
    },
    /// What every member's store comes to at one revision (0: now).
    Hashes {
        revision: u64,
    },
    /// `List` or `Find`.
    Library(LibraryOp),
}

/// What a look saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sight {
    Cluster(Box<Observed>),
    Host(HostAnswer),
    Http(HttpAnswer),
    /// Host (endpoint, where the inventory knows no host) → what its store comes to, or why not.
    Hashes(Vec<(String, Result<StoreSeen, String>)>),
    Library(LibraryAnswer),
    Ran(RunOutput),
    /// Could not be seen.
    Blind(CallError),
}

impl Look {
    /// The unit and process of a host.
    pub fn service(host: &str) -> Self {
        Self::Host {
            host: host.to_owned(),
            op: HostOp::InspectService,
        }
    }

    /// One backup of the library.
    pub fn backup(name: &str) -> Self {
        Self::Library(LibraryOp::Find { name: name.to_owned() })
    }

    /// What etcd on a host will read at its next start.
    pub fn config(host: &str) -> Self {
        Self::Host {
            host: host.to_owned(),
            op: HostOp::ReadConfig,
        }
    }

    pub fn stat(host: &str, path: &str) -> Self {
        Self::Host {
            host: host.to_owned(),
            op: HostOp::Stat { path: path.to_owned() },
        }
    }
}

/// A member's own store, at the revision that was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSeen {
    /// etcd's hash of keys and values.
    pub hash: u32,
    pub keys: u64,
    /// Where the store is by now.
    pub revision: u64,
}

/// Default bound of one look on a host.
pub const HOST_LOOK_BOUND: Span = Span(std::time::Duration::from_secs(20));
