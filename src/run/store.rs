//! The folder of runs: one folder each, its own fault domain.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::base::files::{self, FileError};
use crate::base::id::{self, RunId, RunIdError};
use crate::event::{Event, EventKind};
use crate::plan::types::Plan;

use super::journal::{self, FileJournal, JournalError};
use super::state::State;

const JOURNAL: &str = "journal.jsonl";

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Id(#[from] RunIdError),
    #[error("the folder of runs, {path}, cannot be read: {source}")]
    List { path: PathBuf, source: std::io::Error },
}

/// `$XDG_STATE_HOME/etcdops/runs`.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// A run read back.
#[derive(Clone, Debug)]
pub struct Stored {
    pub id: RunId,
    pub plan: Plan,
    pub events: Vec<Event>,
    pub state: State,
}

/// What is read of a record where only its time matters.
#[derive(Deserialize)]
struct Dated {
    at: jiff::Timestamp,
}

impl Store {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub fn folder_of(&self, run: &RunId) -> PathBuf {
        self.folder.join(run.as_str())
    }

    /// The journal of a run, for appending; the folder is made when it is new.
    pub fn open(&self, run: &RunId) -> Result<FileJournal, StoreError> {
        let folder = self.folder_of(run);
        files::create_private_dir(&folder)?;
        Ok(FileJournal::open(&folder.join(JOURNAL))?)
    }

    /// All runs, newest first; without those that have no record yet.
    pub fn list(&self) -> Result<Vec<RunId>, StoreError> {
        let failed = |source| StoreError::List {
            path: self.folder.clone(),
            source,
        };
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut runs: Vec<RunId> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().join(JOURNAL).exists())
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        // A name tells when its plan was made, to the minute; a kept plan may be carried out much later.
        runs.sort_by_cached_key(|run| std::cmp::Reverse((self.begun(run), run.clone())));
        Ok(runs)
    }

    /// When the first record was made.
    fn begun(&self, run: &RunId) -> Option<jiff::Timestamp> {
        let mut first = String::new();
        let journal = std::fs::File::open(self.folder_of(run).join(JOURNAL)).ok()?;
        BufReader::new(journal).read_line(&mut first).ok()?;
        let record: Dated = serde_json::from_str(&first).ok()?;
        Some(record.at)
    }

    /// By full name or unique beginning.
    pub fn find(&self, prefix: &str) -> Result<RunId, StoreError> {
        Ok(id::resolve(prefix, &self.list()?)?.clone())
    }

    pub fn load(&self, run: &RunId) -> Result<Stored, StoreError> {
        let path = self.folder_of(run).join(JOURNAL);
        let events = journal::read(&path)?;
        stored(&path, events)
    }

    /// Where the record of a run is kept.
    pub fn journal_of(&self, run: &RunId) -> PathBuf {
        self.folder_of(run).join(JOURNAL)
    }

    /// The record of a run as it stands here; `None`: there is none.
    pub fn text(&self, run: &RunId) -> Result<Option<String>, StoreError> {
        let path = self.journal_of(run);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(JournalError::Read { path, source }.into()),
        }
    }

    /// A run as a host's copy tells it; nothing is written.
    pub fn parsed(text: &str) -> Result<Stored, StoreError> {
        let origin = Path::new("the host's copy of the journal");
        stored(origin, journal::parse(origin, text.as_bytes())?)
    }

    /// A host's copy becomes the record of this bastion.
    pub fn keep(&self, run: &RunId, text: &str) -> Result<(), StoreError> {
        files::create_private_dir(&self.folder_of(run))?;
        files::write_private(&self.journal_of(run), text.as_bytes())?;
        Ok(())
    }
}

fn stored(path: &Path, events: Vec<Event>) -> Result<Stored, StoreError> {
    let Some(EventKind::Created { plan, .. }) = events.first().map(|event| &event.kind) else {
        let why = "the journal does not begin with its plan".to_owned();
        return Err(JournalError::Damaged {
            path: path.to_owned(),
            line: 1,
            why,
        }
        .into());
    };
    let plan = plan.as_ref().clone();
    let state = State::of(&plan, &events);
    Ok(Stored {
        id: plan.run.clone(),
        plan,
        events,
        state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_that_began_last_comes_first_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().to_owned());
        for (run, at) in [
            ("2026-11-20-1304-zzzz", "2026-11-20T13:04:01Z"),
            ("2026-11-20-1304-aaaa", "2026-11-20T13:04:57Z"),
            ("2026-11-20-1304-mmmm", "2026-11-20T13:04:30Z"),
            ("2026-11-20-1303-qqqq", "2026-11-20T13:03:59Z"),
            ("2026-11-20-1305-bbbb", "2026-11-20T13:05:00Z"),
            // Planned early, agreed to late.
            ("2026-11-20-1200-pppp", "2026-11-20T13:04:45Z"),
        ] {
            let run = store.folder_of(&run.parse().unwrap());
            files::create_private_dir(&run).unwrap();
            let first = format!("{{\"at\":\"{at}\"}}\n{{\"at\":\"2027-01-01T00:00:00Z\"}}\n");
            files::write_private(&run.join(JOURNAL), first.as_bytes()).unwrap();
        }
        let listed: Vec<String> = store
            .list()
            .unwrap()
            .iter()
            .map(|run| run.as_str()[11..].to_owned())
            .collect();
        assert_eq!(
            listed,
            [
                "1305-bbbb",
                "1304-aaaa",
                "1200-pppp",
                "1304-mmmm",
                "1304-zzzz",
                "1303-qqqq"
            ]
        );
    }
}
