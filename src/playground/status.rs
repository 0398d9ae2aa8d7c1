//! How the playground stands: each host's process, and what its member answers.

use std::path::Path;

use serde::Serialize;

use super::PlaygroundError;
use super::layout::host_dir;
use super::process::recorded;
use super::state::{PlayHost, State};

/// A host's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessStatus {
    Running,
    /// It ended without being stopped by a command.
    Dead,
    /// Never started, or stopped by a command.
    Stopped,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostStatus {
    pub host: String,
    pub process: ProcessStatus,
    pub pid: Option<u32>,
    pub client_url: String,
    pub spare: bool,
}

/// The playground as found on this machine; what its members answer is asked through `look`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub state: State,
    pub hosts: Vec<HostStatus>,
}

/// `None`: there is no playground.
pub fn status(root: &Path) -> Result<Option<Status>, PlaygroundError> {
    let Some(state) = State::load(root)? else {
        return Ok(None);
    };
    let hosts = state.hosts.iter().map(|host| of_host(root, host)).collect();
    Ok(Some(Status { state, hosts }))
}

fn of_host(root: &Path, host: &PlayHost) -> HostStatus {
    let known = recorded(&host_dir(root, &host.name));
    let process = match known {
        Some(process) if process.alive() => ProcessStatus::Running,
        Some(_) => ProcessStatus::Dead,
        None => ProcessStatus::Stopped,
    };
    HostStatus {
        host: host.name.clone(),
        process,
        pid: known
            .filter(|_| process == ProcessStatus::Running)
            .map(|process| process.pid),
        client_url: host.client_url(),
        spare: host.spare,
    }
}
