//! Whole trees in key order, each page once.

use std::mem;

use super::super::damage::Damage;
use super::super::source::ReadAt;
use super::page::{Kind, LeafElement, Page};
use super::{Bucket, DEEPEST, Database, u64_at};

/// Which pages belong to something already: one bit each.
pub struct Visited(Vec<u64>);

impl Visited {
    fn mark(&mut self, id: u64) -> Result<(), Damage> {
        let word = usize::try_from(id / 64).unwrap_or(usize::MAX);
        let bit = 1 << (id % 64);
        match self.0.get_mut(word) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                Ok(())
            }
            _ => Err(Damage::page(id, "is referred to twice")),
        }
    }
}

/// Where a walk stands.
struct Walk<'w, F> {
    visited: &'w mut Visited,
    /// One for each level, used again and again.
    buffers: Vec<Vec<u8>>,
    /// The key before, if any.
    before: Option<Vec<u8>>,
    visit: F,
}

/// Between which keys a page must lie: from the first on, below the second.
#[derive(Clone, Copy)]
struct Bounds<'k> {
    from: &'k [u8],
    below: Option<&'k [u8]>,
}

const ANY: Bounds<'_> = Bounds { from: &[], below: None };

impl<S: ReadAt + ?Sized> Database<'_, S> {
    /// No page has been visited.
    pub fn nothing_visited(&self) -> Visited {
        let words = usize::try_from(self.meta.high_water / 64 + 1).unwrap_or(usize::MAX);
        Visited(vec![0; words])
    }

    /// The buckets, in the order of their names.
    pub fn buckets(&self, visited: &mut Visited) -> Result<Vec<Bucket>, Damage> {
        let mut found = Vec::new();
        self.tree(self.meta.root, visited, |page, leaf| {
            if !leaf.is_bucket {
                return Err(Damage::page(page, "holds a key beside the buckets"));
            }
            found.push(bucket(page, leaf)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Each key with its value, in order, with the page that they stand on.
    pub fn each(
        &self,
        bucket: &Bucket,
        visited: &mut Visited,
        mut visit: impl FnMut(u64, &[u8], &[u8]) -> Result<(), Damage>,
    ) -> Result<(), Damage> {
        let visit = |page: u64, leaf: &LeafElement<'_>| {
            if leaf.is_bucket {
                return Err(Damage::page(
                    page,
                    "holds a bucket inside a bucket, which etcd never has",
                ));
            }
            visit(page, leaf.key, leaf.value)
        };
        if bucket.root != 0 {
            return self.tree(bucket.root, visited, visit);
        }
        let mut walk = Walk {
            visited,
            buffers: Vec::new(),
            before: None,
            visit,
        };
        walk.leaf(&Page::inline(bucket.page, &bucket.inline)?, ANY)
    }

    fn tree<F>(&self, root: u64, visited: &mut Visited, visit: F) -> Result<(), Damage>
    where
        F: FnMut(u64, &LeafElement<'_>) -> Result<(), Damage>,
    {
        let mut walk = Walk {
            visited,
            buffers: vec![Vec::new(); DEEPEST],
            before: None,
            visit,
        };
        self.descend(&mut walk, root, 0, ANY)
    }

    fn descend<F>(&self, walk: &mut Walk<'_, F>, id: u64, depth: usize, bounds: Bounds<'_>) -> Result<(), Damage>
    where
        F: FnMut(u64, &LeafElement<'_>) -> Result<(), Damage>,
    {
        let Some(buffer) = walk.buffers.get_mut(depth) else {
            return Err(Damage::page(id, "the tree is deeper than any"));
        };
        let mut buffer = mem::take(buffer);
        let ended = self.node(walk, &mut buffer, (id, depth), bounds);
        walk.buffers[depth] = buffer;
        ended
    }

    fn node<F>(
        &self,
        walk: &mut Walk<'_, F>,
        buffer: &mut Vec<u8>,
        (id, depth): (u64, usize),
        bounds: Bounds<'_>,
    ) -> Result<(), Damage>
    where
        F: FnMut(u64, &LeafElement<'_>) -> Result<(), Damage>,
    {
        let page = self.page(id, buffer)?;
        walk.visited.mark(id)?;
        let more = (buffer_pages(&page, self.meta.page_size)).saturating_sub(1);
        for follower in 1..=more {
            walk.visited.mark(id + follower)?;
        }
        if page.kind == Kind::Leaf {
            return walk.leaf(&page, bounds);
        }
        let mut children = page.branches().peekable();
        let mut before: Option<&[u8]> = None;
        while let Some(child) = children.next() {
            let child = child?;
            let inside = child.key >= bounds.from && bounds.below.is_none_or(|below| child.key < below);
            if !inside || before.is_some_and(|before| child.key <= before) {
                return Err(Damage::page(id, "its keys are out of order"));
            }
            let below = match children.peek() {
                Some(Ok(next)) => Some(next.key),
                Some(Err(damage)) => return Err(damage.clone()),
                None => bounds.below,
            };
            before = Some(child.key);
            let bounds = Bounds { from: child.key, below };
            self.descend(walk, child.child, depth + 1, bounds)?;
        }
        Ok(())
    }
}

fn buffer_pages(page: &Page<'_>, page_size: u32) -> u64 {
    page.length() as u64 / u64::from(page_size)
}

impl<F> Walk<'_, F>
where
    F: FnMut(u64, &LeafElement<'_>) -> Result<(), Damage>,
{
    fn leaf(&mut self, page: &Page<'_>, bounds: Bounds<'_>) -> Result<(), Damage> {
        let mut last: Option<&[u8]> = None;
        for leaf in page.leaves() {
            let leaf = leaf?;
            let inside = leaf.key >= bounds.from && bounds.below.is_none_or(|below| leaf.key < below);
            let after = match last {
                Some(last) => leaf.key > last,
                None => self.before.as_deref().is_none_or(|before| leaf.key > before),
            };
            if !inside || !after {
                return Err(Damage::page(page.id, "its keys are out of order"));
            }
            last = Some(leaf.key);
            (self.visit)(page.id, &leaf)?;
        }
        if let Some(last) = last {
            let before = self.before.get_or_insert_default();
            before.clear();
            before.extend_from_slice(last);
        }
        Ok(())
    }
}

/// A bucket's own head: where its tree begins, then a sequence; inline, the tree itself follows.
fn bucket(page: u64, leaf: &LeafElement<'_>) -> Result<Bucket, Damage> {
    const HEAD: usize = 16;
    if leaf.value.len() < HEAD {
        return Err(Damage::page(page, "holds a bucket that is cut off"));
    }
    let root = u64_at(leaf.value, 0);
    let inline = if root == 0 {
        leaf.value[HEAD..].to_vec()
    } else {
        Vec::new()
    };
    Ok(Bucket {
        name: leaf.key.to_vec(),
        root,
        inline,
        page,
    })
}
