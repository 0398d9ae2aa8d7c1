//! A live snapshot, straight from a member into the library.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::{Library, on_disk, unreadable};
use crate::base::clock;
use crate::base::draft::{self, Draft};
use crate::base::files::write_private;
use crate::call::etcd::StatusAnswer;
use crate::call::library::Take;
use crate::call::{CallError, EtcdAnswer, EtcdOp, Fault, Watch};
use crate::cluster::member::Id;
use crate::snapshot::manifest::SCHEMA;
use crate::snapshot::{
    Compared, Damage, Form, How, Inspected, Manifest, READER, Source, Verified, Wanted, blake3_of, inspect,
    inspect_archive,
};
use crate::transport::etcd::Etcd;

use super::shelf::MANIFEST;

const WHAT: &str = "take a snapshot";
const FILE: &str = "snapshot.db";

impl Library {
    /// Asks, streams, reads what was written, and only then gives it its name.
    pub(super) async fn take(
        &self,
        take: &Take,
        etcd: &Etcd,
        bound: Duration,
        watch: &dyn Watch,
    ) -> Result<(), CallError> {
        let (status, at_least) = current(take, etcd, bound, watch).await?;
        draft::sweep(&self.folder);
        let draft = Draft::begin(&self.folder, &take.name).map_err(|error| on_disk(WHAT, &error))?;
        let path = draft.folder().join(FILE);
        let op = EtcdOp::Snapshot {
            path: path.display().to_string(),
        };
        let streamed = match etcd.perform(&take.endpoint, &op, bound, watch).await? {
            EtcdAnswer::Snapshot { sha256, .. } => sha256,
            other => return Err(strange(take, &other)),
        };
        watch.line("reads every page of it");
        // Neither waits for the other, and nothing gets its name before both are done.
        let (found, kept) = tokio::join!(read(&path, Form::Snapshot, Wanted::Both), synced(&path));
        kept?;
        let found = found?.map_err(|damage| damaged(&path, &damage))?;
        is_what_was_written(&found, &streamed, WHAT, &path)?;
        // A store that was never written to is at revision 1, and its database says 0.
        if found.content.revision.max(1) < at_least {
            let why = format!(
                "its snapshot ends at revision {}, but {at_least} was acknowledged before",
                found.content.revision
            );
            return Err(CallError::new(Fault::Refused, WHAT, &take.endpoint, why));
        }
        let manifest = self.manifest_of(take, &status, (found, streamed));
        write_manifest(draft.folder(), &manifest)?;
        draft.finish().map_err(|error| on_disk(WHAT, &error))?;
        Ok(())
    }

    fn manifest_of(&self, take: &Take, status: &StatusAnswer, (found, sha256): (Inspected, String)) -> Manifest {
        let now = clock::now();
        Manifest {
            schema: SCHEMA.to_owned(),
            name: take.name.clone(),
            cluster: self.cluster.clone(),
            taken: now,
            how: How::Live,
            form: found.form,
            run: take.run.clone(),
            step: take.step.clone(),
            file: FILE.to_owned(),
            size: found.size,
            sha256,
            blake3: Some(found.blake3),
            reader: Some(READER),
            source: Source {
                cluster_id: Some(Id(status.cluster_id)),
                member_id: Some(Id(status.member_id)),
                host: take.host.clone(),
                version: status.version,
            },
            content: found.content,
            v2_data: false,
            forced: None,
            verified: Some(Verified {
                at: now,
                run: take.run.clone(),
                digest: Some(Compared::Sha256),
                boot: None,
            }),
            damage: None,
        }
    }
}

/// Who answers, and the revision that its snapshot must have at least: what all agree on now.
async fn current(
    take: &Take,
    etcd: &Etcd,
    bound: Duration,
    watch: &dyn Watch,
) -> Result<(StatusAnswer, u64), CallError> {
    let read = etcd
        .perform(&take.endpoint, &EtcdOp::LinearizableRead, bound, watch)
        .await?;
    let status = match etcd.perform(&take.endpoint, &EtcdOp::Status, bound, watch).await? {
        EtcdAnswer::Status(status) => status,
        other => return Err(strange(take, &other)),
    };
    match read {
        EtcdAnswer::Read { revision, .. } => Ok((status, revision)),
        // The read went through the quorum before it was denied: what the member shows after it is at least as new.
        EtcdAnswer::ReadDenied { .. } => {
            let revision = status.revision;
            Ok((status, revision))
        }
        other => Err(strange(take, &other)),
    }
}

fn strange(take: &Take, answer: &EtcdAnswer) -> CallError {
    let why = format!("an answer of another kind: {answer:?}");
    CallError::new(Fault::Garbage, WHAT, &take.endpoint, why)
}

/// Its bytes are on the disk; off the threads that answer.
async fn synced(path: &Path) -> Result<(), CallError> {
    let own = path.to_owned();
    let syncing = tokio::task::spawn_blocking(move || File::open(&own)?.sync_all());
    let synced = syncing.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    synced.map_err(|error| {
        let message = format!("{}: {error}", path.display());
        CallError::new(Fault::of_disk(&error), WHAT, "this machine", message)
    })
}

/// Reads a file of the library, off the threads that answer. A file that cannot be read now is not called damaged.
pub(super) async fn read(path: &Path, form: Form, wanted: Wanted) -> Result<Result<Inspected, Damage>, CallError> {
    let inspected = move |file| match form {
        Form::Snapshot | Form::Database => inspect(file, wanted),
        Form::DataDir | Form::V2Backup => inspect_archive(file, wanted),
    };
    reading(path, inspected).await
}

/// The BLAKE3 of a file of the library, likewise.
pub(super) async fn digest(path: &Path) -> Result<Result<String, Damage>, CallError> {
    reading(path, |file| blake3_of(&file)).await
}

async fn reading<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(File) -> Result<T, Damage> + Send + 'static,
) -> Result<Result<T, Damage>, CallError> {
    let own = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || match File::open(&own) {
        Ok(file) => work(file),
        // Its manifest is there and it is not: nothing will bring it back.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Damage::file("the file is gone")),
        Err(error) => Err(Damage::reading(None, &error)),
    });
    let ended = reading
        .await
        .map_err(|error| unreadable(path, format!("cannot be read: {error}")))?;
    match ended {
        Err(damage) if damage.unreadable => Err(unreadable(path, damage.to_string())),
        other => Ok(other),
    }
}

/// The file that was read back, against the SHA-256 of what was written.
pub(super) fn is_what_was_written(found: &Inspected, sha256: &str, what: &str, path: &Path) -> Result<(), CallError> {
    if found.sha256.as_deref() == Some(sha256) {
        return Ok(());
    }
    let why = "what lies on the disk is not what was written: the disk, or the memory of this machine, is damaged";
    Err(CallError::new(Fault::Refused, what, path.display().to_string(), why))
}

pub(super) fn damaged(path: &Path, damage: &Damage) -> CallError {
    CallError::new(
        Fault::Refused,
        "read the backup",
        path.display().to_string(),
        damage.to_string(),
    )
}

pub(super) fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), CallError> {
    let mut text = serde_json::to_vec_pretty(manifest).unwrap_or_default();
    text.push(b'\n');
    write_private(&folder.join(MANIFEST), &text).map_err(|error| on_disk("write the manifest", &error))
}
