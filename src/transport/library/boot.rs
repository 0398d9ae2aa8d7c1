//! A backup proved by starting a throw-away etcd from it (safety 37): it listens only on sockets in a folder of mode 0700, and is gone
//! afterwards with all that it wrote. What it tells needs no credentials, also where the backup has auth on.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::Child;

use super::{Library, on_disk};
use crate::base::draft::Draft;
use crate::call::{CallError, Watch};
use crate::cluster::version::Version;
use crate::snapshot::{Form, Kept, Proof};
use crate::transport::process;

const WHAT: &str = "boot a backup";
/// How long the restore may take, and how long etcd until it serves.
const RESTORE_BOUND: Duration = Duration::from_secs(3600);
const START_BOUND: Duration = Duration::from_secs(600);
const ASK_EVERY: Duration = Duration::from_millis(100);
/// One question to it.
const ANSWER_BOUND: Duration = Duration::from_secs(10);
/// Older ones do not listen on sockets.
const OLDEST: Version = Version::new(3, 5, 0);
/// From here on etcdctl restores nothing.
const NO_ETCDCTL: Version = Version::new(3, 6, 0);

/// What this machine has.
struct Tools {
    version: Version,
    /// The program and its first words.
    restore: &'static str,
}

/// What the started etcd serves.
#[derive(Debug, PartialEq, Eq)]
struct Served {
    revision: u64,
    keys: u64,
}

impl Library {
    /// `Ok(Err(why))`: it was started, and does not serve what the manifest says.
    pub(super) async fn boot(&self, kept: &Kept, watch: &dyn Watch) -> Result<Result<Proof, String>, CallError> {
        let tools = match tools(kept).await {
            Ok(tools) => tools,
            Err(why) => return Ok(Ok(Proof::NotTried(why))),
        };
        let name = format!("boot-{}", kept.manifest.name);
        let draft = Draft::begin(&self.folder, &name).map_err(|error| on_disk(WHAT, &error))?;
        watch.line("restores it into a throw-away folder");
        if let Err(why) = restore(kept, draft.folder(), &tools).await {
            return Ok(Err(why));
        }
        watch.line("starts etcd from it");
        let served = match start(draft.folder()).await {
            Ok(served) => served,
            Err(why) => return Ok(Err(why)),
        };
        let content = &kept.manifest.content;
        let expected = Served {
            // An empty store is at revision 1 once etcd runs.
            revision: content.revision.max(1),
            keys: content.keys,
        };
        if served == expected {
            return Ok(Ok(Proof::Booted { version: tools.version }));
        }
        Ok(Err(format!(
            "etcd {} started from it serves revision {} with {} keys, not {} with {}",
            tools.version, served.revision, served.keys, expected.revision, expected.keys
        )))
    }
}

/// What is needed, or why it cannot be tried.
async fn tools(kept: &Kept) -> Result<Tools, String> {
    if !matches!(kept.manifest.form, Form::Snapshot | Form::Database) {
        return Err("an archive of a data directory is not booted by this version".to_owned());
    }
    let version = version_of(&["etcd", "--version"]).await.ok_or("no etcd here")?;
    if version < OLDEST {
        return Err(format!("etcd {version} here is too old to be shut off from others"));
    }
    let stored = kept.manifest.content.storage_version.as_deref();
    if let Some(stored) = stored.and_then(|text| text.parse::<Version>().ok())
        && (version.major, version.minor) < (stored.major, stored.minor)
    {
        return Err(format!("etcd {version} here is older than the backup's data, {stored}"));
    }
    if version_of(&["etcdutl", "version"]).await.is_some() {
        return Ok(Tools {
            version,
            restore: "etcdutl",
        });
    }
    match version_of(&["etcdctl", "version"]).await {
        Some(tool) if tool < NO_ETCDCTL => Ok(Tools {
            version,
            restore: "etcdctl",
        }),
        _ => Err("no etcdutl here".to_owned()),
    }
}

/// The first version that a program prints.
async fn version_of(argv: &[&str]) -> Option<Version> {
    let ended = process::run(argv, &[("ETCDCTL_API", "3")], Duration::from_secs(10))
        .await
        .ok()?;
    let mut lines = ended.stdout.lines();
    lines.find_map(|line| line.rsplit(' ').next()?.trim().parse().ok())
}

