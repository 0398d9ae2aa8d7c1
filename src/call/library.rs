//! What is asked of, or done in, the backup library on the bastion: one folder per cluster, one folder per backup in it.

use serde::{Deserialize, Serialize};

use crate::base::id::RunId;
use crate::snapshot::{Form, Kept, Shelf, Source};

/// The library is that of the transport's cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LibraryOp {
    // ---- looks ----
    /// All backups.
    List,
    /// One backup, if it is whole: what has no manifest is not there.
    Find { name: String },

    // ---- changes ----
    /// Streams a snapshot from one endpoint into the library: at least as new as a linearizable read through it just before, hashed
    /// on the way, verified, and only then named. The call's bound is for each answer, not for the stream, which may take as long as it moves.
    Take(Take),
    /// Reads a backup again: digests, pages, keys; with `boot` also through a throw-away etcd. Records what it found.
    Verify {
        name: String,
        boot: bool,
        run: Option<RunId>,
    },
    /// Brings a file or folder of a host into the library.
    Fetch(Fetch),
    /// Takes in a file or folder of the bastion that others made.
    Add(Add),
    /// Copies the file of a backup, and its manifest, to a folder outside the library.
    Copy { name: String, to: String },
    /// Removes backups that the retention rules no longer keep.
    Remove { names: Vec<String> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Take {
    pub name: String,
    /// The client URL that is asked.
    pub endpoint: String,
    /// Its host in the inventory.
    pub host: Option<String>,
    pub run: Option<RunId>,
    pub step: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fetch {
    pub name: String,
    pub host: String,
    /// A tar archive there.
    pub path: String,
    pub sha256: String,
    pub form: Form,
    pub source: Source,
    pub run: Option<RunId>,
    pub step: Option<String>,
}

/// What others made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Add {
    pub name: String,
    /// A snapshot, a database, an archive of ours, or a data directory.
    pub from: String,
    /// The log of that data directory, where it lies elsewhere.
    pub wal_dir: Option<String>,
    /// The directory is what `etcdctl backup` made.
    pub v2_backup: bool,
}

impl LibraryOp {
    pub fn is_change(&self) -> bool {
        !matches!(self, Self::List | Self::Find { .. })
    }

    /// For errors and traces.
    pub fn what(&self) -> String {
        match self {
            Self::List => "list the backups".to_owned(),
            Self::Find { name } => format!("look for backup {name}"),
            Self::Take(_) => "take a snapshot".to_owned(),
            Self::Verify { name, .. } => format!("verify backup {name}"),
            Self::Fetch(fetch) => format!("fetch {}", fetch.path),
            Self::Add(add) => format!("add {} to the backups", add.from),
            Self::Copy { name, to } => format!("copy backup {name} to {to}"),
            Self::Remove { names } => format!("remove {} backups", names.len()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LibraryAnswer {
    Shelf(Shelf),
    Found(Option<Box<Kept>>),
    Done,
}
