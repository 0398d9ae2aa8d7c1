//! Where pages are read from: a file, bytes in memory, a part of either.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Random access to the bytes of a database.
pub trait ReadAt {
    /// How many bytes there are.
    fn size(&self) -> u64;

    /// Fills `buffer` from `offset` on; fewer bytes are an error.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

/// A file whose size was taken when it was opened.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    size: u64,
}

impl FileSource {
    pub fn new(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }
}

impl ReadAt for FileSource {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

impl ReadAt for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).ok();
        let part = start.and_then(|start| self.get(start..start.checked_add(buffer.len())?));
        let part = part.ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(part);
        Ok(())
    }
}

/// A part of something bigger: the database inside an archive, or before a trailer.
#[derive(Debug)]
pub struct Part<'a, S: ?Sized> {
    whole: &'a S,
    offset: u64,
    size: u64,
}

impl<'a, S: ReadAt + ?Sized> Part<'a, S> {
    /// `size` bytes from `offset` on, cut where the whole ends.
    pub fn new(whole: &'a S, offset: u64, size: u64) -> Self {
        let size = size.min(whole.size().saturating_sub(offset));
        Self { whole, offset, size }
    }
}

impl<S: ReadAt + ?Sized> ReadAt for Part<'_, S> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let fits = offset
            .checked_add(buffer.len() as u64)
            .is_some_and(|end| end <= self.size);
        if !fits {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.whole.read_at(self.offset + offset, buffer)
    }
}
