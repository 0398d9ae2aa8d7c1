//! What etcd's errors mean: one table of code and message, and the connection's notes for everything below it.

use std::error::Error as _;

use etcd_client::Error;
use tonic::{Code, Status};

use super::link::Link;
use crate::call::{CallError, EtcdAnswer, EtcdOp, Fault};
use crate::transport::dial::{DialError, SharedNotes, Stage, with_notes};

/// A row: `None` stands for any code; the text is looked for in etcd's message.
struct Row(Option<Code>, &'static str, Fault, &'static str);

/// The first row that fits counts. The explanation, where there is one, follows etcd's own words.
const TABLE: &[Row] = &[
    Row(
        Some(Code::Unauthenticated),
        "invalid auth token",
        Fault::Auth,
        "the log-in has expired",
    ),
    Row(
        None,
        "user name is empty",
        Fault::Auth,
        "etcd wants a user: give `--user` and a password, or a client certificate whose common name is a user",
    ),
    Row(
        None,
        "invalid user ID or password",
        Fault::Auth,
        "wrong user name or password",
    ),
    Row(
        None,
        "user name not found",
        Fault::Auth,
        "the client certificate's common name is no user of etcd",
    ),
    Row(
        None,
        "auth: user not found",
        Fault::Auth,
        "the client certificate's common name is no user of etcd",
    ),
    Row(None, "permission denied", Fault::Auth, "this user may not do that"),
    Row(Some(Code::Unauthenticated), "", Fault::Auth, ""),
    Row(
        None,
        "etcdserver: request timed out",
        Fault::Timeout,
        "etcd itself waited for the quorum in vain",
    ),
    Row(None, "etcdserver: no leader", Fault::Refused, "no quorum right now"),
    Row(None, "leader changed", Fault::Lost, "it may have been carried out"),
    Row(None, "server stopped", Fault::Lost, "it may have been carried out"),
    Row(None, "member not found", Fault::Missing, ""),
    Row(
        None,
        "database space exceeded",
        Fault::Refused,
        "alarm NOSPACE: etcd accepts no writes",
    ),
    Row(None, "not supported for learner", Fault::Refused, ""),
    Row(
        None,
        "grpc-status header missing",
        Fault::Garbage,
        "an HTTP server answers here that is no etcd",
    ),
    Row(
        None,
        "protocol error: received message with invalid compression flag",
        Fault::Garbage,
        "no etcd answers here",
    ),
    Row(
        Some(Code::Unimplemented),
        "",
        Fault::Missing,
        "this etcd does not know the call",
    ),
    Row(Some(Code::NotFound), "", Fault::Missing, ""),
    Row(Some(Code::DeadlineExceeded), "", Fault::Timeout, ""),
    Row(Some(Code::Cancelled), "", Fault::Timeout, ""),
    Row(Some(Code::DataLoss), "", Fault::Garbage, ""),
];

/// The error of a call, or the answer that it really is: a read that was denied after it went through the quorum.
pub(super) fn classify(error: &Error, op: &EtcdOp, what: &str, link: &Link) -> Result<EtcdAnswer, CallError> {
    let (fault, message) = meaning(error, &link.notes);
    if *op == EtcdOp::LinearizableRead && denied_after_quorum(error) {
        return Ok(EtcdAnswer::ReadDenied { why: message });
    }
    Err(CallError::new(fault, what, &link.endpoint, message))
}

/// etcd confirms a linearizable read with the quorum first and looks at permissions afterwards (run 3.3 to 3.7).
fn denied_after_quorum(error: &Error) -> bool {
    let Error::GRpcStatus(status) = error else { return false };
    let denied = match status.code() {
        Code::PermissionDenied => status.message().contains("permission denied"),
        Code::InvalidArgument => status.message().contains("user name is empty"),
        _ => false,
    };
    denied && status.source().is_none()
}

pub(super) fn token_expired(error: &CallError) -> bool {
    error.fault == Fault::Auth && error.message.contains("invalid auth token")
}

/// A learner was asked for what it does not do.
pub(super) fn of_learner(error: &CallError) -> bool {
    error.message.contains("rpc not supported for learner")
}

/// A password was given, but the cluster has no auth: nothing to log in to.
pub(super) fn auth_is_off(error: &Error) -> bool {
    matches!(error, Error::GRpcStatus(status) if status.message().contains("authentication is not enabled"))
}

pub(super) fn login_failure(error: &Error, what: &str, link: &Link) -> CallError {
    let (fault, message) = meaning(error, &link.notes);
    let message = if fault == Fault::Timeout {
        format!("the log-in was not answered ({message}); a log-in with a password needs the quorum")
    } else {
        format!("log-in failed: {message}")
    };
    let mut error = CallError::new(fault, what, &link.endpoint, message);
    // The call itself was never sent.
    error.maybe_done = false;
    error
}

fn meaning(error: &Error, notes: &SharedNotes) -> (Fault, String) {
    match error {
        Error::GRpcStatus(status) => status_meaning(status, notes),
        Error::TransportError(error) => {
            let dial = dial_error(error);
            dial.map_or_else(|| broken(&chain(error), notes), |dial| (dial.fault, dial.message))
        }
        other => (Fault::Garbage, other.to_string()),
    }
}

