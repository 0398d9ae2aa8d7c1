//! The journal: one JSON line for each event, on disk before anything else happens.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::files::{Appender, FileError};
use crate::event::{Event, EventKind, SCHEMA};

/// An event with the line that keeps it. Clones share both.
#[derive(Clone, Debug)]
pub struct Record(Arc<(Event, String)>);

impl Record {
    /// # Errors
    /// When the event cannot stand in a line.
    pub fn of(event: Event) -> Result<Self, JournalError> {
        let line = serde_json::to_string(&event).map_err(|error| JournalError::Other(error.to_string()))?;
        Ok(Self(Arc::new((event, line))))
    }

    /// Without the end of the line.
    pub fn line(&self) -> &str {
        &self.0.1
    }
}

impl Deref for Record {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.0.0
    }
}

/// Where records are kept. One that cannot be kept stops the run before the next change.
pub trait Journal: Send {
    /// Durable when it returns.
    fn append(&mut self, record: &Record) -> Result<(), JournalError>;
}

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("the journal cannot be written: {0}")]
    Write(#[from] FileError),
    #[error("{path}: cannot be read: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path}, line {line}: {why}")]
    Damaged { path: PathBuf, line: usize, why: String },
    #[error("{0}")]
    Other(String),
}

/// A file.
#[derive(Debug)]
pub struct FileJournal {
    appender: Appender,
}

impl FileJournal {
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        drop_torn_line(path)?;
        Ok(Self {
            appender: Appender::open(path)?,
        })
    }
}

impl Journal for FileJournal {
    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        Ok(self.appender.append_line(record.line())?)
    }
}

/// A crash in the middle of a write leaves a line without an end: it was never a record.
fn drop_torn_line(path: &Path) -> Result<(), JournalError> {
    let read = |source| JournalError::Read {
        path: path.to_owned(),
        source,
    };
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(read(error)),
    };
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if whole < text.len() {
        let file = fs::OpenOptions::new().write(true).open(path).map_err(read)?;
        file.set_len(whole as u64).map_err(read)?;
        file.sync_all().map_err(read)?;
    }
    Ok(())
}

/// All records of a journal. A torn last line is left out; anything else that is damaged is an error with its line.
pub fn read(path: &Path) -> Result<Vec<Event>, JournalError> {
    let bytes = fs::read(path).map_err(|source| JournalError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(path, &bytes)
}

/// The same, over text that came from elsewhere (a host's copy).
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<Event>, JournalError> {
    let damaged = |line: usize, why: String| JournalError::Damaged {
        path: path.to_owned(),
        line,
        why,
    };
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let text = std::str::from_utf8(&bytes[..end]).map_err(|error| damaged(0, error.to_string()))?;
    let mut events: Vec<Event> = Vec::new();
    for (place, line) in text.lines().enumerate() {
        let event: Event = serde_json::from_str(line).map_err(|error| damaged(place + 1, error.to_string()))?;
        match (&event.kind, events.last()) {
            (EventKind::Created { schema, .. }, None) if schema == SCHEMA => {}
            (EventKind::Created { schema, .. }, None) => {
                return Err(damaged(
                    1,
                    format!("format {schema} is not known here; use the etcdops that wrote it"),
                ));
            }
            (_, None) => return Err(damaged(1, "the journal does not begin with its plan".to_owned())),
            (_, Some(last)) if event.seq != last.seq + 1 => {
                return Err(damaged(
                    place + 1,
                    format!("record {} follows record {}", event.seq, last.seq),
                ));
            }
            _ => {}
        }
        events.push(event);
    }
    Ok(events)
}
