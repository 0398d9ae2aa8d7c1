//! What the world consists of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::call::host::{CertificateSeen, DetachedState, Marker, SettingFrom};
use crate::cluster::member::Member;
use crate::cluster::version::Version;
use crate::snapshot::Kept;

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

/// The content of a snapshot file.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) writes: Shared<Vec<u64>>,
    pub(super) bumped: u64,
    pub(super) version: Version,
    /// Alarms survive snapshot and restore.
    pub(super) alarms: BTreeSet<(u64, String)>,
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

/// The content of a data directory.
#[derive(Clone, Debug)]
pub(super) struct DataCopy {
    pub(super) cluster: u64,
    pub(super) member: u64,
    pub(super) term: u64,
    pub(super) entries: Shared<Vec<Entry>>,
    pub(super) commit: usize,
    pub(super) applied: Applied,
    pub(super) version: Version,
    /// It was killed: the database has what the log does not say is committed.
    pub(super) ahead: bool,
    /// Who joins gets the database and not the log: a raft snapshot stands before it.
    pub(super) snapped: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) term: u64,
    pub(super) change: Change,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    Noop,
    Write(u64),
    /// A restore raised the revision.
    Bump(u64),
    Add(Box<Member>),
    Remove(u64),
    Update(u64, Vec<String>),
    Promote(u64),
    /// A member makes its name and client URLs known.
    Publish(u64, String, Vec<String>),
}

/// What the committed entries come to.
#[derive(Clone, Debug, Default)]
pub(super) struct Applied {
    pub(super) members: Shared<BTreeMap<u64, Member>>,
    pub(super) removed: BTreeSet<u64>,
    pub(super) writes: Shared<Vec<u64>>,
    pub(super) bumped: u64,
    pub(super) index: usize,
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

/// 1 for a fresh store, and one more with each write.
fn revision(writes: &[u64], bumped: u64) -> u64 {
    1 + writes.len() as u64 + bumped
}

impl Snapshot {
    pub(super) fn revision(&self) -> u64 {
        revision(&self.writes, self.bumped)
    }
}

impl Applied {
    pub(super) fn voters(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|member| !member.learner)
    }

    pub(super) fn voter_count(&self) -> usize {
        self.voters().count()
    }

    pub(super) fn revision(&self) -> u64 {
        revision(&self.writes, self.bumped)
    }

    /// Carries out one committed entry.
    pub(super) fn apply(&mut self, change: &Change) {
        self.index += 1;
        match change {
            Change::Noop => {}
            Change::Write(number) => self.writes.push(*number),
            Change::Bump(by) => self.bumped += by,
            Change::Add(member) => {
                self.members.insert(member.id.0, (**member).clone());
            }
            Change::Remove(id) => {
                self.members.remove(id);
                self.removed.insert(*id);
            }
            Change::Update(id, urls) => {
                if let Some(member) = self.members.get_mut(id) {
                    member.peer_urls.clone_from(urls);
                }
            }
            Change::Promote(id) => {
                if let Some(member) = self.members.get_mut(id) {
                    member.learner = false;
                }
            }
            Change::Publish(id, name, urls) => {
                if let Some(member) = self.members.get_mut(id) {
                    member.name.clone_from(name);
                    member.client_urls.clone_from(urls);
                }
            }
        }
    }
}

impl DataCopy {
    /// The start with `force-new-cluster`: the log ends at its commit index, which a killed member has written before its database had the
    /// last entry (the database keeps that one), and the other members are put out.
    pub(super) fn force(&mut self, snapshot: bool) {
        self.entries.truncate(self.commit);
        if self.ahead && matches!(self.entries.last().map(|entry| &entry.change), Some(Change::Write(_))) {
            self.entries.pop();
            self.commit = self.entries.len();
            self.applied.index = self.commit;
        }
        let own = self.member;
        let others: Vec<u64> = self.applied.members.keys().copied().filter(|id| *id != own).collect();
        let term = self.term;
        let removals = others.into_iter().map(|id| Entry {
            term,
            change: Change::Remove(id),
        });
        self.entries.extend(removals);
        self.snapped |= snapshot;
        self.commit_to(self.entries.len());
    }

    pub(super) fn last_term(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.term)
    }

    pub(super) fn commit_to(&mut self, index: usize) {
        let index = index.min(self.entries.len());
        if index > self.commit {
            self.commit = index;
            self.ahead = false;
        }
        for entry in &self.entries[self.applied.index.min(self.commit)..self.commit] {
            self.applied.apply(&entry.change);
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
