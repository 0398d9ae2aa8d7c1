//! What etcd leaves on the disk, read strictly read-only, of bytes that nobody vouches for: snapshot files, logs; and the manifest that is kept
//! beside each backup.

pub mod manifest;
pub mod wal;

pub use manifest::{Content, Form, How, Kept, Manifest, Proof, Shelf, Source, Verified};
