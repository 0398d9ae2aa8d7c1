//! etcd's own refusals of membership changes, by version (`--strict-reconfig-check`, on by default since 3.1).

use super::boot::id_of;
use super::data::Change;
use super::state::{BEGIN, State};
use crate::call::EtcdAnswer;
use crate::cluster::member::{Id, Member};
use crate::cluster::model::needed;

/// How long a peer must have been connected to count as healthy, in milliseconds (etcd's `HealthInterval`).
const HEALTH_INTERVAL: u64 = 5_000;

const UNHEALTHY: &str = "etcdserver: unhealthy cluster";
const NOT_STARTED: &str = "etcdserver: re-configuration failed due to not enough started members";
const NOT_FOUND: &str = "etcdserver: member not found";

impl State {
    /// Voters connected to the member on `host` for at least `length`, itself included, and how many there are.
    fn connected_for(&self, host: usize, length: u64) -> (usize, usize) {
        let (connected, voters) = self.connected_voters(host);
        let count = connected
            .iter()
            .filter(|other| {
                let since = self.hosts[host]
                    .process
                    .as_ref()
                    .and_then(|process| process.links.get(*other));
                **other == host || since.is_some_and(|since| since + length <= self.now)
            })
            .count();
        (count, voters)
    }

    pub(super) fn member_add(
        &mut self,
        host: usize,
        peer_urls: &[String],
        learner: bool,
    ) -> Result<EtcdAnswer, String> {
        let Some(process) = &self.hosts[host].process else {
            return Err(NOT_FOUND.to_owned());
        };
        let version = process.version;
        // 3.3 does not know the field and adds a voter.
        let learner = learner && version.has_learners();
        let applied = &self.copies[process.copy].applied;
        if !learner {
            let started = applied.voters().filter(|member| member.started()).count();
            let enlarged = applied.voter_count() + 1;
            let first_growth = started == 1 && enlarged == 2;
            if !first_growth && started < needed(enlarged) {
                return Err(NOT_STARTED.to_owned());
            }
        }
        let (healthy, voters) = self.connected_for(host, HEALTH_INTERVAL);
        let enough = if version.add_needs_only_quorum() {
            needed(voters + 1)
        } else {
            voters
        };
        if voters > 1 && healthy < enough {
            return Err(UNHEALTHY.to_owned());
        }
        if process.leader.is_none() {
            return Err("etcdserver: request timed out".to_owned());
        }
        let seconds = BEGIN + i64::try_from(self.now / 1000).unwrap_or(0);
        let id = id_of(peer_urls, &seconds.to_string());
        if applied.removed.contains(&id) {
            return Err(NOT_FOUND.to_owned());
        }
        if applied.members.contains_key(&id) {
            return Err("etcdserver: member ID already exist".to_owned());
        }
        if taken(applied.members.values(), peer_urls, None) {
            return Err("etcdserver: Peer URLs already exists".to_owned());
        }
        if learner && applied.members.values().any(|member| member.learner) {
            return Err("etcdserver: too many learner members in cluster".to_owned());
        }
        let copy = process.copy;
        let member = Member {
            id: Id(id),
            name: String::new(),
            peer_urls: peer_urls.to_vec(),
            client_urls: Vec::new(),
            learner,
        };
        if !self.propose(host, Change::Add(Box::new(member))) {
            return Err("etcdserver: request timed out".to_owned());
        }
        Ok(EtcdAnswer::Added {
            id: Id(id),
            members: self.copies[copy].applied.members.values().cloned().collect(),
        })
    }

    pub(super) fn member_remove(&mut self, host: usize, id: u64) -> Result<EtcdAnswer, String> {
        let Some(process) = &self.hosts[host].process else {
            return Err(NOT_FOUND.to_owned());
        };
        let own = process.member;
        let applied = &self.copies[process.copy].applied;
        let Some(member) = applied.members.get(&id) else {
            return Err(NOT_FOUND.to_owned());
        };
        if !member.learner {
            let rest: Vec<&Member> = applied.voters().filter(|member| member.id.0 != id).collect();
            let started = rest.iter().filter(|member| member.started()).count();
            if rest.is_empty() || started < needed(rest.len()) {
                return Err(NOT_STARTED.to_owned());
            }
            let voters = rest.len() + 1;
            let (active, _) = self.connected_for(host, 0);
            if (id == own || self.is_connected(host, id)) && active.saturating_sub(1) < needed(voters - 1) {
                return Err(UNHEALTHY.to_owned());
            }
        }
        self.proposed(host, Change::Remove(id))
    }

    fn is_connected(&self, host: usize, id: u64) -> bool {
        self.hosts[host].process.as_ref().is_some_and(|process| {
            process.links.keys().any(|other| {
                let peer = self.hosts[*other].process.as_ref();
                peer.is_some_and(|peer| peer.member == id)
            })
        })
    }

    pub(super) fn member_update(&mut self, host: usize, id: u64, peer_urls: &[String]) -> Result<EtcdAnswer, String> {
        let Some(process) = &self.hosts[host].process else {
            return Err(NOT_FOUND.to_owned());
        };
        let version = process.version;
        let applied = &self.copies[process.copy].applied;
        let Some(member) = applied.members.get(&id) else {
            return Err(NOT_FOUND.to_owned());
        };
        if taken(applied.members.values(), peer_urls, Some(id)) {
            return Err("etcdserver: Peer URLs already exists".to_owned());
        }
        let promotes = member.learner
            && match (version.minor, version.patch) {
                (5, patch) => patch < 31,
                (6, patch) => patch < 12,
                (minor, _) => minor < 5,
            };
        let answer = self.proposed(host, Change::Update(id, peer_urls.to_vec()))?;
        if promotes {
            // A bug of these versions: the update writes the member anew, as a voter.
            self.proposed(host, Change::Promote(id))?;
        }
        Ok(answer)
    }

    pub(super) fn member_promote(&mut self, host: usize, id: u64) -> Result<EtcdAnswer, String> {
        let Some(leader) = self.leader_of(host) else {
            return Err("etcdserver: no leader".to_owned());
        };
        let Some(process) = &self.hosts[leader].process else {
            return Err("etcdserver: no leader".to_owned());
        };
        let applied = &self.copies[process.copy].applied;
        let Some(member) = applied.members.get(&id) else {
            return Err(NOT_FOUND.to_owned());
        };
        if !member.learner {
            return Err("etcdserver: can only promote a learner member".to_owned());
        }
        let in_sync = process.links.keys().any(|other| {
            let peer = self.hosts[*other].process.as_ref();
            peer.is_some_and(|peer| peer.member == id && peer.in_sync)
        });
        if !in_sync {
            return Err("etcdserver: can only promote a learner member which is in sync with leader".to_owned());
        }
        let started = applied.voters().filter(|member| member.started()).count() + 1;
        if started < needed(applied.voter_count() + 1) {
            return Err(NOT_STARTED.to_owned());
        }
        self.proposed(host, Change::Promote(id))
    }

    fn proposed(&mut self, host: usize, change: Change) -> Result<EtcdAnswer, String> {
        if self.propose(host, change) {
            Ok(EtcdAnswer::Done)
        } else {
            Err("etcdserver: request timed out".to_owned())
        }
    }
}

fn taken<'a>(mut members: impl Iterator<Item = &'a Member>, urls: &[String], but: Option<u64>) -> bool {
    members.any(|member| Some(member.id.0) != but && member.peer_urls.iter().any(|url| urls.contains(url)))
}
