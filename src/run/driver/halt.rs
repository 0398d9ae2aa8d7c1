//! Why a run stops, and how it ended.

use crate::event::RunOutcome;
use crate::run::journal::JournalError;

/// Why a step could not be carried to an end of its own.
#[derive(Debug)]
pub enum Halt {
    /// The first Ctrl-C: nothing of this call was begun.
    Stop,
    /// The second Ctrl-C, in the middle of a call.
    Now,
    /// A record could not be kept: nothing more may be changed.
    Journal(JournalError),
    /// Something of an earlier life still runs.
    Doubt(String),
    /// Somebody else goes on with this run, or has given it up: not even what was taken is ours to give back.
    Taken(String),
    /// A plan that does not fit its own actions.
    Bug(String),
}

impl From<JournalError> for Halt {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// How a run ended, and the words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    pub outcome: RunOutcome,
    pub text: String,
    /// etcdops itself is at fault.
    pub bug: bool,
}

impl Ending {
    pub fn new(outcome: RunOutcome, text: impl Into<String>) -> Self {
        Self {
            outcome,
            text: text.into(),
            bug: false,
        }
    }
}
