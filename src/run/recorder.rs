//! Journal first, then the renderer; the state is folded on the way.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::event::{Event, EventKind, Renderer};
use crate::plan::types::Plan;
use crate::transport::Transport;

use super::journal::{Journal, JournalError};
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
    /// Lines not yet copied to the hosts.
    uncopied: Vec<String>,
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
        if !event.kind.is_transient() {
            inner.journal.append(&event)?;
            inner.uncopied.push(line(&event));
            inner.state.add(self.plan, &event);
        }
        inner.renderer.show(&event);
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
        let lines = std::mem::take(&mut inner.uncopied);
        let first = inner.state.last_seq + 1 - lines.len() as u64;
        let mut text = lines.join("\n");
        text.push('\n');
        Some((first, text))
    }

    /// These, the last records so far, have not been copied to the hosts yet, or perhaps not.
    pub(super) fn owe_copies_of(&self, events: &[Event]) {
        self.lock().uncopied = events.iter().map(line).collect();
    }

    fn lock(&self) -> MutexGuard<'_, Inner<'a>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn line(event: &Event) -> String {
    serde_json::to_string(event).unwrap_or_default()
}
