//! What is wrong with a file, and where.

use std::fmt;
use std::io;

/// The file cannot be trusted, or not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The page it is about; `None`: the file as a whole.
    pub page: Option<u64>,
    pub why: String,
    /// It could not be read, which says nothing about what is in it.
    pub unreadable: bool,
}

impl Damage {
    pub fn file(why: impl Into<String>) -> Self {
        Self {
            page: None,
            why: why.into(),
            unreadable: false,
        }
    }

    /// The operating system gave no bytes. That the file ends too early is damage all the same.
    pub fn reading(page: Option<u64>, error: &io::Error) -> Self {
        Self {
            page,
            why: format!("cannot be read: {error}"),
            unreadable: error.kind() != io::ErrorKind::UnexpectedEof,
        }
    }

    pub fn page(page: u64, why: impl Into<String>) -> Self {
        Self {
            page: Some(page),
            why: why.into(),
            unreadable: false,
        }
    }
}

impl Damage {
    /// The same, told as that of one file of several.
    #[must_use]
    pub fn within(self, path: &str) -> Self {
        Self {
            page: None,
            why: format!("{path}: {self}"),
            unreadable: self.unreadable,
        }
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
