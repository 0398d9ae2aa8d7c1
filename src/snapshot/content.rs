//! What etcd keeps in its database: revision, keys, members, alarms, users, and the hash that etcd's own tools print.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use serde::Deserialize;

use super::bolt::Database;
use super::damage::Damage;
use super::manifest::Content;
use super::proto;
use super::source::ReadAt;
use crate::cluster::member::{Id, Member};

/// `MAIN_SUB` of a key in the bucket `key`, and the mark of a tombstone after it.
const REVISION: usize = 17;
const TOMBSTONE: usize = 18;

/// Reads everything, checking it on the way.
pub fn read<S: ReadAt + ?Sized>(database: &Database<'_, S>) -> Result<Content, Damage> {
    let mut visited = database.nothing_visited();
    let buckets = database.buckets(&mut visited)?;
    let mut reading = Reading::default();
    for bucket in &buckets {
        reading.hash(&bucket.name);
        database.each(bucket, &mut visited, |page, key, value| {
            reading.hash(key);
            reading.hash(value);
            reading.content.entries += 1;
            reading.entry(&bucket.name, key, value).map_err(|why| {
                let name = String::from_utf8_lossy(&bucket.name);
                Damage::page(page, format!("bucket {name}: {why}"))
            })
        })?;
    }
    for needed in ["key", "meta"] {
        if !buckets.iter().any(|bucket| bucket.name == needed.as_bytes()) {
            return Err(Damage::file(format!(
                "no database of etcd: it has no bucket `{needed}`"
            )));
        }
    }
    Ok(reading.finish(database.meta.size()))
}

#[derive(Default)]
struct Reading {
    content: Content,
    crc: u32,
    /// Keys that are not deleted, each by its hash.
    live: HashSet<u64, BuildHasherDefault<Already>>,
    hasher: RandomState,
}

/// The numbers are hashes already.
#[derive(Default)]
struct Already(u64);

impl Hasher for Already {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {}

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

impl Reading {
    fn hash(&mut self, bytes: &[u8]) {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
    }

    fn entry(&mut self, bucket: &[u8], key: &[u8], value: &[u8]) -> Result<(), String> {
        match bucket {
            b"key" => self.revision(key, value)?,
            b"meta" => self.meta(key, value),
            b"members" => self.content.members.push(member(key, value)?),
            b"alarm" => self.content.alarms.extend(alarm(key)?),
            b"authUsers" => self.content.users += 1,
            b"auth" if key == b"authEnabled" => self.content.auth = value == [1],
            b"cluster" if key == b"clusterVersion" => self.content.cluster_version = text(value),
            _ => {}
        }
        Ok(())
    }

    fn revision(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        let deleted = key.len() == TOMBSTONE && key[REVISION] == b't';
        let main = key.get(..8).and_then(big_endian);
        let main = main
            .filter(|_| deleted || key.len() == REVISION)
            .filter(|_| key[8] == b'_');
        self.content.revision = main.ok_or_else(|| format!("a key of {} bytes is no revision", key.len()))?;
        let user_key = proto::first_bytes(value, 1).ok_or("a value that is no key of a client")?;
        self.content.nameless |= user_key.is_empty() && !deleted;
        let hash = self.hasher.hash_one(user_key);
        if deleted {
            self.live.remove(&hash);
        } else {
            self.live.insert(hash);
        }
        Ok(())
    }

    fn meta(&mut self, key: &[u8], value: &[u8]) {
        match key {
            b"consistent_index" => self.content.applied_index = big_endian(value).unwrap_or(0),
            b"term" => self.content.term = big_endian(value),
            b"storageVersion" => self.content.storage_version = text(value),
            b"finishedCompactRev" => self.content.compacted = value.get(..8).and_then(big_endian),
            _ => {}
        }
    }

    fn finish(mut self, database_size: u64) -> Content {
        self.content.members.sort_by_key(|member| member.id);
        self.content.alarms.sort();
        self.content.alarms.dedup();
        Content {
            keys: self.live.len() as u64,
            hash: format!("{:x}", self.crc),
            database_size,
            ..self.content
        }
    }
}

pub(super) fn big_endian(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

fn text(value: &[u8]) -> Option<String> {
    String::from_utf8(value.to_vec()).ok()
}

/// How etcd writes a member.
#[derive(Deserialize)]
struct Written {
    id: u64,
    #[serde(default, rename = "peerURLs")]
    peer_urls: Option<Vec<String>>,
    #[serde(default)]
    name: String,
    #[serde(default, rename = "clientURLs")]
    client_urls: Option<Vec<String>>,
    #[serde(default, rename = "isLearner")]
    learner: bool,
}

pub(super) fn member(key: &[u8], value: &[u8]) -> Result<Member, String> {
    let wrong = || format!("`{}` is no member", String::from_utf8_lossy(key));
    let written: Written = serde_json::from_slice(value).map_err(|error| format!("{}: {error}", wrong()))?;
    Ok(Member {
        id: Id(written.id),
        name: written.name,
        peer_urls: written.peer_urls.unwrap_or_default(),
        client_urls: written.client_urls.unwrap_or_default(),
        learner: written.learner,
    })
}

/// An alarm is a key without value: member and kind.
pub(super) fn alarm(key: &[u8]) -> Result<Option<String>, String> {
    match proto::number(key, 2).ok_or("a key that is no alarm")? {
        0 => Ok(None),
        1 => Ok(Some("NOSPACE".to_owned())),
        2 => Ok(Some("CORRUPT".to_owned())),
        other => Ok(Some(format!("ALARM-{other}"))),
    }
}
