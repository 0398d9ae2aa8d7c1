//! What was read before, by its text: a plan is built several times over from the same texts.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use super::ExprError;

/// More texts than all runbooks together have; beyond it everything is forgotten.
const MOST: usize = 10_000;

/// Clones of `T` must be cheap.
pub(super) struct Memory<T>(RwLock<BTreeMap<String, T>>);

impl<T: Clone> Memory<T> {
    pub(super) const fn new() -> Self {
        Self(RwLock::new(BTreeMap::new()))
    }

    /// What stands for the text; it is made the first time. Mistakes are not remembered.
    pub(super) fn or_make(&self, text: &str, make: impl FnOnce() -> Result<T, ExprError>) -> Result<T, ExprError> {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(text) {
            return Ok(known.clone());
        }
        let new = make()?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(text.to_owned(), new.clone());
        Ok(new)
    }
}
