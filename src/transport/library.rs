//! The backup library on this machine: `STORE/CLUSTER/BACKUP/` with the backup's file and its `manifest.json`.
//!
//! A backup is made in a folder whose name begins with a dot, and gets its name by one rename when everything in it is on the disk:
//! what can be seen is whole. Folders 0700, files 0600.

mod boot;
mod check;
mod fetch;
mod keeping;
mod pack;
mod shelf;
mod take;
mod with;

pub use keeping::preview;
pub use shelf::list;
pub use with::With;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::files::FileError;
use crate::call::{CallError, Fault, LibraryAnswer, LibraryOp, Watch};

use super::etcd::Etcd;
use super::real::Hosts;

/// The library of one cluster.
#[derive(Clone, Debug)]
pub struct Library {
    folder: PathBuf,
    /// The cluster's name in the inventory.
    cluster: String,
}

impl Library {
    /// `folder`: the cluster's own folder below the store. Nothing is made before the first backup.
    pub fn at(folder: PathBuf, cluster: &str) -> Self {
        Self {
            folder,
            cluster: cluster.to_owned(),
        }
    }

    /// One look or change. `bound` is for each answer that is waited for, not for streams: these end when they stall.
    pub async fn perform(
        &self,
        op: &LibraryOp,
        etcd: &Etcd,
        hosts: Option<&dyn Hosts>,
        bound: Duration,
        watch: &dyn Watch,
    ) -> Result<LibraryAnswer, CallError> {
        match op {
            LibraryOp::List => return shelf::list(&self.folder).map(LibraryAnswer::Shelf),
            LibraryOp::Find { name } => {
                let found = shelf::find(&self.folder, name)?;
                return Ok(LibraryAnswer::Found(found.map(Box::new)));
            }
            LibraryOp::Take(take) => self.take(take, etcd, bound, watch).await?,
            LibraryOp::Verify { name, boot, run } => self.verify((name, *boot), run.as_ref(), watch).await?,
            LibraryOp::Add(add) => tokio::task::block_in_place(|| self.add(add, watch))?,
            LibraryOp::Copy { name, to } => tokio::task::block_in_place(|| self.copy(name, to, watch))?,
            LibraryOp::Remove { names } => self.remove(names)?,
            LibraryOp::Fetch(fetch) => match hosts {
                Some(hosts) => self.fetch(fetch, hosts, watch).await?,
                None => {
                    let why = "hosts cannot be reached from here";
                    return Err(CallError::new(Fault::Unsupported, op.what(), &fetch.host, why));
                }
            },
        }
        Ok(LibraryAnswer::Done)
    }

    fn place(&self) -> String {
        place(&self.folder)
    }
}

/// For errors.
fn place(folder: &Path) -> String {
    format!("the library {}", folder.display())
}

fn on_disk(what: &str, error: &FileError) -> CallError {
    let fault = if error.is_disk_full() {
        Fault::DiskFull
    } else {
        Fault::Refused
    };
    CallError::new(fault, what, "this machine", error.to_string())
}

fn unreadable(path: &Path, why: String) -> CallError {
    CallError::new(Fault::Refused, "read the backup", path.display().to_string(), why)
}
