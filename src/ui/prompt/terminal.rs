//! The terminal itself: one line from it, in time.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, QueueSelector, tcflush, tcgetattr, tcsetattr};

use super::{NoTerminal, Typed};

/// How often a reader looks whether it is still wanted.
const GLANCE: Duration = Duration::from_millis(100);

const LONGEST_ANSWER: usize = 4096;

/// The terminal, also where stdin is something else.
pub(super) struct Terminal(File);

impl Terminal {
    /// Questions are drawn on stderr: where nobody sees that, nobody is asked.
    pub(super) fn open() -> Result<Self, NoTerminal> {
        if !crate::ui::can_ask() {
            return Err(NoTerminal);
        }
        File::open("/dev/tty").map(Self).map_err(|_| NoTerminal)
    }

    /// What was typed before the question was seen does not answer it.
    pub(super) fn reader(&self, hidden: bool) -> io::Result<Reader> {
        let file = self.0.try_clone()?;
        let _ = tcflush(&file, QueueSelector::IFlush);
        let restore = if hidden {
            let before = tcgetattr(&file)?;
            let mut silent = before.clone();
            silent.local_modes.remove(LocalModes::ECHO);
            tcsetattr(&file, OptionalActions::Now, &silent)?;
            Some(before)
        } else {
            None
        };
        Ok(Reader { file, restore })
    }
}

pub(super) struct Reader {
    pub(super) file: File,
    /// How the terminal was.
    pub(super) restore: Option<rustix::termios::Termios>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(before) = &self.restore {
            let _ = tcsetattr(&self.file, OptionalActions::Now, before);
        }
    }
}

impl Reader {
    /// One line, unless it comes too late or nobody waits for it any more.
    pub(super) fn line(mut self, until: Instant, stop: &AtomicBool) -> Typed {
        let mut line = Vec::new();
        loop {
            if stop.load(Ordering::Relaxed) {
                return Typed::End;
            }
            if Instant::now() >= until {
                return Typed::Late;
            }
            match self.readable() {
                Ok(false) => continue,
                Ok(true) => {}
                Err(_) => return Typed::End,
            }
            let mut buffer = [0; 256];
            let Ok(count) = io::Read::read(&mut self.file, &mut buffer) else {
                return Typed::End;
            };
            line.extend_from_slice(&buffer[..count]);
            if count == 0 || line.len() > LONGEST_ANSWER {
                return Typed::End;
            }
            if line.ends_with(b"\n") {
                let text = String::from_utf8_lossy(&line);
                return Typed::Line(text.trim_end_matches(['\r', '\n']).to_owned());
            }
        }
    }

    fn readable(&self) -> io::Result<bool> {
        let glance = Timespec::try_from(GLANCE).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut wanted = [PollFd::from_borrowed_fd(self.file.as_fd(), PollFlags::IN)];
        match poll(&mut wanted, Some(&glance)) {
            Ok(count) => Ok(count > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
