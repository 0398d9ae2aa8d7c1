//! What a run records. The journal is these, one JSON line each; renderers show these and nothing else.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::id::RunId;
use crate::call::host::Life;
use crate::plan::types::Plan;

/// Line 1 of a journal names this; a newer major is refused.
pub const SCHEMA: &str = "etcdops/journal/v1";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// From 1, without gaps, within one journal.
    pub seq: u64,
    pub at: jiff::Timestamp,
    pub kind: EventKind,
}

/// Who runs etcdops, enough to tell whether that process still lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// `user@bastion`.
    pub who: String,
    pub machine: String,
    pub pid: u32,
    pub pid_started: u64,
}

impl Operator {
    /// The process.
    pub fn life(&self) -> Life {
        Life {
            machine: self.machine.clone(),
            pid: self.pid,
            pid_started: self.pid_started,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// First record: the plan, whole.
    Created {
        schema: String,
        plan: Box<Plan>,
        hash: String,
        operator: Operator,
    },
    /// The operator agreed to the plan with this hash, from step `from` on.
    Consented {
        hash: String,
        how: String,
        from: usize,
    },
    /// The hosts' markers are ours.
    Locked {
        hosts: Vec<String>,
        unreachable: Vec<String>,
    },
    StepStarted {
        step: String,
    },
    /// On disk before the call is made. A start without an end is in doubt.
    CallStarted {
        step: String,
        host: Option<String>,
        attempt: u32,
        before: Value,
    },
    CallEnded {
        step: String,
        host: Option<String>,
        end: CallEnd,
    },
    StepEnded {
        step: String,
        outcome: Outcome,
    },
    /// The same run goes on: after a crash, a stop, on another bastion.
    Resumed {
        operator: Operator,
        adopted_from: Option<String>,
    },
    /// What an earlier life took and kept for the steps inside is gone: it is taken again.
    HoldLost {
        step: String,
        host: Option<String>,
        text: String,
    },
    Interrupted {
        how: String,
    },
    /// Said once, for people: left frozen, left fenced, still to do.
    Said {
        text: String,
    },
    Ended {
        outcome: RunOutcome,
        text: String,
    },
    Abandoned {
        operator: Operator,
    },
    /// Shown, never journalled.
    Waiting {
        step: String,
        host: Option<String>,
        text: String,
    },
    /// Shown, never journalled.
    Progress {
        step: String,
        host: Option<String>,
        done: u64,
        total: Option<u64>,
    },
    /// Shown, never journalled: what a command printed.
    Output {
        step: String,
        host: Option<String>,
        line: String,
    },
}

impl EventKind {
    /// Only shown.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Waiting { .. } | Self::Progress { .. } | Self::Output { .. })
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallEnd {
    /// `already`: nothing had to be done.
    Done {
        output: Value,
        already: bool,
    },
    Failed {
        why: String,
        hint: Option<String>,
    },
    /// It may have been carried out; nobody knows.
    InDoubt {
        why: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Done,
    Failed,
    InDoubt,
}

/// How a run stands at its end, or why it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    Done,
    /// Done, but something taken could not be given back.
    DoneUncleanly,
    Failed,
    InDoubt,
    /// Stopped by the operator or by a time-out, resumable.
    Stopped,
    /// Refused before any change.
    Refused,
}

/// Shows events. Failing to show never stops a run.
pub trait Renderer: Send {
    fn show(&mut self, event: &Event);
}

/// The short name of a run in texts.
pub fn short(run: &RunId) -> String {
    run.to_string()
}
