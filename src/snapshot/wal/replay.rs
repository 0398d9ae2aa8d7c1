//! What the records of a log come to.

use std::collections::BTreeSet;

use prost::Message;

use super::message::{
    ConfChange, ConfState, ENTRY_CONF_CHANGE, Entry, HardState, Metadata, NewRequest, OldRequest, SnapshotRecord, kind,
};

/// Where in raft's log: compared by term first, as raft does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub term: u64,
    pub index: u64,
}

/// Who takes part, as IDs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Voters {
    pub voters: BTreeSet<u64>,
    pub learners: BTreeSet<u64>,
}

impl Voters {
    pub(super) fn of(state: &ConfState) -> Self {
        Self {
            voters: state.voters.iter().copied().collect(),
            learners: state.learners.iter().copied().collect(),
        }
    }

    fn change(&mut self, kind: i32, node: u64) {
        self.learners.remove(&node);
        match kind {
            0 => drop(self.voters.insert(node)),
            1 => drop(self.voters.remove(&node)),
            3 => {
                self.voters.remove(&node);
                self.learners.insert(node);
            }
            // An update of URLs changes nobody's part.
            _ => {}
        }
    }
}

/// What a log says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Member ID and cluster ID.
    pub identity: Option<(u64, u64)>,
    pub state: HardState,
    /// The last entry, or the raft snapshot that took its place.
    pub last: Option<Position>,
    /// Index of the first entry that was read.
    pub first: Option<u64>,
    /// The last raft snapshot that the log mentions.
    pub snapshot: Option<Position>,
    /// A key of the v2 API was written.
    pub v2_writes: bool,
    /// Bytes of records.
    pub read: u64,
    /// The end was being written when the member died: normal after a crash. Segment and offset.
    pub torn: Option<(String, u64)>,
    /// The index at which the entries begin, by the first segment's name.
    pub(super) begins: u64,
    /// Changes of membership: index, kind, member.
    pub(super) changes: Vec<(u64, i32, u64)>,
}

impl Log {
    /// The members after all changes up to `commit`, from those that a raft snapshot at `from` holds.
    /// `None`: the log does not reach back to `from`.
    pub fn voters(&self, base: &Voters, from: u64, commit: u64) -> Option<Voters> {
        if self.first.is_some_and(|first| first > from + 1) {
            return None;
        }
        let mut found = base.clone();
        for (index, kind, node) in &self.changes {
            if *index > from && *index <= commit {
                found.change(*kind, *node);
            }
        }
        Some(found)
    }

    /// Takes one record in; an error says why it makes no sense.
    pub(super) fn take(&mut self, kind: i64, data: &[u8]) -> Result<(), String> {
        let odd = |what: &str, error: prost::DecodeError| format!("{what} cannot be read: {error}");
        // etcd begins each segment with it, and no checksum covers a record's kind.
        if self.identity.is_none() && kind != kind::METADATA {
            return Err("the member's identity does not stand before it".to_owned());
        }
        match kind {
            kind::METADATA => {
                let found = Metadata::decode(data).map_err(|error| odd("the member's identity", error))?;
                let found = (found.node, found.cluster);
                if self.identity.is_some_and(|known| known != found) {
                    return Err("it names another member or cluster than the records before".to_owned());
                }
                self.identity = Some(found);
            }
            kind::STATE => {
                let state = HardState::decode(data).map_err(|error| odd("raft's state", error))?;
                if state.term < self.state.term {
                    return Err(format!("raft's term {} follows term {}", state.term, self.state.term));
                }
                self.state = state;
            }
            kind::ENTRY => self.entry(&Entry::decode(data).map_err(|error| odd("an entry", error))?)?,
            kind::SNAPSHOT => {
                let found = SnapshotRecord::decode(data).map_err(|error| odd("a snapshot's record", error))?;
                let found = Position {
                    term: found.term,
                    index: found.index,
                };
                if found.index > 0 {
                    self.snapshot = Some(found);
                }
                if self.last.is_none_or(|last| last.index < found.index) && found.index > 0 {
                    self.last = Some(found);
                }
            }
            other => return Err(format!("a record of unknown kind {other}")),
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), String> {
        // etcd writes no others.
        if entry.kind > ENTRY_CONF_CHANGE {
            return Err(format!("entry {} is of the unknown kind {}", entry.index, entry.kind));
        }
        let next = self
            .last
            .map_or(self.begins.max(1), |last| last.index.saturating_add(1));
        if entry.index > next {
            return Err(format!("entry {} stands where entry {next} belongs", entry.index));
        }
        if let Some(last) = self.last
            && entry.index == next
            && entry.term < last.term
        {
            return Err(format!(
                "entry {next} of term {} follows one of term {}",
                entry.term, last.term
            ));
        }
        self.first = Some(self.first.map_or(entry.index, |first| first.min(entry.index)));
        // An entry at a place that was taken replaces it and all after it.
        while self.changes.last().is_some_and(|(index, ..)| *index >= entry.index) {
            self.changes.pop();
        }
        self.last = Some(Position {
            term: entry.term,
            index: entry.index,
        });
        if entry.kind == ENTRY_CONF_CHANGE {
            let change = ConfChange::decode(entry.data.as_slice())
                .map_err(|error| format!("a change of membership cannot be read: {error}"))?;
            self.changes.push((entry.index, change.kind, change.node));
        } else if !self.v2_writes && !entry.data.is_empty() {
            self.v2_writes = writes_v2(&entry.data);
        }
        Ok(())
    }
}

/// A change of a key of the v2 API (`/1/…`), not of etcd's own notes (`/0/…`).
fn writes_v2(data: &[u8]) -> bool {
    let wrapped = NewRequest::decode(data).ok().and_then(|request| request.old);
    // The bare form may also pass for an empty wrapped one.
    let bare = || OldRequest::decode(data).ok();
    let request = wrapped.filter(|request| !request.path.is_empty()).or_else(bare);
    request.is_some_and(|request| {
        let changes = matches!(request.method.as_str(), "PUT" | "POST" | "DELETE");
        changes && request.path.starts_with("/1/")
    })
}
