//! How etcd starts and ends: what it reads, what it refuses.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::data::{Applied, Change, DataCopy, Entry};
use super::shared::Shared;
use super::state::{FileEntry, Process, State};
use crate::call::host::SettingFrom;
use crate::cluster::member::{Id, Member};

/// Why etcd does not start: exit status and last words.
pub(super) type Refusal = (i32, String);

/// As etcd makes IDs: from the sorted URLs, and the token or the moment.
pub(super) fn id_of(urls: &[String], salt: &str) -> u64 {
    let mut sorted = urls.to_vec();
    sorted.sort();
    let mut hash = Sha256::new();
    hash.update(sorted.join(""));
    hash.update(salt);
    first_bytes(&hash.finalize())
}

pub(super) fn cluster_id_of(members: &[Member]) -> u64 {
    let mut ids: Vec<u64> = members.iter().map(|member| member.id.0).collect();
    ids.sort_unstable();
    let mut hash = Sha256::new();
    for id in ids {
        hash.update(id.to_be_bytes());
    }
    first_bytes(&hash.finalize())
}

fn first_bytes(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .take(8)
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// `a=http://a:2380,b=http://b:2380` as name and URLs.
pub(super) fn initial_cluster(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        if let Some((name, url)) = part.split_once('=') {
            found
                .entry(name.trim().to_owned())
                .or_default()
                .push(url.trim().to_owned());
        }
    }
    found
}

impl State {
    /// Starts the unit's process, or records why it ended at once.
    pub(super) fn start_process(&mut self, host: usize) {
        if self.hosts[host].process.is_some() || !self.hosts[host].up {
            return;
        }
        let now = self.now;
        let unit = &mut self.hosts[host].unit;
        unit.starts += 1;
        unit.failed = false;
        unit.exit_status = None;
        unit.started = Some(now);
        unit.invocation = Some(format!("{:08x}{:08x}", host + 1, unit.starts));
        let settings = self.unit_settings(host);
        match self.prepare(host, &settings) {
            Ok((copy, stuck)) => self.run_process(host, settings, copy, stuck),
            Err((status, words)) => {
                self.say(host, words);
                self.hosts[host].unit.failed = status != 0;
                self.hosts[host].unit.exit_status = Some(status);
            }
        }
        self.settle();
    }

    fn run_process(
        &mut self,
        host: usize,
        settings: BTreeMap<String, (String, SettingFrom)>,
        copy: usize,
        stuck: bool,
    ) {
        self.next_pid += 1;
        let (pid, now) = (self.next_pid, self.now);
        let debug = settings.get("log-level").is_some_and(|(level, _)| level == "debug")
            || settings.get("debug").is_some_and(|(on, _)| on == "true");
        let data = &self.copies[copy];
        let (cluster, member) = (data.cluster, data.member);
        let version = self.hosts[host].version;
        self.say(
            host,
            format!(
                "starting etcd {version}, log-level {}",
                if debug { "debug" } else { "info" }
            ),
        );
        // All addresses of the host are its name here.
        let name = self.hosts[host].name.clone();
        let listens = |key: &str| {
            let urls = settings.get(key).map_or("", |(urls, _)| urls.as_str());
            let urls = urls.replace("0.0.0.0", &name);
            urls.split(',').map(|url| url.trim().to_owned()).collect()
        };
        self.hosts[host].process = Some(Process {
            pid,
            started: now,
            version,
            peer_urls: listens("listen-peer-urls"),
            client_urls: listens("listen-client-urls"),
            settings: settings.into(),
            copy,
            member,
            cluster,
            joined: false,
            leader: None,
            leads: false,
            leaderless_since: now,
            links: BTreeMap::new(),
            sync: None,
            in_sync: false,
            debug,
            stuck,
        });
    }

    /// The content of the data directory, made where there is none.
    fn prepare(
        &mut self,
        host: usize,
        settings: &BTreeMap<String, (String, SettingFrom)>,
    ) -> Result<(usize, bool), Refusal> {
        let get = |name: &str| settings.get(name).map_or("", |(value, _)| value.as_str());
        let fail = |status: i32, words: &str| Err((status, words.to_owned()));
        if get("name").is_empty() {
            return fail(1, "the member has no name");
        }
        let path = get("data-dir").to_owned();
        if self.hosts[host].disk_free == 0 {
            return fail(1, &format!("cannot write to {path}: no space left on device"));
        }
        if self.hosts[host].version.minor >= 5 && !get("debug").is_empty() {
            self.say(host, "unrecognized environment variable ETCD_DEBUG=true");
        }
        if let Some(entry) = self.hosts[host].files.get(&path)
            && entry.owner != "etcd:etcd"
        {
            return fail(
                1,
                &format!("cannot access data directory: open {path}: permission denied"),
            );
        }
        let there = self.hosts[host].files.contains_key(&path);
        if !there && self.hosts[host].closed_around(&path, "etcd:etcd") {
            return fail(
                1,
                &format!("cannot access data directory: mkdir {path}: permission denied"),
            );
        }
        let existing = self.hosts[host].files.get(&path).and_then(|entry| entry.copy);
        if let Some(copy) = existing {
            let forced = (get("force-new-cluster") == "true").then(|| get("snapshot-count") == "1");
            return self.load(host, copy, forced);
        }
        let listed = initial_cluster(get("initial-cluster"));
        let Some(mine) = listed.get(get("name")) else {
            let words = format!(
                "couldn't find local name \"{}\" in the initial cluster configuration",
                get("name")
            );
            return fail(1, &words);
        };
        let copy = if get("initial-cluster-state") == "existing" {
            self.copy_of_joiner(host, &listed, mine)?
        } else {
            self.copy_of_founder(host, &listed, mine, get("initial-cluster-token"))?
        };
        self.copies.push(copy);
        let place = self.copies.len() - 1;
        let entry = self.hosts[host]
            .files
            .entry(path)
            .or_insert_with(|| FileEntry::dir("etcd:etcd"));
        entry.copy = Some(place);
        Ok((place, false))
    }

