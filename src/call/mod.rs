//! Questions to the world and their answers: data only. `Call` is the one thing that crosses the seam (`transport`).

pub mod configured;
pub mod copy;
pub mod error;
pub mod etcd;
pub mod host;
pub mod http;
pub mod library;
pub mod look;

use serde::{Deserialize, Serialize};

pub use copy::{CopySeen, Part};
pub use error::{CallError, Fault};
pub use etcd::{EtcdAnswer, EtcdOp};
pub use host::{HostAnswer, HostOp, Tag};
pub use http::{HttpAnswer, HttpRequest};
pub use library::{LibraryAnswer, LibraryOp};
pub use look::{Look, Sight, StoreSeen};

use crate::base::duration::Span;

/// One thing asked or done, at one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub to: To,
    /// The bound of the whole call.
    pub timeout: Span,
}

/// Where, and what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum To {
    /// A host's shell. A change carries a `tag`: it then runs detached, outlives us, and is found again by it.
    Host { host: String, op: HostOp, tag: Option<Tag> },
    /// One etcd endpoint (client URL), one RPC, never a fail-over.
    Etcd { endpoint: String, op: EtcdOp },
    /// One HTTP request from the bastion.
    Http(HttpRequest),
    /// The cluster's backup library, on the bastion.
    Library(LibraryOp),
    /// A shell command of the inventory, on the bastion.
    Bastion { command: String, change: bool },
}

impl To {
    /// It changes something: it is journalled as a call.
    pub fn is_change(&self) -> bool {
        match self {
            Self::Host { op, .. } => op.is_change(),
            Self::Etcd { op, .. } => op.is_change(),
            Self::Http(request) => request.change,
            Self::Library(op) => op.is_change(),
            Self::Bastion { change, .. } => *change,
        }
    }
}

/// The answer to a `Call`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    Host(HostAnswer),
    Etcd(EtcdAnswer),
    Http(HttpAnswer),
    Library(LibraryAnswer),
    Ran(host::RunOutput),
}

/// Told while a call runs. Never decides anything.
pub trait Watch: Sync {
    /// `done` of `total` bytes, where the total is known.
    fn bytes(&self, done: u64, total: Option<u64>);
    /// A line that the host printed, or what is waited for.
    fn line(&self, text: &str);
}

/// Nobody watches.
pub struct Unwatched;

impl Watch for Unwatched {
    fn bytes(&self, _done: u64, _total: Option<u64>) {}
    fn line(&self, _text: &str) {}
}
