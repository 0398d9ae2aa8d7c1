use super::*;
use crate::call::{CallError, EtcdAnswer};

/// A member that tells its status and follows a leader, with this answer to a read.
fn standing(read: Option<Result<EtcdAnswer, CallError>>) -> (Standing, Option<String>) {
    let status = StatusAnswer {
        leader: Some(Id(1)),
        ..StatusAnswer::default()
    };
    let endpoint = EndpointAnswers {
        status: Some(Ok((status, 1.0))),
        read,
        ..EndpointAnswers::new("http://etcd-1:2379", true, None)
    };
    let row = fill(&endpoint);
    (row.standing, row.cause.map(|cause| cause.message))
}

#[test]
fn a_member_that_answers_no_read_through_the_quorum_is_not_healthy() {
    let failed = |fault| {
        Err(CallError::new(
            fault,
            "read",
            "http://etcd-1:2379",
            "no answer within 2 s",
        ))
    };
    for fault in [Fault::Silent, Fault::Timeout] {
        let (standing, cause) = standing(Some(failed(fault)));
        assert_eq!(standing, Standing::Unhealthy);
        assert_eq!(
            cause.as_deref(),
            Some("it tells its status, but answers no read through the quorum (no answer within 2 s)")
        );
    }
    // A learner refuses reads, and a user may have no right to any: that is no illness.
    for read in [
        Some(failed(Fault::Refused)),
        Some(failed(Fault::Auth)),
        Some(Ok(EtcdAnswer::ReadDenied { why: String::new() })),
        None,
    ] {
        assert_eq!(standing(read), (Standing::Healthy, None));
    }
}
