//! The backup library on this machine: `STORE/CLUSTER/BACKUP/` with the backup's file and its `manifest.json`.
//!
//! A backup is made in a folder whose name begins with a dot, and gets its name by one rename when everything in it is on the disk:
//! what can be seen is whole. Folders 0700, files 0600.

mod shelf;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::call::{CallError, Fault, LibraryAnswer, LibraryOp, Watch};

use super::etcd::Etcd;

/// The library of one cluster.
#[derive(Clone, Debug)]
pub struct Library {
    folder: PathBuf,
}

impl Library {
    /// `folder`: the cluster's own folder below the store. Nothing is made before the first backup.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// One look or change. `bound` is for each answer that is waited for, not for streams: these end when they stall.
    pub fn perform(
        &self,
        op: &LibraryOp,
        _etcd: &Etcd,
        _bound: Duration,
        _watch: &dyn Watch,
    ) -> Result<LibraryAnswer, CallError> {
        match op {
            LibraryOp::List => shelf::list(&self.folder).map(LibraryAnswer::Shelf),
            LibraryOp::Find { name } => {
                shelf::find(&self.folder, name).map(|found| LibraryAnswer::Found(found.map(Box::new)))
            }
            other => Err(CallError::new(
                Fault::Unsupported,
                other.what(),
                place(&self.folder),
                "this version of etcdops does not carry it out",
            )),
        }
    }
}

/// For errors.
fn place(folder: &Path) -> String {
    format!("the library {}", folder.display())
}
