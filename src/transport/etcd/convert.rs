//! etcd's messages as our values; what a version does not have becomes `None`.

use etcd_client::{GetResponse, HashKvResponse, MemberAddResponse, MemberListResponse, ResponseHeader, StatusResponse};

use crate::call::EtcdAnswer;
use crate::call::etcd::StatusAnswer;
use crate::cluster::member::{Id, Member};
use crate::cluster::version::Version;
use crate::transport::dial::{SharedNotes, with_notes};

/// A count or size that etcd sends signed and that is never negative.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn header(header: Option<&ResponseHeader>) -> (u64, u64, u64) {
    header.map_or((0, 0, 0), |header| {
        (header.cluster_id(), header.member_id(), unsigned(header.revision()))
    })
}

/// 3.4 added size in use, applied index, errors and learners; 3.6 the quota (etcd-facts: gRPC surface).
pub(super) fn status(answer: &StatusResponse, notes: &SharedNotes) -> EtcdAnswer {
    let (cluster_id, member_id, revision) = header(answer.header());
    let version: Option<Version> = answer.version().parse().ok();
    let since = |minor| version.is_some_and(|version| version >= Version::new(3, minor, 0));
    EtcdAnswer::Status(StatusAnswer {
        cluster_id,
        member_id,
        version,
        db_size: unsigned(answer.db_size()),
        db_size_in_use: since(4).then(|| unsigned(answer.raft_used_db_size())),
        db_quota: Some(unsigned(answer.db_size_quota())).filter(|quota| since(6) && *quota > 0),
        leader: Some(answer.leader()).filter(|leader| *leader != 0).map(Id),
        raft_term: answer.raft_term(),
        raft_index: answer.raft_index(),
        raft_applied_index: since(4).then(|| answer.raft_applied_index()),
        learner: answer.is_learner(),
        errors: since(4).then(|| answer.errors().to_vec()),
        revision,
        certificate_not_after: with_notes(notes, |notes| notes.certificate_not_after),
    })
}

fn member(member: &etcd_client::Member) -> Member {
    Member {
        id: Id(member.id()),
        name: member.name().to_owned(),
        peer_urls: member.peer_urls().to_vec(),
        client_urls: member.client_urls().to_vec(),
        learner: member.is_learner(),
    }
}

pub(super) fn members(answer: &MemberListResponse) -> EtcdAnswer {
    EtcdAnswer::Members {
        cluster_id: Id(header(answer.header()).0),
        members: answer.members().iter().map(member).collect(),
    }
}

pub(super) fn added(answer: &MemberAddResponse) -> EtcdAnswer {
    EtcdAnswer::Added {
        id: Id(answer.member().map_or(0, etcd_client::Member::id)),
        members: answer.member_list().iter().map(member).collect(),
    }
}

pub(super) fn read(answer: &GetResponse) -> EtcdAnswer {
    let (cluster_id, member_id, revision) = header(answer.header());
    EtcdAnswer::Read {
        cluster_id: Id(cluster_id),
        member_id: Id(member_id),
        revision,
    }
}

pub(super) fn count(answer: &GetResponse) -> EtcdAnswer {
    EtcdAnswer::Counted {
        keys: unsigned(answer.count()),
    }
}

pub(super) fn hash(answer: &HashKvResponse) -> EtcdAnswer {
    EtcdAnswer::Hash {
        hash: answer.hash(),
        revision: header(answer.header()).2,
        compacted: unsigned(answer.compact_version()),
    }
}
