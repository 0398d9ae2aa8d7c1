//! Hosts: their shells, reached by ssh or here, and what is asked of them.

mod answer;
mod carry;
mod certificates;
mod config;
mod copy;
mod errand;
mod frame;
mod inspect;
mod lease;
mod local;
mod logged;
mod manual;
mod overriding;
mod peer;
mod pour;
mod programs;
mod shell;
mod ssh;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex as PlainMutex};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Semaphore};

use crate::base::secret::Secret;
use crate::call::host::{HostAnswer, HostOp, Tag};
use crate::call::{CallError, Fault, Watch};
use crate::cluster::host::{ClusterConfig, Host, Shell};

pub use answer::what;
pub use manual::manual;

/// sshd refuses more sessions on one connection than its MaxSessions, 10 by default.
const AT_ONCE: usize = 8;

/// How long a host may take to answer at all before a long look begins.
const FIRST_CONTACT: Duration = Duration::from_secs(10);

/// The hosts of one cluster. Cheap to make; connects on first use.
pub struct Hosts {
    cluster: Arc<ClusterConfig>,
    sudo_password: Option<Secret<String>>,
    control: Arc<ssh::ControlFolder>,
    lines: PlainMutex<HashMap<String, Arc<Reach>>>,
}

/// How one host is reached.
struct Reach {
    host: Host,
    /// `None`: this machine.
    ssh: Option<ssh::Line>,
    slots: Semaphore,
    forwards: Mutex<HashMap<(String, u16), SocketAddr>>,
    /// Of which versions etcd's programs are, and which files they were.
    programs: PlainMutex<programs::Programs>,
}

/// A call in the making.
struct Errand<'a> {
    reach: &'a Reach,
    cluster: &'a ClusterConfig,
    sudo_password: Option<&'a Secret<String>>,
    what: String,
    change: bool,
    deadline: Instant,
    /// Milliseconds spent in the host's queue: other calls have bounds of their own, so this one's deadline moves by them.
    queued: &'a AtomicU64,
    watch: &'a dyn Watch,
}

impl Hosts {
    /// `sudo_password`: given to sudo, on its input only, where it asks for one.
    pub fn new(cluster: Arc<ClusterConfig>, sudo_password: Option<Secret<String>>) -> Self {
        Self {
            cluster,
            sudo_password,
            control: Arc::default(),
            lines: PlainMutex::default(),
        }
    }

    /// Carries out one operation on one host, within `bound` from its turn on (at most 8 at a time per host). Never tries twice.
    ///
    /// A change with a tag runs detached on the host: when the bound passes or the connection is lost it goes on there
    /// (`maybe_done`), and the same call with the same tag finds it again and waits for its end.
    pub async fn perform(
        &self,
        host: &str,
        op: &HostOp,
        tag: Option<&Tag>,
        bound: Duration,
        watch: &dyn Watch,
    ) -> Result<HostAnswer, CallError> {
        let what = what(op);
        let reach = self.reach(host, &what)?;
        let queued = AtomicU64::new(0);
        let errand = Errand {
            reach: &reach,
            cluster: &self.cluster,
            sudo_password: self.sudo_password.as_ref(),
            what,
            change: op.is_change(),
            deadline: Instant::now() + bound,
            queued: &queued,
            watch,
        };
        match op {
            HostOp::InspectService => errand.inspect().await.map(|seen| HostAnswer::Service(Box::new(seen))),
            HostOp::ReadConfig => errand
                .read_config()
                .await
                .map(|seen| HostAnswer::Config(Box::new(seen))),
            HostOp::Clock => errand.clock().await,
            HostOp::Certificates => errand.certificates().await,
            HostOp::ReadPart { path, offset, length } => errand.part(path, *offset, *length).await,
            HostOp::ReadCopy => {
                // A host that does not answer must not hold up the others for as long as reading may take.
                let first = Errand {
                    deadline: Instant::now() + bound.min(FIRST_CONTACT),
                    what: errand.what.clone(),
                    ..errand
                };
                let service = first.inspect().await?;
                errand.copy(service).await.map(|copy| HostAnswer::Copy(Box::new(copy)))
            }
            HostOp::Carry { from, file, path, .. } => {
                let owner = self.reach(from, &errand.what)?;
                let there = Errand {
                    reach: &owner,
                    what: format!("read {file}, to carry it over to {host}"),
                    change: false,
                    ..errand
                };
                if errand.not_begun(tag).await? {
                    carry::over(&there, file, &errand, path).await?;
                }
                errand.any(op, tag).await
            }
            _ => errand.any(op, tag).await,
        }
    }

