//! Private files: written whole, readable by nobody else, and on the disk when the call returns.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::base::quote::quote;
use crate::base::secret::Secret;

/// The longest secret that is read from a file, in bytes.
const LONGEST_SECRET: u64 = 64 * 1024;

/// What went wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, such as `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
    /// A secret lies where others can read it.
    #[error(
        "{} can be read by others than its owner (mode {mode:03o}); type `chmod 600 {}`",
        path.display(),
        quote(&path.to_string_lossy())
    )]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds no usable secret.
    #[error("{} holds no usable secret: {why}", path.display())]
    NoSecret {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content.
        why: &'static str,
    },
}

impl FileError {
    /// Tells whether the disk, or the user's share of it, is full.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_full(source))
    }
}

pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError::Io { action, path, source }
}

/// What kind of failure an error of the disk is.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// A text as one visible name of a file: what could climb or hide becomes `_`.
pub fn safe_name(text: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = text.chars().map(safe).collect();
    if name.is_empty() || name.starts_with('.') {
        return format!("_{name}");
    }
    name
}

/// Makes the folder, and the parents that it lacks, with mode 0700. An existing one stays as it is.
pub fn create_private_dir(path: &Path) -> Result<(), FileError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed("make the folder", path))
}

/// Puts other content into a file of the operator's, whole or not at all; owner and mode stay, and a link to it stays a link.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let write = || -> io::Result<()> {
        let real = path.canonicalize()?;
        let was = real.metadata()?;
        let folder = folder_of(&real);
        let mut temporary = tempfile::Builder::new()
            .prefix(".etcdops-")
            .permissions(was.permissions())
            .tempfile_in(folder)?;
        std::os::unix::fs::fchown(temporary.as_file(), Some(was.uid()), Some(was.gid()))?;
        temporary.write_all(content)?;
        temporary.as_file().sync_all()?;
        temporary.persist(&real).map_err(|error| error.error)?;
        sync_dir(folder)
    };
    write().map_err(failed("write", path))
}

/// Puts the content into the file with mode 0600, whole or not at all, also through a power cut.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let folder = folder_of(path);
    let write = || -> io::Result<()> {
        let mut temporary = tempfile::Builder::new()
            .prefix(".etcdops-")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(folder)?;
        temporary.write_all(content)?;
        temporary.as_file().sync_all()?;
        temporary.persist(path).map_err(|error| error.error)?;
        sync_dir(folder)
    };
    write().map_err(failed("write", path))
}

/// Puts the content into a file that everybody may read, whole or not at all; makes the folders that it lacks.
pub fn write_public(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let folder = folder_of(path);
    let write = || -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut temporary = tempfile::Builder::new()
            .prefix(".etcdops-")
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(folder)?;
        temporary.write_all(content)?;
        // Whatever the umask is.
        temporary.as_file().set_permissions(Permissions::from_mode(0o644))?;
        temporary.as_file().sync_all()?;
        temporary.persist(path).map_err(|error| error.error)?;
        sync_dir(folder)
    };
    write().map_err(failed("write", path))
}

/// Removes a file; that it is not there is no error.
pub fn remove(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

/// A file that only grows by whole lines, each on the disk when `append_line` returns.
#[derive(Debug)]
pub struct Appender {
    path: PathBuf,
    file: File,
    /// Where the next line begins: all before it is known to be whole lines.
    end: u64,
}

impl Appender {
    /// Opens the file, or makes it with mode 0600. A line that a crash tore off is closed with a
    /// line feed, so that the next one stands for itself.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let open = || -> io::Result<Self> {
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .read(true)
                .mode(0o600)
                .open(path)?;
            let mut end = file.seek(SeekFrom::End(0))?;
            if end > 0 {
                let mut last = [0];
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut last)?;
                if last != *b"\n" {
                    file.write_all(b"\n")?;
                    end += 1;
                }
            }
            file.sync_all()?;
            sync_dir(folder_of(path))?;
            Ok(Self {
                path: path.to_owned(),
                file,
                end,
            })
        };
        open().map_err(failed("open", path))
    }

    /// Adds a line. Where this fails, for example on a full disk, nothing of the line stays.
    pub fn append_line(&mut self, line: &str) -> Result<(), FileError> {
        let written = self.try_append(line);
        if written.is_err() {
            // Best effort: the error that matters is the first one.
            let _ = self.file.set_len(self.end);
        }
        written.map_err(failed("append to", &self.path))
    }

    fn try_append(&mut self, line: &str) -> io::Result<()> {
        if line.contains('\n') {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a line may not hold a line feed",
            ));
        }
        let bytes = format!("{line}\n");
        self.file.write_all(bytes.as_bytes())?;
        self.file.sync_data()?;
        self.end += bytes.len() as u64;
        Ok(())
    }
}

