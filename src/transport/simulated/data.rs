//! What a data directory holds: the log, and what its committed entries come to; and a snapshot of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::member::Member;
use crate::cluster::version::Version;

use super::shared::Shared;

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

/// The content of a snapshot file.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) writes: Shared<Vec<u64>>,
    pub(super) bumped: u64,
    pub(super) version: Version,
    /// Alarms survive snapshot and restore.
    pub(super) alarms: BTreeSet<(u64, String)>,
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
