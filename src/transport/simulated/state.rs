//! What the world consists of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::call::host::{CertificateSeen, DetachedState, Marker, SettingFrom};
use crate::cluster::member::Member;
use crate::cluster::version::Version;
use crate::snapshot::Kept;

use super::data::{DataCopy, Snapshot};
use super::fault::{Mishap, When};
use super::files::Files;
use super::shared::Shared;

/// Seconds since the epoch at which every world begins.
pub(super) const BEGIN: i64 = 1_795_176_000;

/// Everything. Times are milliseconds since the world began; hosts are named by their place in `hosts`.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) now: u64,
    pub(super) cluster: String,
    pub(super) hosts: Vec<SimHost>,
    /// Contents of data directories, like inodes: never removed, wherever a path moves.
    pub(super) copies: Vec<DataCopy>,
    pub(super) pace: Pace,
    /// Pairs (lower, higher) of hosts that do not reach each other.
    pub(super) cuts: BTreeSet<(usize, usize)>,
    /// Hosts that the bastion does not reach.
    pub(super) bastion_cuts: BTreeSet<usize>,
    pub(super) schedule: Vec<(u64, Later)>,
    /// Each write with the cluster that acknowledged it.
    pub(super) acknowledged: Shared<Vec<(u64, u64)>>,
    pub(super) next_write: u64,
    /// A client writes at each call and each passing of time.
    pub(super) writer: bool,
    pub(super) clients_stopped: bool,
    pub(super) violations: Vec<String>,
    /// Hosts that the operator took for dead. Nothing can stop what runs on them but themselves.
    pub(super) declared_dead: BTreeSet<usize>,
    /// A majority of those that were declared dead has served beside another one.
    pub(super) dead_served: bool,
    pub(super) quorum_loss_allowed: bool,
    pub(super) mishaps: Vec<(usize, When, Mishap)>,
    pub(super) changes: usize,
    pub(super) killed: bool,
    /// Calls carried out, one line each; only when asked for.
    pub(super) trace: Option<Vec<String>>,
    /// How long each detached change takes, in milliseconds.
    pub(super) slow_changes: Option<u64>,
    pub(super) next_pid: u32,
    pub(super) alarms: BTreeSet<(u64, String)>,
    /// The library, the oldest first.
    pub(super) backups: Shared<Vec<Kept>>,
    /// Every data directory holds keys of the v2 API.
    pub(super) v2_data: bool,
    /// What each snapshot file holds, by its digest.
    pub(super) snapshots: Shared<BTreeMap<String, Snapshot>>,
    /// What each archive of a data directory in the library holds, by its digest.
    pub(super) archives: Shared<BTreeMap<String, usize>>,
    /// What each archive holds that a host has made for another one, by its digest.
    pub(super) packed: Shared<BTreeMap<String, DataCopy>>,
}

/// How long things take, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// From start of a process to its first contact with its peers.
    pub(super) contact: u64,
    /// A new member takes the whole database.
    pub(super) catch_up: u64,
    /// A member that was away takes the rest.
    pub(super) resync: u64,
    /// From loss of a leader to the next election.
    pub(super) election: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Later {
    HostReturns(usize),
    Heal(usize),
    /// A detached change ends; host and key.
    JobEnds(usize, String),
    Lease(usize, String),
    Agent(usize),
    SpaceReturns(usize),
    SudoReturns(usize),
    /// The timer that was armed before a stop.
    StartAgain(usize),
    /// The other operator ends: host, cluster.
    OtherLeaves(usize, String),
}

