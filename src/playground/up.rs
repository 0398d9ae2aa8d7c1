//! Making the playground, or making it whole again.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::binary;
use super::down::foreign;
use super::health::{Answer, Connect, answers, has_member, look, transport};
use super::layout::{host_dir, log_path, write_host, write_inventory};
use super::lock::make_and_lock;
use super::ports;
use super::process::{Recorded, holders, recorded};
use super::state::{PlayHost, State};
use super::{PlaygroundError, log};
use crate::base::clock::now;
use crate::base::duration::Span;
use crate::call::host::Command;
use crate::call::{Call, CallError, Fault, HostAnswer, HostOp, Reply, To, Unwatched};
use crate::cluster::observed::Observed;
use crate::cluster::version::Version;
use crate::transport::Transport;

/// How many members `up` makes when nobody says.
const MEMBERS: usize = 3;

/// Host calls on this machine: starting a process or asking a program for its version.
const LOCAL_BOUND: Span = Span::seconds(20);

/// What is asked for; `None` is what stands already, or the default.
#[derive(Clone, Debug)]
pub struct Options {
    pub members: Option<usize>,
    /// Hosts without a member, for `add-member`.
    pub spare: Option<usize>,
    /// The program, or its folder.
    pub etcd: Option<PathBuf>,
    /// How long to wait for health.
    pub patience: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpKind {
    New,
    /// These hosts had no living process.
    StartedAgain(Vec<String>),
    Already,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Up {
    pub kind: UpKind,
    pub state: State,
}

/// Makes the playground and waits until it is healthy. `tell` is given a line for each thing that takes time.
///
/// Where one stands already, what is dead is started again; where nothing is, nothing is done.
pub async fn up(
    root: &Path,
    options: &Options,
    connect: &Connect<'_>,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Up, PlaygroundError> {
    let members = options.members.unwrap_or(MEMBERS);
    if !(1..=9).contains(&members) || options.spare.is_some_and(|spare| spare > 9) {
        return Err(PlaygroundError::Members { asked: members });
    }
    let _lock = make_and_lock(root)?;
    let (state, new) = if let Some(state) = State::load(root)? {
        check_same(&state, options)?;
        (state, false)
    } else {
        let made = make(root, members, options, connect).await;
        // Leaves no empty folder behind. Best effort: the error that is told is another.
        (made.inspect_err(|_| drop(std::fs::remove_dir(root)))?, true)
    };
    for host in &state.hosts {
        write_host(root, &state, host)?;
    }
    write_inventory(root, &state)?;
    let transport = transport(root, &state, connect);
    let dead = dead_hosts(root, &state, &*transport).await;
    if !dead.is_empty() {
        start_all(root, &state, &dead, &*transport, tell).await?;
    }
    wait_until_healthy(root, &state, &*transport, options.patience).await?;
    let kind = match (new, dead.is_empty()) {
        (true, _) => UpKind::New,
        (false, true) => UpKind::Already,
        (false, false) => UpKind::StartedAgain(dead),
    };
    Ok(Up { kind, state })
}

/// Decides what the new playground is, and writes that down before anything else.
async fn make(root: &Path, members: usize, options: &Options, connect: &Connect<'_>) -> Result<State, PlaygroundError> {
    foreign(root)?;
    let etcd = binary::find(options.etcd.as_deref())?;
    let count = 2 * (members + options.spare.unwrap_or_default());
    let ports = ports::choose(count, root).ok_or(PlaygroundError::NoPorts { count })?;
    let mut state = State::new(etcd, binary::OLDEST, now(), &ports, members);
    state.version = version_of(&state, &*transport(root, &state, connect)).await?;
    state.save(root)?;
    Ok(state)
}

async fn version_of(state: &State, transport: &dyn Transport) -> Result<Version, PlaygroundError> {
    let words = vec![state.etcd.display().to_string(), "--version".to_owned()];
    let op = HostOp::Run {
        command: Command::Argv(words),
        become_root: false,
        look: true,
    };
    let first = &state.hosts[0].name;
    match on_host(first, op, transport).await {
        Ok(HostAnswer::Ran(output)) => {
            let printed = format!("{}{}", output.stdout, output.stderr);
            binary::version_in(&printed, &state.etcd)
        }
        Ok(_) => binary::version_in("", &state.etcd),
        Err(error) => binary::version_in(&error.message, &state.etcd),
    }
}

async fn on_host(host: &str, op: HostOp, transport: &dyn Transport) -> Result<HostAnswer, CallError> {
    let to = To::Host {
        host: host.to_owned(),
        op,
        tag: None,
    };
    let timeout = LOCAL_BOUND;
    match transport.perform(&Call { to, timeout }, &Unwatched).await? {
        Reply::Host(answer) => Ok(answer),
        Reply::Etcd(_) | Reply::Http(_) | Reply::Library(_) | Reply::Ran(_) => {
            Err(CallError::new(Fault::Garbage, "ask", host, "an answer of another kind"))
        }
    }
}

/// What stands must be what is asked for, as far as it is said.
fn check_same(state: &State, options: &Options) -> Result<(), PlaygroundError> {
    let members = state.members().count();
    let spare = state.hosts.len() - members;
    let different = |there: String, asked: String| Err(PlaygroundError::Different { there, asked });
    if options.members.is_some_and(|asked| asked != members) || options.spare.is_some_and(|asked| asked != spare) {
        let asked_members = options.members.unwrap_or(members);
        let asked_spare = options.spare.unwrap_or(spare);
        return different(counted(members, spare), counted(asked_members, asked_spare));
    }
    if options.etcd.is_some() {
        let asked = binary::find(options.etcd.as_deref())?;
        if asked != state.etcd {
            return different(state.etcd.display().to_string(), asked.display().to_string());
        }
    }
    Ok(())
}

fn counted(members: usize, spare: usize) -> String {
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    if spare == 0 {
        return format!("{members} member{}", plural(members));
    }
    format!(
        "{members} member{} and {spare} spare host{}",
        plural(members),
        plural(spare)
    )
}

/// Hosts whose process should run and does not. Where some run, the others are judged by the member list: a host whose
/// member was removed, or that never had one, stays as it is.
async fn dead_hosts(root: &Path, state: &State, transport: &dyn Transport) -> Vec<String> {
    let runs = |host: &&PlayHost| recorded(&host_dir(root, &host.name)).is_some_and(Recorded::alive);
    let (running, stopped): (Vec<&PlayHost>, Vec<&PlayHost>) = state.hosts.iter().partition(runs);
    let observed = if running.is_empty() || stopped.is_empty() {
        Observed::default()
    } else {
        look(root, state, transport).await
    };
    stopped
        .into_iter()
        .filter(|host| has_member(root, host, &observed, false))
        .map(|host| host.name.clone())
        .collect()
}

async fn start_all(
    root: &Path,
    state: &State,
    dead: &[String],
    transport: &dyn Transport,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<(), PlaygroundError> {
    let hosts: Vec<&PlayHost> = state.hosts.iter().filter(|host| dead.contains(&host.name)).collect();
    for host in &hosts {
        check_startable(root, host)?;
    }
    tell(&format!("starting etcd {} on {}", state.version, dead.join(", ")));
    for host in hosts {
        let start = HostOp::Start { enable: false };
        on_host(&host.name, start, transport)
            .await
            .map_err(|source| PlaygroundError::Start {
                host: host.name.clone(),
                source,
            })?;
    }
    Ok(())
}

fn check_startable(root: &Path, host: &PlayHost) -> Result<(), PlaygroundError> {
    let data = host_dir(root, &host.name).join("data");
    if let Some(&pid) = holders(&data).first() {
        return Err(PlaygroundError::Held {
            host: host.name.clone(),
            pid,
            path: data,
        });
    }
    match ports::taken([host.client_port, host.peer_port]).first() {
        Some(&port) => Err(PlaygroundError::PortTaken {
            host: host.name.clone(),
            port,
        }),
        None => Ok(()),
    }
}

async fn wait_until_healthy(
    root: &Path,
    state: &State,
    transport: &dyn Transport,
    patience: Duration,
) -> Result<(), PlaygroundError> {
    let end = Instant::now() + patience;
    loop {
        let observed = look(root, state, transport).await;
        let ill: Vec<(String, Answer)> = answers(root, state, &observed)
            .into_iter()
            .filter(|(_, answer)| !matches!(answer, Answer::Healthy { .. } | Answer::NoMember))
            .collect();
        if ill.is_empty() {
            return Ok(());
        }
        if let Some((host, _)) = ill.iter().find(|(_, answer)| *answer == Answer::NoProcess) {
            return Err(PlaygroundError::Died {
                host: host.clone(),
                log: log::last_lines(&log_path(root, host), 5),
            });
        }
        if Instant::now() >= end {
            return Err(PlaygroundError::NotHealthy {
                waited: patience,
                seen: last_seen(&ill),
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn last_seen(ill: &[(String, Answer)]) -> String {
    let texts: Vec<String> = ill
        .iter()
        .map(|(host, answer)| match answer {
            Answer::Ill(why) => format!("{host}: {why}"),
            Answer::NoProcess => format!("{host}: its process has ended"),
            Answer::Healthy { .. } | Answer::NoMember => host.clone(),
        })
        .collect();
    texts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_must_be_what_is_asked() {
        let created = "2026-11-20T13:00:00Z".parse().unwrap();
        let state = State::new("/x/etcd".into(), Version::new(3, 5, 0), created, &[1, 2, 3, 4], 1);
        let mut options = Options {
            members: Some(1),
            spare: None,
            etcd: None,
            patience: Duration::ZERO,
        };
        check_same(&state, &options).unwrap();
        options.members = Some(3);
        let error = check_same(&state, &options).unwrap_err().to_string();
        assert!(
            error.contains("1 member and 1 spare host") && error.contains("3 members and 1 spare host"),
            "{error}"
        );
    }
}
