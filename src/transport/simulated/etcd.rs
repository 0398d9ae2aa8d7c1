//! RPCs of one endpoint.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::data::{Change, Snapshot};
use super::machine::refused;
use super::state::State;
use crate::base::hash::sha256_hex;
use crate::call::etcd::StatusAnswer;
use crate::call::{CallError, EtcdAnswer, EtcdOp, Fault};
use crate::cluster::member::Id;
use crate::cluster::version::Version;

/// Bytes of a small database.
pub(super) const DB_SIZE: u64 = 20_480;

/// The default quota.
const QUOTA: u64 = 2 << 30;

impl State {
    pub(super) fn rpc(&mut self, endpoint: &str, op: &EtcdOp) -> Result<EtcdAnswer, CallError> {
        let what = rpc_name(op);
        let host = self.serving_host(endpoint, what)?;
        let fail = |message: &str| Err(refused(Fault::Refused, what, endpoint, message));
        let Some(process) = &self.hosts[host].process else {
            return fail("no process");
        };
        let learner = self.copies[process.copy]
            .applied
            .members
            .get(&process.member)
            .is_some_and(|member| member.learner);
        if learner && !matches!(op, EtcdOp::Status | EtcdOp::Snapshot { .. }) {
            return fail("etcdserver: rpc not supported for learner");
        }
        let waits_for_a_leader = matches!(
            op,
            EtcdOp::MemberRemove { .. } | EtcdOp::MemberUpdate { .. } | EtcdOp::AlarmDisarm { .. }
        );
        if waits_for_a_leader && process.leader.is_none() {
            let text = "context deadline exceeded";
            return Err(CallError::new(Fault::Timeout, what, endpoint, text));
        }
        let answer = match op {
            EtcdOp::Status => return Ok(EtcdAnswer::Status(self.status(host))),
            EtcdOp::MemberList => {
                let applied = &self.copies[process.copy].applied;
                return Ok(EtcdAnswer::Members {
                    cluster_id: Id(process.cluster),
                    members: match &self.hosts[host].old_list {
                        Some((until, members)) if self.now < *until => members.clone(),
                        _ => applied.members.values().cloned().collect(),
                    },
                });
            }
            EtcdOp::HashKv { revision } => return Ok(self.hash_kv(host, *revision)),
            EtcdOp::CountKeys { revision } => return Ok(self.count_keys(host, *revision)),
            EtcdOp::Prove => {
                if process.leader.is_none() {
                    Err("etcdserver: request timed out".to_owned())
                } else if self.alarms.iter().any(|(_, alarm)| alarm == "NOSPACE") {
                    Err("etcdserver: mvcc: database space exceeded".to_owned())
                } else {
                    Ok(EtcdAnswer::Done)
                }
            }
            EtcdOp::Snapshot { .. } => return Ok(self.snapshot(host)),
            EtcdOp::LinearizableRead => {
                if process.leader.is_none() {
                    Err("etcdserver: request timed out".to_owned())
                } else {
                    Ok(EtcdAnswer::Read {
                        cluster_id: Id(process.cluster),
                        member_id: Id(process.member),
                        revision: self.copies[process.copy].applied.revision(),
                    })
                }
            }
            EtcdOp::MemberAdd { peer_urls, learner } => self.member_add(host, peer_urls, *learner),
            EtcdOp::MemberRemove { id } => self.member_remove(host, id.0),
            EtcdOp::MemberUpdate { id, peer_urls } => self.member_update(host, id.0, peer_urls),
            EtcdOp::MemberPromote { id } => self.member_promote(host, id.0),
            EtcdOp::MoveLeader { to } => self.move_leader(host, to.0),
            EtcdOp::AlarmDisarm { member, alarm } => {
                self.alarms
                    .retain(|(id, raised)| raised != alarm || member.is_some_and(|member| member.0 != *id));
                Ok(EtcdAnswer::Done)
            }
        };
        self.settle();
        match answer {
            Ok(answer) => Ok(answer),
            Err(message) if message.contains("timed out") => {
                Err(CallError::new(Fault::Timeout, what, endpoint, message))
            }
            Err(message) if message.contains("member not found") => {
                Err(refused(Fault::Missing, what, endpoint, &message))
            }
            Err(message) => fail(&message),
        }
    }