    /// A loopback address of this machine that leads to `target` as the host sees it; the same one for the same target.
    pub async fn forward(&self, host: &str, target: &str, port: u16, bound: Duration) -> Result<SocketAddr, CallError> {
        let what = format!("reach {target}:{port} through ssh");
        let reach = self.reach(host, &what)?;
        let Some(line) = &reach.ssh else {
            let why = "this host is reached without ssh";
            return Err(ssh::before_anything(Fault::Unsupported, &what, host, why));
        };
        let mut forwards = reach.forwards.lock().await;
        if let Some(known) = forwards.get(&(target.to_owned(), port)) {
            return Ok(*known);
        }
        let opened = tokio::time::timeout(bound, line.forward(target, port, bound))
            .await
            .unwrap_or_else(|_| Err(ssh::before_anything(Fault::Timeout, &what, host, "no answer in time")))?;
        forwards.insert((target.to_owned(), port), opened);
        Ok(opened)
    }

    /// Ends all ssh connections. Otherwise they end by themselves after a minute without use.
    pub async fn close(&self) {
        let reaches: Vec<Arc<Reach>> = self.lines.lock().map_or_else(
            |_| Vec::new(),
            |mut lines| lines.drain().map(|(_, reach)| reach).collect(),
        );
        for reach in reaches {
            if let Some(line) = &reach.ssh {
                line.close().await;
            }
        }
    }

    /// Makes the connection to a host, if there is none. What comes of it is told to whoever asks the host for something.
    pub async fn connect(&self, host: &str) {
        if let Ok(reach) = self.reach(host, "reach it")
            && let Some(line) = &reach.ssh
        {
            line.reach_out().await;
        }
    }

    /// For how long etcd's port on the host has owed an answer.
    pub fn etcd_owes(&self, host: &str, lasted: Duration) {
        if let Ok(reach) = self.reach(host, "reach it")
            && let Some(line) = &reach.ssh
        {
            line.etcd_owes(lasted);
        }
    }

    fn reach(&self, name: &str, what: &str) -> Result<Arc<Reach>, CallError> {
        let unknown = |why: &str| ssh::before_anything(Fault::Missing, what, name, why);
        let mut lines = self.lines.lock().map_err(|_| unknown("a thread panicked"))?;
        if let Some(reach) = lines.get(name) {
            return Ok(reach.clone());
        }
        let host = self
            .cluster
            .host(name)
            .ok_or_else(|| unknown("the inventory has no such host"))?
            .clone();
        let ssh = match &host.shell {
            Shell::Local => None,
            Shell::Ssh {
                destination,
                user,
                port,
                config,
            } => {
                let target = ssh::Target {
                    destination: destination.clone(),
                    user: user.clone(),
                    port: *port,
                    config: config.clone(),
                };
                Some(ssh::Line::new(name, target, self.control.clone()))
            }
        };
        let reach = Arc::new(Reach {
            host,
            ssh,
            slots: Semaphore::new(AT_ONCE),
            forwards: Mutex::default(),
            programs: PlainMutex::default(),
        });
        lines.insert(name.to_owned(), reach.clone());
        Ok(reach)
    }
}
