//! One ssh connection per host, through the user's own `ssh`, so that ssh_config, agent, jump hosts and known_hosts hold.

mod kept;
mod knock;
mod said;

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use openssh::{ControlPersist, ForwardType, KnownHosts, Session, SessionBuilder, Stdio};
use tokio::sync::Mutex;

use self::kept::{FRESH, Kept, Waiting};
use self::said::{chain, classify, shortened};
use super::wire::Pipes;
use crate::base::duration::in_seconds;
use crate::call::{CallError, Fault};
use crate::transport::GLANCE;

/// A host that does not answer is not waited for longer, whatever is asked of it.
const CONTACT: Duration = Duration::from_secs(10);
/// ssh tells that a connection is dead after three of these.
const ALIVE: Duration = Duration::from_secs(5);
/// The master of a killed etcdops ends after this many idle seconds.
const IDLE: NonZeroUsize = NonZeroUsize::new(60).expect("60 is not zero");
/// Control sockets must fit into 104 bytes, with what ssh appends.
const LONGEST_FOLDER: usize = 40;

/// Where to connect.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) destination: String,
    pub(super) user: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) config: Option<PathBuf>,
}

impl Target {
    /// Nothing in it may be read by ssh as an option.
    fn checked(&self) -> Result<(), String> {
        let destination = &self.destination;
        let odd = |c: char| c.is_whitespace() || c.is_control();
        if destination.is_empty() || destination.starts_with('-') || destination.contains(odd) {
            return Err(format!(
                "`{destination}` is no host name: ssh would read it as something else"
            ));
        }
        match &self.user {
            Some(user) if user.starts_with('-') || user.contains(odd) => Err("the ssh user is no user name".to_owned()),
            _ => Ok(()),
        }
    }

    /// `patience`: how long a connection may take; ssh counts in whole seconds.
    fn builder(&self, control: PathBuf, patience: Duration) -> SessionBuilder {
        let mut builder = SessionBuilder::default();
        builder
            .known_hosts_check(KnownHosts::Strict)
            .connect_timeout(patience.max(Duration::from_secs(1)))
            .server_alive_interval(ALIVE)
            .control_directory(control)
            .control_persist(ControlPersist::IdleFor(IDLE));
        if let Some(user) = &self.user {
            builder.user(user.clone());
        }
        if let Some(port) = self.port {
            builder.port(port);
        }
        if let Some(config) = &self.config {
            builder.config_file(config);
        }
        builder
    }
}

/// The connection to one host, made on first use and again after it was lost.
pub(super) struct Line {
    place: String,
    target: Target,
    control: Arc<ControlFolder>,
    kept: Mutex<Kept>,
    waiting: std::sync::Mutex<Waiting>,
    /// Where to knock, once that is known.
    door: Mutex<Option<knock::Door>>,
}

impl Line {
    pub(super) fn new(place: &str, target: Target, control: Arc<ControlFolder>) -> Self {
        Self {
            place: place.to_owned(),
            target,
            control,
            kept: Mutex::default(),
            waiting: std::sync::Mutex::default(),
            door: Mutex::default(),
        }
    }

    /// Starts the command line on the host. A connection found dead before anything was sent is made anew, once.
    pub(super) async fn open(&self, what: &str, command_line: &str, bound: Duration) -> Result<Pipes, CallError> {
        let session = self.session(what, bound).await?;
        match start(session.clone(), command_line).await {
            Ok(pipes) => Ok(pipes),
            Err(_) => {
                self.forget(&session).await;
                let session = self.session(what, bound).await?;
                start(session, command_line)
                    .await
                    .map_err(|error| self.failed(what, &chain(&error)))
            }
        }
    }

    /// A port of this machine that leads to `host:port` as the far host sees it.
    pub(super) async fn forward(&self, host: &str, port: u16, bound: Duration) -> Result<SocketAddr, CallError> {
        let what = format!("reach {host}:{port} through ssh");
        let session = self.session(&what, bound).await?;
        let no_port = |error: std::io::Error| self.failed(&what, &error.to_string());
        let here = {
            let probe = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(no_port)?;
            probe.local_addr().map_err(no_port)?
        };
        let there = openssh::Socket::new(host.trim_matches(['[', ']']).to_owned(), port);
        session
            .request_port_forward(ForwardType::Local, here, there)
            .await
            .map_err(|error| self.failed(&what, &chain(&error)))?;
        Ok(here)
    }

