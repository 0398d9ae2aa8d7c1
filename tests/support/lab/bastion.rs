//! The machine from which an operator works.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use super::{COMMAND_BOUND, ETCDOPS, Finished};

/// Where an operator sits: a process here has the machine's files and the lab's network and names.
pub struct Bastion {
    lab: PathBuf,
    home: PathBuf,
}

impl Bastion {
    pub(super) fn new(lab: &Path, home: PathBuf) -> Self {
        fs::create_dir_all(&home).expect("a home folder");
        Self {
            lab: lab.to_owned(),
            home,
        }
    }

    /// The operator's home folder, empty at first. Everything that etcdops records on the bastion is below it.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A command in the bastion, for a test that starts and ends it itself. As root its process is the program's own,
    /// so that a signal reaches it. Standard input is empty unless the test sets it.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let variables = self.variables();
        let mut command = run_as_root(&variables);
        command
            .arg(door(&self.lab, "bastion"))
            .arg(program)
            .args(arguments)
            .current_dir(&self.home);
        command
    }

    /// Runs etcdops to its end, without a terminal.
    pub fn etcdops(&self, arguments: &[&str]) -> Finished {
        let bounded = [&["--kill-after=5", COMMAND_BOUND, ETCDOPS], arguments].concat();
        self.command("timeout", &bounded)
            .output()
            .expect("a process of its own")
            .into()
    }

    /// A command that runs etcdops, for a test that starts and ends it itself.
    pub fn etcdops_command(&self, arguments: &[&str]) -> Command {
        self.command(ETCDOPS, arguments)
    }

    fn variables(&self) -> Vec<(String, String)> {
        let home = self.home.display().to_string();
        let below = |name: &str| format!("{home}/{name}");
        [
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("HOME", home.clone()),
            ("XDG_CONFIG_HOME", below(".config")),
            ("XDG_DATA_HOME", below(".local/share")),
            ("XDG_STATE_HOME", below(".local/state")),
            ("XDG_CACHE_HOME", below(".cache")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

/// The lab's script that runs a command on a host, or in the bastion.
pub(super) fn door(lab: &Path, name: &str) -> PathBuf {
    lab.join("doors").join(name)
}

/// A command with exactly these variables (none given: ours), through sudo unless we are root.
pub(super) fn run_as_root(variables: &[(String, String)]) -> Command {
    let root = rustix::process::geteuid().is_root();
    let mut command = Command::new(if root { "env" } else { "sudo" });
    if root {
        // Root by way of sudo is root: the lab then must not hand its files to who called sudo.
        command.args(["--unset=SUDO_UID", "--unset=SUDO_GID"]);
    } else {
        command.args(["--non-interactive", "env"]);
    }
    if !variables.is_empty() {
        command.arg("--ignore-environment");
        if !root {
            command.args(["SUDO_UID", "SUDO_GID"].map(|name| format!("{name}={}", caller(name))));
        }
    }
    let places = ["ETCDOPS_CACHE", "ETCDOPS_LABS"].map(|name| (name, env::var(name)));
    for (name, value) in places {
        if let Ok(value) = value {
            command.arg(format!("{name}={value}"));
        }
    }
    command
        .args(variables.iter().map(|(name, value)| format!("{name}={value}")))
        .stdin(Stdio::null());
    command
}

fn caller(name: &str) -> u32 {
    if name == "SUDO_UID" {
        rustix::process::getuid().as_raw()
    } else {
        rustix::process::getgid().as_raw()
    }
}
