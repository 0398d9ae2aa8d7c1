//! The processes of the playground: known by process number and start time, never by name.

use std::fs;
use std::io;
use std::path::Path;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

/// A process as the `pid` file of a host's folder names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) pid: u32,
    /// Clock ticks between boot and the start of the process: a process number that is used again has another.
    pub(super) started: u64,
}

/// What the `pid` file says, if it says anything that makes sense.
pub(super) fn recorded(folder: &Path) -> Option<Recorded> {
    parse(&fs::read_to_string(folder.join("pid")).ok()?)
}

/// The processes that wait in a host's folder to undo something later: each the leader of its own group.
pub(super) fn waiting(folder: &Path) -> Vec<Recorded> {
    let Ok(entries) = fs::read_dir(folder.join("state")) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".lease.pid"))
        .filter_map(|entry| parse(&fs::read_to_string(entry.path()).ok()?))
        .filter(|process| process.alive())
        .collect()
}

fn parse(text: &str) -> Option<Recorded> {
    let mut words = text.split_whitespace();
    let recorded = Recorded {
        pid: words.next()?.parse().ok()?,
        started: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(recorded)
}

impl Recorded {
    /// Whether this very process runs. One that has ended and is not yet collected by its parent does not.
    pub(super) fn alive(self) -> bool {
        fs::read_to_string(format!("/proc/{}/stat", self.pid)).is_ok_and(|stat| is_alive(&stat, self.started))
    }

    /// Ends this process and all of its group, if it still runs.
    pub(super) fn end_group(self) {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw)
            && self.alive()
        {
            // It may have ended in between, which is what is wanted.
            let _ = kill_process_group(pid, Signal::TERM);
        }
    }

    /// Signals this very process. `false`: it has ended already.
    ///
    /// The handle is taken before the start time is checked, so the signal cannot reach a later process with the same
    /// number.
    pub(super) fn signal(self, signal: Signal) -> io::Result<bool> {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else {
            return Ok(false);
        };
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => handle,
            Err(rustix::io::Errno::SRCH) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        if !self.alive() {
            return Ok(false);
        }
        match pidfd_send_signal(&handle, signal) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads `/proc/PID/stat`: state is the third field, the number of threads the 20th, start time the 22nd; the second may
/// hold blanks and brackets. While other threads still end, the first one is a zombie already and the files are open.
fn is_alive(stat: &str, started: u64) -> bool {
    let Some((_, rest)) = stat.rsplit_once(')') else {
        return false;
    };
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
    let ended = matches!(fields.first(), Some(&("Z" | "X")) | None) && number(17).is_none_or(|threads| threads <= 1);
    !ended && number(19) == Some(started)
}

/// Processes, as far as we may look, that have something below `folder` open.
pub(super) fn holders(folder: &Path) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let own = std::process::id();
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != own && holds(*pid, folder))
        .collect()
}

fn holds(pid: u32, folder: &Path) -> bool {
    fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|files| {
        files
            .flatten()
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|target| target.starts_with(folder))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn own() -> Recorded {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let rest = stat.rsplit_once(')').unwrap().1;
        Recorded {
            pid: std::process::id(),
            started: rest.split_whitespace().nth(19).unwrap().parse().unwrap(),
        }
    }

    #[test]
    fn only_the_very_process_is_alive() {
        let own = own();
        assert!(own.alive());
        let other = Recorded {
            started: own.started + 1,
            ..own
        };
        assert!(!other.alive());
        assert!(!other.signal(Signal::TERM).unwrap(), "a reused number is not signalled");
        let nobody = Recorded { pid: 0, started: 1 };
        assert!(!nobody.alive() && !nobody.signal(Signal::TERM).unwrap());
    }

    #[test]
    fn an_ended_process_and_odd_names_are_read_right() {
        let fields = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20";
        assert!(is_alive(&format!("7 (a ) b) S {fields}"), 4242));
        assert!(
            is_alive(&format!("7 (etcd) Z {fields}"), 4242),
            "other threads still end"
        );
        let last = fields.replace(" 17 18 ", " 1 18 ");
        assert!(!is_alive(&format!("7 (etcd) Z {last}"), 4242));
        assert!(!is_alive(&format!("7 (etcd) S {fields}"), 4243));
        assert!(!is_alive("", 0));
    }

    #[test]
    fn a_pid_file_that_makes_no_sense_is_none() {
        assert_eq!(parse("12 34\n"), Some(Recorded { pid: 12, started: 34 }));
        for text in ["", "12", "x 3", "1 2 3", "-1 2"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn our_own_open_files_do_not_count() {
        let root = tempfile::tempdir().unwrap();
        let _open = File::create(root.path().join("db")).unwrap();
        assert_eq!(holders(root.path()), Vec::<u32>::new());
    }
}
