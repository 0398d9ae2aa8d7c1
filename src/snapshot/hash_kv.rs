//! The hash that etcd's `HashKV` tells of a store, computed from its database: the same on every member, unlike the hash of the file.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::archive::Entry;
use super::bolt::{Bucket, Database};
use super::content::big_endian;
use super::damage::Damage;
use super::proto;
use super::source::{Part, ReadAt};

/// The bucket that holds them, whose name is hashed first.
const BUCKET: &str = "key";
/// A key in it: `MAIN_SUB`, and the mark of a tombstone after it.
const SUB: usize = 9;
const REVISION: usize = 17;

/// The hash as of `revision`, by a member that has compacted up to `compacted`. What compaction drops sooner or later is left out, so
/// it does not matter how far it has got. `None`: nothing outlives the compaction, where versions of etcd disagree.
pub fn hash_kv<S: ReadAt + ?Sized>(source: &S, revision: u64, compacted: Option<u64>) -> Result<Option<u32>, Damage> {
    let database = Database::open(source)?;
    let mut visited = database.nothing_visited();
    let buckets = database.buckets(&mut visited)?;
    let bucket = buckets.iter().find(|bucket| bucket.name == BUCKET.as_bytes());
    let bucket = bucket.ok_or_else(|| Damage::file("it has no bucket `key`"))?;
    let compacted = compacted.unwrap_or(0);
    let kept = Kept::at(&database, bucket, revision)?;
    if compacted > 0 && kept.latest.is_empty() {
        return Ok(None);
    }
    let mut crc = crc32c::crc32c(BUCKET.as_bytes());
    each(&database, bucket, |at, key, value| {
        let dropped = at.main <= compacted && !kept.has(at, value)?;
        let late_tombstone = at.main == compacted && at.tombstone;
        if at.main <= revision && !dropped && !late_tombstone {
            crc = crc32c::crc32c_append(crc, key);
            crc = crc32c::crc32c_append(crc, value);
        }
        Ok(())
    })?;
    Ok(Some(crc))
}

/// The same of the database of a data directory that lies in an archive. `None` also: it has none.
pub fn hash_kv_within<S: ReadAt + ?Sized>(
    source: &S,
    entries: &[Entry],
    revision: u64,
    compacted: Option<u64>,
) -> Result<Option<u32>, Damage> {
    match entries.iter().find(|entry| entry.path == super::data_dir::DATABASE) {
        Some(entry) => hash_kv(&Part::new(source, entry.offset, entry.size), revision, compacted),
        None => Ok(None),
    }
}

#[derive(Clone, Copy)]
struct At {
    main: u64,
    sub: u64,
    tombstone: bool,
}

/// What a compaction keeps of old revisions: of each key that is not deleted, the last one.
struct Kept {
    /// By the hash of the client's key.
    latest: HashMap<u64, (u64, u64)>,
    hasher: RandomState,
}

impl Kept {
    fn at<S: ReadAt + ?Sized>(database: &Database<'_, S>, bucket: &Bucket, revision: u64) -> Result<Self, Damage> {
        let mut kept = Self {
            latest: HashMap::new(),
            hasher: RandomState::new(),
        };
        each(database, bucket, |at, _, value| {
            let hash = kept.hash(value)?;
            if at.main > revision {
                return Ok(());
            }
            if at.tombstone {
                kept.latest.remove(&hash);
            } else {
                kept.latest.insert(hash, (at.main, at.sub));
            }
            Ok(())
        })?;
        Ok(kept)
    }

    fn has(&self, at: At, value: &[u8]) -> Result<bool, String> {
        Ok(self.latest.get(&self.hash(value)?) == Some(&(at.main, at.sub)))
    }

    fn hash(&self, value: &[u8]) -> Result<u64, String> {
        let key = proto::first_bytes(value, 1).ok_or("a value that is no key of a client")?;
        Ok(self.hasher.hash_one(key))
    }
}

fn each<S: ReadAt + ?Sized>(
    database: &Database<'_, S>,
    bucket: &Bucket,
    mut visit: impl FnMut(At, &[u8], &[u8]) -> Result<(), String>,
) -> Result<(), Damage> {
    let mut visited = database.nothing_visited();
    database.each(bucket, &mut visited, |page, key, value| {
        let number = |from: usize, to: usize| key.get(from..to).and_then(big_endian);
        let at = number(0, 8).zip(number(SUB, REVISION)).map(|(main, sub)| At {
            main,
            sub,
            tombstone: key.len() > REVISION,
        });
        at.ok_or_else(|| "a key that is no revision".to_owned())
            .and_then(|at| visit(at, key, value))
            .map_err(|why| Damage::page(page, why))
    })
}
