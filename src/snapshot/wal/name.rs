//! Names of segments and of raft snapshots, and which of them etcd reads at its start.

use std::str::FromStr;

/// A segment: `SEQ-INDEX.wal`, both as sixteen hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentName {
    pub seq: u64,
    /// Index of the first entry that it may hold.
    pub index: u64,
}

/// A raft snapshot: `TERM-INDEX.snap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapName {
    pub index: u64,
    pub term: u64,
}

impl FromStr for SegmentName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (seq, index) = pair(text.strip_suffix(".wal").ok_or(())?)?;
        Ok(Self { seq, index })
    }
}

impl FromStr for SnapName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (term, index) = pair(text.strip_suffix(".snap").ok_or(())?)?;
        Ok(Self { index, term })
    }
}

impl std::fmt::Display for SegmentName {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:016x}-{:016x}.wal", self.seq, self.index)
    }
}

impl std::fmt::Display for SnapName {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:016x}-{:016x}.snap", self.term, self.index)
    }
}

fn pair(stem: &str) -> Result<(u64, u64), ()> {
    let (first, second) = stem.split_once('-').ok_or(())?;
    let number = |text: &str| {
        let plain = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain.then(|| u64::from_str_radix(text, 16).ok()).flatten().ok_or(())
    };
    Ok((number(first)?, number(second)?))
}

/// The segments that etcd reads when it starts from a raft snapshot at `index` (0: none): from the last one that begins at or before it.
/// An error says what is missing between them.
pub fn needed(names: &mut Vec<SegmentName>, index: u64) -> Result<(), String> {
    names.sort_unstable();
    let Some(first) = names.iter().rposition(|name| name.index <= index) else {
        return Err(match names.first() {
            None => "there is no segment of the log".to_owned(),
            Some(name) => format!("the log begins with {name}, and no raft snapshot covers what came before"),
        });
    };
    names.drain(..first);
    let gap = names.windows(2).find(|pair| pair[1].seq != pair[0].seq.wrapping_add(1));
    match gap {
        None => Ok(()),
        Some(pair) => Err(format!(
            "a segment of the log is missing between {} and {}",
            pair[0], pair[1]
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &[(u64, u64)]) -> Vec<SegmentName> {
        of.iter()
            .map(|(seq, index)| SegmentName {
                seq: *seq,
                index: *index,
            })
            .collect()
    }

    #[test]
    fn names_are_read_as_etcd_writes_them() {
        let name: SegmentName = "000000000000000a-0000000000001000.wal".parse().unwrap();
        assert_eq!(name, SegmentName { seq: 10, index: 4096 });
        assert_eq!(name.to_string(), "000000000000000a-0000000000001000.wal");
        let snap: SnapName = "0000000000000002-00000000000186a1.snap".parse().unwrap();
        assert_eq!((snap.term, snap.index), (2, 100_001));
        for wrong in [
            "0.tmp",
            "1.tmp",
            "a-b.wal",
            "000000000000000a-0000000000001000.wal.broken",
            "+00000000000000a-0000000000001000.wal",
        ] {
            assert!(wrong.parse::<SegmentName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn reading_begins_where_etcd_begins() {
        let mut found = names(&[(2, 200), (0, 0), (1, 100)]);
        needed(&mut found, 150).unwrap();
        assert_eq!(found, names(&[(1, 100), (2, 200)]));
        let mut found = names(&[(1, 100), (3, 300)]);
        assert!(needed(&mut found, 120).unwrap_err().contains("missing between"));
        assert!(
            needed(&mut names(&[(4, 400)]), 0)
                .unwrap_err()
                .contains("no raft snapshot covers")
        );
        assert!(needed(&mut Vec::new(), 0).unwrap_err().contains("no segment"));
    }
}
