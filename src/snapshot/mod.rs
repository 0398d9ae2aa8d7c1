//! What etcd leaves on the disk, read strictly read-only, of bytes that nobody vouches for: snapshot files, logs; and the manifest that is kept
//! beside each backup.

pub mod archive;
pub mod bolt;
pub mod choice;
pub mod content;
pub mod damage;
pub mod data_dir;
pub mod digests;
pub mod file;
pub mod hash_kv;
pub mod manifest;
mod proto;
pub mod ranges;
pub mod retention;
pub mod source;
pub mod summary;
pub mod wal;

pub use damage::Damage;
pub use digests::Wanted;
pub use file::{Inspected, READER, blake3_of, inspect, inspect_any, inspect_archive};
pub use manifest::{Compared, Content, Forced, Form, How, Kept, Manifest, Proof, Shelf, Source, Verified};
