//! Makes worlds, and lets tests reach into them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::World;
use super::boot::founder;
use super::clock::AGENT_PERIOD;
use super::fault::{CLIENTS_CHECK, CLIENTS_START, CLIENTS_STOP};
use super::files::Files;
use super::service::ENV_FILE;
use super::shared::Shared;
use super::state::{FileEntry, Later, Pace, SimHost, State, Unit};
use crate::base::duration::Span;
use crate::cluster::host::{AuthUser, Backups, Clients, ClusterConfig, Freeze, Host, Route, TlsFiles};
use crate::cluster::version::Version;

/// Where members keep their data.
pub(super) const DATA_DIR: &str = "/var/lib/etcd/default";

const UNIT_FILE: &str = "/lib/systemd/system/etcd.service";

/// As Debian has it.
const UNIT_TEXT: &str = "[Service]
Type=notify
User=etcd
Environment=ETCD_DATA_DIR=/var/lib/etcd/default
EnvironmentFile=-/etc/default/etcd
ExecStart=/usr/bin/etcd
Restart=on-abnormal
";

/// Describes a world before it is made.
#[derive(Clone, Debug)]
pub struct Builder {
    version: Version,
    voters: usize,
    spares: usize,
    agent: bool,
    writer: bool,
    pace: Pace,
    mount: bool,
}

impl World {
    /// A healthy cluster of `voters` members `etcd-1`, `etcd-2`, … of this version.
    pub fn of(version: Version, voters: usize) -> Builder {
        Builder {
            version,
            voters,
            spares: 0,
            agent: false,
            writer: false,
            pace: Pace {
                contact: 800,
                catch_up: 2_000,
                resync: 100,
                election: 1_200,
            },
            mount: false,
        }
    }
}

impl Builder {
    /// Hosts with etcd installed and no data, named after the voters.
    #[must_use]
    pub fn spare(mut self, spares: usize) -> Self {
        self.spares = spares;
        self
    }

    /// Each host has configuration management that starts etcd whenever it comes round and is not frozen.
    #[must_use]
    pub fn agent(mut self) -> Self {
        self.agent = true;
        self
    }

    /// A client that writes all the time, so that lost writes show.
    #[must_use]
    pub fn writer(mut self) -> Self {
        self.writer = true;
        self
    }

    /// Data directories are mount points.
    #[must_use]
    pub fn mount(mut self) -> Self {
        self.mount = true;
        self
    }

    /// How long a new member takes to get the whole database.
    #[must_use]
    pub fn catch_up(mut self, length: std::time::Duration) -> Self {
        self.pace.catch_up = super::milliseconds(length);
        self
    }

    /// The world, running for a minute, and its inventory.
    pub fn build(&self) -> (World, ClusterConfig) {
        let names: Vec<String> = (1..=self.voters + self.spares)
            .map(|number| format!("etcd-{number}"))
            .collect();
        let mut state = self.empty();
        for (place, name) in names.iter().enumerate() {
            let host = self.host(name, &names[..self.voters], place < self.voters);
            state.hosts.push(host);
        }
        let listed: BTreeMap<String, Vec<String>> = names[..self.voters]
            .iter()
            .map(|name| (name.clone(), vec![peer_url(name)]))
            .collect();
        for (host, name) in names[..self.voters].iter().enumerate() {
            let copy = founder(&listed, &[peer_url(name)], "etcd-cluster", self.version);
            state.copies.push(copy);
            let mut entry = FileEntry::dir("etcd:etcd");
            entry.copy = Some(host);
            state.place(host, DATA_DIR, entry);
        }
        for host in 0..self.voters {
            state.start_process(host);
        }
        if self.agent {
            for host in 0..names.len() {
                state.later(AGENT_PERIOD, Later::Agent(host));
                state.hosts[host].frozen = host >= self.voters;
            }
        }
        state.pass(60_000);
        if self.agent {
            for host in &mut state.hosts {
                host.frozen = false;
            }
        }
        state.write();
        state.writer = self.writer;
        (World::with(state), self.config(&names))
    }

    fn empty(&self) -> State {
        State {
            now: 0,
            cluster: "sim".to_owned(),
            hosts: Vec::new(),
            copies: Vec::new(),
            pace: self.pace,
            cuts: BTreeSet::new(),
            bastion_cuts: BTreeSet::new(),
            schedule: Vec::new(),
            acknowledged: Shared::default(),
            next_write: 0,
            writer: false,
            violations: Vec::new(),
            declared_dead: BTreeSet::new(),
            dead_served: false,
            quorum_loss_allowed: false,
            mishaps: Vec::new(),
            changes: 0,
            killed: false,
            trace: None,
            slow_changes: None,
            next_pid: 1000,
            alarms: BTreeSet::new(),
            backups: Shared::default(),
            v2_data: false,
            snapshots: Shared::default(),
            archives: Shared::default(),
            packed: Shared::default(),
            clients_stopped: false,
        }
    }

