//! Logs as etcd writes them, and as disks and strangers leave them.

use proptest::prelude::*;
use prost::Message;

use super::message::{ConfChange, Entry, HardState, Metadata, OldRequest, Record, SnapFile, SnapshotRecord, kind};
use super::*;

/// Writes segments as etcd does.
#[derive(Default)]
struct Writer {
    crc: u32,
    bytes: Vec<u8>,
}

impl Writer {
    fn begin(crc: u32) -> Self {
        let mut writer = Self { crc, bytes: Vec::new() };
        writer.frame(&Record {
            kind: kind::CRC,
            crc,
            data: Vec::new(),
        });
        let identity = Metadata {
            node: 0xa1,
            cluster: 0xc1,
        };
        writer.record(kind::METADATA, &identity.encode_to_vec());
        writer
    }

    fn record(&mut self, kind: i64, data: &[u8]) {
        self.crc = crc32c::crc32c_append(self.crc, data);
        self.frame(&Record {
            kind,
            crc: self.crc,
            data: data.to_vec(),
        });
    }

    fn frame(&mut self, record: &Record) {
        let data = record.encode_to_vec();
        let padding = (8 - data.len() % 8) % 8;
        let mut field = data.len() as u64;
        if padding > 0 {
            field |= (0x80 | padding as u64) << 56;
        }
        self.bytes.extend_from_slice(&field.to_le_bytes());
        self.bytes.extend_from_slice(&data);
        self.bytes.resize(self.bytes.len() + padding, 0);
    }

    fn entry(&mut self, term: u64, index: u64, data: &[u8]) {
        let entry = Entry {
            kind: 0,
            term,
            index,
            data: data.to_vec(),
        };
        self.record(kind::ENTRY, &entry.encode_to_vec());
    }

    fn conf(&mut self, term: u64, index: u64, change: i32, node: u64) {
        let data = ConfChange { kind: change, node }.encode_to_vec();
        let entry = Entry {
            kind: 1,
            term,
            index,
            data,
        };
        self.record(kind::ENTRY, &entry.encode_to_vec());
    }

    fn state(&mut self, term: u64, commit: u64) {
        let state = HardState { term, vote: 1, commit };
        self.record(kind::STATE, &state.encode_to_vec());
    }

    fn with_tail(mut self, zeros: usize) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + zeros, 0);
        self.bytes
    }
}

fn read(segments: &[Vec<u8>], piece: usize) -> Result<Log, Broken> {
    read_from(0, segments, piece)
}

/// The first segment's name says where its entries begin.
fn read_from(index: u64, segments: &[Vec<u8>], piece: usize) -> Result<Log, Broken> {
    let mut reader = Reader::default();
    for (seq, bytes) in segments.iter().enumerate() {
        let name = SegmentName { seq: seq as u64, index };
        reader.open(name, bytes.len() as u64, seq + 1 == segments.len());
        let mut ended = false;
        for part in bytes.chunks(piece) {
            if reader.feed(part)? == Flow::Ended {
                ended = true;
                break;
            }
        }
        if !ended {
            reader.close()?;
        }
    }
    Ok(reader.finish())
}

fn ordinary() -> Writer {
    let mut writer = Writer::begin(0);
    writer.conf(1, 1, 0, 0xa1);
    writer.conf(1, 2, 0, 0xb1);
    writer.conf(1, 3, 3, 0xd1);
    writer.state(2, 3);
    writer.entry(2, 4, b"");
    writer.entry(2, 5, &[0xff; 1500]);
    writer.state(2, 4);
    writer
}

