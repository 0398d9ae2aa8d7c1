//! Real etcd processes on loopback: started, frozen, killed, with or without TLS. Gone when dropped.

use std::fs::{File, TryLockError};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::certificates::Authority;

/// The version that most tests use.
pub const USUAL: &str = "3.5.35";

/// The folder with etcd's programs of one version, as `tests/setup` puts them.
pub fn programs(version: &str) -> PathBuf {
    let cache = std::env::var_os("ETCDOPS_CACHE").map_or_else(|| PathBuf::from("/var/cache/etcdops"), PathBuf::from);
    let folder = cache.join("etcd").join(version);
    assert!(
        folder.join("etcd").exists(),
        "no etcd {version} in {}: `tests/setup test` fetches it",
        folder.display()
    );
    folder
}

/// What etcd's own client of this folder says through one endpoint.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "tests start programs themselves")]
pub fn etcdctl(folder: &Path, endpoint: &str, words: &[&str]) -> String {
    let output = Command::new(folder.join("etcdctl"))
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", endpoint])
        .args(words)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A port that nobody else of these tests uses, held by a lock as long as this lives.
pub struct Port {
    pub number: u16,
    _held: File,
}

impl Port {
    /// Below what the playground takes, whose stopped members leave theirs free, and what the kernel gives to outgoing connections.
    pub fn take() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let folder = std::env::temp_dir().join("etcdops-test-ports");
        std::fs::create_dir_all(&folder).unwrap();
        let offset = u16::try_from(std::process::id() % 10_000).unwrap();
        for _ in 0..10_000 {
            let number = 10_000 + (offset + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
            let held = File::create(folder.join(number.to_string())).unwrap();
            match held.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => panic!("cannot lock a port: {error}"),
            }
            if TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Self { number, _held: held };
            }
        }
        panic!("no free port");
    }
}

/// One member's process and what it is started with.
pub struct Node {
    pub name: String,
    pub client: Port,
    pub peer: Port,
    pub folder: PathBuf,
    /// What it tells clients instead of its own URL.
    pub advertised: Option<String>,
    child: Option<Child>,
}

/// Some members.
pub struct Etcds {
    pub root: TempDir,
    pub version: String,
    pub nodes: Vec<Node>,
    pub authority: Option<Authority>,
    flags: Vec<String>,
}

impl Etcds {
    /// `count` members of `version` with these additional flags, started; nothing is waited for.
    pub fn start(version: &str, count: usize, secure: bool, flags: &[&str]) -> Self {
        let root = tempfile::Builder::new().prefix("etcdops-etcd-").tempdir().unwrap();
        let authority = secure.then(|| Authority::new(root.path(), "etcdops test authority"));
        let mut cluster = Self {
            version: version.to_owned(),
            nodes: Vec::new(),
            flags: flags.iter().map(ToString::to_string).collect(),
            authority,
            root,
        };
        for index in 0..count {
            cluster.prepare(&format!("e{}", index + 1));
        }
        let members = cluster.initial_cluster();
        for index in 0..count {
            cluster.launch(index, &members, "new");
        }
        cluster
    }

    /// A further node, not started.
    pub fn prepare(&mut self, name: &str) -> usize {
        let folder = self.root.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        if let Some(authority) = &self.authority {
            authority.issue(&folder, "server", &["localhost", "127.0.0.1"]);
        }
        self.nodes.push(Node {
            name: name.to_owned(),
            client: Port::take(),
            peer: Port::take(),
            folder,
            advertised: None,
            child: None,
        });
        self.nodes.len() - 1
    }

    pub fn initial_cluster(&self) -> String {
        let members: Vec<String> = (0..self.nodes.len())
            .map(|index| format!("{}={}", self.nodes[index].name, self.peer_url(index)))
            .collect();
        members.join(",")
    }

