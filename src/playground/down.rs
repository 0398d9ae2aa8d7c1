//! Throwing the playground away.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::PlaygroundError;
use super::layout::host_dir;
use super::lock::lock;
use super::process::{Recorded, holders, recorded, waiting};
use super::state::State;

/// How long an etcd may take to end by itself: it hands its leadership over first.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a killed one may take to be gone.
const KILLED: Duration = Duration::from_secs(5);

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    /// Hosts whose process was stopped.
    pub stopped: Vec<String>,
    /// Those among them that had to be killed.
    pub killed: Vec<String>,
    pub removed: PathBuf,
}

/// Stops what runs, by process number and start time, and removes the playground's folder. `None`: there is none.
pub async fn down(root: &Path) -> Result<Option<Down>, PlaygroundError> {
    if !root.exists() {
        return Ok(None);
    }
    let _lock = lock(root)?;
    let Some(state) = State::load(root)? else {
        return remove_unfinished(root);
    };
    let running: Vec<(String, Recorded)> = state
        .hosts
        .iter()
        .filter_map(|host| Some((host.name.clone(), recorded(&host_dir(root, &host.name))?)))
        .filter(|(_, process)| process.alive())
        .collect();
    for host in &state.hosts {
        waiting(&host_dir(root, &host.name))
            .into_iter()
            .for_each(Recorded::end_group);
    }
    let killed = stop_all(&running).await?;
    if let Some(pid) = last_holder(root).await {
        return Err(PlaygroundError::StillHeld {
            pid,
            path: root.to_owned(),
        });
    }
    remove(root)?;
    Ok(Some(Down {
        stopped: running.into_iter().map(|(host, _)| host).collect(),
        killed,
        removed: root.to_owned(),
    }))
}

/// A process that still has something of the playground open after the others have had time to end.
async fn last_holder(root: &Path) -> Option<u32> {
    let end = Instant::now() + KILLED;
    loop {
        let found = holders(root).first().copied();
        if found.is_none() || Instant::now() >= end {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// All at once; who does not end in time is killed.
async fn stop_all(running: &[(String, Recorded)]) -> Result<Vec<String>, PlaygroundError> {
    signal_all(running, Signal::TERM)?;
    let stubborn = wait_for_end(running, PATIENCE).await;
    signal_all(&stubborn, Signal::KILL)?;
    if let Some((host, process)) = wait_for_end(&stubborn, KILLED).await.into_iter().next() {
        return Err(PlaygroundError::WillNotEnd { host, pid: process.pid });
    }
    Ok(stubborn.into_iter().map(|(host, _)| host).collect())
}

fn signal_all(processes: &[(String, Recorded)], signal: Signal) -> Result<(), PlaygroundError> {
    for (_, process) in processes {
        process.signal(signal).map_err(|source| PlaygroundError::Io {
            action: "signal the process",
            path: PathBuf::from(format!("/proc/{}", process.pid)),
            source,
        })?;
    }
    Ok(())
}

/// Those that still run when the time is up.
async fn wait_for_end(processes: &[(String, Recorded)], patience: Duration) -> Vec<(String, Recorded)> {
    let end = Instant::now() + patience;
    loop {
        let left: Vec<(String, Recorded)> = processes
            .iter()
            .filter(|(_, process)| process.alive())
            .cloned()
            .collect();
        if left.is_empty() || Instant::now() >= end {
            return left;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A folder without a state: `up` was ended before it had written one, or somebody else's things.
fn remove_unfinished(root: &Path) -> Result<Option<Down>, PlaygroundError> {
    foreign(root)?;
    remove(root)?;
    Ok(None)
}

/// Refuses a folder without a state that holds more than `up` leaves when it is ended early.
pub(super) fn foreign(root: &Path) -> Result<(), PlaygroundError> {
    let failed = |source| PlaygroundError::Io {
        action: "read the folder",
        path: root.to_owned(),
        source,
    };
    for entry in fs::read_dir(root).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        // Half-written files of `write_private`.
        if !name.starts_with(".etcdops-") {
            return Err(PlaygroundError::Foreign {
                path: root.to_owned(),
                example: name,
            });
        }
    }
    Ok(())
}

fn remove(root: &Path) -> Result<(), PlaygroundError> {
    fs::remove_dir_all(root).map_err(|source| PlaygroundError::Io {
        action: "remove",
        path: root.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::files::write_private;
    use crate::cluster::version::Version;

    #[tokio::test]
    async fn only_what_a_playground_wrote_is_removed() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join("playground");
        assert_eq!(down(&root).await.unwrap(), None);
        fs::create_dir(&root).unwrap();
        write_private(&root.join("thesis.txt"), b"x").unwrap();
        let error = down(&root).await.unwrap_err();
        assert!(error.to_string().contains("thesis.txt"), "{error}");
        assert!(root.join("thesis.txt").exists());
    }

    #[tokio::test]
    async fn a_pid_that_is_used_again_is_left_alone() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join("playground");
        let folder = host_dir(&root, "etcd-1");
        fs::create_dir_all(&folder).unwrap();
        let created = "2026-11-20T13:00:00Z".parse().unwrap();
        State::new("/x/etcd".into(), Version::new(3, 5, 0), created, &[1, 2], 1)
            .save(&root)
            .unwrap();
        // This very process, with a start time that is not its own.
        write_private(&folder.join("pid"), format!("{} 1\n", std::process::id()).as_bytes()).unwrap();
        let done = down(&root).await.unwrap().unwrap();
        assert_eq!(done.stopped, Vec::<String>::new());
        assert!(!root.exists());
    }
}
