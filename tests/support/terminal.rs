//! A program on a terminal of its own: what it shows is waited for, and answered.

use std::process::Command;
use std::time::{Duration, Instant};

use expectrl::session::OsSession;
use expectrl::{Captures, Expect, Needle, Session};

/// The machine may be busy with the hosts of other tests.
const PATIENCE: Duration = Duration::from_mins(3);
/// Looking for text without a pause would keep one core busy.
const PAUSE: Duration = Duration::from_millis(10);

pub struct Terminal(OsSession);

impl Terminal {
    pub fn of(command: Command) -> Self {
        Self(Session::spawn(command).unwrap())
    }

    pub fn with_columns(command: Command, columns: u16) -> Self {
        let mut terminal = Self::of(command);
        terminal.0.get_process_mut().set_window_size(columns, 40).unwrap();
        terminal
    }

    /// Waits for this text; gives what came before it.
    #[track_caller]
    pub fn sees(&mut self, text: &str) -> String {
        match self.found(text) {
            Ok(found) => String::from_utf8_lossy(found.before()).into_owned(),
            Err(error) => panic!("`{text}` never came: {error}"),
        }
    }

    pub fn types(&mut self, text: &str) {
        self.0.send(text).unwrap();
    }

    /// Waits for a shell's `echo "code=$?."`; gives what came before it.
    #[track_caller]
    pub fn ends(mut self, code: u8) -> String {
        self.sees(&format!("code={code}."))
    }

    /// Everything that comes until the program closes the terminal.
    #[track_caller]
    pub fn rest(mut self) -> String {
        let found = self.found(expectrl::Eof).expect("the program ends");
        String::from_utf8_lossy(found.as_bytes()).into_owned()
    }

    fn found(&mut self, needle: impl Needle) -> Result<Captures, expectrl::Error> {
        let begun = Instant::now();
        loop {
            let found = self.0.check(&needle)?;
            if !found.is_empty() {
                return Ok(found);
            }
            if begun.elapsed() > PATIENCE {
                return Err(expectrl::Error::ExpectTimeout);
            }
            std::thread::sleep(PAUSE);
        }
    }
}