    /// The host behind a client URL, if its etcd answers there.
    pub(super) fn serving_host(&self, endpoint: &str, what: &str) -> Result<usize, CallError> {
        let Some(host) = self.host_of(endpoint) else {
            return Err(refused(
                Fault::Name,
                what,
                endpoint,
                "failed to lookup address information: Name or service not known",
            ));
        };
        if !self.hosts[host].up {
            return Err(refused(
                Fault::Connect,
                what,
                endpoint,
                "No route to host (os error 113)",
            ));
        }
        if !self.bastion_reaches(host) {
            return Err(CallError::new(
                Fault::Timeout,
                what,
                endpoint,
                "no answer within the bound",
            ));
        }
        let Some(process) = &self.hosts[host].process else {
            return Err(refused(
                Fault::Connect,
                what,
                endpoint,
                "Connection refused (os error 111)",
            ));
        };
        if !process.serves_clients(endpoint.trim_end_matches('/')) {
            return Err(refused(
                Fault::Connect,
                what,
                endpoint,
                "Connection refused (os error 111)",
            ));
        }
        if !process.joined {
            // Mute since its start (safety 2): it is accepted and never answered.
            let text = "the connection is accepted, then nothing comes within the bound";
            return Err(CallError::new(Fault::Silent, what, endpoint, text));
        }
        Ok(host)
    }

    /// `http://etcd-1:2379` names the host `etcd-1`.
    pub(super) fn host_of(&self, url: &str) -> Option<usize> {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let place = rest.split('/').next().unwrap_or(rest);
        let name = place.rsplit_once(':').map_or(place, |(name, _)| name);
        self.find(name)
    }

    fn status(&self, host: usize) -> StatusAnswer {
        let Some(process) = &self.hosts[host].process else {
            return StatusAnswer::default();
        };
        let copy = &self.copies[process.copy];
        let version = process.version;
        let since_34 = version >= Version::new(3, 4, 0);
        let applied = match process.sync {
            Some((from, since, until)) if until > since => {
                let leader = self
                    .leader_of(host)
                    .and_then(|leader| self.hosts[leader].process.as_ref());
                let goal = leader.map_or(copy.commit, |leader| self.copies[leader.copy].commit);
                let done = (self.now.min(until) - since) * goal.saturating_sub(from) as u64 / (until - since);
                from as u64 + done
            }
            _ => copy.commit as u64,
        };
        let mut errors: Vec<String> = self
            .alarms
            .iter()
            .map(|(id, alarm)| format!("memberID:{id} alarm:{alarm} "))
            .collect();
        if process.leader.is_none() {
            errors.push("etcdserver: no leader".to_owned());
        }
        StatusAnswer {
            cluster_id: process.cluster,
            member_id: process.member,
            version: Some(version),
            db_size: DB_SIZE,
            db_size_in_use: since_34.then_some(DB_SIZE * 4 / 5),
            db_quota: (version >= Version::new(3, 6, 0)).then_some(QUOTA),
            leader: process.leader.map(Id),
            raft_term: copy.term,
            raft_index: copy.commit as u64,
            raft_applied_index: since_34.then_some(applied),
            learner: copy
                .applied
                .members
                .get(&process.member)
                .is_some_and(|member| member.learner),
            errors: since_34.then_some(errors),
            revision: copy.applied.revision(),
            certificate_not_after: None,
        }
    }

    /// What the member's store has at a revision; 0: now.
    fn writes_at(&self, host: usize, revision: u64) -> (&[u64], u64) {
        let Some(process) = &self.hosts[host].process else {
            return (&[], 1);
        };
        let applied = &self.copies[process.copy].applied;
        let upto = if revision == 0 {
            applied.writes.len()
        } else {
            let wanted = revision.saturating_sub(1 + applied.bumped);
            usize::try_from(wanted).unwrap_or(0).min(applied.writes.len())
        };
        (&applied.writes[..upto], applied.revision())
    }

