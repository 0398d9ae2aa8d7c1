//! Backups taken in, copied out and removed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::take::write_manifest;
use super::{Library, on_disk, shelf, unreadable};
use crate::base::clock;
use crate::base::draft::{self, Draft};
use crate::base::hash::Sha256Writer;
use crate::call::{CallError, Fault, Watch};
use crate::snapshot::manifest::SCHEMA;
use crate::snapshot::{How, Manifest, Source, Verified, inspect};

/// How much is copied at a time, in bytes.
const STRIDE: usize = 1 << 20;

impl Library {
    /// The copy is what is read and what counts: the file itself is left alone.
    pub(super) fn add(&self, name: &str, from: &str, watch: &dyn Watch) -> Result<(), CallError> {
        let what = format!("add {from} to the backups");
        if !shelf::is_name(name) {
            let why = "a name has letters, digits and -_.:@+, and begins with no dot";
            return Err(CallError::new(Fault::Refused, what, name, why));
        }
        if shelf::find(&self.folder, name)?.is_some() {
            let why = format!("there is a backup {name} already");
            return Err(CallError::new(Fault::Refused, what, self.place(), why));
        }
        let from = Path::new(from);
        let taken = std::fs::metadata(from)
            .and_then(|metadata| metadata.modified())
            .map_err(|error| unreadable(from, error.to_string()))?;
        draft::sweep(&self.folder);
        let draft = Draft::begin(&self.folder, name).map_err(|error| on_disk(&what, &error))?;
        let path = draft.folder().join("snapshot.db");
        let digest = copied(from, &path, &what, watch)?;
        let found = File::open(&path)
            .map_err(|error| error.to_string())
            .and_then(|file| inspect(file).map_err(|damage| damage.to_string()))
            .map_err(|why| CallError::new(Fault::Refused, &what, from.display().to_string(), why))?;
        if found.sha256 != digest {
            let why = "what lies on the disk is not what was read";
            return Err(CallError::new(Fault::Refused, what, path.display().to_string(), why));
        }
        let manifest = Manifest {
            schema: SCHEMA.to_owned(),
            name: name.to_owned(),
            cluster: self.cluster.clone(),
            taken: jiff::Timestamp::try_from(taken).unwrap_or_else(|_| clock::now()),
            how: How::Added,
            form: found.form,
            run: None,
            step: None,
            file: "snapshot.db".to_owned(),
            size: found.size,
            sha256: found.sha256,
            source: Source::default(),
            content: found.content,
            v2_data: false,
            verified: Some(Verified {
                at: clock::now(),
                run: None,
                boot: None,
            }),
            damage: None,
        };
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
