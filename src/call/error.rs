//! Why a call has no answer.

use serde::{Deserialize, Serialize};

use crate::base::files::is_full;
use crate::cluster::observed::{Cause, CauseKind};

/// What kind of failure; decides the hint, and whether a change may have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The name does not resolve.
    Name,
    /// Connection refused, no route, reset before anything was sent.
    Connect,
    /// No answer within the bound, not even to the connection attempt.
    Timeout,
    /// The connection was accepted, then nothing came within the bound: a member that waits for quorum, or a frozen process.
    Silent,
    /// The connection ended in the middle: the change may have happened.
    Lost,
    /// A TLS check failed; the message says which.
    Tls,
    /// etcd or ssh does not accept who we are.
    Auth,
    /// ssh does not know the host's key, or it has changed.
    HostKey,
    /// sudo refused or wants a password.
    Sudo,
    /// The host has no space left.
    DiskFull,
    /// The program ran and said no.
    Refused,
    /// What is asked does not exist there (RPC, path, unit, program).
    Missing,
    /// The answer makes no sense (garbage, another protocol).
    Garbage,
    /// Not possible with this transport, service kind or version.
    Unsupported,
}

impl Fault {
    /// What an error of this machine's disk comes to.
    pub fn of_disk(error: &std::io::Error) -> Self {
        if is_full(error) { Self::DiskFull } else { Self::Refused }
    }
}

/// A call that got no good answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{what} on {place}: {message}")]
pub struct CallError {
    pub fault: Fault,
    /// What was tried: `stop unit etcd`.
    pub what: String,
    /// The host or endpoint.
    pub place: String,
    /// What came back.
    pub message: String,
    /// For changes: it may have been carried out although no answer came.
    pub maybe_done: bool,
}

impl CallError {
    pub fn new(fault: Fault, what: impl Into<String>, place: impl Into<String>, message: impl Into<String>) -> Self {
        let maybe_done = matches!(fault, Fault::Timeout | Fault::Silent | Fault::Lost | Fault::Garbage);
        Self {
            fault,
            what: what.into(),
            place: place.into(),
            message: message.into(),
            maybe_done,
        }
    }

    pub fn cause(&self) -> Cause {
        let kind = match self.fault {
            Fault::Name => CauseKind::Dns,
            Fault::Connect | Fault::Lost => CauseKind::Connect,
            Fault::Timeout | Fault::Silent => CauseKind::Timeout,
            Fault::Tls => CauseKind::Tls,
            Fault::Auth => CauseKind::Auth,
            Fault::HostKey | Fault::Sudo => CauseKind::Shell,
            Fault::DiskFull | Fault::Refused | Fault::Missing | Fault::Garbage | Fault::Unsupported => CauseKind::Etcd,
        };
        Cause {
            kind,
            message: self.message.clone(),
        }
    }
}
