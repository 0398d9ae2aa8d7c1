//! Backups taken in, copied out and removed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::take::{is_what_was_written, write_manifest};
use super::{Library, on_disk, pack, shelf, unreadable};
use crate::base::clock;
use crate::base::draft::{self, Draft};
use crate::base::hash::Sha256Writer;
use crate::call::library::Add;
use crate::call::{CallError, Fault, Watch};
use crate::snapshot::manifest::SCHEMA;
use crate::snapshot::{Compared, How, Inspected, Kept, Manifest, READER, Source, Verified, inspect_any};

/// What a file of others is called in the library.
const SNAPSHOT: &str = "snapshot.db";

/// How much is copied at a time, in bytes.
const STRIDE: usize = 1 << 20;

/// A file that has come into the library.
struct Brought {
    /// Its name there.
    file: &'static str,
    digest: String,
    taken: jiff::Timestamp,
}

impl Library {
    /// The copy is what is read and what counts: the file itself is left alone.
    pub(super) fn add(&self, add: &Add, watch: &dyn Watch) -> Result<(), CallError> {
        let Add { name, from, .. } = add;
        let what = format!("add {from} to the backups");
        if !shelf::is_name(name) {
            let why = "a name has letters, digits and -_.:@+, and begins with no dot";
            return Err(CallError::new(Fault::Refused, what, name, why));
        }
        if shelf::find(&self.folder, name)?.is_some() {
            let why = format!("there is a backup {name} already");
            return Err(CallError::new(Fault::Refused, what, self.place(), why));
        }
        draft::sweep(&self.folder);
        let draft = Draft::begin(&self.folder, name).map_err(|error| on_disk(&what, &error))?;
        let brought = brought(add, draft.folder(), &what, watch)?;
        let path = draft.folder().join(brought.file);
        let found = File::open(&path)
            .map_err(|error| error.to_string())
            .and_then(|file| inspect_any(file).map_err(|damage| damage.to_string()))
            .map_err(|why| CallError::new(Fault::Refused, &what, from, why))?;
        is_what_was_written(&found, &brought.digest, &what, &path)?;
        let manifest = manifest(found, (name, &self.cluster), brought.file, brought.taken);
        write_manifest(draft.folder(), &manifest)?;
        draft.finish().map_err(|error| on_disk(&what, &error))?;
        Ok(())
    }

    /// A folder of the backup's name under `to`, made whole before it is seen.
    pub(super) fn copy(&self, name: &str, to: &str, watch: &dyn Watch) -> Result<(), CallError> {
        let what = format!("copy backup {name} to {to}");
        let kept = self.kept(name, &what)?;
        let goal = Path::new(to).join(name);
        if goal.exists() {
            let why = "it is there already";
            return Err(CallError::new(Fault::Refused, what, goal.display().to_string(), why));
        }
        let draft = Draft::begin(Path::new(to), name).map_err(|error| on_disk(&what, &error))?;
        let path = draft.folder().join(&kept.manifest.file);
        let digest = copied(Path::new(&kept.path), &path, &what, watch)?;
        if digest != kept.manifest.sha256 {
            let why = format!("its SHA-256 is {digest}, not {}: it is damaged", kept.manifest.sha256);
            return Err(CallError::new(Fault::Refused, what, kept.path, why));
        }
        write_manifest(draft.folder(), &kept.manifest)?;
        draft.finish().map_err(|error| on_disk(&what, &error))?;
        Ok(())
    }

    /// Each is out of sight by one rename before its files go.
    pub(super) fn remove(&self, names: &[String]) -> Result<(), CallError> {
        for name in names.iter().filter(|name| shelf::is_name(name)) {
            let failed = |error: &io::Error| {
                let what = format!("remove backup {name}");
                CallError::new(Fault::Refused, what, self.place(), error.to_string())
            };
            let hidden = self.folder.join(format!(".{name}.part"));
            match std::fs::rename(self.folder.join(name), &hidden) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                moved => moved.map_err(|error| failed(&error))?,
            }
            std::fs::remove_dir_all(&hidden).map_err(|error| failed(&error))?;
        }
        Ok(())
    }
}

