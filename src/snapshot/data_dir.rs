//! A data directory that lies in an archive: its database and its log, read and held against one another as etcd would at its start.

use super::archive::Entry;
use super::bolt::Database;
use super::content;
use super::damage::Damage;
use super::manifest::Content;
use super::source::{Part, ReadAt};
use super::wal::{self, Flow, Log, SegmentName, Snap, SnapName};
use crate::cluster::member::Id;

/// Where a data directory has its database.
pub const DATABASE: &str = "member/snap/db";

/// How much of the log is read at a time, in bytes.
const STRIDE: usize = 1 << 20;
/// A raft snapshot that is longer is not believed, in bytes.
const LONGEST_SNAP: u64 = 512 << 20;

/// What was found in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataDir {
    /// `None`: it has no database, as etcd 2 left it.
    pub content: Option<Content>,
    pub member: Option<Id>,
    pub cluster: Option<Id>,
    /// Of the last entry of the log.
    pub term: Option<u64>,
    /// Keys of the v2 API are in it.
    pub v2_data: bool,
}

/// Reads the directory whose files begin with `prefix`. Damage is told with the file and the place in it.
pub fn read<S: ReadAt + ?Sized>(source: &S, entries: &[Entry], prefix: &str) -> Result<DataDir, Damage> {
    let reading = Reading {
        source,
        entries,
        prefix,
    };
    let snap = reading.snap()?;
    let log = reading.log(snap.as_ref().map_or(0, |snap| snap.at.index))?;
    let content = reading.database()?;
    if let (Some(snap), Some(content)) = (&snap, &content)
        && content.applied_index > 0
        && content.applied_index < snap.at.index
        && !entries.iter().any(|entry| entry.path.ends_with(".snap.db"))
    {
        return Err(Damage::file(format!(
            "{prefix}{DATABASE}: it ends at entry {}, before the raft snapshot at {}: what lies between is lost",
            content.applied_index, snap.at.index
        )));
    }
    let (member, cluster) = log.identity.unzip();
    Ok(DataDir {
        content,
        member: member.map(Id),
        cluster: cluster.map(Id),
        term: log.last.map(|last| last.term),
        v2_data: log.v2_writes || snap.is_some_and(|snap| snap.v2_keys),
    })
}

struct Reading<'a, S: ?Sized> {
    source: &'a S,
    entries: &'a [Entry],
    prefix: &'a str,
}

impl<'a, S: ReadAt + ?Sized> Reading<'a, S> {
    /// The files of a folder, by name.
    fn folder(&self, name: &str) -> impl Iterator<Item = (&'a str, &'a Entry)> {
        let start = format!("{}{name}/", self.prefix);
        let entries: &'a [Entry] = self.entries;
        entries
            .iter()
            .filter_map(move |entry| Some((entry.path.strip_prefix(start.as_str())?, entry)))
    }

    fn part(&self, entry: &Entry) -> Part<'a, S> {
        Part::new(self.source, entry.offset, entry.size)
    }

    /// The newest raft snapshot.
    fn snap(&self) -> Result<Option<Snap>, Damage> {
        let named = self
            .folder("member/snap")
            .filter_map(|(name, entry)| Some((name.parse::<SnapName>().ok()?, entry)));
        let Some((_, entry)) = named.max_by_key(|(name, _)| *name) else {
            return Ok(None);
        };
        let odd = |why: &str| Damage::file(format!("{}: {why}", entry.path));
        let size = usize::try_from(entry.size).ok().filter(|_| entry.size <= LONGEST_SNAP);
        let mut bytes = vec![0; size.ok_or_else(|| odd("longer than any raft snapshot"))?];
        self.part(entry)
            .read_at(0, &mut bytes)
            .map_err(|error| Damage::reading(None, &error))?;
        wal::read_snap(&bytes).map(Some).map_err(|why| odd(&why))
    }

    /// The log from where etcd would read it.
    fn log(&self, from: u64) -> Result<Log, Damage> {
        let segments: Vec<(SegmentName, &Entry)> = self
            .folder("member/wal")
            .filter_map(|(name, entry)| Some((name.parse().ok()?, entry)))
            .collect();
        let mut names: Vec<SegmentName> = segments.iter().map(|(name, _)| *name).collect();
        wal::needed(&mut names, from).map_err(|why| Damage::file(format!("{}member/wal: {why}", self.prefix)))?;
        let mut reader = wal::Reader::default();
        for (place, name) in names.iter().enumerate() {
            let Some((_, entry)) = segments.iter().find(|(other, _)| other == name) else {
                continue;
            };
            reader.open(*name, entry.size, place + 1 == names.len());
            self.segment(&mut reader, entry)?;
        }
        Ok(reader.finish())
    }

    fn segment(&self, reader: &mut wal::Reader, entry: &Entry) -> Result<(), Damage> {
        let broken = |error: wal::Broken| Damage::file(format!("{}member/wal/{error}", self.prefix));
        let part = self.part(entry);
        let mut buffer = vec![0; STRIDE];
        let mut done = 0;
        while done < entry.size {
            let stride = usize::try_from(entry.size - done).unwrap_or(STRIDE).min(STRIDE);
            part.read_at(done, &mut buffer[..stride])
                .map_err(|error| Damage::reading(None, &error))?;
            if reader.feed(&buffer[..stride]).map_err(broken)? == Flow::Ended {
                return Ok(());
            }
            done += stride as u64;
        }
        reader.close().map_err(broken)
    }

    fn database(&self) -> Result<Option<Content>, Damage> {
        let path = format!("{}{DATABASE}", self.prefix);
        let Some(entry) = self.entries.iter().find(|entry| entry.path == path) else {
            return Ok(None);
        };
        let part = self.part(entry);
        let read = Database::open(&part).and_then(|database| content::read(&database));
        read.map(Some).map_err(|damage| damage.within(&path))
    }
}
