//! A folder that gets its name only when everything in it is on the disk.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::files::{FileError, create_private_dir, failed, sync_dir};

/// The end of the names of folders that are still being made; they also begin with a dot.
const PART: &str = ".part";

/// A folder being made. Dropped before `finish`, it is gone with all that is in it.
#[derive(Debug)]
pub struct Draft {
    folder: PathBuf,
    goal: PathBuf,
    /// Held as long as somebody works in it.
    _lock: File,
    finished: bool,
}

impl Draft {
    /// Begins the folder `name` in `parent`, which is made where it is missing. What a killed process left of it is thrown away.
    pub fn begin(parent: &Path, name: &str) -> Result<Self, FileError> {
        create_private_dir(parent)?;
        let folder = parent.join(format!(".{name}{PART}"));
        if folder.exists() && !is_abandoned(&folder) {
            let busy = io::Error::new(io::ErrorKind::ResourceBusy, "another etcdops is at work on it");
            return Err(failed("make the folder", &folder)(busy));
        }
        remove(&folder)?;
        create_private_dir(&folder)?;
        let begin = || -> io::Result<File> {
            let lock = File::open(&folder)?;
            lock.try_lock()?;
            Ok(lock)
        };
        let lock = begin().map_err(failed("lock the folder", &folder))?;
        Ok(Self {
            goal: parent.join(name),
            folder,
            _lock: lock,
            finished: false,
        })
    }

    /// Where to write.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Gives the folder its name. The files in it must be on the disk already.
    pub fn finish(mut self) -> Result<PathBuf, FileError> {
        let parent = self.goal.parent().unwrap_or(Path::new("."));
        let finish = || -> io::Result<()> {
            sync_dir(&self.folder)?;
            std::fs::rename(&self.folder, &self.goal)?;
            sync_dir(parent)
        };
        finish().map_err(failed("name the folder", &self.goal))?;
        self.finished = true;
        Ok(self.goal.clone())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished {
            // Best effort: the error that ended the work is the one to tell; the next one throws it away.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Throws away what killed processes left in `parent`.
pub fn sweep(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = entry.path();
        if name.starts_with('.') && name.ends_with(PART) && path.is_dir() && is_abandoned(&path) {
            // Best effort: it is not in anybody's way.
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

fn is_abandoned(folder: &Path) -> bool {
    File::open(folder).is_ok_and(|file| file.try_lock().is_ok())
}

fn remove(folder: &Path) -> Result<(), FileError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", folder)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::files::write_private;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_is_visible_before_the_end_and_nothing_stays_after_a_failure() {
        let root = tempfile::tempdir().unwrap();
        let parent = root.path().join("a/b");
        let draft = Draft::begin(&parent, "x").unwrap();
        write_private(&draft.folder().join("file"), b"1").unwrap();
        assert_eq!(names(&parent), [".x.part"]);
        assert!(
            Draft::begin(&parent, "x")
                .unwrap_err()
                .to_string()
                .contains("another etcdops")
        );
        sweep(&parent);
        assert_eq!(names(draft.folder()), ["file"], "nobody sweeps what is worked on");
        drop(draft);
        assert!(names(&parent).is_empty());
        let draft = Draft::begin(&parent, "x").unwrap();
        write_private(&draft.folder().join("file"), b"2").unwrap();
        let path = draft.finish().unwrap();
        assert_eq!(
            (names(&parent), names(&path)),
            (vec!["x".to_owned()], vec!["file".to_owned()])
        );
    }

    #[test]
    fn what_a_killed_process_left_is_thrown_away() {
        let root = tempfile::tempdir().unwrap();
        for name in [".x.part", ".y.part"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
            write_private(&root.path().join(name).join("half"), b"1").unwrap();
        }
        let draft = Draft::begin(root.path(), "x").unwrap();
        assert!(names(draft.folder()).is_empty());
        sweep(root.path());
        assert_eq!(names(root.path()), [".x.part"]);
    }
}
