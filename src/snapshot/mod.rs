//! Snapshot files: what stands in them, read by our own reader, and the manifest that is kept beside each backup.

pub mod manifest;

pub use manifest::{Content, Form, How, Kept, Manifest, Proof, Shelf, Source, Verified};