    fn hash_kv(&self, host: usize, at: u64) -> EtcdAnswer {
        let (writes, revision) = self.writes_at(host, at);
        let mut hasher = DefaultHasher::new();
        writes.hash(&mut hasher);
        EtcdAnswer::Hash {
            hash: u32::try_from(hasher.finish() & 0xffff_ffff).unwrap_or(0),
            revision,
            compacted: 0,
        }
    }

    fn count_keys(&self, host: usize, at: u64) -> EtcdAnswer {
        EtcdAnswer::Counted {
            keys: self.writes_at(host, at).0.len() as u64,
        }
    }

    fn snapshot(&mut self, host: usize) -> EtcdAnswer {
        let Some(sha256) = self.freeze_content(host) else {
            return EtcdAnswer::Done;
        };
        EtcdAnswer::Snapshot {
            bytes: DB_SIZE + 32,
            revision: self.snapshots[&sha256].revision(),
            sha256,
        }
    }

    /// What the host's member holds now, kept under the digest of its snapshot.
    pub(super) fn freeze_content(&mut self, host: usize) -> Option<String> {
        let process = self.hosts[host].process.as_ref()?;
        let applied = &self.copies[process.copy].applied;
        let sha256 = sha256_hex(format!("{:x}:{:?}", process.cluster, applied.writes).as_bytes());
        let content = Snapshot {
            writes: applied.writes.clone(),
            bumped: applied.bumped,
            version: process.version,
            alarms: self.alarms.clone(),
        };
        self.snapshots.insert(sha256.clone(), content);
        Some(sha256)
    }

    fn move_leader(&mut self, host: usize, to: u64) -> Result<EtcdAnswer, String> {
        let Some(process) = &self.hosts[host].process else {
            return Err("no process".to_owned());
        };
        if !process.leads {
            return Err("etcdserver: not leader".to_owned());
        }
        if process.member == to {
            return Ok(EtcdAnswer::Done);
        }
        let (connected, _) = self.connected_voters(host);
        let heir = connected.into_iter().find(|other| {
            self.hosts[*other]
                .process
                .as_ref()
                .is_some_and(|peer| peer.member == to)
        });
        match heir {
            Some(heir) => {
                self.transfer(host, Some(heir));
                Ok(EtcdAnswer::Done)
            }
            None if self.copies[process.copy]
                .applied
                .members
                .get(&to)
                .is_some_and(|member| !member.learner) =>
            {
                Err("etcdserver: request timed out, leader transfer took too long".to_owned())
            }
            None => Err("etcdserver: bad leader transferee".to_owned()),
        }
    }

    /// A client writes one key; true once it is acknowledged.
    pub(super) fn write(&mut self) -> bool {
        let leader = (0..self.hosts.len()).find(|host| {
            let process = self.hosts[*host].process.as_ref();
            process.is_some_and(|process| process.leads && process.joined)
        });
        let Some(leader) = leader else { return false };
        if self.alarms.iter().any(|(_, alarm)| alarm == "NOSPACE") {
            return false;
        }
        let by = self.hosts[leader].process.as_ref().map_or(0, |process| process.cluster);
        self.next_write += 1;
        let number = self.next_write;
        let done = self.propose(leader, Change::Write(number));
        if done {
            self.acknowledged.push((number, by));
        }
        done
    }
}

pub(super) fn rpc_name(op: &EtcdOp) -> &'static str {
    match op {
        EtcdOp::Status => "status",
        EtcdOp::MemberList => "member list",
        EtcdOp::LinearizableRead => "linearizable read",
        EtcdOp::HashKv { .. } => "hash",
        EtcdOp::CountKeys { .. } => "count keys",
        EtcdOp::Prove => "write and read",
        EtcdOp::MemberAdd { .. } => "member add",
        EtcdOp::MemberRemove { .. } => "member remove",
        EtcdOp::MemberUpdate { .. } => "member update",
        EtcdOp::MemberPromote { .. } => "member promote",
        EtcdOp::MoveLeader { .. } => "move leader",
        EtcdOp::AlarmDisarm { .. } => "alarm disarm",
        EtcdOp::Snapshot { .. } => "snapshot",
    }
}