fn status_meaning(status: &Status, notes: &SharedNotes) -> (Fault, String) {
    if let Some(dial) = status.source().and_then(dial_error) {
        return (dial.fault, dial.message);
    }
    let text = status.message();
    // In the middle of a stream the library hands on the innards of its error as text.
    if status.source().is_some() || text.contains("hyper::Error") {
        return broken(&chain(status), notes);
    }
    let row = TABLE
        .iter()
        .find(|Row(code, part, ..)| code.is_none_or(|code| code == status.code()) && text.contains(part));
    match row {
        Some(Row(_, _, fault, "")) => (*fault, said(status)),
        Some(Row(_, _, fault, why)) => (*fault, format!("{} ({why})", said(status))),
        None => (Fault::Refused, said(status)),
    }
}

/// etcd's words, or at least the code's.
fn said(status: &Status) -> String {
    if status.message().is_empty() {
        status.code().description().to_owned()
    } else {
        status.message().to_owned()
    }
}

fn dial_error(error: &(dyn std::error::Error + 'static)) -> Option<DialError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(dial) = error.downcast_ref::<DialError>() {
            return Some(dial.clone());
        }
        next = error.source();
    }
    None
}

/// All texts from the outermost error to the root.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}

/// A connection that was made and then broke: what came over it tells why.
fn broken(text: &str, notes: &SharedNotes) -> (Fault, String) {
    let (stage, first, broke) = with_notes(notes, |notes| {
        (notes.stage, notes.first_bytes.clone(), notes.broke.clone())
    });
    if let Some(broke) = broke {
        return (broke.fault, broke.message);
    }
    if text.contains("KeepAliveTimedOut") || text.contains("keep-alive timed out") {
        return (Fault::Timeout, "connected, but it no longer answers".to_owned());
    }
    if stage == Stage::Accepted {
        if first.is_empty() {
            return (Fault::Lost, "it closed the connection without a word".to_owned());
        }
        if let Some(found) = foreign(&first) {
            return found;
        }
    }
    if stage == Stage::Secured && text.contains("FRAME_SIZE") {
        return (
            Fault::Garbage,
            "what answers here speaks TLS, but is no etcd".to_owned(),
        );
    }
    if text.contains("stream closed because of a broken pipe") {
        return (
            Fault::Lost,
            "the connection broke in the middle, or nothing came over it any more".to_owned(),
        );
    }
    (Fault::Lost, format!("the connection broke: {text}"))
}

/// The first bytes on a plain connection that are no HTTP/2.
pub(in crate::transport) fn foreign(first: &[u8]) -> Option<(Fault, String)> {
    match first {
        // A TLS alert or handshake record.
        [0x15 | 0x16, 0x03, ..] => Some((Fault::Tls, "this port speaks TLS: write https://".to_owned())),
        [b'H', b'T', b'T', b'P', b'/', b'1', ..] => Some((
            Fault::Garbage,
            "an HTTP/1 server answers here: no etcd, or etcd behind https://".to_owned(),
        )),
        // An empty or small SETTINGS frame is how HTTP/2 begins.
        [0, 0, _, 4, ..] => None,
        _ => Some((Fault::Garbage, "what answers here is no etcd".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: Code, text: &str) -> (Fault, String) {
        status_meaning(&Status::new(code, text), &SharedNotes::default())
    }

    #[test]
    fn etcds_words_are_sorted_by_one_table() {
        for (code, text, fault) in [
            (Code::Unauthenticated, "etcdserver: invalid auth token", Fault::Auth),
            (Code::InvalidArgument, "etcdserver: user name is empty", Fault::Auth),
            (Code::Unknown, "auth: user name is empty", Fault::Auth),
            (Code::PermissionDenied, "etcdserver: permission denied", Fault::Auth),
            (Code::Unavailable, "etcdserver: request timed out", Fault::Timeout),
            (Code::Unavailable, "etcdserver: unhealthy cluster", Fault::Refused),
            (
                Code::FailedPrecondition,
                "etcdserver: Peer URLs already exists",
                Fault::Refused,
            ),
            (Code::NotFound, "etcdserver: member not found", Fault::Missing),
            (Code::Unimplemented, "unknown method AuthStatus", Fault::Missing),
            (Code::Unavailable, "etcdserver: leader changed", Fault::Lost),
        ] {
            assert_eq!(of(code, text).0, fault, "{code:?} {text}");
        }
        assert!(of(Code::Unknown, "").1.contains("nknown"));
    }

    #[test]
    fn a_denied_read_proves_the_quorum() {
        let denied = |code, text: &str| denied_after_quorum(&Error::GRpcStatus(Status::new(code, text)));
        assert!(denied(Code::PermissionDenied, "etcdserver: permission denied"));
        assert!(denied(Code::InvalidArgument, "etcdserver: user name is empty"));
        assert!(!denied(Code::Unavailable, "etcdserver: request timed out"));
        assert!(!denied(Code::Unauthenticated, "etcdserver: invalid auth token"));
    }

    #[test]
    fn the_first_bytes_tell_who_answers() {
        assert_eq!(foreign(&[0x15, 3, 1]).unwrap().0, Fault::Tls);
        assert_eq!(foreign(b"HTTP/1.0").unwrap().0, Fault::Garbage);
        assert_eq!(foreign(b"SSH-2.0-").unwrap().0, Fault::Garbage);
        assert!(foreign(&[0, 0, 6, 4, 0]).is_none());
    }
}
