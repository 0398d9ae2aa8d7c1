//! The throw-away etcd: its data directory, its start, its end.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use tokio::process::Child;

use super::Halt;
use super::asked::{self, CLIENT, PEER, Served};
use super::tools::{Restore, Tools};
use crate::snapshot::archive;
use crate::snapshot::source::{FileSource, ReadAt as _};
use crate::snapshot::{Form, Kept};
use crate::transport::process;

/// How long the restore may take, and how long etcd until it serves.
const RESTORE_BOUND: Duration = Duration::from_secs(3600);
const START_BOUND: Duration = Duration::from_secs(600);
const ASK_EVERY: Duration = Duration::from_millis(100);
/// How much is copied at a time, in bytes.
const STRIDE: usize = 1 << 20;

/// Makes the folder `data`.
pub(super) async fn restore(kept: &Kept, folder: &Path, tools: &Tools) -> Result<(), Halt> {
    let data = folder.join("data");
    let Restore::Program(program) = tools.restore else {
        let from = kept.path.clone();
        let unpacking = tokio::task::spawn_blocking(move || unpack(Path::new(&from), &data));
        return match unpacking.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Halt::failed(format!("{} cannot be unpacked: {error}", kept.path))),
            Err(error) => Err(Halt::failed(format!("{} cannot be unpacked: {error}", kept.path))),
        };
    };
    let goal = data.display().to_string();
    let mut argv = vec![program, "snapshot", "restore", &kept.path, "--data-dir", &goal];
    if kept.manifest.form == Form::Database {
        argv.push("--skip-hash-check");
    }
    let env = if program == "etcdctl" {
        &[("ETCDCTL_API", "3")][..]
    } else {
        &[]
    };
    let ended = process::run(&argv, env, RESTORE_BOUND)
        .await
        .map_err(|error| Halt::failed(format!("{program} cannot be started: {error}")))?;
    // Its status alone is no proof (safety 39).
    if ended.code == Some(0) && data.join("member/snap/db").exists() {
        return Ok(());
    }
    let last = ended.stderr.lines().last().unwrap_or("it said nothing");
    Err(Halt::said(&format!("{program} cannot restore it"), &ended.stderr, last))
}

/// The data directory that the archive holds, less what `etcdctl backup` made of it.
fn unpack(from: &Path, data: &Path) -> io::Result<()> {
    let source = FileSource::new(File::open(from)?)?;
    let entries = archive::entries(&source).map_err(|damage| io::Error::other(damage.to_string()))?;
    let mut buffer = vec![0; STRIDE];
    for entry in entries.iter().filter(|entry| entry.path.starts_with("member/")) {
        let path = inside(data, &entry.path)?;
        if let Some(parent) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let mut done = 0;
        while done < entry.size {
            let stride = usize::try_from(entry.size - done).unwrap_or(STRIDE).min(STRIDE);
            source.read_at(entry.offset + done, &mut buffer[..stride])?;
            file.write_all(&buffer[..stride])?;
            done += stride as u64;
        }
    }
    Ok(())
}

/// Nothing in an archive may climb out of the folder.
fn inside(data: &Path, name: &str) -> io::Result<PathBuf> {
    let plain = Path::new(name)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if plain {
        return Ok(data.join(name));
    }
    Err(io::Error::other(format!("{name} does not lie in it")))
}

/// An etcd that runs.
pub(super) struct Started<'a> {
    child: Child,
    folder: &'a Path,
    tools: &'a Tools,
}

impl<'a> Started<'a> {
    pub(super) fn from(folder: &'a Path, tools: &'a Tools) -> Result<Self, Halt> {
        let place = folder.display().to_string();
        let client = format!("unix://{CLIENT}");
        let listen = format!("--listen-client-urls={client}");
        let advertise = format!("--advertise-client-urls={client}");
        let peer = format!("--listen-peer-urls=unix://{PEER}");
        let mut argv = vec![
            "sh",
            "-c",
            "cd \"$0\" && exec env -i PATH=\"$PATH\" \"$@\" >log 2>&1",
            &place,
            "etcd",
            "--data-dir=data",
            &listen,
            &advertise,
            &peer,
        ];
        // The others of its cluster are not here: it goes on alone.
        if tools.restore == Restore::Unpack {
            argv.push("--force-new-cluster");
        }
        if tools.v2_data {
            argv.push("--enable-v2");
        }
        let child = process::spawn(&argv).map_err(|error| Halt::failed(format!("etcd cannot be started: {error}")))?;
        Ok(Self { child, folder, tools })
    }

    /// Waits until it leads and serves.
    pub(super) async fn serves(&mut self) -> Result<Served, Halt> {
        let asked = async {
            loop {
                if let Ok(Some(status)) = self.child.try_wait() {
                    return Err(self.ended(&status.to_string()));
                }
                if let Some(served) = asked::served(self.folder).await {
                    return Ok(served);
                }
                tokio::time::sleep(ASK_EVERY).await;
            }
        };
        tokio::time::timeout(START_BOUND, asked).await.unwrap_or_else(|_| {
            let last = last_line(&log(self.folder));
            Err(Halt::failed(format!(
                "etcd did not serve within {} s: {last}",
                START_BOUND.as_secs()
            )))
        })
    }

    fn ended(&self, status: &str) -> Halt {
        let log = log(self.folder);
        // What was just written may stand in the log alone, which only etcd reads as a whole.
        if log.contains("server version is lower than determined cluster version") {
            let version = self.tools.version;
            return Halt::NotTried(format!(
                "etcd {version} here is older than the backup's data, as it says itself"
            ));
        }
        let what = format!("etcd {} ended at its start ({status})", self.tools.version);
        match Halt::said(&what, &log, &last_line(&log)) {
            Halt::Failed(error) if self.tools.is_foreign() && error.fault != crate::call::Fault::DiskFull => {
                Halt::NotTried(format!("{}; another version wrote the data", error.message))
            }
            halt => halt,
        }
    }

    /// Returns when it is gone.
    pub(super) async fn end(mut self) {
        let _ended = self.child.kill().await;
    }
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

/// What it died of, rather than where in its code.
fn last_line(log: &str) -> String {
    let panic = log.lines().rfind(|line| line.starts_with("panic:"));
    let line = panic.or_else(|| log.lines().last()).unwrap_or("it said nothing");
    line.chars().take(300).collect()
}
