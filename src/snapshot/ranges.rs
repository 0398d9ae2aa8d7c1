//! A file of which only some parts are here: reading further tells which part is wanted next.

use std::cell::Cell;
use std::io;

use super::source::ReadAt;

/// Parts of a file far away.
#[derive(Debug, Default)]
pub struct Ranges {
    size: u64,
    parts: Vec<(u64, Vec<u8>)>,
    wanted: Cell<Option<(u64, u64)>>,
}

impl Ranges {
    /// Nothing is here yet of `size` bytes.
    pub fn of(size: u64) -> Self {
        Self {
            size,
            ..Self::default()
        }
    }

    /// Takes a part in; the file may have grown to `size`.
    pub fn add(&mut self, offset: u64, bytes: Vec<u8>, size: u64) {
        self.size = self.size.max(size);
        self.parts.push((offset, bytes));
    }

    /// Offset and length of what the last reading lacked, if it lacked anything.
    pub fn wanted(&self) -> Option<(u64, u64)> {
        self.wanted.take()
    }

    /// Bytes that are here.
    pub fn held(&self) -> u64 {
        self.parts.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }
}

impl ReadAt for Ranges {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let length = buffer.len() as u64;
        if offset.checked_add(length).is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (start, bytes) in &self.parts {
            let from = offset.checked_sub(*start).and_then(|from| usize::try_from(from).ok());
            let part = from.and_then(|from| bytes.get(from..from.checked_add(buffer.len())?));
            if let Some(part) = part {
                buffer.copy_from_slice(part);
                return Ok(());
            }
        }
        self.wanted.set(Some((offset, length)));
        Err(io::ErrorKind::WouldBlock.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_here_is_asked_for() {
        let mut ranges = Ranges::of(100);
        let mut buffer = [0; 4];
        assert!(ranges.read_at(10, &mut buffer).is_err());
        assert_eq!(ranges.wanted(), Some((10, 4)));
        assert_eq!(ranges.wanted(), None);
        ranges.add(8, vec![7; 8], 100);
        ranges.read_at(10, &mut buffer).unwrap();
        assert_eq!((buffer, ranges.wanted()), ([7; 4], None));
        // Beyond the end nothing is to be had.
        assert!(ranges.read_at(98, &mut buffer).is_err());
        assert_eq!(ranges.wanted(), None);
    }
}