/// Reads a secret from a file that only its owner can read, without the line end after it.
pub fn read_private_secret(path: &Path) -> Result<Secret<String>, FileError> {
    let no_secret = |why| FileError::NoSecret {
        path: path.to_owned(),
        why,
    };
    let file = File::open(path).map_err(failed("read", path))?;
    let mode = file.metadata().map_err(failed("read", path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(FileError::TooOpen {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = Vec::new();
    file.take(LONGEST_SECRET + 1)
        .read_to_end(&mut bytes)
        .map_err(failed("read", path))?;
    if bytes.len() as u64 > LONGEST_SECRET {
        return Err(no_secret("it is longer than 64 KiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| no_secret("it is not UTF-8 text"))?;
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() {
        return Err(no_secret("it is empty"));
    }
    if secret.contains(['\n', '\0']) {
        return Err(no_secret("it has more than one line"));
    }
    Ok(Secret::new(secret.to_owned()))
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Brings the names in a folder to the disk.
pub fn sync_dir(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn folders_and_files_are_private_and_whole() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        create_private_dir(&folder).unwrap();
        create_private_dir(&folder).unwrap();
        assert_eq!((mode(&folder), mode(&root.path().join("a"))), (0o700, 0o700));
        let file = folder.join("x");
        write_private(&file, b"one").unwrap();
        write_private(&file, b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(mode(&file), 0o600);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no temporary file stays");
        let error = write_private(&root.path().join("none/x"), b"").unwrap_err();
        assert!(error.to_string().contains("none/x"), "{error}");
    }

    #[test]
    fn lines_are_added_and_a_torn_one_is_closed() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("journal");
        let mut appender = Appender::open(&path).unwrap();
        appender.append_line("one").unwrap();
        assert!(appender.append_line("a\nb").is_err());
        appender.append_line("two").unwrap();
        assert_eq!(mode(&path), 0o600);
        OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"tor")
            .unwrap();
        Appender::open(&path).unwrap().append_line("three").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\ntor\nthree\n");
    }

    #[test]
    fn a_full_disk_is_told() {
        let mut appender = Appender {
            path: "/dev/full".into(),
            file: OpenOptions::new().write(true).open("/dev/full").unwrap(),
            end: 0,
        };
        assert!(appender.append_line("x").unwrap_err().is_disk_full());
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("pass word");
        write_private(&path, b"hunter2\n").unwrap();
        assert_eq!(read_private_secret(&path).unwrap().expose(), "hunter2");
        for open in [0o640, 0o604, 0o660] {
            fs::set_permissions(&path, Permissions::from_mode(open)).unwrap();
            let error = read_private_secret(&path).unwrap_err().to_string();
            assert!(error.contains("chmod 600 '"), "{error}");
            assert!(!error.contains("hunter2"));
        }
    }

    #[test]
    fn what_is_no_secret_is_told() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("p");
        let long = vec![b'x'; 70_000];
        for (content, why) in [
            (&b""[..], "empty"),
            (b"\n", "empty"),
            (b"a\nb", "more than one line"),
            (b"\xff", "UTF-8"),
            (&long, "longer"),
        ] {
            write_private(&path, content).unwrap();
            let error = read_private_secret(&path).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!(read_private_secret(&root.path().join("none")).is_err());
    }
}
