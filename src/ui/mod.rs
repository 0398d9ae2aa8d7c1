//! The only printer: data on stdout, talk on stderr, readable without colour, never a panic because a reader went away.

pub mod backups_view;
pub mod error_view;
pub mod health_view;
pub mod json;
pub mod json_events;
pub mod lines;
pub mod live;
pub mod paint;
pub mod plan_view;
pub mod prompt;
pub mod recover_view;
pub mod runbook_view;
pub mod runs_view;
#[cfg(test)]
mod sample;
pub mod screen;
pub mod table;
pub mod text;

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use paint::Paint;
use screen::{ColorWhen, Screen};

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One document, or one event per line.
    Json,
    /// One line with performance data, and a plugin's exit codes.
    Nagios,
}

/// How much is said, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    pub format: Format,
    pub color: ColorWhen,
    /// Only errors and data.
    pub quiet: bool,
    /// 0: the usual; 1: what is asked of whom; 2: what came back.
    pub verbose: u8,
}

/// Where everything is printed. Shared: renderers, prompts and commands hold the same one.
pub struct Ui {
    pub manner: Manner,
    /// The terminal, or what stands in for it.
    pub screen: Screen,
    streams: Mutex<Streams>,
}

struct Streams {
    data: Box<dyn Write + Send>,
    talk: Box<dyn Write + Send>,
    /// The reader of stdout has gone away: nothing more is written there, and that is no error.
    data_closed: bool,
    /// What stands on the last line of the terminal and is cleared before anything else is printed.
    status: Option<String>,
}

impl Ui {
    /// On this process's own streams.
    pub fn new(manner: Manner) -> Arc<Self> {
        let screen = Screen::detect(manner.color);
        Arc::new(Self::with(
            manner,
            screen,
            Box::new(std::io::stdout()),
            Box::new(std::io::stderr()),
        ))
    }

    fn with(manner: Manner, screen: Screen, data: Box<dyn Write + Send>, talk: Box<dyn Write + Send>) -> Self {
        Self {
            manner,
            screen,
            streams: Mutex::new(Streams {
                data,
                talk,
                data_closed: false,
                status: None,
            }),
        }
    }

    /// For tests: both streams are kept in memory.
    pub fn captured(manner: Manner, screen: Screen) -> (Arc<Self>, Captured) {
        let captured = Captured::default();
        let data = Box::new(captured.data.clone());
        let talk = Box::new(captured.talk.clone());
        (Arc::new(Self::with(manner, screen, data, talk)), captured)
    }

    /// Results: stdout, ended with a line feed. A reader that went away is no error.
    pub fn data(&self, text: &str) {
        let mut streams = self.streams();
        streams.clear_status();
        if !streams.data_closed && write_line(&mut streams.data, text).is_err() {
            streams.data_closed = true;
        }
        streams.draw_status();
    }

    /// Nobody reads stdout any more; endless output (`--watch`, `--follow`) ends then.
    pub fn data_closed(&self) -> bool {
        self.streams().data_closed
    }

    /// For people: stderr; silent with `--quiet`.
    pub fn say(&self, text: &str) {
        if !self.manner.quiet {
            self.talk(text);
        }
    }

    /// Something that the operator should know, also with `--quiet`.
    pub fn warn(&self, text: &str) {
        let head = self.paint_talk().yellow("warning:");
        self.talk(&self.wrap_talk(&format!("{head} "), text));
    }

    /// What to type or do next.
    pub fn hint(&self, text: &str) {
        let head = self.paint_talk().cyan("hint:");
        self.say(&self.wrap_talk(&format!("{head} "), text));
    }

    /// Only with `-v`.
    pub fn detail(&self, text: &str) {
        if self.manner.verbose > 0 {
            self.talk(text);
        }
    }

    /// Errors: stderr, also with `--quiet`.
    pub fn talk(&self, text: &str) {
        let mut streams = self.streams();
        streams.clear_status();
        // Nobody is left to be told that stderr is gone.
        let _ = write_line(&mut streams.talk, text);
        streams.draw_status();
    }

    /// What stands before the cursor of a question; no line feed, no status line behind it.
    pub(crate) fn ask(&self, text: &str) {
        let mut streams = self.streams();
        streams.clear_status();
        streams.status = None;
        let _ = streams.talk.write_all(text.as_bytes());
        let _ = streams.talk.flush();
    }

    /// Sets or clears the one line at the bottom of the terminal. Does nothing without one.
    pub fn status(&self, line: Option<&str>) {
        if !self.screen.live {
            return;
        }
        let mut streams = self.streams();
        streams.clear_status();
        streams.status = line.map(|line| text::cut(line, self.screen.talk_width().saturating_sub(1)));
        streams.draw_status();
    }

    /// Colours for stdout.
    pub fn paint(&self) -> Paint {
        Paint {
            on: self.screen.color_data,
        }
    }

    /// Colours for stderr.
    pub fn paint_talk(&self) -> Paint {
        Paint {
            on: self.screen.color_talk,
        }
    }

    pub fn is_json(&self) -> bool {
        self.manner.format == Format::Json
    }

    fn wrap_talk(&self, head: &str, body: &str) -> String {
        text::wrap(head, body, self.screen.talk_width())
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Streams {
    fn clear_status(&mut self) {
        if self.status.is_some() {
            let _ = self.talk.write_all(b"\r\x1b[2K");
            let _ = self.talk.flush();
        }
    }

    fn draw_status(&mut self) {
        if let Some(line) = &self.status {
            let _ = self.talk.write_all(line.as_bytes());
            let _ = self.talk.flush();
        }
    }
}

fn write_line(out: &mut dyn Write, text: &str) -> std::io::Result<()> {
    let mut whole = text.to_owned();
    if !whole.ends_with('\n') {
        whole.push('\n');
    }
    out.write_all(whole.as_bytes())?;
    out.flush()
}

/// Whether a person can be asked: questions are drawn on stderr and read from the terminal.
pub fn can_ask() -> bool {
    std::io::stderr().is_terminal()
}

/// What a captured `Ui` printed.
#[derive(Clone, Default)]
pub struct Captured {
    data: Kept,
    talk: Kept,
}

impl Captured {
    pub fn data(&self) -> String {
        self.data.text()
    }

    pub fn talk(&self) -> String {
        self.talk.text()
    }
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _bytes: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_goes_away_is_no_error() {
        let kept = Kept::default();
        let ui = Ui::with(
            Manner::default(),
            Screen::plain(80),
            Box::new(Closed),
            Box::new(kept.clone()),
        );
        ui.data("one");
        assert!(ui.data_closed());
        ui.data("two");
        ui.say("still talking");
        assert_eq!(kept.text(), "still talking\n");
    }

    #[test]
    fn quiet_keeps_data_warnings_and_errors() {
        let manner = Manner {
            quiet: true,
            ..Manner::default()
        };
        let (ui, captured) = Ui::captured(manner, Screen::plain(80));
        ui.data("data");
        ui.say("talk");
        ui.hint("hint");
        ui.warn("careful");
        assert_eq!(captured.data(), "data\n");
        assert_eq!(captured.talk(), "warning: careful\n");
    }

    #[test]
    fn the_status_line_is_cleared_before_other_text_and_drawn_again() {
        let screen = Screen {
            live: true,
            ..Screen::plain(80)
        };
        let (ui, captured) = Ui::captured(Manner::default(), screen);
        ui.status(Some("waiting"));
        ui.say("line");
        ui.status(None);
        assert_eq!(captured.talk(), "waiting\r\x1b[2Kline\nwaiting\r\x1b[2K");
    }
}
