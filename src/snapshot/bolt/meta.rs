//! The two meta pages: the one with the higher transaction that is whole counts.

use super::super::damage::Damage;
use super::super::source::ReadAt;
use super::{u32_at, u64_at};

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
/// The head of a page before its body.
const HEAD: usize = 16;
/// A meta body, with its checksum.
const BODY: usize = 64;
/// bbolt's pages are as long as the operating system's: from 1 KiB (tests) to 64 KiB (arm64, ppc64).
const SMALLEST: u32 = 1 << 10;
const LARGEST: u32 = 1 << 16;

/// What a meta page tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Bytes.
    pub page_size: u32,
    /// The page where the tree of buckets begins.
    pub root: u64,
    /// Pages are numbered below this.
    pub high_water: u64,
    /// The transaction that wrote it.
    pub transaction: u64,
}

impl Meta {
    /// Bytes of the database: what `snapshot status` calls the total size.
    pub fn size(&self) -> u64 {
        self.high_water.saturating_mul(u64::from(self.page_size))
    }
}

pub(super) fn read<S: ReadAt + ?Sized>(source: &S) -> Result<Meta, Damage> {
    let first = at(source, 0, 0);
    // The second meta page lies one page on; without the first its place must be looked for.
    let second = match &first {
        Ok(meta) => at(source, u64::from(meta.page_size), 1),
        Err(_) => (SMALLEST.ilog2()..=LARGEST.ilog2())
            .map(|power| at(source, 1 << power, 1))
            .find(Result::is_ok)
            .unwrap_or_else(|| Err(Damage::file("not found"))),
    };
    match (first, second) {
        (Ok(one), Ok(other)) => Ok(if other.transaction > one.transaction {
            other
        } else {
            one
        }),
        (Ok(meta), Err(_)) | (Err(_), Ok(meta)) => Ok(meta),
        (Err(unreadable), Err(_)) if unreadable.unreadable => Err(unreadable),
        (Err(one), Err(other)) => Err(Damage::file(format!(
            "no database of etcd: neither meta page is whole (page 0: {}; page 1: {})",
            one.why, other.why
        ))),
    }
}

fn at<S: ReadAt + ?Sized>(source: &S, offset: u64, number: u64) -> Result<Meta, Damage> {
    let mut bytes = [0; HEAD + BODY];
    source
        .read_at(offset, &mut bytes)
        .map_err(|error| Damage::reading(Some(number), &error))?;
    parsed(&bytes, offset, number).map_err(|why| Damage::page(number, why))
}

fn parsed(bytes: &[u8; HEAD + BODY], offset: u64, number: u64) -> Result<Meta, String> {
    let body = &bytes[HEAD..];
    if u32_at(body, 0) != MAGIC {
        return Err("another magic number".to_owned());
    }
    if u32_at(body, 4) != VERSION {
        return Err(format!("version {}, not {VERSION}", u32_at(body, 4)));
    }
    if u64_at(body, 56) != fnv(&body[..56]) {
        return Err("wrong checksum".to_owned());
    }
    let meta = Meta {
        page_size: u32_at(body, 8),
        root: u64_at(body, 16),
        high_water: u64_at(body, 40),
        transaction: u64_at(body, 48),
    };
    let sound = meta.page_size.is_power_of_two()
        && (SMALLEST..=LARGEST).contains(&meta.page_size)
        && u64_at(bytes, 0) == number
        && offset == number * u64::from(meta.page_size)
        && meta.high_water > 2
        && meta.high_water < u64::MAX / u64::from(LARGEST);
    if sound {
        Ok(meta)
    } else {
        Err("senseless values".to_owned())
    }
}

/// FNV-1a, 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::fnv;

    #[test]
    fn agrees_with_the_published_vectors() {
        assert_eq!(fnv(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
