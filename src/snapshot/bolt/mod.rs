//! etcd's database file (bbolt), read only: meta pages, pages, trees, in key order.
//!
//! Nothing in the file is believed before it is checked. Work and memory are bounded by the file: each page is visited once, each byte of a
//! page read once, and no more than [`LARGEST_RUN`] bytes are held at a time for each level of a tree.

mod meta;
mod page;
mod walk;

use super::damage::Damage;
use super::source::ReadAt;

pub use meta::Meta;
use page::{Kind, Page};
pub use walk::Visited;

/// The longest run of pages that one node may take, in bytes. etcd's largest request is a small part of it.
pub const LARGEST_RUN: u64 = 128 << 20;

/// Trees are never deeper: with pages that hold two keys this is more keys than fit on a disk.
const DEEPEST: usize = 40;

/// A database, opened on its valid meta page with the highest transaction.
pub struct Database<'a, S: ?Sized> {
    source: &'a S,
    pub meta: Meta,
}

/// A bucket: where its tree begins, or the tree itself where it is small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    pub name: Vec<u8>,
    /// 0: the bucket lies inline.
    root: u64,
    inline: Vec<u8>,
    /// The page that names it.
    page: u64,
}

impl<'a, S: ReadAt + ?Sized> Database<'a, S> {
    /// Reads the meta pages.
    pub fn open(source: &'a S) -> Result<Self, Damage> {
        let meta = meta::read(source)?;
        let needed = meta.size();
        if source.size() < needed {
            return Err(Damage::file(format!(
                "truncated: its meta page counts {needed} bytes, the file has {}",
                source.size()
            )));
        }
        Ok(Self { source, meta })
    }

    /// The value of one key, read along one path of the tree: for looks that want little.
    pub fn get(&self, bucket: &Bucket, key: &[u8]) -> Result<Option<Vec<u8>>, Damage> {
        if bucket.root == 0 {
            let page = Page::inline(bucket.page, &bucket.inline)?;
            return find(&page, key);
        }
        let mut id = bucket.root;
        let mut buffer = Vec::new();
        for _ in 0..DEEPEST {
            let page = self.page(id, &mut buffer)?;
            if page.kind == Kind::Leaf {
                return find(&page, key);
            }
            let mut next = None;
            for branch in page.branches() {
                let branch = branch?;
                if next.is_none() || branch.key <= key {
                    next = Some(branch.child);
                }
            }
            id = next.ok_or_else(|| Damage::page(id, "a branch without children"))?;
        }
        Err(Damage::page(id, "the tree is deeper than any"))
    }

    /// The last key of a bucket, read along one path of the tree. `None`: the bucket is empty.
    pub fn last_key(&self, bucket: &Bucket) -> Result<Option<Vec<u8>>, Damage> {
        let last = |page: &Page<'_>| -> Result<Option<Vec<u8>>, Damage> {
            let leaf = page.leaves().last().transpose()?;
            Ok(leaf.map(|leaf| leaf.key.to_vec()))
        };
        if bucket.root == 0 {
            return last(&Page::inline(bucket.page, &bucket.inline)?);
        }
        let mut id = bucket.root;
        let mut buffer = Vec::new();
        for _ in 0..DEEPEST {
            let page = self.page(id, &mut buffer)?;
            if page.kind == Kind::Leaf {
                return last(&page);
            }
            let branch = page.branches().last().transpose()?;
            id = branch
                .map(|branch| branch.child)
                .ok_or_else(|| Damage::page(id, "a branch without children"))?;
        }
        Err(Damage::page(id, "the tree is deeper than any"))
    }

    /// One page with the pages that belong to it.
    fn page<'b>(&self, id: u64, buffer: &'b mut Vec<u8>) -> Result<Page<'b>, Damage> {
        let size = u64::from(self.meta.page_size);
        if id < 2 || id >= self.meta.high_water {
            return Err(Damage::page(
                id,
                format!("is referred to, but pages go from 2 to {}", self.meta.high_water - 1),
            ));
        }
        let first = usize::try_from(size).unwrap_or_default();
        // It only grows: what is cut off would have to be filled with zeros again.
        let grow = |buffer: &mut Vec<u8>, length: usize| {
            if buffer.len() < length {
                buffer.resize(length, 0);
            }
        };
        grow(buffer, first);
        let read = |offset: u64, part: &mut [u8]| {
            self.source
                .read_at(offset, part)
                .map_err(|error| Damage::reading(Some(id), &error))
        };
        read(id * size, &mut buffer[..first])?;
        let run = page::run_length(id, &buffer[..first], &self.meta)?;
        if run > first {
            grow(buffer, run);
            read(id * size + size, &mut buffer[first..run])?;
        }
        Page::parse(id, &buffer[..run])
    }
}

fn find(page: &Page<'_>, key: &[u8]) -> Result<Option<Vec<u8>>, Damage> {
    for leaf in page.leaves() {
        let leaf = leaf?;
        if leaf.key == key {
            return Ok(Some(leaf.value.to_vec()));
        }
    }
    Ok(None)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let mut word = [0; 2];
    word.copy_from_slice(&bytes[at..at + 2]);
    u16::from_le_bytes(word)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}
