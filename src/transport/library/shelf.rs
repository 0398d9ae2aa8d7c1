//! What stands in the library.

use std::io;
use std::path::Path;

use super::place;
use crate::call::{CallError, Fault};
use crate::snapshot::manifest::SCHEMA;
use crate::snapshot::{Kept, Manifest, Shelf};

/// The manifest's file.
pub(super) const MANIFEST: &str = "manifest.json";

/// The longest manifest that is read, in bytes: far more than any is.
const LONGEST: u64 = 1 << 20;

/// Whether this can be the name of a backup: one visible folder, nothing that climbs.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:@+".contains(c))
}

/// All backups, the newest first. No folder yet: none.
pub fn list(folder: &Path) -> Result<Shelf, CallError> {
    let failed =
        |error: &io::Error| CallError::new(Fault::Refused, "list the backups", place(folder), error.to_string());
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Shelf::default()),
        Err(error) => return Err(failed(&error)),
    };
    let mut shelf = Shelf::default();
    for entry in entries {
        let name = entry.map_err(|error| failed(&error))?.file_name();
        let Some(name) = name.to_str().filter(|name| is_name(name)) else {
            continue;
        };
        match read(folder, name) {
            Ok(Some(kept)) => shelf.backups.push(kept),
            Ok(None) => {}
            Err(why) => shelf.broken.push((name.to_owned(), why)),
        }
    }
    shelf.backups.sort_by(|one, other| {
        (other.manifest.taken, &other.manifest.name).cmp(&(one.manifest.taken, &one.manifest.name))
    });
    shelf.broken.sort();
    Ok(shelf)
}

/// One backup; what has no manifest is none.
pub(super) fn find(folder: &Path, name: &str) -> Result<Option<Kept>, CallError> {
    if !is_name(name) {
        return Ok(None);
    }
    read(folder, name).map_err(|why| {
        let what = format!("read the manifest of backup {name}");
        CallError::new(Fault::Garbage, what, place(folder), why)
    })
}

fn read(folder: &Path, name: &str) -> Result<Option<Kept>, String> {
    let own = folder.join(name);
    let path = own.join(MANIFEST);
    let size = match std::fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    if size > LONGEST {
        return Err(format!("{} has {size} bytes: no manifest", path.display()));
    }
    let text = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    if manifest.schema != SCHEMA {
        return Err(format!(
            "{} is of format {}, not {SCHEMA}",
            path.display(),
            manifest.schema
        ));
    }
    if manifest.name != name || !is_name(&manifest.file) {
        return Err(format!(
            "{} belongs to another backup ({})",
            path.display(),
            manifest.name
        ));
    }
    let path = own.join(&manifest.file).display().to_string();
    Ok(Some(Kept { manifest, path }))
}
