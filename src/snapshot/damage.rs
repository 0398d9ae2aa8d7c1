//! What is wrong with a file, and where.

use std::fmt;
use std::io;

/// The file cannot be trusted, or not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The page it is about; `None`: the file as a whole.
    pub page: Option<u64>,
    pub why: String,
}

impl Damage {
    pub fn file(why: impl Into<String>) -> Self {
        Self {
            page: None,
            why: why.into(),
        }
    }

    pub fn page(page: u64, why: impl Into<String>) -> Self {
        Self {
            page: Some(page),
            why: why.into(),
        }
    }

    pub(super) fn io(page: u64, error: &io::Error) -> Self {
        Self::page(page, format!("cannot be read: {error}"))
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.page {
            Some(page) => write!(out, "page {page}: {}", self.why),
            None => out.write_str(&self.why),
        }
    }
}

impl std::error::Error for Damage {}