#[test]
fn a_log_tells_how_far_it_goes() {
    for piece in [1, 7, 512, 1 << 20] {
        let log = read(&[ordinary().with_tail(4096)], piece).unwrap();
        assert_eq!(log.identity, Some((0xa1, 0xc1)));
        assert_eq!((log.state.term, log.state.commit), (2, 4));
        assert_eq!(log.last, Some(Position { term: 2, index: 5 }));
        assert_eq!(log.torn, None);
        let voters = log.voters(&Voters::default(), 0, 4).unwrap();
        assert!(voters.voters.contains(&0xa1) && voters.voters.contains(&0xb1) && voters.learners.contains(&0xd1));
        assert!(
            !log.voters(&Voters::default(), 0, 1).unwrap().voters.contains(&0xb1),
            "not yet committed then"
        );
    }
}

#[test]
fn a_term_that_grew_alone_is_no_entry() {
    let mut writer = ordinary();
    for term in 3..22 {
        writer.state(term, 4);
    }
    let log = read(&[writer.with_tail(64)], 100).unwrap();
    assert_eq!((log.state.term, log.last.unwrap().term), (21, 2));
}

#[test]
fn what_is_written_again_replaces_what_stood_there() {
    let mut writer = ordinary();
    writer.conf(2, 6, 1, 0xb1);
    writer.entry(2, 7, b"x");
    writer.entry(3, 6, b"y");
    let log = read(&[writer.with_tail(64)], 100).unwrap();
    assert_eq!(log.last, Some(Position { term: 3, index: 6 }));
    assert!(log.voters(&Voters::default(), 0, 9).unwrap().voters.contains(&0xb1));
}

#[test]
fn a_raft_snapshot_takes_the_place_of_entries() {
    let mut writer = ordinary();
    let record = SnapshotRecord { index: 900, term: 4 };
    writer.record(kind::SNAPSHOT, &record.encode_to_vec());
    let log = read(&[writer.with_tail(0)], 100).unwrap();
    assert_eq!(log.last, Some(Position { term: 4, index: 900 }));
    assert_eq!(log.snapshot, log.last);
    assert_eq!(
        Log {
            first: Some(901),
            ..log
        }
        .voters(&Voters::default(), 0, 9),
        None
    );
}

#[test]
fn the_chain_goes_from_segment_to_segment() {
    let first = ordinary();
    let mut second = Writer::begin(first.crc);
    second.entry(2, 6, b"");
    let log = read(&[first.bytes.clone(), second.bytes.clone()], 100).unwrap();
    assert_eq!(log.last.unwrap().index, 6);
    // From the second alone, as etcd reads after a raft snapshot.
    let alone = &[second.bytes];
    assert_eq!(read_from(6, alone, 100).unwrap().last.unwrap().index, 6);
    let gap = read_from(5, alone, 100).unwrap_err();
    assert!(gap.why.contains("entry 6 stands where entry 5 belongs"), "{gap:?}");
    let foreign = Writer::begin(first.crc ^ 1);
    let broken = read(&[first.bytes.clone(), foreign.bytes], 100).unwrap_err();
    assert!(broken.why.contains("chain of checksums"), "{broken}");
    let mut cut = first.bytes;
    cut.truncate(cut.len() - 3);
    let broken = read(&[cut, Writer::begin(first.crc).bytes], 100).unwrap_err();
    assert_eq!(broken.segment, "0000000000000000-0000000000000000.wal");
}

#[test]
fn a_torn_end_is_normal_and_a_changed_byte_is_not() {
    let whole = ordinary();
    let before = whole.bytes.len();
    let mut writer = whole;
    writer.entry(2, 6, &[7; 4000]);
    let mut bytes = writer.with_tail(8192);
    // The disk wrote the first sectors of it, and then no more.
    bytes[before + 1500..before + 4100].fill(0);
    let log = read(&[bytes], 1000).unwrap();
    assert_eq!(log.last.unwrap().index, 5);
    assert_eq!(
        log.torn,
        Some(("0000000000000000-0000000000000000.wal".to_owned(), before as u64))
    );

    let mut bytes = ordinary().with_tail(4096);
    let place = before - 700;
    bytes[place] ^= 1;
    let broken = read(&[bytes], 1000).unwrap_err();
    assert!(broken.why.contains("checksum"), "{broken}");
    assert!(broken.offset < place as u64);
}

