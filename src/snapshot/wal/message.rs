//! The messages in a log and in a raft snapshot, as far as they matter here (etcd's `walpb`, `raftpb`, `snappb`, `etcdserverpb`).

/// One record of the log.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Record {
    #[prost(int64, tag = "1")]
    pub(super) kind: i64,
    #[prost(uint32, tag = "2")]
    pub(super) crc: u32,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) data: Vec<u8>,
}

impl Record {
    /// Bytes of the whole record, as its first fields have it. `None`: they are not all there.
    pub(super) fn length(mut head: &[u8]) -> Option<u64> {
        const TAGS: [u8; 3] = [1 << 3, 2 << 3, 3 << 3 | 2];
        let all = head.len();
        let mut value = 0;
        for tag in TAGS {
            head = head.strip_prefix(&[tag])?;
            value = prost::encoding::decode_varint(&mut head).ok()?;
        }
        value.checked_add((all - head.len()) as u64)
    }
}

pub(super) mod kind {
    pub(in super::super) const METADATA: i64 = 1;
    pub(in super::super) const ENTRY: i64 = 2;
    pub(in super::super) const STATE: i64 = 3;
    pub(in super::super) const CRC: i64 = 4;
    pub(in super::super) const SNAPSHOT: i64 = 5;
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Metadata {
    #[prost(uint64, tag = "1")]
    pub(super) node: u64,
    #[prost(uint64, tag = "2")]
    pub(super) cluster: u64,
}

/// What raft promised: never to fall behind it.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct HardState {
    #[prost(uint64, tag = "1")]
    pub term: u64,
    #[prost(uint64, tag = "2")]
    pub vote: u64,
    #[prost(uint64, tag = "3")]
    pub commit: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Entry {
    #[prost(int32, tag = "1")]
    pub(super) kind: i32,
    #[prost(uint64, tag = "2")]
    pub(super) term: u64,
    #[prost(uint64, tag = "3")]
    pub(super) index: u64,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) data: Vec<u8>,
}

/// `Entry.kind` of a change of membership.
pub(super) const ENTRY_CONF_CHANGE: i32 = 1;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ConfChange {
    #[prost(int32, tag = "2")]
    pub(super) kind: i32,
    #[prost(uint64, tag = "3")]
    pub(super) node: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ConfState {
    #[prost(uint64, repeated, tag = "1")]
    pub(super) voters: Vec<u64>,
    #[prost(uint64, repeated, tag = "2")]
    pub(super) learners: Vec<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SnapshotRecord {
    #[prost(uint64, tag = "1")]
    pub(super) index: u64,
    #[prost(uint64, tag = "2")]
    pub(super) term: u64,
}

/// The outer form of a `.snap` file.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SnapFile {
    #[prost(uint32, tag = "1")]
    pub(super) crc: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) data: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RaftSnapshot {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) data: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<RaftSnapshotMetadata>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RaftSnapshotMetadata {
    #[prost(message, optional, tag = "1")]
    pub(super) conf_state: Option<ConfState>,
    #[prost(uint64, tag = "2")]
    pub(super) index: u64,
    #[prost(uint64, tag = "3")]
    pub(super) term: u64,
}

/// A request of the v2 API: inside an entry of 3.x, or as the entry itself.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OldRequest {
    #[prost(string, tag = "2")]
    pub(super) method: String,
    #[prost(string, tag = "3")]
    pub(super) path: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct NewRequest {
    #[prost(message, optional, tag = "2")]
    pub(super) old: Option<OldRequest>,
}
