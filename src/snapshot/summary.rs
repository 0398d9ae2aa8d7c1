//! What a few pages of a database tell: for a database far away, of which no more should be read.

use super::bolt::{Bucket, Database};
use super::content::{alarm, big_endian, member};
use super::damage::Damage;
use super::source::ReadAt;
use crate::cluster::member::Member;

/// How far a database goes, and who is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The last applied raft index.
    pub applied_index: u64,
    pub revision: u64,
    pub members: Vec<Member>,
    /// IDs of members that were removed.
    pub removed: Vec<u64>,
    /// As etcd names them.
    pub alarms: Vec<String>,
    /// Bytes.
    pub size: u64,
    /// The transaction that was read.
    pub transaction: u64,
}

/// Takes one key with its value; an error says why it is none.
type Take<'t> = &'t mut dyn FnMut(&[u8], &[u8]) -> Result<(), String>;

/// Reads the small buckets, and one path down the big one.
pub fn read<S: ReadAt + ?Sized>(source: &S) -> Result<Summary, Damage> {
    let database = Database::open(source)?;
    let mut visited = database.nothing_visited();
    let buckets = database.buckets(&mut visited)?;
    let find = |name: &str| buckets.iter().find(|bucket| bucket.name == name.as_bytes());
    let needed =
        |name: &str| find(name).ok_or_else(|| Damage::file(format!("no database of etcd: it has no bucket `{name}`")));
    let mut found = Summary {
        size: database.meta.size(),
        transaction: database.meta.transaction,
        ..Summary::default()
    };
    let applied = database.get(needed("meta")?, b"consistent_index")?;
    found.applied_index = applied.as_deref().and_then(big_endian).unwrap_or_default();
    let last = database.last_key(needed("key")?)?.unwrap_or_default();
    found.revision = last.get(..8).and_then(big_endian).unwrap_or_default();
    let mut each = |name: &str, take: Take<'_>| match find(name) {
        None => Ok(()),
        Some(bucket) => small(&database, bucket, &mut visited, take),
    };
    each("members", &mut |key, value| {
        found.members.push(member(key, value)?);
        Ok(())
    })?;
    each("members_removed", &mut |key, _| {
        let id = std::str::from_utf8(key)
            .ok()
            .and_then(|text| u64::from_str_radix(text, 16).ok());
        found.removed.extend(id);
        Ok(())
    })?;
    each("alarm", &mut |key, _| {
        found.alarms.extend(alarm(key)?);
        Ok(())
    })?;
    Ok(found)
}

fn small<S: ReadAt + ?Sized>(
    database: &Database<'_, S>,
    bucket: &Bucket,
    visited: &mut super::bolt::Visited,
    take: Take<'_>,
) -> Result<(), Damage> {
    database.each(bucket, visited, |page, key, value| {
        let name = String::from_utf8_lossy(&bucket.name);
        take(key, value).map_err(|why| Damage::page(page, format!("bucket {name}: {why}")))
    })
}
