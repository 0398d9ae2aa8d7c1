//! A backup proved by starting a throw-away etcd from it (safety 37): it listens only on sockets in a folder of mode 0700, and is gone
//! afterwards with all that it wrote. What it tells needs no credentials, also where the backup has auth on.
//!
//! Only what it serves, or its own word that the data is corrupt, speaks against the backup: a full disk or a program that does not
//! start says nothing about it.

mod asked;
mod process;
mod tools;

use std::fs::File;
use std::path::Path;

use asked::{Hashed, Served};
use tools::Tools;

use super::{Library, on_disk, unreadable};
use crate::base::draft::Draft;
use crate::call::{CallError, Fault, Watch};
use crate::snapshot::archive;
use crate::snapshot::hash_kv::{hash_kv, hash_kv_within};
use crate::snapshot::source::{FileSource, Part, ReadAt as _};
use crate::snapshot::{Damage, Form, Kept, Proof, file};

const WHAT: &str = "boot a backup";

/// What a boot came to, where nothing else was in its way.
pub(super) enum Booted {
    /// Recorded for the backup.
    Proof(Proof),
    /// It does not serve what the manifest says: recorded against the backup.
    Damage(String),
}

/// Why there is nothing to compare.
enum Halt {
    /// etcd itself says that the data is corrupt.
    Corrupt(String),
    /// Something else is in the way.
    Failed(CallError),
    /// This etcd is not the one for this data.
    NotTried(String),
}

impl Halt {
    fn failed(why: impl Into<String>) -> Self {
        let why = why.into();
        let fault = if says_full(&why) {
            Fault::DiskFull
        } else {
            Fault::Refused
        };
        Self::Failed(CallError::new(fault, WHAT, "this machine", why))
    }

    /// What a program said at its end.
    fn said(program: &str, words: &str, last: &str) -> Self {
        let why = format!("{program}: {last}");
        if !says_full(words) && CORRUPT.iter().any(|mark| words.contains(mark)) {
            Self::Corrupt(why)
        } else {
            Self::failed(why)
        }
    }
}

/// How etcd and its tools say that it is the data: each stands in what they print of a digest or checksum that does not match.
const CORRUPT: &[&str] = &["expected sha256", "crc mismatch", "checksum error", "invalid database"];

fn says_full(words: &str) -> bool {
    words.contains("no space left on device") || words.contains("No space left on device")
}

impl Library {
    pub(super) async fn boot(&self, kept: &Kept, watch: &dyn Watch) -> Result<Booted, CallError> {
        let tools = match tools::at_hand(kept).await {
            Ok(tools) => tools,
            Err(why) => return Ok(Booted::Proof(Proof::NotTried(why))),
        };
        let name = format!("boot-{}", kept.manifest.name);
        let draft = Draft::begin(&self.folder, &name).map_err(|error| on_disk(WHAT, &error))?;
        match self.proved(kept, &tools, draft.folder(), watch).await {
            Ok(booted) => Ok(booted),
            Err(Halt::Corrupt(why)) => Ok(Booted::Damage(why)),
            Err(Halt::NotTried(why)) => Ok(Booted::Proof(Proof::NotTried(why))),
            Err(Halt::Failed(error)) => Err(error),
        }
    }

    async fn proved(&self, kept: &Kept, tools: &Tools, folder: &Path, watch: &dyn Watch) -> Result<Booted, Halt> {
        watch.line("restores it into a throw-away folder");
        process::restore(kept, folder, tools).await?;
        watch.line("starts etcd from it");
        let mut etcd = process::Started::from(folder, tools)?;
        let ended = etcd.serves().await;
        let ended = match ended {
            Ok(served) => compared(kept, tools, served, folder).await,
            Err(halt) => Err(halt),
        };
        // Gone before its folder is.
        etcd.end().await;
        ended
    }
}

/// Held against the manifest, and against our own hash of what is in the file.
async fn compared(kept: &Kept, tools: &Tools, served: Served, folder: &Path) -> Result<Booted, Halt> {
    let content = &kept.manifest.content;
    // An empty store is at revision 1 once etcd runs.
    let revision = content.revision.max(1);
    // A log may hold more than the database beside it, and leases may end while we ask.
    if served.revision < revision || (served.revision == revision && served.keys != content.keys) {
        return Ok(Booted::Damage(format!(
            "etcd {} started from it serves revision {} with {} keys, not {revision} with {}",
            tools.version, served.revision, served.keys, content.keys
        )));
    }
    let theirs = asked::hashed(folder, revision)
        .await
        .map_err(|why| Halt::failed(format!("etcd {} was asked for its hash: {why}", tools.version)))?;
    let ours = own_hash(kept, revision, theirs).await.map_err(Halt::Failed)?;
    if ours.is_some_and(|ours| ours != theirs.hash) {
        return Ok(Booted::Damage(format!(
            "etcd {} started from it has the hash {:x} at revision {revision}, the file {:x}",
            tools.version,
            theirs.hash,
            ours.unwrap_or_default()
        )));
    }
    Ok(Booted::Proof(Proof::Booted { version: tools.version }))
}

/// `HashKV` of the file, read off the threads that answer.
async fn own_hash(kept: &Kept, revision: u64, theirs: Hashed) -> Result<Option<u32>, CallError> {
    let path = kept.path.clone();
    let form = kept.manifest.form;
    let reading = tokio::task::spawn_blocking(move || {
        let source = File::open(path)
            .and_then(FileSource::new)
            .map_err(|error| Damage::reading(None, &error))?;
        match form {
            Form::Database => hash_kv(&source, revision, theirs.compacted),
            Form::Snapshot => {
                let body = source.size().saturating_sub(file::TRAILER);
                hash_kv(&Part::new(&source, 0, body), revision, theirs.compacted)
            }
            Form::DataDir | Form::V2Backup => {
                let entries = archive::entries(&source)?;
                hash_kv_within(&source, &entries, revision, theirs.compacted)
            }
        }
    });
    let failed = |why: String| unreadable(Path::new(&kept.path), why);
    reading
        .await
        .map_err(|error| failed(format!("cannot be read: {error}")))?
        .map_err(|damage| failed(damage.to_string()))
}