#[derive(Clone, Debug)]
pub(super) struct SimHost {
    pub(super) name: String,
    pub(super) up: bool,
    /// Never comes back.
    pub(super) scrapped: bool,
    pub(super) ssh: bool,
    pub(super) sudo: bool,
    pub(super) version: Version,
    /// etcd's tools are not installed.
    pub(super) bare: bool,
    /// The host's clock minus the true time, in milliseconds.
    pub(super) skew: i64,
    /// Those that its etcd is set to use; none: it speaks no TLS.
    pub(super) certificates: Vec<CertificateSeen>,
    pub(super) files: Files,
    pub(super) mounts: BTreeSet<String>,
    pub(super) disk_total: u64,
    pub(super) disk_free: u64,
    /// Folders with disks of their own, and the bytes that are free there.
    pub(super) disks: BTreeMap<String, u64>,
    pub(super) unit: Unit,
    pub(super) process: Option<Process>,
    /// There is a configuration management agent, and how to freeze it is configured.
    pub(super) agent: bool,
    pub(super) frozen: bool,
    pub(super) markers: BTreeMap<String, Marker>,
    /// Run → the records of its journal, one line each.
    pub(super) journals: BTreeMap<String, Shared<Vec<Arc<str>>>>,
    pub(super) jobs: Shared<BTreeMap<String, Job>>,
    pub(super) leases: BTreeMap<String, Lease>,
    pub(super) overrides: BTreeMap<String, BTreeMap<String, String>>,
    pub(super) log: Shared<Vec<(u64, String)>>,
    /// When the host starts etcd again by itself.
    pub(super) start_again: Option<u64>,
    /// Until when its member tells this list, whatever has become of it.
    pub(super) old_list: Option<(u64, Vec<Member>)>,
}

#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) exists: bool,
    pub(super) file: String,
    pub(super) enabled: bool,
    pub(super) fenced: bool,
    /// Its files changed since systemd read them.
    pub(super) stale: bool,
    pub(super) failed: bool,
    pub(super) exit_status: Option<i32>,
    pub(super) invocation: Option<String>,
    pub(super) started: Option<u64>,
    pub(super) starts: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) started: u64,
    pub(super) version: Version,
    /// As they were when it started.
    pub(super) settings: Shared<BTreeMap<String, (String, SettingFrom)>>,
    /// Where it listens, from its settings.
    pub(super) peer_urls: Vec<String>,
    pub(super) client_urls: Vec<String>,
    pub(super) copy: usize,
    pub(super) member: u64,
    pub(super) cluster: u64,
    /// It has had a leader since its start: its client port answers.
    pub(super) joined: bool,
    pub(super) leader: Option<u64>,
    pub(super) leads: bool,
    pub(super) leaderless_since: u64,
    /// Host → since when its process is connected.
    pub(super) links: BTreeMap<usize, u64>,
    /// Receives what it lacks: from index, since, until.
    pub(super) sync: Option<(usize, u64, u64)>,
    pub(super) in_sync: bool,
    pub(super) debug: bool,
    /// It cannot get its data directory's lock, or belongs to another cluster than its peers.
    pub(super) stuck: bool,
}

#[derive(Clone, Debug)]
pub(super) struct FileEntry {
    pub(super) dir: bool,
    pub(super) content: String,
    pub(super) mode: String,
    pub(super) owner: String,
    /// Of a data directory: its content.
    pub(super) copy: Option<usize>,
}

/// A change that runs detached.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) state: DetachedState,
    pub(super) began: u64,
    pub(super) op: Option<Box<crate::call::host::HostOp>>,
}

#[derive(Clone, Debug)]
pub(super) struct Lease {
    pub(super) at: u64,
    pub(super) cluster: String,
}

impl FileEntry {
    pub(super) fn dir(owner: &str) -> Self {
        Self {
            dir: true,
            content: String::new(),
            mode: "700".to_owned(),
            owner: owner.to_owned(),
            copy: None,
        }
    }

    pub(super) fn file(content: &str, owner: &str) -> Self {
        Self {
            dir: false,
            content: content.to_owned(),
            mode: "644".to_owned(),
            owner: owner.to_owned(),
            copy: None,
        }
    }
}

impl Process {
    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(|(value, _)| value.as_str())
    }

    pub(super) fn serves_peers(&self, url: &str) -> bool {
        self.peer_urls.iter().any(|own| own == url)
    }

    pub(super) fn serves_clients(&self, url: &str) -> bool {
        self.client_urls.iter().any(|own| own == url)
    }
}

impl State {
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.hosts.iter().position(|host| host.name == name)
    }

    pub(super) fn bastion_time(&self) -> jiff::Timestamp {
        time_at(self.now, 0)
    }

    pub(super) fn host_time(&self, host: usize) -> jiff::Timestamp {
        time_at(self.now, self.hosts[host].skew)
    }

    pub(super) fn say(&mut self, host: usize, line: impl Into<String>) {
        let now = self.now;
        self.hosts[host].log.push((now, line.into()));
    }
}

pub(super) fn time_at(now: u64, skew: i64) -> jiff::Timestamp {
    let milliseconds = BEGIN * 1000 + i64::try_from(now).unwrap_or(0) + skew;
    jiff::Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}
