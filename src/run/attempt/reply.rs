//! What comes back from a call: its progress, its end, and what to do about a failure.

use std::sync::PoisonError;

use super::Attempt;
use crate::call::host::{HostAnswer, HostOp, RunOutput};
use crate::call::{Call, CallError, Fault, Reply, To, Watch};
use crate::event::EventKind;

impl Watch for Attempt<'_, '_, '_> {
    fn bytes(&self, done: u64, total: Option<u64>) {
        if !self.is_news(done, total) {
            return;
        }
        let (step, host) = (self.step.path.clone(), self.call.host.clone());
        self.driver.recorder.show(EventKind::Progress {
            step,
            host,
            done,
            total,
        });
    }

    fn line(&self, text: &str) {
        let (step, host) = (self.step.path.clone(), self.call.host.clone());
        self.driver.recorder.show(EventKind::Output {
            step,
            host,
            line: text.to_owned(),
        });
    }
}

/// How often progress is told, unless it is the end.
const BETWEEN_NEWS: jiff::SignedDuration = jiff::SignedDuration::from_millis(200);

impl Attempt<'_, '_, '_> {
    fn is_news(&self, done: u64, total: Option<u64>) -> bool {
        let now = self.driver.transport.now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let news = total == Some(done) || told.is_none_or(|told| now.duration_since(told) >= BETWEEN_NEWS);
        if news {
            *told = Some(now);
        }
        news
    }
}

/// A command that ran and said no is a refusal.
pub(super) fn checked(
    reply: Result<Reply, CallError>,
    call: &Call,
    what: &str,
    place: &str,
) -> Result<Reply, CallError> {
    match (reply?, &call.to) {
        (
            Reply::Host(HostAnswer::Ran(ran)),
            To::Host {
                op: HostOp::Run { .. }, ..
            },
        ) if ran.code != 0 => Err(CallError::new(Fault::Refused, what, place, ended_with(&ran))),
        (Reply::Ran(ran), To::Bastion { .. }) if ran.code != 0 => {
            Err(CallError::new(Fault::Refused, what, "this machine", ended_with(&ran)))
        }
        (reply, _) => Ok(reply),
    }
}

fn ended_with(ran: &RunOutput) -> String {
    let last = ran.stderr.lines().last().unwrap_or_default();
    format!("the command ended with status {}: {last}", ran.code)
}

/// What to do where the other side is not reached, or its answer is not understood.
pub(super) const FIND_OUT: &str = "find out why (etcdops config check), then: etcdops resume";

/// What to do about a failure, by its kind.
pub(super) fn hint(error: &CallError) -> Option<String> {
    let text = match error.fault {
        Fault::Sudo => "give the ssh user sudo on the host, or let etcdops ask for the password: -K",
        Fault::HostKey => "check the host's key, then add it to known_hosts: ssh HOST",
        Fault::Name | Fault::Connect | Fault::Timeout | Fault::Tls => FIND_OUT,
        Fault::DiskFull => "make room on the host, then: etcdops resume",
        Fault::Auth => "check --user and --password-file, or the ssh key",
        _ => return None,
    };
    Some(text.to_owned())
}
