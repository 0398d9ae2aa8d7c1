//! What is found on a host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::id::RunId;
use crate::cluster::version::Version;

/// Who works on a host, as written to `/var/lib/etcdops/<cluster>.run`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    pub run: RunId,
    /// `user@bastion`.
    pub who: String,
    /// Machine ID of the bastion, and the process there, to tell whether it still lives.
    pub machine: String,
    pub pid: u32,
    /// Start time of that process in clock ticks since boot, against reused pids.
    pub pid_started: u64,
    /// RFC 3339.
    pub since: String,
    pub doing: String,
}

impl Marker {
    /// The process that wrote it.
    pub fn life(&self) -> Life {
        Life {
            machine: self.machine.clone(),
            pid: self.pid,
            pid_started: self.pid_started,
        }
    }
}

/// One process of a run, which may have several: one after another, on one bastion or on several. Its fields are those of [`Marker`], in
/// the same order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    pub machine: String,
    pub pid: u32,
    pub pid_started: u64,
}

/// The unit and its process, as found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceSeen {
    /// Found at all.
    pub exists: bool,
    /// systemd's ActiveState; process kind: `active` or `inactive`.
    pub active: String,
    pub sub: String,
    pub enabled: Option<bool>,
    /// Differs after each start: InvocationID; process kind: pid and start time.
    pub invocation: Option<String>,
    pub main_pid: Option<u32>,
    /// Seconds since the epoch of the last start, by the host's clock.
    pub started_at: Option<u64>,
    pub unit_file: Option<String>,
    pub drop_ins: Vec<String>,
    pub user: Option<String>,
    pub env_files: Vec<String>,
    pub exec_start: Vec<String>,
    /// Settings in force for etcd, keyed without prefix, lower-case with dashes (`data-dir`), after systemd's quoting and precedence;
    /// of the running process where it runs, of the unit otherwise.
    pub settings: BTreeMap<String, Setting>,
    /// Those that are configured otherwise by now, with the value from the next start on; `None`: set nowhere any more.
    pub at_next_start: BTreeMap<String, Option<String>>,
    /// What could not be read for sure; changes that need it are refused with this text.
    pub unreadable: Option<String>,
    pub data_dir: Option<String>,
    pub data_dir_exists: bool,
    /// The directory is there and holds nothing.
    pub data_dir_empty: bool,
    pub data_dir_is_mount: bool,
    /// Bytes that the member's files take, its log included.
    #[serde(default)]
    pub data_size: Option<u64>,
    pub wal_dir: Option<String>,
    pub wal_dir_is_mount: bool,
    /// Why etcd's user could not begin with new data there, as far as the unit alone decides that.
    pub cannot_begin: Option<String>,
    /// Any process has the data or WAL directory open (pid and command).
    pub holders: Vec<String>,
    /// Client or peer port accepts connections on the host itself.
    pub ports_open: Vec<u16>,
    pub version: Option<Version>,
    /// `etcdutl` and `etcdctl` as found on PATH.
    pub tools: BTreeMap<String, Version>,
    /// Of `curl`, `openssl` and `bash` those on PATH.
    pub programs: Vec<String>,
    /// The fence stands, and starting is refused by it.
    pub fenced: bool,
    /// Overrides of ours in place: name → settings.
    pub overrides: BTreeMap<String, BTreeMap<String, String>>,
    /// Leases of ours armed: name → when, RFC 3339.
    pub leases: BTreeMap<String, String>,
    /// Last lines of the log, newest last, where the unit is not running as it should.
    pub last_log: Vec<String>,
    /// The exit status of the last run, where it is not running.
    pub exit_status: Option<i32>,
}

impl ServiceSeen {
    pub fn is_active(&self) -> bool {
        self.active == "active" || self.active == "activating" || self.active == "reloading"
    }

    /// The running process may have another value of this setting than a start now would give it. A config file decides everything.
    pub fn outdated(&self, setting: &str) -> bool {
        let changes = |key: &str| self.at_next_start.contains_key(key);
        changes(setting) || changes("config-file")
    }

    /// Safety 6: inactive, nobody holds the directories, both ports closed.
    pub fn proved_stopped(&self) -> bool {
        !self.is_active() && self.main_pid.is_none() && self.holders.is_empty() && self.ports_open.is_empty()
    }
}

/// A setting of etcd and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    pub value: String,
    pub from: SettingFrom,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingFrom {
    /// `ETCD_…` in the unit's or a drop-in's `Environment=`.
    UnitEnvironment,
    /// `ETCD_…` in this file.
    EnvFile(String),
    /// A flag on the command line, literally in `ExecStart=`.
    Flag,
    /// A flag that came through a variable such as `DAEMON_ARGS`, set in this place.
    ArgsVariable {
        variable: String,
        file: Option<String>,
    },
    ConfigFile(String),
    /// Seen in the running process only.
    Process,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatSeen {
    /// `file`, `dir`, `link`, `other`; `None`: not there.
    pub kind: Option<String>,
    /// Bytes; of a directory: the sum of its files.
    pub size: u64,
    pub mode: String,
    pub owner: String,
    pub is_mount: bool,
    pub empty: bool,
    pub sha256: Option<String>,
    /// Small regular files only (at most 64 KiB).
    pub content: Option<String>,
}

/// How a detached change stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DetachedState {
    /// Never started here.
    Absent,
    Running {
        seconds: u64,
    },
    Ended {
        code: i32,
        stdout: String,
        stderr: String,
    },
    /// Started, no longer running, no status written: the host was restarted in the middle.
    Vanished,
}

/// Output of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOutput {
    pub code: i32,
    /// At most 1 MiB, secrets scrubbed.
    pub stdout: String,
    pub stderr: String,
}

/// How far the way between two peers is proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerProof {
    /// Nothing on the host can prove more than a refusal.
    #[default]
    None,
    Tcp,
    /// With the certificates, authorities and names that etcd uses.
    Tls,
    /// Something listens on the port already.
    There,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerSeen {
    pub proof: PeerProof,
    /// Nobody listens: packets arrive.
    pub refused: bool,
    /// Why it does not work.
    pub trouble: Option<String>,
}

/// The certificates that etcd on a host is set to use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificatesSeen {
    /// By the host's own clock, against which etcd holds them.
    pub now: jiff::Timestamp,
    pub files: Vec<CertificateSeen>,
}

/// One file of certificates. Of several in it the one that counts: a server's own, and of authorities one that is valid, if any is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateSeen {
    /// The setting that names it.
    pub setting: String,
    pub path: String,
    pub not_before: jiff::Timestamp,
    pub not_after: jiff::Timestamp,
    /// Why nothing can be said of it.
    pub trouble: Option<String>,
}

/// What stands on a host that etcdops put there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftoversSeen {
    pub fenced: bool,
    pub frozen: Option<bool>,
    /// Lease name → when, RFC 3339.
    pub leases: BTreeMap<String, String>,
    pub overrides: Vec<String>,
    pub marker: Option<Marker>,
}
