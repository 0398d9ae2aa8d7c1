//! The write-ahead log of a member and its raft snapshots: how far it goes, what was committed, who votes.
//!
//! A segment is a row of frames: eight bytes of length (little endian; where the top bit is set, the top byte's low three bits count
//! the bytes of padding), then a record. Each record carries the CRC-32C over the data of all records so far, from segment to segment.
//! The last segment is preallocated with zeros: a length of zero is its end.

mod message;
mod name;
mod reader;
mod replay;
mod snap;

#[cfg(test)]
mod tests;

pub use message::HardState;
pub use name::{SegmentName, SnapName, needed};
pub use reader::{Broken, Flow, Reader};
pub use replay::{Log, Position, Voters};
pub use snap::{Snap, read_snap};
