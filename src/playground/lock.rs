//! One `playground up` or `down` at a time: a lock on the playground's folder itself, so that nothing stays behind.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::PlaygroundError;
use crate::base::files::create_private_dir;

/// Held until dropped. Not inherited by the processes that are started.
#[derive(Debug)]
pub(super) struct Lock {
    _folder: File,
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> PlaygroundError {
    let path = path.to_owned();
    move |source| PlaygroundError::Io { action, path, source }
}

/// Makes the folder, private, and locks it.
pub(super) fn make_and_lock(root: &Path) -> Result<Lock, PlaygroundError> {
    create_private_dir(root)?;
    let lock = lock(root)?;
    fs::set_permissions(root, Permissions::from_mode(0o700)).map_err(failed("make private", root))?;
    Ok(lock)
}

/// Locks the folder, which must be there.
pub(super) fn lock(root: &Path) -> Result<Lock, PlaygroundError> {
    let folder = File::open(root).map_err(failed("open", root))?;
    let busy = || PlaygroundError::Busy { path: root.to_owned() };
    match folder.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Err(busy()),
        Err(fs::TryLockError::Error(error)) => return Err(failed("lock", root)(error)),
    }
    // A `down` may have removed the folder between the opening and the lock.
    let locked = folder.metadata().map_err(failed("look at", root))?;
    let same = fs::metadata(root).is_ok_and(|found| (found.dev(), found.ino()) == (locked.dev(), locked.ino()));
    if !same {
        return Err(busy());
    }
    Ok(Lock { _folder: folder })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_is_told_and_the_folder_is_private() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join("a/playground");
        let first = make_and_lock(&root).unwrap();
        assert!(matches!(lock(&root), Err(PlaygroundError::Busy { .. })));
        drop(first);
        fs::set_permissions(&root, Permissions::from_mode(0o755)).unwrap();
        let _again = make_and_lock(&root).unwrap();
        assert_eq!(fs::metadata(&root).unwrap().mode() & 0o777, 0o700);
    }
}
