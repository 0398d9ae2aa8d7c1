//! Reads a data directory through the host's shell: names first, then as few bytes as tell how far the log and the database go.

mod database;
mod listing;

use tokio::try_join;

use super::Errand;
use crate::call::copy::{CopySeen, Part};
use crate::call::host::ServiceSeen;
use crate::call::{CallError, Fault};
use crate::cluster::member::Id;
use crate::snapshot::wal::{self, Flow, Log, Position, Snap, Voters};
use listing::Listing;

/// Bytes of a segment that are asked for first: most logs of small clusters end within.
const FIRST_PIECE: u64 = 256 << 10;
/// Bytes of each further piece.
const PIECE: u64 = 4 << 20;
/// A raft snapshot that is longer is not checked, in bytes.
const LONGEST_SNAP: u64 = 32 << 20;
/// When more of the log than this had to be read, in bytes, only its last segment is.
const LONGEST_LOG: u64 = 512 << 20;

impl Errand<'_> {
    /// The copy on this host, whatever state it is in; an error only where the host cannot be asked.
    pub(super) async fn copy(&self, service: ServiceSeen) -> Result<CopySeen, CallError> {
        let mut copy = beginning(&service);
        let Some(data) = service.data_dir.filter(|_| copy.there) else {
            return Ok(copy);
        };
        let log_dir = service.wal_dir.unwrap_or_else(|| format!("{data}/member/wal"));
        let frame = self
            .exchange(
                &self
                    .place()
                    .list_copy(&data, &log_dir)
                    .map_err(|why| self.unsaid(why))?,
            )
            .await?;
        self.checked(&frame)?;
        let listing = Listing::read(&frame);
        if listing.is_nothing() {
            copy.there = false;
            return Ok(copy);
        }
        let snaps = format!("{data}/member/snap");
        let (snap, database) = try_join!(
            self.newest_snap(&snaps, &listing),
            self.database(&snaps, &listing, copy.running)
        )?;
        let (snap, mut damage) = snap;
        let log = self
            .log(&log_dir, &listing, snap.as_ref(), &mut copy, &mut damage)
            .await?;
        copy.damage = damage;
        judge(&mut copy, &log, snap.as_ref());
        database::merge(&mut copy, &database, &listing, snap.as_ref());
        Ok(copy)
    }

    /// `length` bytes of a file from `offset`, fewer at its end; and the size of the whole.
    pub(super) async fn range(&self, path: &str, offset: u64, length: u64) -> Result<(Vec<u8>, u64), CallError> {
        let script = self
            .place()
            .range(path, offset, length)
            .map_err(|why| self.unsaid(why))?;
        let frame = self.exchange(&script).await?;
        self.checked(&frame)?;
        let bytes = frame.bytes("bytes").map(<[u8]>::to_vec);
        bytes
            .zip(frame.number("size"))
            .ok_or_else(|| self.error(Fault::Garbage, format!("{path}: the host sent no bytes")))
    }

    /// The newest raft snapshot that can be read, and what is wrong with newer ones.
    async fn newest_snap(&self, folder: &str, listing: &Listing) -> Result<(Option<Snap>, Vec<String>), CallError> {
        let mut damage = Vec::new();
        for (name, size) in listing.snaps.iter().rev() {
            if *size > LONGEST_SNAP {
                let at = Position {
                    term: name.term,
                    index: name.index,
                };
                return Ok((
                    Some(Snap {
                        at,
                        members: Voters::default(),
                        v2_keys: true,
                    }),
                    damage,
                ));
            }
            let (bytes, _) = self.range(&format!("{folder}/{name}"), 0, *size).await?;
            match wal::read_snap(&bytes) {
                Ok(snap) => return Ok((Some(snap), damage)),
                Err(why) => damage.push(format!("raft snapshot {name}: {why}")),
            }
        }
        Ok((None, damage))
    }

    /// The log from where etcd would read it.
    async fn log(
        &self,
        folder: &str,
        listing: &Listing,
        snap: Option<&Snap>,
        copy: &mut CopySeen,
        damage: &mut Vec<String>,
    ) -> Result<Log, CallError> {
        let mut names: Vec<_> = listing.segments.keys().copied().collect();
        if let Err(why) = wal::needed(&mut names, snap.map_or(0, |snap| snap.at.index)) {
            damage.push(why);
            names.sort_unstable();
            names.drain(..names.len().saturating_sub(1));
        }
        let total: u64 = names.iter().filter_map(|name| listing.segments.get(name)).sum();
        if total > LONGEST_LOG {
            copy.notes.push(format!(
                "only the last segment of the log was read: all of it is {} MB",
                total >> 20
            ));
            names.drain(..names.len() - 1);
        }
        let mut reader = wal::Reader::default();
        for (place, name) in names.iter().enumerate() {
            let size = listing.segments.get(name).copied().unwrap_or_default();
            reader.open(*name, size, place + 1 == names.len());
            let path = format!("{folder}/{name}");
            if let Err(broken) = self.segment(&mut reader, &path, size).await? {
                damage.push(format!("log: {broken}"));
                break;
            }
        }
        Ok(reader.finish())
    }

    async fn segment(
        &self,
        reader: &mut wal::Reader,
        path: &str,
        size: u64,
    ) -> Result<Result<(), wal::Broken>, CallError> {
        let (mut offset, mut piece) = (0, FIRST_PIECE);
        while offset < size {
            let (bytes, _) = self.range(path, offset, piece.min(size - offset)).await?;
            if bytes.is_empty() {
                break;
            }
            offset += bytes.len() as u64;
            piece = PIECE;
            match reader.feed(&bytes) {
                Ok(Flow::More) => self.watch.bytes(offset, Some(size)),
                Ok(Flow::Ended) => return Ok(Ok(())),
                Err(broken) => return Ok(Err(broken)),
            }
        }
        Ok(reader.close())
    }
}

