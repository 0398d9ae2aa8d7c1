//! The files of a host, and what its unit reads from them.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use super::shared::Shared;
use super::state::FileEntry;
use crate::call::configured::ConfigSeen;

/// By path.
#[derive(Clone, Debug)]
pub(super) struct Files {
    entries: Shared<BTreeMap<String, FileEntry>>,
    /// What the unit reads from them as they are now, once it was asked for.
    read: OnceLock<Arc<ConfigSeen>>,
}

impl Files {
    pub(super) fn new(entries: BTreeMap<String, FileEntry>) -> Self {
        Self {
            entries: entries.into(),
            read: OnceLock::new(),
        }
    }

    pub(super) fn read(&self, read: impl FnOnce() -> ConfigSeen) -> &Arc<ConfigSeen> {
        self.read.get_or_init(|| Arc::new(read()))
    }
}

impl Deref for Files {
    type Target = BTreeMap<String, FileEntry>;

    fn deref(&self) -> &Self::Target {
        &self.entries
    }
}

impl DerefMut for Files {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.read.take();
        &mut self.entries
    }
}