/// Each bit of a record's length, in a file that ends with the zeros that etcd puts there beforehand.
#[test]
fn a_changed_length_is_damage_and_no_torn_end() {
    let mut writer = Writer::begin(0);
    let before = writer.bytes.len();
    writer.entry(1, 1, &[7; 100]);
    writer.entry(1, 2, &[7; 100]);
    let whole = writer.with_tail(8192);
    for bit in 0..56 {
        let mut bytes = whole.clone();
        bytes[before + bit / 8] ^= 1 << (bit % 8);
        let ended = read(&[bytes], 16);
        assert!(ended.is_err(), "bit {bit}: {:?}", ended.unwrap().torn);
    }
}

#[test]
fn keys_of_the_old_api_are_noticed_in_both_forms() {
    let request = |method: &str, path: &str| OldRequest {
        method: method.to_owned(),
        path: path.to_owned(),
    };
    let wrapped = |old| super::message::NewRequest { old: Some(old) }.encode_to_vec();
    let holds = |data: &[u8]| {
        let mut writer = ordinary();
        writer.entry(2, 6, data);
        read(&[writer.with_tail(0)], 100).unwrap().v2_writes
    };
    assert!(holds(&wrapped(request("PUT", "/1/a"))));
    assert!(holds(&request("POST", "/1/a").encode_to_vec()));
    assert!(
        !holds(&wrapped(request("QGET", "/1/"))),
        "a health check writes nothing"
    );
    assert!(
        !holds(&request("PUT", "/0/members/a1/attributes").encode_to_vec()),
        "etcd's own"
    );
    assert!(!holds(b"\x1a\x03abc"));
}

#[test]
fn a_raft_snapshot_is_checked_and_read() {
    let with = |store: &str| {
        let metadata = super::message::RaftSnapshotMetadata {
            conf_state: Some(super::message::ConfState {
                voters: vec![1, 2],
                learners: vec![3],
            }),
            index: 100,
            term: 7,
        };
        let snapshot = super::message::RaftSnapshot {
            data: store.into(),
            metadata: Some(metadata),
        };
        let data = snapshot.encode_to_vec();
        SnapFile {
            crc: crc32c::crc32c(&data),
            data,
        }
        .encode_to_vec()
    };
    let empty = r#"{"Root":{"Path":"/","Children":{"0":{"Children":{"members":{}}},"1":{"Path":"/1","Children":{}}}}}"#;
    let snap = read_snap(&with(empty)).unwrap();
    assert_eq!((snap.at.index, snap.at.term, snap.v2_keys), (100, 7, false));
    assert!(snap.members.voters.contains(&2) && snap.members.learners.contains(&3));
    let full = r#"{"Root":{"Children":{"1":{"Children":{"a":{"Value":"b"}}}}}}"#;
    assert!(read_snap(&with(full)).unwrap().v2_keys);
    let mut changed = with(full);
    let last = changed.len() - 1;
    changed[last] ^= 4;
    assert!(read_snap(&changed).unwrap_err().contains("checksum"));
    assert!(read_snap(&[]).is_err());
}

proptest! {
    #[test]
    fn hostile_bytes_end_in_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..4096), piece in 1_usize..600) {
        let _ = read(&[bytes.clone(), bytes], piece);
    }
}

#[test]
fn no_changed_bit_goes_unnoticed() {
    let whole = read(&[ordinary().with_tail(0)], 333).unwrap();
    let bytes = ordinary().bytes;
    for bit in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        // Padding carries nothing.
        if let Ok(log) = read(&[bytes], 333) {
            assert!(
                log == whole || log.torn.is_some(),
                "byte {}, bit {}: {log:?}",
                bit / 8,
                bit % 8
            );
        }
    }
}