    /// `forced`: as a cluster of its own, and whether etcd writes a raft snapshot then.
    fn load(&mut self, host: usize, copy: usize, forced: Option<bool>) -> Result<(usize, bool), Refusal> {
        let version = self.hosts[host].version;
        let data = &mut self.copies[copy];
        if (data.version.major, data.version.minor) > (version.major, version.minor) {
            return Err((
                1,
                "invalid downgrade; server version is lower than determined cluster version".to_owned(),
            ));
        }
        data.version = data.version.max(version);
        if let Some(snapshot) = forced {
            data.force(snapshot);
        }
        let taken = self
            .hosts
            .iter()
            .any(|other| other.process.as_ref().is_some_and(|process| process.copy == copy));
        Ok((copy, taken))
    }

    /// A member that joins asks the others who they are, and must find itself among them.
    fn copy_of_joiner(
        &self,
        host: usize,
        listed: &BTreeMap<String, Vec<String>>,
        mine: &[String],
    ) -> Result<DataCopy, Refusal> {
        let Some((cluster, known)) = self.ask_peers(host, listed, mine) else {
            return Err((
                1,
                "cannot fetch cluster info from peer urls: could not retrieve cluster information from the given urls"
                    .to_owned(),
            ));
        };
        if known.len() != listed.len() {
            let words = format!(
                "error validating peerURLs {{ClusterID:{cluster:x} Members:{} RemovedMemberIDs:[]}}: member count is unequal",
                known.len()
            );
            return Err((1, words));
        }
        let fits = |member: &Member| listed.values().any(|urls| same(urls, &member.peer_urls));
        if let Some(odd) = known.iter().find(|member| !fits(member)) {
            let words = format!(
                "error validating peerURLs: PeerURLs: no match found for existing member ({}, {:?})",
                odd.id, odd.peer_urls
            );
            return Err((1, words));
        }
        let own = known
            .iter()
            .find(|member| same(mine, &member.peer_urls))
            .map_or(0, |member| member.id.0);
        Ok(DataCopy {
            cluster,
            member: own,
            term: 0,
            entries: Shared::default(),
            commit: 0,
            applied: Applied::default(),
            version: self.hosts[host].version,
            ahead: false,
            snapped: false,
        })
    }

    fn copy_of_founder(
        &self,
        host: usize,
        listed: &BTreeMap<String, Vec<String>>,
        mine: &[String],
        token: &str,
    ) -> Result<DataCopy, Refusal> {
        if let Some((_, known)) = self.ask_peers(host, listed, mine)
            && let Some(member) = known.iter().find(|member| same(mine, &member.peer_urls))
            && member.started()
        {
            return Err((1, format!("member {} has already been bootstrapped", member.id)));
        }
        Ok(founder(listed, mine, token, self.hosts[host].version))
    }

    /// What a reachable peer of the list says: cluster ID and members. The peer port answers without quorum too.
    fn ask_peers(
        &self,
        host: usize,
        listed: &BTreeMap<String, Vec<String>>,
        mine: &[String],
    ) -> Option<(u64, Vec<Member>)> {
        let urls: BTreeSet<&String> = listed.values().flatten().filter(|url| !mine.contains(url)).collect();
        (0..self.hosts.len()).filter(|other| *other != host).find_map(|other| {
            let process = self.hosts[other].process.as_ref()?;
            let listens = urls.iter().any(|url| process.serves_peers(url));
            let members = &self.copies[process.copy].applied.members;
            (listens && self.hosts_reach(host, other) && !members.is_empty() && !process.stuck)
                .then(|| (process.cluster, members.values().cloned().collect()))
        })
    }

    /// The process on `host` ends with this status and these last words.
    pub(super) fn exit(&mut self, host: usize, status: i32, words: &str) {
        self.say(host, words);
        let target = &mut self.hosts[host];
        target.process = None;
        target.unit.exit_status = Some(status);
        target.unit.failed = status != 0;
    }
}

/// The data directory of a founding member.
pub(super) fn founder(
    listed: &BTreeMap<String, Vec<String>>,
    mine: &[String],
    token: &str,
    version: crate::cluster::version::Version,
) -> DataCopy {
    let members: Vec<Member> = listed
        .values()
        .map(|urls| Member {
            id: Id(id_of(urls, token)),
            name: String::new(),
            peer_urls: urls.clone(),
            client_urls: Vec::new(),
            learner: false,
        })
        .collect();
    let cluster = cluster_id_of(&members);
    let own = id_of(mine, token);
    let mut sorted = members;
    sorted.sort_by_key(|member| member.id);
    let entries: Vec<Entry> = sorted
        .into_iter()
        .map(|member| Entry {
            term: 1,
            change: Change::Add(Box::new(member)),
        })
        .collect();
    let count = entries.len();
    let mut copy = DataCopy {
        cluster,
        member: own,
        term: 1,
        entries: entries.into(),
        commit: 0,
        applied: Applied::default(),
        version,
        ahead: false,
        snapped: false,
    };
    copy.commit_to(count);
    copy
}

fn same(one: &[String], other: &[String]) -> bool {
    let (mut one, mut other) = (one.to_vec(), other.to_vec());
    one.sort();
    other.sort();
    one == other
}
