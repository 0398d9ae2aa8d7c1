//! Looks: what probes, conditions and facts want to see. `look` answers them with one or more calls.

use serde::{Deserialize, Serialize};

use super::error::CallError;
use super::host::{HostAnswer, HostOp};
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
    /// The hash of every member at one revision.
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
    /// Endpoint → hash, or why not.
    Hashes(Vec<(String, Result<u32, String>)>),
    Library(LibraryAnswer),
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

/// Default bound of one look on a host.
pub const HOST_LOOK_BOUND: Span = Span(std::time::Duration::from_secs(20));