    /// Ends the connection.
    pub(super) async fn close(&self) {
        if let Some(session) = self.kept.lock().await.session.take()
            && let Ok(session) = Arc::try_unwrap(session)
        {
            let _ = session.close().await;
        }
    }

    /// For how long etcd's port on the host has owed an answer.
    pub(super) fn etcd_owes(&self, lasted: Duration) {
        self.waiting().etcd_owes(lasted);
    }

    /// Connects, if nothing is connected. Who asks something of the host tries again, unless it was found silent.
    pub(super) async fn reach_out(&self) {
        let begun = Instant::now();
        let ended = self.session("reach it", CONTACT).await;
        if ended.is_err() && begun.elapsed() < FRESH {
            let mut kept = self.kept.lock().await;
            kept.failed = None;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn forget(&self, dead: &Arc<Session>) {
        let mut kept = self.kept.lock().await;
        if kept.session.as_ref().is_some_and(|session| Arc::ptr_eq(session, dead)) {
            kept.session = None;
        }
    }

    /// The connection; within a time that depends on how the host answered before.
    async fn session(&self, what: &str, bound: Duration) -> Result<Arc<Session>, CallError> {
        let going_on = self.kept.try_lock().is_err();
        let patience = self.waiting().patience(bound.min(CONTACT), going_on);
        let begun = Instant::now();
        let ended = tokio::select! {
            biased;
            ended = tokio::time::timeout(patience, self.connected(what, patience)) => ended.ok(),
            () = self.proved_away() => None,
        };
        if let Some(ended) = ended {
            return ended;
        }
        let owed = {
            let mut waiting = self.waiting();
            waiting.gave_none();
            waiting.lasted().max(begun.elapsed().min(patience))
        };
        let etcd = if self.waiting().is_away() {
            ", nor from its etcd"
        } else {
            ""
        };
        let said = format!("Connection timed out: no answer within {}{etcd}", in_seconds(owed));
        Err(self.failed(what, &said))
    }

    /// Ends when it has come out that nothing of the host answers: a host that is down is not waited for as long as a slow login.
    async fn proved_away(&self) {
        while !self.waiting().is_away() {
            if self.waiting().to_knock().is_some() {
                // One knocks for all who wait.
                let mut door = self.door.lock().await;
                if door.is_none() {
                    *door = Some(knock::door(&self.target).await);
                }
                let to_knock = self.waiting().to_knock();
                if let (Some(door), Some(within)) = (door.as_ref(), to_knock) {
                    let answered = knock::is_answered(door, within).await;
                    self.waiting().knocked(answered);
                }
            } else {
                tokio::time::sleep(GLANCE).await;
            }
        }
    }

    async fn connected(&self, what: &str, patience: Duration) -> Result<Arc<Session>, CallError> {
        let asked = Instant::now();
        let mut kept = self.kept.lock().await;
        if let Some(session) = &kept.session {
            return Ok(session.clone());
        }
        if let Some(said) = kept.just_failed(asked) {
            return Err(self.failed(what, said));
        }
        self.target
            .checked()
            .map_err(|why| before_anything(Fault::Unsupported, what, &self.place, why))?;
        let control = self
            .control
            .path()
            .map_err(|error| self.failed(what, &error.to_string()))?;
        let begun = Instant::now();
        self.waiting().begins();
        let builder = self.target.builder(control, patience);
        match builder.connect_mux(&self.target.destination).await {
            Ok(session) => {
                self.waiting().answered();
                let session = Arc::new(session);
                *kept = Kept {
                    session: Some(session.clone()),
                    failed: None,
                };
                Ok(session)
            }
            Err(error) => {
                let said = chain(&error);
                let failed = self.failed(what, &said);
                kept.failed = Some((Instant::now(), said));
                // Who refuses at once answers.
                if begun.elapsed() < FRESH {
                    self.waiting().answered();
                } else {
                    self.waiting().gave_none();
                }
                Err(failed)
            }
        }
    }

    fn failed(&self, what: &str, said: &str) -> CallError {
        let (fault, hint) = classify(said);
        before_anything(fault, what, &self.place, format!("ssh: {}{hint}", shortened(said)))
    }
}

/// Nothing was sent: the change cannot have happened.
pub(super) fn before_anything(fault: Fault, what: &str, place: &str, message: impl Into<String>) -> CallError {
    CallError {
        maybe_done: false,
        ..CallError::new(fault, what, place, message)
    }
}

/// Bytes that ssh finds ready while we read the next portion of a file. More than an unprivileged user may ask for is no error.
const PIPE_SIZE: usize = 1024 * 1024;

async fn start(session: Arc<Session>, command_line: &str) -> Result<Pipes, openssh::Error> {
    let mut child = session
        .arc_raw_command(command_line)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .await?;
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin().take(), child.stdout().take(), child.stderr().take())
    else {
        return Err(openssh::Error::Disconnected);
    };
    let _ = rustix::pipe::fcntl_setpipe_size(&stdin, PIPE_SIZE);
    Ok(Pipes {
        stdin: Box::new(stdin),
        stdout: Box::new(stdout),
        stderr: Box::new(stderr),
        guard: Box::new(child),
    })
}

/// A private folder for control sockets, with a short path, removed at the end.
#[derive(Debug, Default)]
pub(super) struct ControlFolder(std::sync::Mutex<Option<tempfile::TempDir>>);

impl ControlFolder {
    fn path(&self) -> std::io::Result<PathBuf> {
        let mut kept = self.0.lock().map_err(|_| std::io::Error::other("a thread panicked"))?;
        if let Some(folder) = &*kept {
            return Ok(folder.path().to_owned());
        }
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let parent = runtime
            .filter(|path| path.is_dir() && path.as_os_str().len() <= LONGEST_FOLDER)
            .unwrap_or_else(|| PathBuf::from("/tmp"));
        sweep(&parent);
        let prefix = format!("etcdops-{}-", std::process::id());
        let folder = tempfile::Builder::new()
            .prefix(&prefix)
            .rand_bytes(4)
            .tempdir_in(parent)?;
        let path = folder.path().to_owned();
        *kept = Some(folder);
        Ok(path)
    }
}

/// Removes folders whose process was killed.
fn sweep(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name
            .strip_prefix("etcdops-")
            .and_then(|rest| rest.split_once('-'))
            .and_then(|(pid, _)| pid.parse::<u32>().ok());
        if let Some(pid) = owner
            && !Path::new(&format!("/proc/{pid}")).exists()
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_says_is_classified() {
        for (said, fault) in [
            ("Host key verification failed.", Fault::HostKey),
            (
                "REMOTE HOST IDENTIFICATION HAS CHANGED!; Host key verification failed.",
                Fault::HostKey,
            ),
            ("ops@h: Permission denied (publickey).", Fault::Auth),
            (
                "Could not resolve hostname nope: Name or service not known",
                Fault::Name,
            ),
            ("connect to host 10.0.0.1 port 22: Connection timed out", Fault::Timeout),
            ("connect to host h port 22: Connection refused", Fault::Connect),
            ("connect to host h port 22: No route to host", Fault::Connect),
        ] {
            assert_eq!(classify(said).0, fault, "{said}");
        }
    }

    #[test]
    fn of_a_changed_key_both_keys_are_told_and_no_banner() {
        let said = "@@@@@; @ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @; @@@@@; IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!; \
                    The fingerprint for the ED25519 key sent by the remote host is; SHA256:v5kd.; Offending ED25519 key in /s/known_hosts:2; \
                    Host key verification failed.";
        assert_eq!(
            shortened(said),
            "Host key verification failed: it sent the key SHA256:v5kd, not the known ED25519 key in /s/known_hosts:2"
        );
        assert_eq!(classify(said).0, Fault::HostKey);
        assert_eq!(shortened("Connection refused"), "Connection refused");
    }

    #[tokio::test]
    async fn a_name_that_is_an_option_is_refused() {
        let target = Target {
            destination: "-oProxyCommand=touch /tmp/x".to_owned(),
            user: None,
            port: None,
            config: None,
        };
        let line = Line::new("x", target, Arc::new(ControlFolder::default()));
        let error = line.open("look", "true", Duration::from_secs(5)).await.err().unwrap();
        assert_eq!((error.fault, error.maybe_done), (Fault::Unsupported, false));
        assert!(error.message.contains("no host name"), "{error}");
    }
}
