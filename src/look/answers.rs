//! What each endpoint answered, as collected by a survey: data only.

use std::collections::BTreeMap;

use crate::call::etcd::StatusAnswer;
use crate::call::host::ServiceSeen;
use crate::call::{CallError, EtcdAnswer, HttpAnswer};
use crate::cluster::member::{Id, Member};

/// A question to one endpoint, or about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Question {
    Status,
    Members,
    /// A linearizable read.
    Read,
    /// GET /version on the client port: needs no credentials.
    Version,
    /// GET /readyz on the client port: proves quorum without credentials.
    Ready,
    /// GET /version on the peer port.
    PeerVersion,
    /// GET /members on the peer port.
    PeerMembers,
    /// HEAD /metrics on the metrics listener, which does not wait for a quorum.
    Metrics,
    /// GET /v2/keys, a plain read.
    OldKeys,
    /// The unit, through the host's shell.
    Service,
}

/// One client URL that was asked, with all that came back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointAnswers {
    pub url: String,
    /// The operator named it; otherwise it comes from the member list or a host's `client_url`.
    pub configured: bool,
    /// The member that the list says is behind this URL.
    pub expected: Option<Id>,
    /// With the time that it took, in milliseconds.
    pub status: Option<Result<(StatusAnswer, f64), CallError>>,
    pub members: Option<Result<(Id, Vec<Member>), CallError>>,
    pub read: Option<Result<EtcdAnswer, CallError>>,
    pub version: Option<Result<HttpAnswer, CallError>>,
    pub ready: Option<Result<HttpAnswer, CallError>>,
    pub peer_version: Option<Result<HttpAnswer, CallError>>,
    pub peer_members: Option<Result<HttpAnswer, CallError>>,
    pub metrics: Option<Result<HttpAnswer, CallError>>,
    pub old_keys: Option<Result<HttpAnswer, CallError>>,
}

impl EndpointAnswers {
    pub fn new(url: &str, configured: bool, expected: Option<Id>) -> Self {
        Self {
            url: url.to_owned(),
            configured,
            expected,
            ..Self::default()
        }
    }

    pub fn status_ok(&self) -> Option<&StatusAnswer> {
        match &self.status {
            Some(Ok((status, _))) => Some(status),
            _ => None,
        }
    }

    pub fn status_error(&self) -> Option<&CallError> {
        match &self.status {
            Some(Err(error)) => Some(error),
            _ => None,
        }
    }

    /// The read went through the quorum.
    pub fn proves_quorum(&self) -> bool {
        matches!(
            self.read,
            Some(Ok(EtcdAnswer::Read { .. } | EtcdAnswer::ReadDenied { .. }))
        ) || matches!(&self.ready, Some(Ok(answer)) if answer.status == 200)
    }
}

/// Everything that a survey collected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    pub endpoints: Vec<EndpointAnswers>,
    pub services: BTreeMap<String, Result<ServiceSeen, CallError>>,
}
