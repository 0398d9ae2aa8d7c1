//! Finding an etcd to run.

use std::env;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::PlaygroundError;
use crate::cluster::version::Version;

/// The oldest etcd that etcdops works with.
pub const OLDEST: Version = Version::new(3, 3, 0);

/// The etcd program: `given` (a file, or a folder that holds `etcd`), else the first `etcd` on `$PATH`.
pub fn find(given: Option<&Path>) -> Result<PathBuf, PlaygroundError> {
    let Some(given) = given else {
        return on_path(env::var_os("PATH").as_deref()).ok_or(PlaygroundError::NoEtcd);
    };
    let program = if given.is_dir() {
        given.join("etcd")
    } else {
        given.to_owned()
    };
    if !is_program(&program) {
        return Err(PlaygroundError::NoProgram { path: program });
    }
    std::path::absolute(&program).map_err(|source| PlaygroundError::Io {
        action: "find the absolute path of",
        path: program,
        source,
    })
}

fn on_path(path: Option<&OsStr>) -> Option<PathBuf> {
    env::split_paths(path?)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("etcd"))
        .find(|program| is_program(program))
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// The version in what `etcd --version` printed: `etcd Version: 3.4.23` on a line of its own.
pub fn version_in(printed: &str, path: &Path) -> Result<Version, PlaygroundError> {
    let version = printed
        .lines()
        .find_map(|line| line.strip_prefix("etcd Version:"))
        .and_then(|text| text.trim().parse::<Version>().ok())
        .ok_or_else(|| PlaygroundError::NotEtcd {
            path: path.to_owned(),
            printed: printed.lines().next().unwrap_or_default().chars().take(120).collect(),
        })?;
    if version < OLDEST {
        return Err(PlaygroundError::TooOld {
            path: path.to_owned(),
            version,
        });
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, Permissions, set_permissions};

    use super::*;

    #[test]
    fn a_file_a_folder_and_the_path_are_searched() {
        let root = tempfile::tempdir().unwrap();
        let program = root.path().join("etcd");
        File::create(&program).unwrap();
        let missing = find(Some(root.path())).unwrap_err().to_string();
        assert!(missing.contains("/etcd"), "not executable yet: {missing}");
        set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find(Some(root.path())).unwrap(), program);
        assert_eq!(find(Some(&program)).unwrap(), program);
        let path = env::join_paths([Path::new("/nowhere"), Path::new("."), root.path()]).unwrap();
        assert_eq!(on_path(Some(&path)), Some(program));
        assert_eq!(on_path(Some(OsStr::new("/nowhere"))), None);
        assert_eq!(on_path(None), None);
    }

    #[test]
    fn the_version_is_read_and_checked() {
        let path = Path::new("/x/etcd");
        let printed = "etcd Version: 3.4.23\nGit SHA: Not provided (use ./build instead of go build)\n";
        assert_eq!(version_in(printed, path).unwrap(), Version::new(3, 4, 23));
        let old = version_in("etcd Version: 2.3.8\n", path).unwrap_err().to_string();
        assert!(old.contains("2.3.8") && old.contains("3.3"), "{old}");
        let other = version_in("hello\n", path).unwrap_err().to_string();
        assert!(other.contains("hello"), "{other}");
    }
}