    fn host(&self, name: &str, voters: &[String], member: bool) -> SimHost {
        let mut files = BTreeMap::from([
            (UNIT_FILE.to_owned(), FileEntry::file(UNIT_TEXT, "root:root")),
            ("/var/lib/etcd".to_owned(), FileEntry::dir("etcd:etcd")),
        ]);
        let mut mounts = BTreeSet::new();
        if self.mount {
            files.insert(DATA_DIR.to_owned(), FileEntry::dir("etcd:etcd"));
            mounts.insert(DATA_DIR.to_owned());
        }
        if member {
            files.insert(
                ENV_FILE.to_owned(),
                FileEntry::file(&env_file(name, &founders(voters), "new"), "root:root"),
            );
        } else {
            files.insert(
                ENV_FILE.to_owned(),
                FileEntry::file("## etcd(1) daemon options\n", "root:root"),
            );
        }
        SimHost {
            name: name.to_owned(),
            up: true,
            scrapped: false,
            ssh: true,
            sudo: true,
            version: self.version,
            bare: false,
            skew: 0,
            certificates: Vec::new(),
            files: Files::new(files),
            mounts,
            disk_total: 100 << 30,
            disk_free: 80 << 30,
            disks: BTreeMap::new(),
            unit: Unit {
                name: "etcd".to_owned(),
                exists: true,
                file: UNIT_FILE.to_owned(),
                enabled: member,
                fenced: false,
                stale: false,
                failed: false,
                exit_status: None,
                invocation: None,
                started: None,
                starts: 0,
            },
            process: None,
            agent: self.agent,
            frozen: false,
            markers: BTreeMap::new(),
            journals: BTreeMap::new(),
            jobs: Shared::default(),
            leases: BTreeMap::new(),
            start_again: None,
            old_list: None,
            overrides: BTreeMap::new(),
            log: Shared::default(),
        }
    }

    fn config(&self, names: &[String]) -> ClusterConfig {
        let freeze = self.agent.then(|| Freeze {
            on: "agent --disable".to_owned(),
            off: "agent --enable".to_owned(),
            check: Some("agent --is-disabled".to_owned()),
            busy: None,
        });
        let hosts = names
            .iter()
            .map(|name| Host {
                data_dir: Some(DATA_DIR.to_owned()),
                peer_url: Some(peer_url(name)),
                client_url: Some(client_url(name)),
                freeze: freeze.clone(),
                ..Host::named(name)
            })
            .collect();
        ClusterConfig {
            name: "sim".to_owned(),
            endpoints: names[..self.voters].iter().map(|name| client_url(name)).collect(),
            route: Route::Direct,
            tls: TlsFiles::default(),
            auth: AuthUser::default(),
            clients: self.writer.then(|| Clients {
                stop: CLIENTS_STOP.to_owned(),
                start: CLIENTS_START.to_owned(),
                check: Some(CLIENTS_CHECK.to_owned()),
            }),
            backups: Backups::default(),
            hosts,
            discovery: None,
            call_timeout: Span::seconds(10),
        }
    }
}

fn peer_url(name: &str) -> String {
    format!("http://{name}:2380")
}

fn client_url(name: &str) -> String {
    format!("http://{name}:2379")
}

fn founders(voters: &[String]) -> String {
    let parts: Vec<String> = voters
        .iter()
        .map(|voter| format!("{voter}={}", peer_url(voter)))
        .collect();
    parts.join(",")
}

/// What `/etc/default/etcd` says on a member.
pub(super) fn env_file(name: &str, cluster: &str, state: &str) -> String {
    let mut text = String::from("## etcd(1) daemon options\n");
    for (key, value) in [
        ("NAME", name),
        ("LISTEN_PEER_URLS", &peer_url(name)),
        ("LISTEN_CLIENT_URLS", &client_url(name)),
        ("INITIAL_ADVERTISE_PEER_URLS", &peer_url(name)),
        ("ADVERTISE_CLIENT_URLS", &client_url(name)),
        ("INITIAL_CLUSTER", cluster),
        ("INITIAL_CLUSTER_STATE", state),
        ("INITIAL_CLUSTER_TOKEN", "etcd-cluster"),
    ] {
        let _ = writeln!(text, "ETCD_{key}=\"{value}\"");
    }
    text
}
