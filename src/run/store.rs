//! The folder of runs: one folder each, its own fault domain.

use std::path::{Path, PathBuf};

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
        runs.sort_by(|one, other| other.as_str().cmp(one.as_str()));
        Ok(runs)
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

    /// A host's copy becomes a run of this bastion.
    pub fn adopt(&self, text: &str) -> Result<Stored, StoreError> {
        let origin = Path::new("the host's copy of the journal");
        let run = stored(origin, journal::parse(origin, text.as_bytes())?)?;
        let folder = self.folder_of(&run.id);
        files::create_private_dir(&folder)?;
        files::write_private(&folder.join(JOURNAL), text.as_bytes())?;
        Ok(run)
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
