//! Journal first, then the renderer; the state is folded on the way.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::event::{Event, EventKind, Renderer};
use crate::plan::types::Plan;
use crate::transport::Transport;

use super::journal::{Journal, JournalError, Record};
use super::state::State;

/// The one place through which everything that happens in a run goes.
pub struct Recorder<'a> {
    plan: &'a Plan,
    transport: &'a dyn Transport,
    inner: Mutex<Inner<'a>>,
}

struct Inner<'a> {
    journal: Box<dyn Journal + 'a>,
    renderer: Box<dyn Renderer + 'a>,
    state: State,
    /// Not yet copied to the hosts.
    uncopied: Vec<Record>,
}

impl<'a> Recorder<'a> {
    pub fn new(
        plan: &'a Plan,
        transport: &'a dyn Transport,
        state: State,
        journal: Box<dyn Journal + 'a>,
        renderer: Box<dyn Renderer + 'a>,
    ) -> Self {
        let inner = Inner {
            journal,
            renderer,
            state,
            uncopied: Vec::new(),
        };
        Self {
            plan,
            transport,
            inner: Mutex::new(inner),
        }
    }

    /// Keeps the event, then shows it. Transient ones are only shown.
    pub fn record(&self, kind: EventKind) -> Result<(), JournalError> {
        let mut inner = self.lock();
        let seq = if kind.is_transient() {
            0
        } else {
            inner.state.last_seq + 1
        };
        let event = Event {
            seq,
            at: self.transport.now(),
            kind,
        };
        if event.kind.is_transient() {
            inner.renderer.show(&event);
            return Ok(());
        }
        let record = Record::of(event)?;
        inner.journal.append(&record)?;
        inner.state.add(self.plan, &record);
        inner.renderer.show(&record);
        inner.uncopied.push(record);
        Ok(())
    }

    /// Shows without keeping: for transient events and when the journal is gone.
    pub fn show(&self, kind: EventKind) {
        let event = Event {
            seq: 0,
            at: self.transport.now(),
            kind,
        };
        self.lock().renderer.show(&event);
    }

    pub fn state(&self) -> State {
        self.lock().state.clone()
    }

    pub fn with_state<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.lock().state)
    }

    /// The first record's number and the text of everything not yet copied to the hosts.
    pub fn take_uncopied(&self) -> Option<(u64, String)> {
        let mut inner = self.lock();
        if inner.uncopied.is_empty() {
            return None;
        }
        let records = std::mem::take(&mut inner.uncopied);
        let first = inner.state.last_seq + 1 - records.len() as u64;
        let text = records.iter().flat_map(|record| [record.line(), "\n"]).collect();
        Some((first, text))
    }

    /// These, the last records so far, have not been copied to the hosts yet, or perhaps not.
    pub(super) fn owe_copies_of(&self, records: &[Record]) {
        self.lock().uncopied = records.to_vec();
    }

    fn lock(&self) -> MutexGuard<'_, Inner<'a>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