fn beginning(service: &ServiceSeen) -> CopySeen {
    let quota = service
        .settings
        .get("quota-backend-bytes")
        .and_then(|setting| setting.value.parse().ok());
    CopySeen {
        data_dir: service.data_dir.clone(),
        wal_dir: service.wal_dir.clone(),
        there: service.data_dir_exists && !service.data_dir_empty,
        running: service.main_pid.is_some() || !service.holders.is_empty(),
        unit: service.exists,
        fenced: service.fenced,
        version: service.version,
        quota: quota.filter(|bytes| *bytes > 0),
        ..CopySeen::default()
    }
}

/// What log and raft snapshot say.
fn judge(copy: &mut CopySeen, log: &Log, snap: Option<&Snap>) {
    if let Some((member, cluster)) = log.identity {
        copy.member = Some(Id(member));
        copy.cluster = Some(Id(cluster));
    } else if copy.damage.is_empty() {
        copy.damage.push("the log does not say whose it is".to_owned());
    }
    copy.term = log.state.term;
    copy.vote = log.state.vote;
    copy.commit = log.state.commit;
    let base = snap.map(|snap| snap.at);
    let last = log
        .last
        .max(base.filter(|at| log.last.is_none_or(|last| last.index < at.index)));
    copy.last_term = last.unwrap_or_default().term;
    copy.last_index = last.unwrap_or_default().index;
    copy.v2_data = log.v2_writes || snap.is_some_and(|snap| snap.v2_keys);
    if let Some((segment, offset)) = &log.torn {
        copy.notes.push(format!(
            "the log ends torn in {segment}, byte {offset}: normal after a crash"
        ));
    }
    let members = snap.map(|snap| snap.members.clone()).unwrap_or_default();
    let from = base.map_or(0, |at| at.index);
    if let Some(known) = log.voters(&members, from, log.state.commit) {
        copy.voters = known.voters.iter().copied().map(Id).collect();
        copy.part = match log.identity {
            Some((own, _)) if known.voters.contains(&own) => Part::Voter,
            Some((own, _)) if known.learners.contains(&own) => Part::Learner,
            Some(_) if !known.voters.is_empty() => Part::Removed,
            _ => Part::Unknown,
        };
    }
}
