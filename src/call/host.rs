//! What is asked of, or done on, a host. `transport/shell.rs` turns each into shell text, for ssh and for `--manual` alike.

mod seen;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::configured::ConfigSeen;
use super::copy::CopySeen;
use crate::base::duration::Span;
use crate::base::files::safe_name;
use crate::base::hash::sha256_hex;
use crate::base::id::RunId;

pub use seen::{
    CertificateSeen, CertificatesSeen, DetachedState, LeftoversSeen, Life, Marker, PeerProof, PeerSeen, RunOutput,
    ServiceSeen, Setting, SettingFrom, StatSeen,
};

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
    /// The certificates that etcd will use from its next start on, and what the host's clock says to them.
    Certificates,
    /// The run marker of a cluster on this host.
    ReadMarker {
        cluster: String,
    },
    /// Lines of the unit's log, in order, each behind its time in RFC 3339 where it tells one.
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
        /// Refused where something else is there by now.
        #[serde(default)]
        was: Option<Stood>,
    },
    /// A file of the bastion, streamed; the digest is checked on the host before it gets its name.
    PutFile {
        local: String,
        path: String,
        sha256: String,
        mode: Option<String>,
        owner: Option<String>,
    },
    /// A file of another host, piece by piece through the bastion, which keeps nothing of it; the digest is checked before it gets its name.
    Carry {
        from: String,
        /// Its path there.
        file: String,
        path: String,
        sha256: String,
    },
    /// Removes a file that this run has put into its own folder on the host, and nothing else.
    Discard {
        path: String,
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
    /// Only this process's where one is named: another may have gone on with the run.
    ClearMarker {
        cluster: String,
        run: RunId,
        life: Option<Life>,
    },
    /// A copy of the journal, without secrets, for `resume --from`. Refused where the marker is not this process's.
    AppendJournal {
        run: RunId,
        life: Option<Life>,
        /// A change follows: refused where no marker stands any more. Another process's marker refuses it in any case.
        held: bool,
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
                | Self::Certificates
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

/// What was at a path when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stood {
    Nothing,
    /// A file with this SHA-256, 64 hex digits.
    File(String),
}

impl Stood {
    /// As a text looked so; `None`: nothing was there.
    pub fn of(text: Option<&str>) -> Self {
        text.map_or(Self::Nothing, |text| Self::File(sha256_hex(text.as_bytes())))
    }
}

/// A data directory to be made from a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// `etcdutl` or `etcdctl`; `tar`: the file is an archive, and what `etcdctl backup` made is unpacked from it.
    pub tool: String,
    /// The snapshot on the host.
    pub file: String,
    /// Of the whole file, 64 hex digits. A file without etcd's own digest is hashed against it.
    pub sha256: String,
    /// The directory to make, beside the old one on the same file system; or the archive.
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
    /// An archive is made of it, for a host that lacks the tool.
    #[serde(default)]
    pub pack: bool,
    /// Of an archive: the folder in it that holds the data.
    #[serde(default)]
    pub inside: Option<String>,
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
        /// Which file system it is; another path with the same one shares its space.
        #[serde(default)]
        device: Option<String>,
    },
    /// Nanoseconds since the epoch, and the round trip in milliseconds (safety 7).
    Clock {
        unix_nanos: i128,
        round_trip_ms: f64,
        /// How far it is ahead of the bastion's, at half the round trip.
        offset_ms: f64,
    },
    Certificates(CertificatesSeen),
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
