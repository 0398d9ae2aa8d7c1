//! A data directory of this machine as one archive: what is in it is copied, nothing is written to it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::base::hash::Sha256Writer;
use crate::call::Watch;
use crate::call::library::Add;
use crate::snapshot::archive::{BLOCK, head};
use crate::snapshot::file::V2_FOLDER;

/// How much is copied at a time, in bytes.
const STRIDE: usize = 1 << 20;

/// A block of zeros.
const NOTHING: [u8; 512] = [0; 512];

/// A file, and its name in the archive.
struct Picked {
    from: PathBuf,
    name: String,
    size: u64,
    modified: u64,
}

/// The folder above `member`, if this is a data directory or its `member`.
pub(super) fn data_dir(from: &Path) -> Option<PathBuf> {
    let is_member = |folder: &Path| folder.join("snap").is_dir() || folder.join("wal").is_dir();
    if is_member(&from.join("member")) {
        return Some(from.to_owned());
    }
    let whole = std::path::absolute(from).ok()?;
    let named = whole.file_name().is_some_and(|name| name == "member");
    (named && is_member(&whole))
        .then(|| whole.parent().map(Path::to_owned))
        .flatten()
}

/// Writes the archive, private and on the disk; its SHA-256, and when what is in it was last changed.
pub(super) fn pack(add: &Add, data: &Path, to: &Path, watch: &dyn Watch) -> io::Result<(String, jiff::Timestamp)> {
    let member = data.join("member");
    // etcd locks its database as long as it runs; a shared lock changes nothing.
    let database = match File::open(member.join("snap/db")) {
        Ok(file) => {
            file.try_lock_shared().map_err(|_| {
                io::Error::new(
                    io::ErrorKind::ResourceBusy,
                    "etcd runs on it, and a copy would be torn: stop it first",
                )
            })?;
            Some(file)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let log = add.wal_dir.as_ref().map_or_else(|| member.join("wal"), PathBuf::from);
    let prefix = if add.v2_backup {
        format!("./{V2_FOLDER}")
    } else {
        "./".to_owned()
    };
    let mut picked = picked(&log, &format!("{prefix}member/wal/"))?;
    picked.extend(picked_in_snap(&member, &prefix)?);
    let newest = picked.iter().map(|file| file.modified).max().unwrap_or_default();
    let goal = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let mut goal = Sha256Writer::new(goal);
    let folders = if add.v2_backup { &["", V2_FOLDER][..] } else { &[""] };
    for folder in folders.iter().map(|folder| format!("./{folder}")) {
        goal.write_all(&headed(&folder, None, newest)?)?;
    }
    for folder in ["member/", "member/wal/", "member/snap/"] {
        goal.write_all(&headed(&format!("{prefix}{folder}"), None, newest)?)?;
    }
    let total: u64 = picked.iter().map(|file| file.size).sum();
    let mut done = 0;
    for file in &picked {
        goal.write_all(&headed(&file.name, Some(file.size), file.modified)?)?;
        content(file, &mut goal, |bytes| {
            done += bytes;
            watch.bytes(done, Some(total));
        })?;
    }
    goal.write_all(&NOTHING)?;
    goal.write_all(&NOTHING)?;
    let (goal, digest) = goal.finish();
    goal.sync_all()?;
    drop(database);
    let taken = i64::try_from(newest)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    Ok((digest, taken.unwrap_or_default()))
}

fn picked_in_snap(member: &Path, prefix: &str) -> io::Result<Vec<Picked>> {
    match picked(&member.join("snap"), &format!("{prefix}member/snap/")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

/// The regular files of a folder by name, less segments that are only made ahead.
fn picked(folder: &Path, prefix: &str) -> io::Result<Vec<Picked>> {
    let told = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let entry = entry.map_err(told)?;
        let metadata = std::fs::metadata(entry.path()).map_err(told)?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| metadata.is_file() && !is_spare(name)) else {
            continue;
        };
        let modified = metadata
            .modified()
            .ok()
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        found.push(Picked {
            from: entry.path(),
            name: format!("{prefix}{name}"),
            size: metadata.len(),
            modified: modified.map_or(0, |since| since.as_secs()),
        });
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

fn is_spare(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|ending| ending == "tmp")
}

fn headed(name: &str, size: Option<u64>, modified: u64) -> io::Result<[u8; 512]> {
    head(name, size, modified)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidFilename, format!("{name}: too long a name")))
}

/// Exactly as many bytes as its head says.
fn content(file: &Picked, goal: &mut impl Write, mut tell: impl FnMut(u64)) -> io::Result<()> {
    let told = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.from.display()));
    let mut source = File::open(&file.from).map_err(told)?;
    let mut buffer = vec![0; STRIDE];
    let mut left = file.size;
    while left > 0 {
        let stride = usize::try_from(left).unwrap_or(STRIDE).min(STRIDE);
        source.read_exact(&mut buffer[..stride]).map_err(told)?;
        goal.write_all(&buffer[..stride])?;
        left -= stride as u64;
        tell(stride as u64);
    }
    let padding = file.size.next_multiple_of(BLOCK) - file.size;
    goal.write_all(&NOTHING[..usize::try_from(padding).unwrap_or_default()])
}
