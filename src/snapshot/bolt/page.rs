//! One page: a branch or a leaf, with its elements checked as they are read.

use super::super::damage::Damage;
use super::{LARGEST_RUN, Meta, u16_at, u32_at, u64_at};

const HEAD: usize = 16;
const ELEMENT: usize = 16;
const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const IS_BUCKET: u32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Branch,
    Leaf,
}

/// A page and the pages that belong to it.
pub(super) struct Page<'b> {
    pub(super) id: u64,
    pub(super) kind: Kind,
    count: usize,
    bytes: &'b [u8],
}

pub(super) struct BranchElement<'b> {
    pub(super) key: &'b [u8],
    pub(super) child: u64,
}

pub(super) struct LeafElement<'b> {
    pub(super) key: &'b [u8],
    pub(super) value: &'b [u8],
    pub(super) is_bucket: bool,
}

/// How many bytes the page takes with what belongs to it, as its head says.
pub(super) fn run_length(id: u64, head: &[u8], meta: &Meta) -> Result<usize, Damage> {
    let more = u64::from(u32_at(head, 12));
    if id + more >= meta.high_water {
        let last = meta.high_water - 1;
        return Err(Damage::page(
            id,
            format!("goes on for {more} pages, past the last one, {last}"),
        ));
    }
    let run = (more + 1) * u64::from(meta.page_size);
    if run > LARGEST_RUN {
        return Err(Damage::page(
            id,
            format!("takes {run} bytes; more than {LARGEST_RUN} are not believed"),
        ));
    }
    Ok(usize::try_from(run).unwrap_or_default())
}

impl<'b> Page<'b> {
    pub(super) fn parse(id: u64, bytes: &'b [u8]) -> Result<Self, Damage> {
        let own = u64_at(bytes, 0);
        if own != id {
            return Err(Damage::page(id, format!("calls itself page {own}")));
        }
        Self::elements(id, bytes)
    }

    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// A small bucket that lies in its parent's leaf, page `id`.
    pub(super) fn inline(id: u64, bytes: &'b [u8]) -> Result<Self, Damage> {
        if bytes.len() < HEAD {
            return Err(Damage::page(id, "holds a bucket that is cut off"));
        }
        let page = Self::elements(id, bytes)?;
        match page.kind {
            Kind::Leaf => Ok(page),
            Kind::Branch => Err(Damage::page(id, "holds a bucket that is no leaf")),
        }
    }

    fn elements(id: u64, bytes: &'b [u8]) -> Result<Self, Damage> {
        let kind = match u16_at(bytes, 8) {
            BRANCH => Kind::Branch,
            LEAF => Kind::Leaf,
            other => {
                return Err(Damage::page(
                    id,
                    format!("is neither branch nor leaf (flags {other:#x})"),
                ));
            }
        };
        let count = usize::from(u16_at(bytes, 10));
        if HEAD + count * ELEMENT > bytes.len() {
            return Err(Damage::page(id, format!("cannot hold {count} elements")));
        }
        if kind == Kind::Branch && count == 0 {
            return Err(Damage::page(id, "a branch without children"));
        }
        Ok(Self { id, kind, count, bytes })
    }

    /// The bytes of an element: they follow one another, so that no byte is read twice.
    fn part(&self, number: usize, sizes: [u32; 2], pos: u32, past: &mut usize) -> Result<&'b [u8], Damage> {
        let start = HEAD + number * ELEMENT + pos as usize;
        let length = sizes[0] as usize + sizes[1] as usize;
        let end = start.checked_add(length).filter(|end| *end <= self.bytes.len());
        match end {
            Some(end) if start >= *past => {
                *past = end;
                Ok(&self.bytes[start..end])
            }
            _ => Err(Damage::page(
                self.id,
                format!("element {number} lies outside of its place"),
            )),
        }
    }

    pub(super) fn branches(&self) -> impl Iterator<Item = Result<BranchElement<'b>, Damage>> + use<'b, '_> {
        let mut past = HEAD + self.count * ELEMENT;
        (0..self.count).map(move |number| {
            let head = &self.bytes[HEAD + number * ELEMENT..];
            let key = self.part(number, [u32_at(head, 4), 0], u32_at(head, 0), &mut past)?;
            Ok(BranchElement {
                key,
                child: u64_at(head, 8),
            })
        })
    }

    pub(super) fn leaves(&self) -> impl Iterator<Item = Result<LeafElement<'b>, Damage>> + use<'b, '_> {
        let mut past = HEAD + self.count * ELEMENT;
        (0..self.count).map(move |number| {
            let head = &self.bytes[HEAD + number * ELEMENT..];
            let (key_size, value_size) = (u32_at(head, 8), u32_at(head, 12));
            let both = self.part(number, [key_size, value_size], u32_at(head, 4), &mut past)?;
            let (key, value) = both.split_at(key_size as usize);
            Ok(LeafElement {
                key,
                value,
                is_bucket: u32_at(head, 0) & IS_BUCKET != 0,
            })
        })
    }
}
