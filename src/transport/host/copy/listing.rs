//! Which files a data directory holds.

use std::collections::BTreeMap;

use crate::snapshot::wal::{SegmentName, SnapName};
use crate::transport::host::frame::Frame;

/// Names with sizes in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) segments: BTreeMap<SegmentName, u64>,
    pub(super) snaps: BTreeMap<SnapName, u64>,
    /// Index → size of a database that a leader sent.
    pub(super) received: BTreeMap<u64, u64>,
    pub(super) database: Option<u64>,
}

impl Listing {
    pub(super) fn read(frame: &Frame) -> Self {
        let mut found = Self::default();
        for (size, name) in files(frame, "log_files") {
            if let Ok(segment) = name.parse() {
                found.segments.insert(segment, size);
            }
        }
        for (size, name) in files(frame, "data_files") {
            if let Ok(snap) = name.parse() {
                found.snaps.insert(snap, size);
            } else if name == "db" {
                found.database = Some(size);
            } else if let Some(index) = name.strip_suffix(".snap.db") {
                found
                    .received
                    .extend(u64::from_str_radix(index, 16).map(|index| (index, size)));
            }
        }
        found
    }

    /// No log, no snapshot, no database.
    pub(super) fn is_nothing(&self) -> bool {
        self.segments.is_empty() && self.snaps.is_empty() && self.database.is_none()
    }
}

fn files(frame: &Frame, key: &str) -> Vec<(u64, String)> {
    let text = frame.text(key).unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let (size, name) = line.split_once(' ')?;
            Some((size.parse().ok()?, name.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart() {
        let answer = "data_files:114\n20480 db\n9000 0000000000000002-00000000000186a1.snap\n12345 00000000000186a1.snap.db\n7 0000000000000000.snap.broken\nx\n\n\nlog_files:78\n64000000 0000000000000000-0000000000000000.wal\n64000000 0.tmp\n64000000 1.tmp  \n\nend N 0\n";
        let frame = Frame::parse(fixed(answer).as_bytes(), "N").unwrap();
        let found = Listing::read(&frame);
        assert_eq!((found.segments.len(), found.snaps.len()), (1, 1));
        assert_eq!(found.database, Some(20480));
        assert_eq!(found.received, BTreeMap::from([(100_001, 12345)]));
        assert!(!found.is_nothing() && Listing::default().is_nothing());
    }

    /// The records with their true lengths.
    fn fixed(text: &str) -> String {
        let (data, log) = text.split_once("log_files:").unwrap();
        let body = |part: &str| part.split_once('\n').unwrap().1.trim_end().to_owned();
        let (data, log) = (body(data), body(log.strip_suffix("end N 0\n").unwrap()));
        format!(
            "data_files:{}\n{data}\nlog_files:{}\n{log}\nend N 0\n",
            data.len(),
            log.len()
        )
    }
}
