//! The lab from Rust: `Lab::up(&["--members", "3", "--tls"])` boots real hosts; dropping it takes them down.
//!
//! The options are those of `tests/lab/lab up`. Hosts are etcd-1, etcd-2, …, spares last. At most three labs stand at a
//! time; more tests wait for their turn. A test that dies takes its lab with it.

#![expect(clippy::disallowed_methods, reason = "tests start processes of their own")]

mod bastion;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::{env, fs};

pub use bastion::Bastion;
use bastion::{door, run_as_root};

use super::loud;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/lab");
const ETCDOPS: &str = env!("CARGO_BIN_EXE_etcdops");
/// No command of a test takes longer than this, in seconds; `timeout` ends it.
const COMMAND_BOUND: &str = "300";

/// A command's end, its output as text.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Standard output of a command that must have succeeded.
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.stdout
    }
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A lab that stands until it is dropped.
pub struct Lab {
    name: String,
    folder: PathBuf,
    bastion: Bastion,
    homes: tempfile::TempDir,
    _turn: Turn,
}

impl Lab {
    /// Boots a lab, with a healthy cluster unless `--no-start` is among the options (see `tests/lab/lab up --help`).
    ///
    /// `None` means that this test is left out, which has been said loudly: `ETCDOPS_NO_LAB=1` is set, or this machine
    /// could not get the etcd version. Where no lab can be made for another reason, this panics.
    pub fn up(options: &[&str]) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if env::var_os("ETCDOPS_NO_LAB").is_some_and(|value| value == "1") {
            left_out("ETCDOPS_NO_LAB=1");
            return None;
        }
        if let Some(version) = missing_version(options) {
            left_out(&format!("etcd {version} is not on this machine"));
            return None;
        }
        let turn = Turn::take();
        let owner = std::process::id().to_string();
        let name = format!("test-{owner}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let made = Finished::from(
            run_as_root(&[])
                .arg(PROGRAM)
                .args(["up", "--name", &name, "--owner-pid", &owner])
                .args(options)
                .output()
                .expect("the lab's program starts"),
        );
        assert!(
            made.code == Some(0),
            "no lab on this machine (ETCDOPS_NO_LAB=1 leaves the tests on real hosts out):\n{}",
            made.stderr
        );
        let folder = env::var("ETCDOPS_LABS").unwrap_or_else(|_| "/run/etcdops-labs".to_owned());
        let folder = Path::new(&folder).join(&name);
        let homes = tempfile::tempdir().expect("a temporary folder");
        let bastion = Bastion::new(&folder, homes.path().join("bastion"));
        Some(Self {
            name,
            folder,
            bastion,
            homes,
            _turn: turn,
        })
    }

    /// The lab's files: `etcdops.yaml`, `ssh/config`, `pki/`, …
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The machine that the operator sits at.
    pub fn bastion(&self) -> &Bastion {
        &self.bastion
    }

    /// One more bastion: the same network and inventory, a home folder (and so a record of runs) of its own.
    pub fn other_bastion(&self, name: &str) -> Bastion {
        Bastion::new(&self.folder, self.homes.path().join(name))
    }

    /// Runs etcdops on the bastion to its end, without a terminal.
    pub fn etcdops(&self, arguments: &[&str]) -> Finished {
        self.bastion.etcdops(arguments)
    }

    /// Runs etcdctl on the bastion with the lab's endpoints, certificates and user; it must succeed.
    #[track_caller]
    pub fn etcdctl(&self, arguments: &[&str]) -> String {
        self.try_etcdctl(arguments).good()
    }

    /// As `etcdctl`, and may fail.
    pub fn try_etcdctl(&self, arguments: &[&str]) -> Finished {
        self.through("etcdctl", arguments)
    }

    /// Runs a shell line on the host as root, past ssh; it must succeed.
    #[track_caller]
    pub fn exec(&self, host: &str, script: &str) -> String {
        self.try_exec(host, script).good()
    }

    /// As `exec`, and may fail.
    pub fn try_exec(&self, host: &str, script: &str) -> Finished {
        self.through(host, &["sh", "-c", script])
    }

    /// Runs a shell line on the host through ssh, as the operator.
    pub fn ssh(&self, host: &str, script: &str) -> Finished {
        let config = self.folder.join("ssh/config");
        self.through("bastion", &["ssh", "-F", &config.to_string_lossy(), host, script])
    }

    /// Copies a file of this machine to the host, as root's, with this mode.
    #[track_caller]
    pub fn put(&self, local: &Path, host: &str, path: &str, mode: &str) {
        let file = fs::File::open(local).expect("the file to copy");
        let ended = Finished::from(
            run_as_root(&[])
                .arg(door(&self.folder, host))
                .args(["sh", "-c"])
                .arg(format!(
                    "mkdir -p $(dirname {path}) && cat >{path} && chmod {mode} {path}"
                ))
                .stdin(file)
                .output()
                .expect("the lab's program starts"),
        );
        ended.good();
    }

    /// Power cut.
    #[track_caller]
    pub fn kill(&self, host: &str) {
        self.lab("kill", &[host]).good();
    }

    /// Switches the host on again; returns when its sshd lets people in.
    #[track_caller]
    pub fn start(&self, host: &str) {
        self.lab("start", &[host]).good();
    }

    /// Pulls the host's cable, or with options sets a firewall: `--from HOST|bastion`, `--port N`, `--one-way`, `--reject`.
    #[track_caller]
    pub fn cut(&self, host: &str, options: &[&str]) {
        self.lab("cut", &[&[host], options].concat()).good();
    }

    /// Undoes every cut of the host.
    #[track_caller]
    pub fn heal(&self, host: &str) {
        self.lab("heal", &[host]).good();
    }

    /// SIGSTOP to the host's etcd.
    #[track_caller]
    pub fn freeze(&self, host: &str) {
        self.lab("freeze", &[host]).good();
    }

    /// SIGCONT to the host's etcd.
    #[track_caller]
    pub fn thaw(&self, host: &str) {
        self.lab("thaw", &[host]).good();
    }

    /// Fills the disk of the data directory; the lab must have been made with a small `--disk-mb`.
    #[track_caller]
    pub fn fill(&self, host: &str) {
        self.lab("fill", &[host]).good();
    }

    /// The same, with so much left.
    #[track_caller]
    pub fn fill_but(&self, host: &str, kilobytes: u32) {
        self.lab("fill", &[host, "--leave-kb", &kilobytes.to_string()]).good();
    }

    /// Takes the filling away.
    #[track_caller]
    pub fn unfill(&self, host: &str) {
        self.lab("unfill", &[host]).good();
    }

    /// Changes the host's etcd programs to another version; the service is not restarted.
    #[track_caller]
    pub fn use_version(&self, host: &str, version: &str) {
        self.lab("use", &[host, version]).good();
    }

    /// Past the lab's own program, which takes longer to start than most commands take.
    fn through(&self, name: &str, arguments: &[&str]) -> Finished {
        run_as_root(&[])
            .args(["timeout", "--kill-after=5", COMMAND_BOUND])
            .arg(door(&self.folder, name))
            .args(arguments)
            .output()
            .expect("`timeout` starts")
            .into()
    }

    fn lab(&self, command: &str, arguments: &[&str]) -> Finished {
        run_as_root(&[])
            .args(["timeout", "--kill-after=5", COMMAND_BOUND, PROGRAM])
            .args([command, "--name", &self.name])
            .args(arguments)
            .output()
            .expect("the lab's program starts")
            .into()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let ended = Finished::from(
            run_as_root(&[])
                .arg(PROGRAM)
                .args(["down", "--name", &self.name])
                .output()
                .expect("the lab's program starts"),
        );
        if ended.code != Some(0) {
            loud(&format!("lab {} could not be taken down: {}", self.name, ended.stderr));
        }
    }
}

/// The exact version that the options ask for and this machine does not have.
fn missing_version<'a>(options: &[&'a str]) -> Option<&'a str> {
    let listed = Command::new(PROGRAM).arg("versions").output().ok()?.stdout;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let at_hand = |wanted: &str| {
        listed
            .lines()
            .any(|version| version == wanted || version.starts_with(&format!("{wanted}.")))
    };
    options
        .windows(2)
        .filter_map(|pair| match pair[0] {
            "--etcd" => Some(pair[1]),
            "--etcd-per-host" => pair[1].split_once('=').map(|(_, version)| version),
            _ => None,
        })
        .find(|version| !at_hand(version))
}

fn left_out(why: &str) {
    let test = std::thread::current();
    loud(&format!(
        "LEFT OUT: {} ({why})",
        test.name().unwrap_or("a test on real hosts")
    ));
}

/// One of the places for labs: much of a lab's time is waiting, for elections and starts, but two cores do not carry more.
struct Turn;

static FREE: Mutex<u32> = Mutex::new(3);
static FREED: Condvar = Condvar::new();

impl Turn {
    fn take() -> Self {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = FREED.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *FREE.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        FREED.notify_one();
    }
}
