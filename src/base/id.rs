//! Names of runs.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Digits and letters that are not mistaken for one another.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SHAPE: &str = "2026-11-20-1304-k3f9";

/// The name of a run: when it was planned (UTC, to the minute) and four random characters, for example
/// `2026-11-20-1304-k3f9`. Names sort by that.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// A text that names no run, or more than one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RunIdError {
    /// The text has another shape.
    #[error("`{0}` is not the name of a run, which looks like `{SHAPE}`")]
    Malformed(String),
    /// No run begins so.
    #[error("no run is called `{0}`; `etcdops runs list` shows them")]
    Unknown(String),
    /// Several runs begin so.
    #[error("`{prefix}` is the beginning of several runs: {}", names.join(", "))]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// The runs that begin so.
        names: Vec<String>,
    },
}

impl RunId {
    /// A new name for a run that begins at `moment`.
    pub fn new(moment: Timestamp) -> Self {
        // The hasher's keys are the one random thing that std offers.
        Self::from_parts(moment, RandomState::new().build_hasher().finish())
    }

    /// The name made of a moment and the low 20 bits of `random`; for worlds without chance.
    pub fn from_parts(moment: Timestamp, random: u64) -> Self {
        let mut name = moment.strftime("%Y-%m-%d-%H%M-").to_string();
        for place in 0..4 {
            let index = usize::try_from((random >> (5 * place)) & 31).unwrap_or_default();
            name.push(char::from(ALPHABET[index]));
        }
        Self(name)
    }

    /// When it began, to the minute.
    pub fn began(&self) -> Option<Timestamp> {
        let minute = self.0.get(..15)?;
        Timestamp::strptime("%Y-%m-%d-%H%M %z", format!("{minute} +0000")).ok()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The one run whose name begins with `prefix`. The last four characters alone do as well.
pub fn resolve<'a>(prefix: &str, runs: &'a [RunId]) -> Result<&'a RunId, RunIdError> {
    let fits = |run: &&RunId| {
        !prefix.is_empty() && (run.0.starts_with(prefix) || (prefix.len() == 4 && run.0.ends_with(prefix)))
    };
    if let Some(exact) = runs.iter().find(|run| run.0 == prefix) {
        return Ok(exact);
    }
    let found: Vec<&RunId> = runs.iter().filter(fits).collect();
    match found.as_slice() {
        [] => Err(RunIdError::Unknown(prefix.to_owned())),
        [one] => Ok(one),
        several => Err(RunIdError::Ambiguous {
            prefix: prefix.to_owned(),
            names: several.iter().map(ToString::to_string).collect(),
        }),
    }
}

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, RunIdError> {
        let fits = text.len() == SHAPE.len()
            && text
                .bytes()
                .zip(SHAPE.bytes())
                .enumerate()
                .all(|(place, (byte, model))| match (place, model) {
                    (_, b'-') => byte == b'-',
                    (16.., _) => ALPHABET.contains(&byte),
                    _ => byte.is_ascii_digit(),
                });
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(RunIdError::Malformed(text.to_owned()))
        }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RunId {
    type Error = RunIdError;

    fn try_from(text: String) -> Result<Self, RunIdError> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(run: RunId) -> Self {
        run.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment() -> Timestamp {
        "2026-11-20T13:04:59Z".parse().unwrap()
    }

    #[test]
    fn a_new_name_reads_back() {
        let run = RunId::new(moment());
        assert!(run.as_str().starts_with("2026-11-20-1304-"), "{run}");
        assert_eq!(run.as_str().parse(), Ok(run));
        assert_eq!(RunId::from_parts(moment(), 0).as_str(), "2026-11-20-1304-0000");
    }

    #[test]
    fn other_shapes_are_refused() {
        for text in [
            "",
            "x",
            "2026-11-20-1304-k3fi",
            "2026-11-20-1304-k3f9 ",
            "../../etc/passwd00000",
            "2026-11-20-13x4-k3f9",
            "2026_11-20-1304-k3f9",
            "é026-11-20-1304-k3f",
        ] {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<RunId>("\"..\"").is_err());
    }

    #[test]
    fn a_prefix_must_be_unique() {
        let runs: Vec<RunId> = ["2026-11-20-1304-k3f9", "2026-11-20-1305-aaaa", "2026-10-01-0000-bbbb"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        assert_eq!(resolve("2026-10", &runs), Ok(&runs[2]));
        assert_eq!(resolve("k3f9", &runs), Ok(&runs[0]));
        assert!(matches!(resolve("2026-11", &runs), Err(RunIdError::Ambiguous { names, .. }) if names.len() == 2));
        assert!(matches!(resolve("", &runs), Err(RunIdError::Unknown(_))));
        assert!(matches!(resolve("zzz", &runs), Err(RunIdError::Unknown(_))));
    }
}
