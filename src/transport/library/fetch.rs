//! A file of a host, brought into the library.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use super::take::{damaged, is_what_was_written, read, write_manifest};
use super::{Library, on_disk};
use crate::base::clock;
use crate::base::draft::{self, Draft};
use crate::base::hash::Sha256Writer;
use crate::call::library::Fetch;
use crate::call::{CallError, Fault, HostAnswer, HostOp, Watch};
use crate::cluster::member::Id;
use crate::snapshot::manifest::SCHEMA;
use crate::snapshot::{Compared, How, Manifest, READER, Source, Verified, Wanted};
use crate::transport::real::{HostCall, Hosts};

/// How much is asked for at a time, in bytes.
const STRIDE: u64 = 16 << 20;
/// How long one part may take.
const PART_BOUND: Duration = Duration::from_secs(120);
const FILE: &str = "data.tar";

impl Library {
    pub(super) async fn fetch(&self, fetch: &Fetch, hosts: &dyn Hosts, watch: &dyn Watch) -> Result<(), CallError> {
        let what = format!("fetch {} from {}", fetch.path, fetch.host);
        draft::sweep(&self.folder);
        let draft = Draft::begin(&self.folder, &fetch.name).map_err(|error| on_disk(&what, &error))?;
        let path = draft.folder().join(FILE);
        let sha256 = brought(fetch, &path, hosts, watch).await?;
        if sha256 != fetch.sha256 {
            let why = format!("its SHA-256 is {sha256}, on the host it was {}", fetch.sha256);
            return Err(CallError::new(Fault::Refused, what, &fetch.host, why));
        }
        let found = read(&path, fetch.form, Wanted::Both)
            .await?
            .map_err(|damage| damaged(&path, &damage))?;
        is_what_was_written(&found, &sha256, &what, &path)?;
        let now = clock::now();
        let manifest = Manifest {
            schema: SCHEMA.to_owned(),
            name: fetch.name.clone(),
            cluster: self.cluster.clone(),
            taken: now,
            how: How::Cold,
            form: found.form,
            run: fetch.run.clone(),
            step: fetch.step.clone(),
            file: FILE.to_owned(),
            size: found.size,
            sha256,
            blake3: Some(found.blake3),
            reader: Some(READER),
            source: whole(&fetch.source, found.identity),
            content: found.content,
            v2_data: found.v2_data,
            forced: found.forced,
            verified: Some(Verified {
                at: now,
                run: fetch.run.clone(),
                digest: Some(Compared::Sha256),
                boot: None,
            }),
            damage: None,
        };
        write_manifest(draft.folder(), &manifest)?;
        draft.finish().map_err(|error| on_disk(&what, &error))?;
        Ok(())
    }
}

/// What nobody answered is told by the log itself.
fn whole(source: &Source, identity: Option<(Id, Id)>) -> Source {
    Source {
        member_id: source.member_id.or(identity.map(|(member, _)| member)),
        cluster_id: source.cluster_id.or(identity.map(|(_, cluster)| cluster)),
        ..source.clone()
    }
}

/// Part after part, each over a connection that may be a new one.
async fn brought(fetch: &Fetch, to: &Path, hosts: &dyn Hosts, watch: &dyn Watch) -> Result<String, CallError> {
    let failed = |error: &io::Error| {
        let message = format!("{}: {error}", to.display());
        CallError::new(Fault::of_disk(error), "fetch a backup", "this machine", message)
    };
    let file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(|error| failed(&error))?;
    let mut goal = Sha256Writer::new(file);
    let mut done = 0;
    loop {
        let op = HostOp::ReadPart {
            path: fetch.path.clone(),
            offset: done,
            length: STRIDE,
        };
        let call = HostCall {
            host: &fetch.host,
            op: &op,
            tag: None,
            bound: PART_BOUND,
        };
        let HostAnswer::Part { bytes, size } = hosts.perform(call, watch).await? else {
            return Err(CallError::new(
                Fault::Garbage,
                "fetch a backup",
                &fetch.host,
                "an answer of another kind",
            ));
        };
        if bytes.is_empty() {
            break;
        }
        goal.write_all(&bytes).map_err(|error| failed(&error))?;
        done += bytes.len() as u64;
        watch.bytes(done, Some(size));
    }
    let (file, digest) = goal.finish();
    file.sync_all().map_err(|error| failed(&error))?;
    Ok(digest)
}
