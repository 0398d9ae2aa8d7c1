//! What is asked of, or done on, a host. `transport/shell.rs` turns each into shell text, for ssh and for `--manual` alike.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::configured::ConfigSeen;
use super::copy::CopySeen;
use crate::base::duration::Span;
use crate::base::files::safe_name;
use crate::base::id::RunId;
use crate::cluster::version::Version;

/// Names a change so that it can be found again after a crash: `/var/lib/etcdops/<run>/<key>/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tag {
    pub run: RunId,
    /// Step path and attempt, made safe for a file name.
    pub key: String,
}

impl Tag {
    /// The tag of a step's call; the same one for the same attempt, in whichever process.
    pub fn of(run: &RunId, step: &str, host: Option<&str>, attempt: u32) -> Self {
        let path = host.map_or_else(|| step.to_owned(), |host| format!("{step}@{host}"));
        Self {
            run: run.clone(),
            key: format!("{}.{attempt}", safe_name(&path)),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostOp {
    // ---- looks ----
    /// The unit, its settings, its process, its data directory, the proof of stopped, fence, overrides.
    InspectService,
    /// What etcd will read at its next start, and the files that say so.
    ReadConfig,
    /// A path: kind, size, mode, owner; the content where it is a small file.
    Stat {
        path: String,
    },
    /// Free and total bytes of the file system that holds `path` (or its nearest existing parent).
    Disk {
        path: String,
    },
    /// The host's clock.
    Clock,
    /// The run marker of a cluster on this host.
    ReadMarker {
        cluster: String,
    },
    /// Lines of the unit's log.
    Log {
        since: Option<Span>,
        lines: u32,
        contains: Option<String>,
    },
    /// Whether a detached change still runs, and how it ended.
    Detached {
        tag: Tag,
    },
    /// A throw-away listener on the peer port, with the host's own peer certificate where peers speak TLS. It ends by itself:
    /// after this many connections, after some seconds, or with our connection.
    PeerListen {
        port: u16,
        connections: Option<u32>,
        tls: bool,
    },
    /// Tries another host's peer port, as this host's etcd would.
    PeerReach {
        address: String,
        port: u16,
        tls: bool,
        /// It may not listen yet: a refusal is tried again for a while.
        patient: bool,
    },
    /// Runs the inventory's freeze check.
    FreezeCheck,
    /// What of etcdops stands on the host: leases, fences, freezes.
    Leftovers {
        cluster: String,
    },

    // ---- changes ----
    /// `start` with `--no-block` and a /run drop-in without start limit (safety 25). Returns once the job is queued.
    Start {
        enable: bool,
    },
    Stop {
        disable: bool,
        /// A timer on the host starts it again after this time, whatever becomes of us; the next start disarms it (safety 36).
        start_again: Option<Span>,
    },
    /// Copies the data directory of a stopped member, with its log, into an archive on the host.
    ColdCopy {
        data_dir: String,
        /// A log that lies elsewhere.
        wal_dir: Option<String>,
        to: String,
        /// Also what `etcdctl backup` makes of it, for v2 data.
        v2: bool,
    },
    /// `restart --no-block`, with the same drop-in.
    Restart,
    /// systemd reads its files again.
    Reload,
    /// The fence: a drop-in and a marker file, proved by a start that fails (safety 17).
    Fence {
        cluster: String,
    },
    Unfence {
        cluster: String,
    },
    /// Settings for etcd that hold until the next `DropOverride`, written under /run where the setting lives (safety 27).
    Override {
        name: String,
        settings: BTreeMap<String, String>,
    },
    DropOverride {
        name: String,
    },
    /// A timer on the host that drops the override (and restarts, guarded) when the bastion does not (safety 28).
    ArmLease {
        name: String,
        after: Span,
        stagger: Span,
        cluster: String,
    },
    DisarmLease {
        name: String,
    },
    /// With a bound: a timer on the host says loudly when it has passed. It never thaws: what is fenced might start.
    Freeze {
        at_most: Option<Span>,
    },
    Thaw,
    /// Whole file, replaced atomically; the old one is kept under the run's folder on the host.
    WriteFile {
        path: String,
        content: String,
        mode: Option<String>,
        owner: Option<String>,
    },
    /// A file of the bastion, streamed; the digest is checked on the host before it gets its name.
    PutFile {
        local: String,
        path: String,
        sha256: String,
        mode: Option<String>,
        owner: Option<String>,
    },
    /// rename(2) only.
    Rename {
        from: String,
        to: String,
    },
    /// Rename; of a mount point: its contents into a folder inside it.
    MoveAside {
        path: String,
        to: String,
    },
    Own {
        path: String,
        owner: String,
        mode: Option<String>,
    },
    /// etcd's own tool makes a data directory from a snapshot; it gets its name only when it is whole.
    Restore(Box<Restore>),
    /// `new` takes the place of `path`, whose content goes to `old`: two renames; of a mount point the contents.
    Swap {
        path: String,
        new: String,
        old: String,
    },
    /// The author's own command.
    Run {
        command: Command,
        become_root: bool,
        look: bool,
    },
    WriteMarker {
        cluster: String,
        marker: Marker,
    },
    ClearMarker {
        cluster: String,
        run: RunId,
    },
    /// A copy of the journal, without secrets, for `resume --from`.
    AppendJournal {
        run: RunId,
        from_seq: u64,
        text: String,
    },
    ReadJournal {
        run: RunId,
    },
    /// Reads the data directory without changing it: log, raft snapshots, a few pages of the database. Also while etcd runs.
    ReadCopy,
    /// A part of a file; less at its end.
    ReadPart {
        path: String,
        offset: u64,
        /// Bytes, at most 32 MiB.
        length: u64,
    },
}

impl HostOp {
    /// A change runs detached and is journalled as a call; marker and journal copies are bookkeeping, done in place.
    pub fn is_change(&self) -> bool {
        !matches!(
            self,
            Self::InspectService
                | Self::ReadConfig
                | Self::PeerListen { .. }
                | Self::PeerReach { .. }
                | Self::Stat { .. }
                | Self::Disk { .. }
                | Self::Clock
                | Self::ReadMarker { .. }
                | Self::Log { .. }
                | Self::Detached { .. }
                | Self::FreezeCheck
                | Self::Leftovers { .. }
                | Self::ReadJournal { .. }
                | Self::ReadCopy
                | Self::ReadPart { .. }
                | Self::Run { look: true, .. }
        )
    }
}

/// A data directory to be made from a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// `etcdutl` or `etcdctl`.
    pub tool: String,
    /// The snapshot on the host.
    pub file: String,
    /// Of the whole file, 64 hex digits. A file without etcd's own digest is hashed against it.
    pub sha256: String,
    /// The directory to make, beside the old one on the same file system.
    pub into: String,
    /// The log's directory, where it is a separate one.
    pub wal_into: Option<String>,
    /// The old data directory, and the unit's user: they decide owner and mode.
    pub data_dir: String,
    pub user: Option<String>,
    pub name: String,
    /// `name=peer-url,…`, the same on every host.
    pub initial_cluster: String,
    /// Comma-separated, as in `initial_cluster`.
    pub peer_urls: String,
    pub token: String,
    /// Raise the revision by so much; 0: leave it.
    pub bump: u64,
}

impl Restore {
    /// The file beside `into` that proves a whole restore.
    pub fn marker(into: &str) -> String {
        format!("{into}.restored")
    }

    /// What the marker holds: everything that decides what was made.
    pub fn stamp(&self) -> String {
        format!(
            "{} {} {} {} {}",
            self.sha256, self.token, self.name, self.initial_cluster, self.bump
        )
    }
}

/// argv (each word quoted) or a script (the author's shell text, values quoted by `${{ … | quote }}`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    Argv(Vec<String>),
    Script(String),
}

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
    /// What could not be read for sure; changes that need it are refused with this text.
    pub unreadable: Option<String>,
    pub data_dir: Option<String>,
    pub data_dir_exists: bool,
    /// The directory is there and holds nothing.
    pub data_dir_empty: bool,
    pub data_dir_is_mount: bool,
    pub wal_dir: Option<String>,
    pub wal_dir_is_mount: bool,
    /// Any process has the data or WAL directory open (pid and command).
    pub holders: Vec<String>,
    /// Client or peer port accepts connections on the host itself.
    pub ports_open: Vec<u16>,
    pub version: Option<Version>,
    /// `etcdutl` and `etcdctl` as found on PATH.
    pub tools: BTreeMap<String, Version>,
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

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostAnswer {
    Service(Box<ServiceSeen>),
    Config(Box<ConfigSeen>),
    Peer(PeerSeen),
    Stat(StatSeen),
    Disk {
        free: u64,
        total: u64,
    },
    /// Nanoseconds since the epoch, and the round trip in milliseconds (safety 7).
    Clock {
        unix_nanos: i128,
        round_trip_ms: f64,
        /// How far it is ahead of the bastion's, at half the round trip.
        offset_ms: f64,
    },
    Marker(Option<Marker>),
    Log(Vec<String>),
    Detached(DetachedState),
    Frozen(bool),
    Leftovers(LeftoversSeen),
    Ran(RunOutput),
    Journal(Option<String>),
    Part {
        bytes: Vec<u8>,
        /// Of the whole file.
        size: u64,
    },
    Copy(Box<CopySeen>),
    Done,
}
