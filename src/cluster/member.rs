//! A member as etcd names it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A member or cluster ID: hex without padding, as etcd prints it; a padded one is read too. Never a JSON number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Id(pub u64);

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:x}", self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Id({:x})", self.0)
    }
}

/// The text is no ID.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no member or cluster ID (expected up to 16 hex digits)")]
pub struct NoId(String);

impl FromStr for Id {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        let digits = text.trim().trim_start_matches("0x");
        if digits.is_empty() || digits.starts_with('+') {
            return Err(NoId(text.to_owned()));
        }
        u64::from_str_radix(digits, 16)
            .map(Self)
            .map_err(|_| NoId(text.to_owned()))
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for Id {
    type Error = NoId;

    fn try_from(text: String) -> Result<Self, NoId> {
        text.parse()
    }
}

/// A row of etcd's member list. An unstarted member has an empty name and no client URLs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub id: Id,
    pub name: String,
    pub peer_urls: Vec<String>,
    pub client_urls: Vec<String>,
    pub learner: bool,
}

impl Member {
    pub fn started(&self) -> bool {
        !self.name.is_empty()
    }
}
