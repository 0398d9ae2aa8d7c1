//! Takes a log apart, piece by piece: whoever reads the bytes feeds them in, in order, and stops when told.

use prost::Message;

use super::message::{Record, kind};
use super::name::SegmentName;
use super::replay::Log;

/// A log that etcd would not start with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{segment}, byte {offset}: {why}")]
pub struct Broken {
    pub segment: String,
    /// Bytes from the segment's beginning.
    pub offset: u64,
    pub why: String,
}

/// Whether more of the segment is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    More,
    /// Nothing but the preallocated rest follows, or the end was torn.
    Ended,
}

/// The unit in which a disk writes wholly or not at all, as etcd assumes it.
const SECTOR: u64 = 512;
/// The kind, the checksum and the length of a record take less.
const HEADER: usize = 32;
/// The most that one record may take, in bytes; etcd's own segments are 64 MB.
const LONGEST: u64 = 256 << 20;

/// Reads segments in their order. Memory: one record and what was fed last.
#[derive(Debug, Default)]
pub struct Reader {
    log: Log,
    crc: u32,
    segment: String,
    size: u64,
    last: bool,
    buffer: Vec<u8>,
    /// Offset in the segment of the first byte that was not taken yet.
    at: u64,
    ended: bool,
}

impl Reader {
    /// Begins with a segment of `size` bytes; `last`: none follows it, so its end may be torn.
    pub fn open(&mut self, name: SegmentName, size: u64, last: bool) {
        if self.log.identity.is_none() {
            self.log.begins = name.index;
        }
        self.segment = name.to_string();
        self.size = size;
        self.last = last;
        self.buffer.clear();
        self.at = 0;
        self.ended = false;
    }

    /// The next bytes of the segment.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Flow, Broken> {
        if self.ended {
            return Ok(Flow::Ended);
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.extend_from_slice(bytes);
        let mut done = 0;
        while let Some(length) = self.frame(&buffer[done..])? {
            done += length;
            self.at += length as u64;
        }
        if self.ended {
            return Ok(Flow::Ended);
        }
        buffer.drain(..done);
        self.buffer = buffer;
        Ok(Flow::More)
    }

    /// The segment has no more bytes than were fed.
    pub fn close(&mut self) -> Result<(), Broken> {
        if self.ended || self.buffer.is_empty() {
            return Ok(());
        }
        self.cut_short("the segment ends in the middle of a record")
    }

    /// What the log says, after the last segment.
    pub fn finish(self) -> Log {
        self.log
    }

    /// Takes the frame at the buffer's beginning, and tells its length; `None`: more bytes are needed, or the end is reached.
    fn frame(&mut self, buffer: &[u8]) -> Result<Option<usize>, Broken> {
        let Some(head) = buffer.first_chunk::<8>() else {
            return Ok(None);
        };
        let field = u64::from_le_bytes(*head);
        if field == 0 {
            // A power cut may write later sectors and not the first one: etcd ends here all the same.
            if buffer.iter().any(|byte| *byte != 0) {
                self.log.torn = Some((self.segment.clone(), self.at));
            }
            self.ended = true;
            return Ok(None);
        }
        let padding = if field >> 63 == 1 { (field >> 56) & 7 } else { 0 };
        let length = field & 0x00ff_ffff_ffff_ffff;
        if length.saturating_add(padding) > self.size.saturating_sub(self.at + 8) {
            let rest = &buffer[8..];
            if rest.len() < HEADER && ((8 + rest.len()) as u64) < self.size.saturating_sub(self.at) {
                return Ok(None);
            }
            if says_otherwise(rest, self.at + 8, length) {
                return Err(self.broken(format!("its record is not as long as the {length} bytes of its frame")));
            }
            self.cut_short(&format!("a record of {length} bytes would go beyond the segment's end"))?;
            return Ok(None);
        }
        let Some(record) = usize::try_from(length).ok().filter(|_| length <= LONGEST) else {
            return Err(self.broken(format!("a record of {length} bytes, longer than any that is read")));
        };
        let whole = 8 + record + usize::try_from(padding).unwrap_or_default();
        let Some(frame) = buffer.get(8..whole) else {
            return Ok(None);
        };
        match self.record(&frame[..record]) {
            Ok(()) => {
                self.log.read += whole as u64;
                Ok(Some(whole))
            }
            Err(_) if self.last && torn(frame, self.at + 8) && !says_otherwise(frame, self.at + 8, length) => {
                self.cut_short("")?;
                Ok(None)
            }
            Err(why) => Err(self.broken(why)),
        }
    }

    fn record(&mut self, data: &[u8]) -> Result<(), String> {
        let record = Record::decode(data).map_err(|error| format!("no record: {error}"))?;
        if record.kind == kind::CRC {
            if self.crc != 0 && record.crc != self.crc {
                return Err(format!(
                    "the chain of checksums is broken: {:08x} goes on as {:08x}",
                    self.crc, record.crc
                ));
            }
            self.crc = record.crc;
            return Ok(());
        }
        let crc = crc32c::crc32c_append(self.crc, &record.data);
        if crc != record.crc {
            return Err(format!(
                "the record's checksum is {crc:08x}, and it says {:08x}",
                record.crc
            ));
        }
        self.log.take(record.kind, &record.data)?;
        self.crc = crc;
        Ok(())
    }

    /// Normal at the end of the last segment, after a crash; nowhere else.
    fn cut_short(&mut self, why: &str) -> Result<(), Broken> {
        if !self.last {
            return Err(self.broken(why.to_owned()));
        }
        self.log.torn = Some((self.segment.clone(), self.at));
        self.ended = true;
        Ok(())
    }

    fn broken(&self, why: String) -> Broken {
        Broken {
            segment: self.segment.clone(),
            offset: self.at,
            why,
        }
    }
}

/// Whether the record's beginning was written, and gives it another length than its frame does: that is damage, and no torn end.
fn says_otherwise(data: &[u8], offset: u64, length: u64) -> bool {
    let written = usize::try_from(SECTOR - offset % SECTOR).unwrap_or_default();
    let head = data.get(..written).unwrap_or(data);
    Record::length(head).is_some_and(|whole| whole != length)
}

/// A whole sector of the record was never written.
fn torn(data: &[u8], offset: u64) -> bool {
    let mut at = 0;
    while at < data.len() {
        let to_end = SECTOR - (offset + at as u64) % SECTOR;
        let end = data.len().min(at.saturating_add(usize::try_from(to_end).unwrap_or(1)));
        if data[at..end].iter().all(|byte| *byte == 0) {
            return true;
        }
        at = end;
    }
    false
}