/// Of what others made, as it was read.
fn manifest(found: Inspected, (name, cluster): (&str, &str), file: &str, taken: jiff::Timestamp) -> Manifest {
    Manifest {
        schema: SCHEMA.to_owned(),
        name: name.to_owned(),
        cluster: cluster.to_owned(),
        taken,
        how: How::Added,
        form: found.form,
        run: None,
        step: None,
        file: file.to_owned(),
        size: found.size,
        sha256: found.sha256.unwrap_or_default(),
        blake3: Some(found.blake3),
        reader: Some(READER),
        source: Source {
            cluster_id: found.identity.map(|(_, cluster)| cluster),
            member_id: found.identity.map(|(member, _)| member),
            ..Source::default()
        },
        content: found.content,
        v2_data: found.v2_data,
        forced: found.forced,
        verified: Some(Verified {
            at: clock::now(),
            run: None,
            digest: Some(Compared::Sha256),
            boot: None,
        }),
        damage: None,
    }
}

/// What a library would keep of a file, which is read and stays where it is.
pub fn preview(file: &Path, name: &str, cluster: &str) -> Result<Kept, CallError> {
    let refused = |why: String| {
        let what = format!("read {} as a backup", file.display());
        CallError::new(Fault::Refused, what, "this machine", why)
    };
    let opened = File::open(file).map_err(|error| refused(error.to_string()))?;
    let modified = opened.metadata().and_then(|metadata| metadata.modified()).ok();
    let taken = modified.and_then(|at| jiff::Timestamp::try_from(at).ok());
    let found = inspect_any(opened).map_err(|damage| refused(damage.to_string()))?;
    Ok(Kept {
        manifest: manifest(found, (name, cluster), SNAPSHOT, taken.unwrap_or_else(clock::now)),
        path: file.display().to_string(),
    })
}

/// The file as it is, or the folder as an archive.
fn brought(add: &Add, folder: &Path, what: &str, watch: &dyn Watch) -> Result<Brought, CallError> {
    let from = Path::new(&add.from);
    let refused = |why: &str| CallError::new(Fault::Refused, what, &add.from, why);
    let metadata = std::fs::metadata(from).map_err(|error| unreadable(from, error.to_string()))?;
    if !metadata.is_dir() {
        if add.wal_dir.is_some() || add.v2_backup {
            return Err(refused("it is a file, and only a data directory has a log beside it"));
        }
        let file = SNAPSHOT;
        let digest = copied(from, &folder.join(file), what, watch)?;
        let modified = metadata.modified().ok();
        let taken = modified.and_then(|at| jiff::Timestamp::try_from(at).ok());
        return Ok(Brought {
            file,
            digest,
            taken: taken.unwrap_or_else(clock::now),
        });
    }
    let data = pack::data_dir(from)
        .ok_or_else(|| refused("it is no data directory of etcd: it has neither member/snap nor member/wal"))?;
    let file = "data.tar";
    let packed = pack::pack(add, &data, &folder.join(file), watch);
    let (digest, taken) = packed.map_err(|error| {
        let message = format!("{}: {error}", data.display());
        CallError::new(Fault::of_disk(&error), what, "this machine", message)
    })?;
    Ok(Brought { file, digest, taken })
}

/// Copies a file, private and on the disk; its SHA-256.
fn copied(from: &Path, to: &Path, what: &str, watch: &dyn Watch) -> Result<String, CallError> {
    let copy = || -> io::Result<String> {
        let mut source = File::open(from)?;
        let total = source.metadata()?.len();
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
        let mut goal = Sha256Writer::new(file);
        let mut buffer = vec![0; STRIDE];
        let mut done = 0;
        loop {
            let count = source.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            goal.write_all(&buffer[..count])?;
            done += count as u64;
            watch.bytes(done, Some(total));
        }
        let (file, digest) = goal.finish();
        file.sync_all()?;
        Ok(digest)
    };
    copy().map_err(|error| {
        let fault = Fault::of_disk(&error);
        CallError::new(
            fault,
            what,
            "this machine",
            format!("{} to {}: {error}", from.display(), to.display()),
        )
    })
}