async fn restore(kept: &Kept, folder: &Path, tools: &Tools) -> Result<(), String> {
    let data = folder.join("data").display().to_string();
    let mut argv = vec![tools.restore, "snapshot", "restore", &kept.path, "--data-dir", &data];
    if kept.manifest.form == Form::Database {
        argv.push("--skip-hash-check");
    }
    let env = if tools.restore == "etcdctl" {
        &[("ETCDCTL_API", "3")][..]
    } else {
        &[]
    };
    let ended = process::run(&argv, env, RESTORE_BOUND)
        .await
        .map_err(|error| format!("{} cannot restore it: {error}", tools.restore))?;
    // Its status alone is no proof (safety 39).
    if ended.code == Some(0) && folder.join("data/member/snap/db").exists() {
        return Ok(());
    }
    let last = ended.stderr.lines().last().unwrap_or("it said nothing");
    Err(format!("{} cannot restore it: {last}", tools.restore))
}

async fn start(folder: &Path) -> Result<Served, String> {
    let place = folder.display().to_string();
    let argv = [
        "sh",
        "-c",
        "cd \"$0\" && exec env -i PATH=\"$PATH\" \"$@\" >log 2>&1",
        &place,
        "etcd",
        "--data-dir=data",
        "--listen-client-urls=unix://client:0",
        "--advertise-client-urls=unix://client:0",
        "--listen-peer-urls=unix://peer:0",
    ];
    let mut child = process::spawn(&argv).map_err(|error| format!("etcd cannot be started: {error}"))?;
    let served = asked(folder, &mut child).await;
    // Gone before its folder is.
    let _ended = child.kill().await;
    served
}

async fn asked(folder: &Path, child: &mut Child) -> Result<Served, String> {
    let asked = async {
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("etcd ended at its start ({status}): {}", last_line(folder)));
            }
            if let Some(served) = metrics(&folder.join("client:0")).await {
                return Ok(served);
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    };
    let late = || {
        Err(format!(
            "etcd did not serve within {} s: {}",
            START_BOUND.as_secs(),
            last_line(folder)
        ))
    };
    tokio::time::timeout(START_BOUND, asked)
        .await
        .unwrap_or_else(|_| late())
}

fn last_line(folder: &Path) -> String {
    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    log.lines().last().unwrap_or_default().chars().take(300).collect()
}

/// `None`: it does not serve yet.
async fn metrics(socket: &Path) -> Option<Served> {
    // The path may be longer than a socket's may be: its folder is opened, and named by its number.
    let folder = std::fs::File::open(socket.parent()?).ok()?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&folder);
    let short = format!("/proc/self/fd/{number}/{}", socket.file_name()?.to_str()?);
    let ask = async {
        let mut stream = UnixStream::connect(short).await.ok()?;
        stream
            .write_all(b"GET /metrics HTTP/1.0\r\nHost: etcd\r\n\r\n")
            .await
            .ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.ok()?;
        parsed(&text)
    };
    tokio::time::timeout(ANSWER_BOUND, ask).await.ok().flatten()
}

fn parsed(text: &str) -> Option<Served> {
    let leads = number(text, "etcd_server_has_leader ")?;
    let served = Served {
        revision: number(text, "etcd_debugging_mvcc_current_revision ")?,
        keys: number(text, "etcd_debugging_mvcc_keys_total ")?,
    };
    (leads == 1).then_some(served)
}

/// Prometheus writes large numbers as `1.234e+06`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts, exact as far as a metric can tell them"
)]
fn number(text: &str, name: &str) -> Option<u64> {
    let value: f64 = text
        .lines()
        .find_map(|line| line.strip_prefix(name))?
        .trim()
        .parse()
        .ok()?;
    (value >= 0.0).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_serves_is_read_once_it_leads() {
        let text = |leader: u8| {
            format!(
                "HTTP/1.0 200 OK\r\n\r\n# HELP x\netcd_debugging_mvcc_current_revision 1.234567e+06\n\
                 etcd_debugging_mvcc_keys_total 42\netcd_server_has_leader {leader}\n"
            )
        };
        let served = Served {
            revision: 1_234_567,
            keys: 42,
        };
        assert_eq!(parsed(&text(1)), Some(served));
        assert_eq!(parsed(&text(0)), None);
        assert_eq!(parsed("HTTP/1.0 404 Not Found\r\n\r\n"), None);
    }
}
