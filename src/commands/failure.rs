//! Why a command did not do what was asked, and the exit code that says whether the cluster was touched.

use crate::call::{CallError, Fault};

/// The documented exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; healthy.
    Done,
    /// A step failed, changes were made; resumable.
    Failed,
    /// Usage or configuration.
    Usage,
    /// Refused or unreachable; nothing changed by this command.
    Refused,
    /// Declined by the operator; nothing changed.
    Declined,
    /// Stopped after changes began; resumable.
    Stopped,
    /// In doubt: look before acting.
    InDoubt,
    Degraded,
    NoQuorum,
    /// Nothing could be asked.
    Unknown,
    /// A bug in etcdops.
    Bug,
    /// A monitoring plugin's code, 0 to 3.
    Nagios(u8),
}

impl Exit {
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Declined => 4,
            Self::Stopped => 5,
            Self::InDoubt => 6,
            Self::Degraded => 10,
            Self::NoQuorum => 11,
            Self::Unknown => 12,
            Self::Bug => 70,
            Self::Nagios(code) => code,
        }
    }

    /// The one that is told when both happened.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if other.weight() > self.weight() { other } else { self }
    }

    /// 70 > 6 > 1 > 5 > 2, 3, 4 > what a look found.
    const fn weight(self) -> u8 {
        match self {
            Self::Bug => 100,
            Self::InDoubt => 90,
            Self::Failed => 80,
            Self::Stopped => 70,
            Self::Usage => 62,
            Self::Refused => 61,
            Self::Declined => 60,
            Self::NoQuorum => 32,
            Self::Unknown => 31,
            Self::Degraded => 30,
            Self::Nagios(code) => 10 + code,
            Self::Done => 0,
        }
    }
}

/// What `main` prints when a command gives up: one message, its causes, one hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    /// What was tried and did not work, on which host; or what is refused.
    pub what: String,
    /// What came back and what it means, outermost first; none repeats another.
    pub causes: Vec<String>,
    /// The exact next command, or what to do.
    pub hint: Option<String>,
    /// Printed as it is before the message: a mistake in a file with its line and a caret.
    pub exhibit: Option<String>,
}

impl Failure {
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            causes: Vec::new(),
            hint: None,
            exhibit: None,
        }
    }

    /// Wrong usage or configuration (2).
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Refused or unreachable, nothing changed (3).
    pub fn refused(what: impl Into<String>) -> Self {
        Self::new(Exit::Refused, what)
    }

    /// Something that cannot be (70).
    pub fn bug(what: impl Into<String>) -> Self {
        Self::new(Exit::Bug, what)
    }

    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn exhibit(mut self, text: impl Into<String>) -> Self {
        self.exhibit = Some(text.into());
        self
    }

    /// The error with its chain of sources.
    pub fn of(exit: Exit, error: &dyn std::error::Error) -> Self {
        let mut failure = Self::new(exit, error.to_string());
        let mut source = error.source();
        while let Some(inner) = source {
            failure.causes.push(inner.to_string());
            source = inner.source();
        }
        failure
    }
}

impl From<CallError> for Failure {
    /// For looks: nothing was changed. What a run's step met is told by the run itself.
    fn from(error: CallError) -> Self {
        let failure = Self::refused(format!("cannot {} on {}", error.what, error.place)).cause(&error.message);
        match next_step(&error) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

fn next_step(error: &CallError) -> Option<String> {
    let place = &error.place;
    Some(match error.fault {
        Fault::HostKey => format!("connect once by hand to check the host's key: `ssh {place}`"),
        Fault::Sudo => "`-K` asks for the sudo password; or set `ssh: {become: none}` in the inventory".to_owned(),
        Fault::Auth => "check `--user` and `--password-file`, or the ssh user in the inventory".to_owned(),
        Fault::Name => format!("check how `{place}` is spelt in the inventory, and the resolver of this machine"),
        Fault::Tls => "check `--cacert`, `--cert` and `--key`, or `tls:` in the inventory".to_owned(),
        Fault::Connect | Fault::Timeout | Fault::Lost | Fault::Silent => {
            "`etcdops config check` tries every way to every host".to_owned()
        }
        Fault::DiskFull => format!("free space on {place} first"),
        Fault::Refused | Fault::Missing | Fault::Garbage | Fault::Unsupported => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graver_exit_wins() {
        let order = [
            Exit::Bug,
            Exit::InDoubt,
            Exit::Failed,
            Exit::Stopped,
            Exit::Usage,
            Exit::NoQuorum,
            Exit::Done,
        ];
        for (place, graver) in order.iter().enumerate() {
            for milder in &order[place..] {
                assert_eq!(graver.and(*milder), *graver);
                assert_eq!(milder.and(*graver), *graver);
            }
        }
    }

    #[test]
    fn a_call_error_says_what_where_why_and_what_next() {
        let error = CallError::new(Fault::Timeout, "read the member list", "etcd-1", "no answer within 5s");
        let failure = Failure::from(error);
        assert_eq!(failure.exit, Exit::Refused);
        assert_eq!(failure.what, "cannot read the member list on etcd-1");
        assert_eq!(failure.causes, ["no answer within 5s"]);
        assert!(failure.hint.is_some());
    }
}
