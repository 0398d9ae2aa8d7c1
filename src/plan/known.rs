//! What has been seen so far, and what is still to be looked at. Building is pure: it asks here, never the world.

use std::cell::RefCell;

use crate::call::host::{HostAnswer, HostOp, ServiceSeen};
use crate::call::{CallError, LibraryAnswer, LibraryOp, Look, Sight};
use crate::cluster::observed::Observed;
use crate::snapshot::Shelf;

/// Looks and what they saw.
#[derive(Debug, Default)]
pub struct Known {
    seen: Vec<(Look, Sight)>,
    missing: RefCell<Vec<Look>>,
}

impl Known {
    pub fn add(&mut self, look: Look, sight: Sight) {
        self.seen.retain(|(known, _)| known != &look);
        self.seen.push((look, sight));
    }

    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    pub fn has(&self, look: &Look) -> bool {
        self.seen.iter().any(|(known, _)| known == look)
    }

    /// The same, as if this had been seen as well.
    #[must_use]
    pub fn with(&self, more: impl Iterator<Item = (Look, Sight)>) -> Self {
        let seen = self.seen.iter().cloned().chain(more).collect();
        Self {
            seen,
            missing: RefCell::default(),
        }
    }

    /// What the look saw; if it has not been made, it is noted as missing.
    pub fn get(&self, look: &Look) -> Option<&Sight> {
        let found = self
            .seen
            .iter()
            .find(|(known, _)| known == look)
            .map(|(_, sight)| sight);
        if found.is_none() {
            let mut missing = self.missing.borrow_mut();
            if !missing.contains(look) {
                missing.push(look.clone());
            }
        }
        found
    }

    /// All of them, or `None` when one is missing (all missing ones are noted).
    pub fn all(&self, looks: &[Look]) -> Option<Vec<Sight>> {
        let found: Vec<Option<&Sight>> = looks.iter().map(|look| self.get(look)).collect();
        found.into_iter().map(Option::<&Sight>::cloned).collect()
    }

    pub fn take_missing(&self) -> Vec<Look> {
        self.missing.take()
    }

    /// The cluster, once it has been looked at.
    pub fn cluster(&self) -> Option<&Observed> {
        match self.get(&Look::Cluster)? {
            Sight::Cluster(observed) => Some(observed),
            _ => None,
        }
    }

    /// The backup library, once it has been looked at; `Some(Err)` when it cannot be read.
    pub fn library(&self) -> Option<Result<&Shelf, &CallError>> {
        match self.get(&Look::Library(LibraryOp::List))? {
            Sight::Library(LibraryAnswer::Shelf(found)) => Some(Ok(found)),
            Sight::Blind(error) => Some(Err(error)),
            _ => None,
        }
    }

    /// The unit of a host; `Some(Err)` when the host could not be asked.
    pub fn service(&self, host: &str) -> Option<Result<&ServiceSeen, &CallError>> {
        match self.get(&Look::Host {
            host: host.to_owned(),
            op: HostOp::InspectService,
        })? {
            Sight::Host(HostAnswer::Service(service)) => Some(Ok(service)),
            Sight::Blind(error) => Some(Err(error)),
            _ => None,
        }
    }
}
