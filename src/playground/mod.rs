//! Throw-away local clusters: real etcd processes on loopback, without root.
//!
//! One playground per user, below the user's data folder. It is a cluster like any other to the rest of the program:
//! an inventory entry, hosts reached through the local shell, services of the kind `process`.

pub mod binary;
mod down;
mod health;
pub mod layout;
mod lock;
mod log;
pub mod ports;
mod process;
pub mod state;
mod status;
mod up;

use std::io;
use std::path::{Path, PathBuf};

pub use down::{Down, down};
pub use health::{Answer, Connect, answers, look};
pub use status::{HostStatus, ProcessStatus, Status, status};
pub use up::{Options, Up, UpKind, up};

use crate::base::duration::Span;
use crate::base::files::FileError;
use crate::call::CallError;
use crate::cluster::version::Version;

/// What the playground cannot do, and what to type.
#[derive(Debug, thiserror::Error)]
pub enum PlaygroundError {
    #[error("no etcd is installed here: none is on PATH")]
    NoEtcd,
    #[error("{} is no program that can be run", path.display())]
    NoProgram { path: PathBuf },
    #[error("{} is no etcd: asked for its version, it said `{printed}`", path.display())]
    NotEtcd { path: PathBuf, printed: String },
    #[error("{} is etcd {version}; etcdops works with {} and newer", path.display(), binary::OLDEST)]
    TooOld { path: PathBuf, version: Version },
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{} cannot be read: {why}", path.display())]
    BrokenState { path: PathBuf, why: String },
    #[error("{} holds things that no playground wrote (such as `{example}`); it is left as it is", path.display())]
    Foreign { path: PathBuf, example: String },
    #[error("another `etcdops playground` is at work in {}", path.display())]
    Busy { path: PathBuf },
    #[error("a playground with {there} stands already; {asked} was asked for")]
    Different { there: String, asked: String },
    #[error("a playground has 1 to 9 members, not {asked}")]
    Members { asked: usize },
    #[error("no {count} free ports on 127.0.0.1 could be found")]
    NoPorts { count: usize },
    #[error("{host} cannot be started: port {port} on 127.0.0.1 is taken by another program")]
    PortTaken { host: String, port: u16 },
    #[error("{host} cannot be started: process {pid} already works in {}", path.display())]
    Held { host: String, pid: u32, path: PathBuf },
    #[error("{host} cannot be started: {source}")]
    Start { host: String, source: CallError },
    #[error("etcd on {host} ended right after its start{}", last_words(log))]
    Died { host: String, log: Vec<String> },
    #[error("the playground is not healthy after {}: {seen}", Span(*waited))]
    NotHealthy { waited: std::time::Duration, seen: String },
    #[error("{host} does not end: process {pid} still runs; nothing was removed")]
    WillNotEnd { host: String, pid: u32 },
    #[error("process {pid}, which is none of the recorded ones, still works in {}; nothing was removed", path.display())]
    StillHeld { pid: u32, path: PathBuf },
}

impl PlaygroundError {
    /// What to type next.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoEtcd => {
                "type `sudo apt-get install etcd-server`, or say where one is: `etcdops playground up --etcd \
                 /path/to/etcd` (etcd 3.3 or newer)"
            }
            Self::NoProgram { .. } | Self::NotEtcd { .. } | Self::TooOld { .. } => {
                "`--etcd` takes the etcd program, or the folder that holds it; without it the `etcd` on PATH is used"
            }
            Self::BrokenState { path, .. } => {
                let folder = path.parent().unwrap_or(path).display();
                return Some(format!(
                    "look whether an etcd still runs in {folder}; then remove that folder"
                ));
            }
            Self::Different { .. } => "type `etcdops playground down`, then `etcdops playground up` again",
            Self::PortTaken { .. } => {
                "free the port, or type `etcdops playground down` and `etcdops playground up`: a new playground takes \
                 other ports"
            }
            Self::Busy { .. } => "wait until it has ended; `etcdops playground status` shows what there is",
            Self::Start { .. } | Self::Died { .. } | Self::NotHealthy { .. } => {
                "type `etcdops playground status`, or `etcdops playground down` to throw it away"
            }
            Self::Held { pid, .. } | Self::StillHeld { pid, .. } | Self::WillNotEnd { pid, .. } => {
                return Some(format!("look at it with `ps -fp {pid}`, end it, and try again"));
            }
            Self::Foreign { path, .. } => {
                return Some(format!("move {} away and try again", path.display()));
            }
            Self::Members { .. } | Self::NoPorts { .. } | Self::Io { .. } | Self::File(_) => {
                return None;
            }
        };
        Some(text.to_owned())
    }

    /// Whether something of the playground was changed before this came up.
    pub fn after_changes(&self) -> bool {
        matches!(
            self,
            Self::Start { .. }
                | Self::Died { .. }
                | Self::NotHealthy { .. }
                | Self::WillNotEnd { .. }
                | Self::StillHeld { .. }
        )
    }
}

fn last_words(log: &[String]) -> String {
    if log.is_empty() {
        return String::new();
    }
    format!("; its log ends with:\n  {}", log.join("\n  "))
}

/// The playground's folder below the user's data folder.
pub fn root_in(data_dir: &Path) -> PathBuf {
    data_dir.join("etcdops").join("playground")
}

/// The playground of this user: below `$XDG_DATA_HOME`, or `~/.local/share`. `None`: the environment names neither.
pub fn default_root() -> Option<PathBuf> {
    use etcetera::base_strategy::{BaseStrategy, Xdg};
    Some(root_in(&Xdg::new().ok()?.data_dir()))
}
