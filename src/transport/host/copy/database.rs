//! The few pages of the database that tell its revision, its members and how far it goes.

use std::collections::BTreeSet;

use super::Errand;
use super::listing::Listing;
use crate::call::CallError;
use crate::call::copy::{CopySeen, Part};
use crate::cluster::member::Id;
use crate::snapshot::ranges::Ranges;
use crate::snapshot::summary::{self, Summary};
use crate::snapshot::wal::Snap;

/// Bytes that are read first: of a small database nearly all of it.
const FIRST: u64 = 64 << 10;
/// Bytes of each further piece.
const PIECE: u64 = 16 << 10;
/// More is never read, in bytes: a tree that wants more is damaged.
const MOST: u64 = 16 << 20;
/// A database in use may change under the reader: how often it is begun anew.
const TRIES: usize = 6;

/// What the database says, or what is wrong with it.
pub(super) type Database = Option<Result<Summary, String>>;

impl Errand<'_> {
    /// Reads a few pages; `None`: there is no database.
    pub(super) async fn database(&self, folder: &str, listing: &Listing, live: bool) -> Result<Database, CallError> {
        let Some(size) = listing.database else {
            return Ok(None);
        };
        let path = format!("{folder}/db");
        let mut found = self.pages(&path, size).await?;
        for _ in 1..TRIES {
            if found.is_ok() || !live {
                break;
            }
            found = self.pages(&path, size).await?;
        }
        Ok(Some(found))
    }

    async fn pages(&self, path: &str, size: u64) -> Result<Result<Summary, String>, CallError> {
        let mut ranges = Ranges::of(size);
        let (mut offset, mut length) = (0, FIRST);
        loop {
            let (bytes, size) = self.range(path, offset, length).await?;
            if bytes.is_empty() {
                return Ok(Err("the database ends before its pages do".to_owned()));
            }
            ranges.add(offset, bytes, size);
            let found = summary::read(&ranges);
            let Some((wanted, least)) = ranges.wanted() else {
                return Ok(found.map_err(|damage| damage.to_string()));
            };
            if ranges.held() > MOST {
                return Ok(Err("its tree refers to more pages than it should".to_owned()));
            }
            (offset, length) = (wanted, least.max(PIECE));
        }
    }
}

/// Adds what the database says to what the log said.
pub(super) fn merge(copy: &mut CopySeen, database: &Database, listing: &Listing, snap: Option<&Snap>) {
    let summary = match database {
        None => {
            copy.damage.push("the database is not there".to_owned());
            return;
        }
        Some(Err(why)) => {
            copy.db_size = listing.database.unwrap_or_default();
            copy.damage.push(format!("database: {why}"));
            return;
        }
        Some(Ok(summary)) => summary,
    };
    copy.db_size = summary.size;
    copy.consistent_index = summary.applied_index;
    copy.revision = summary.revision;
    copy.alarms.clone_from(&summary.alarms);
    // Up to 3.4 a restore leaves members of the past in the database: raft knows who takes part.
    let part: BTreeSet<Id> = copy.voters.iter().copied().collect();
    let takes_part = |id: Id| copy.voters.is_empty() || part.contains(&id) || Some(id) == copy.member;
    copy.members = summary
        .members
        .iter()
        .filter(|member| member.learner || takes_part(member.id))
        .cloned()
        .collect();
    if copy.voters.is_empty() {
        let voters = copy.members.iter().filter(|member| !member.learner);
        copy.voters = voters.map(|member| member.id).collect();
        let own = copy.members.iter().find(|member| Some(member.id) == copy.member);
        copy.part = match own {
            Some(member) if member.learner => Part::Learner,
            Some(_) => Part::Voter,
            None => copy.part,
        };
    }
    if copy.member.is_some_and(|id| summary.removed.contains(&id.0)) {
        copy.part = Part::Removed;
    }
    if let Some(snap) = snap.filter(|snap| snap.at.index > summary.applied_index)
        && !listing.received.contains_key(&snap.at.index)
        && summary.applied_index > 0
    {
        copy.damage.push(format!(
            "the database ends at entry {}, before the raft snapshot at {}: what lies between is lost",
            summary.applied_index, snap.at.index
        ));
    }
}