    fn scheme(&self) -> &'static str {
        if self.authority.is_some() { "https" } else { "http" }
    }

    pub fn url(&self, index: usize) -> String {
        format!("{}://127.0.0.1:{}", self.scheme(), self.nodes[index].client.number)
    }

    pub fn peer_url(&self, index: usize) -> String {
        format!("{}://127.0.0.1:{}", self.scheme(), self.nodes[index].peer.number)
    }

    pub fn urls(&self) -> Vec<String> {
        (0..self.nodes.len()).map(|index| self.url(index)).collect()
    }

    /// Starts a node; one with data takes no notice of `members` and `state`.
    #[expect(clippy::disallowed_methods, reason = "tests start etcd themselves")]
    pub fn launch(&mut self, index: usize, members: &str, state: &str) {
        let (url, peer_url) = (self.url(index), self.peer_url(index));
        let node = &self.nodes[index];
        let mut command = Command::new(programs(&self.version).join("etcd"));
        command.env_clear().stdin(Stdio::null());
        for (flag, value) in [
            ("name", node.name.as_str()),
            ("data-dir", &node.folder.join("data").to_string_lossy()),
            ("listen-client-urls", &url),
            ("advertise-client-urls", node.advertised.as_ref().unwrap_or(&url)),
            ("listen-peer-urls", &peer_url),
            ("initial-advertise-peer-urls", &peer_url),
            ("initial-cluster", members),
            ("initial-cluster-state", state),
            ("heartbeat-interval", "50"),
            ("election-timeout", "500"),
        ] {
            command.arg(format!("--{flag}={value}"));
        }
        if let Some(authority) = &self.authority {
            let file = |name: &str| node.folder.join(name).to_string_lossy().into_owned();
            let ca = authority.certificate.to_string_lossy().into_owned();
            for part in ["", "peer-"] {
                command.arg(format!("--{part}cert-file={}", file("server.pem")));
                command.arg(format!("--{part}key-file={}", file("server.key")));
                command.arg(format!("--{part}trusted-ca-file={ca}"));
            }
            command.args(["--client-cert-auth", "--peer-client-cert-auth"]);
        }
        command.args(&self.flags);
        let log = File::options()
            .create(true)
            .append(true)
            .open(node.folder.join("log"))
            .unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.nodes[index].child = Some(command.spawn().unwrap());
    }

    /// Starts a node that has data.
    pub fn start_again(&mut self, index: usize) {
        let members = self.initial_cluster();
        self.launch(index, &members, "existing");
    }

    fn signal(&self, index: usize, signal: Signal) {
        let child = self.nodes[index].child.as_ref().unwrap();
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// SIGSTOP: ports accept, nothing answers.
    pub fn freeze(&self, index: usize) {
        self.signal(index, Signal::STOP);
    }

    pub fn thaw(&self, index: usize) {
        self.signal(index, Signal::CONT);
    }

    /// SIGKILL, and gone when this returns.
    pub fn kill(&mut self, index: usize) {
        if let Some(mut child) = self.nodes[index].child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn log(&self, index: usize) -> String {
        std::fs::read_to_string(self.nodes[index].folder.join("log")).unwrap_or_default()
    }

    /// etcdctl with this cluster's certificates, against one node.
    #[expect(clippy::disallowed_methods, reason = "tests use etcdctl as users do")]
    pub fn etcdctl(&self, index: usize, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(programs(&self.version).join("etcdctl"));
        command.env_clear().env("ETCDCTL_API", "3");
        command.args(["--endpoints", &self.url(index)]);
        if let Some(authority) = &self.authority {
            let (cert, key) = authority.client();
            command.arg("--cacert").arg(&authority.certificate);
            command.arg("--cert").arg(cert).arg("--key").arg(key);
        }
        command.args(arguments).output().unwrap()
    }

    /// etcdctl that must succeed; what it printed.
    #[track_caller]
    pub fn control(&self, index: usize, arguments: &[&str]) -> String {
        let output = self.etcdctl(index, arguments);
        assert!(
            output.status.success(),
            "etcdctl {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A file of this cluster's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
}

impl Drop for Etcds {
    fn drop(&mut self) {
        for index in 0..self.nodes.len() {
            if std::thread::panicking() {
                let log = self.log(index);
                let last: Vec<&str> = log.lines().rev().take(6).collect();
                println!("last lines of {}: {last:#?}", self.nodes[index].name);
            }
            self.kill(index);
        }
    }
}
