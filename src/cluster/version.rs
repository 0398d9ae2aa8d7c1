//! An etcd version, ordered.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `major.minor.patch`, as etcd prints it. Anything after a `-` or `+` is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Version {
    pub major: u16,
    pub minor: u16,
    pub patch: u16,
}

impl Version {
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// Learners came with 3.4.
    pub fn has_learners(self) -> bool {
        self >= Self::new(3, 4, 0)
    }

    /// Since 3.5 the level is fixed at start; before, `PUT /config/local/log` sets it.
    pub fn log_level_needs_restart(self) -> bool {
        self >= Self::new(3, 5, 0)
    }

    /// Since 3.4.27, 3.5.10 and 3.6.0 a restore can raise the revision.
    pub fn restore_can_bump(self) -> bool {
        match (self.major, self.minor) {
            (3, 4) => self.patch >= 27,
            (3, 5) => self.patch >= 10,
            _ => self >= Self::new(3, 6, 0),
        }
    }

    /// 3.5.1 to 3.5.19 do not keep a learner's promotion in the store from which 3.6 reads who is a member.
    pub fn forgets_promotions(self) -> bool {
        (Self::new(3, 5, 1)..=Self::new(3, 5, 19)).contains(&self)
    }

    /// 3.5 before 3.5.26: the store from which 3.6 reads who is a member may still have members that were removed.
    pub fn keeps_zombies(self) -> bool {
        (Self::new(3, 5, 0)..Self::new(3, 5, 26)).contains(&self)
    }

    /// Since 3.5.30, 3.6.11 and 3.7.0 an add needs a healthy quorum of the enlarged cluster; before, every voter.
    pub fn add_needs_only_quorum(self) -> bool {
        match (self.major, self.minor) {
            (3, 5) => self.patch >= 30,
            (3, 6) => self.patch >= 11,
            _ => self >= Self::new(3, 7, 0),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The text is no version.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no etcd version (expected something like 3.5.30)")]
pub struct NoVersion(String);

impl FromStr for Version {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let core = text
            .trim()
            .trim_start_matches('v')
            .split(['-', '+'])
            .next()
            .unwrap_or_default();
        let mut parts = core.split('.').map(str::parse::<u16>);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => Ok(Self { major, minor, patch }),
            (Some(Ok(major)), Some(Ok(minor)), None, None) => Ok(Self { major, minor, patch: 0 }),
            _ => Err(NoVersion(text.to_owned())),
        }
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

impl TryFrom<String> for Version {
    type Error = NoVersion;

    fn try_from(text: String) -> Result<Self, NoVersion> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn orders_and_prints_like_etcd() {
        let old: Version = "3.4.23+dfsg".parse().unwrap();
        assert!(old < "3.5.0".parse().unwrap());
        assert_eq!(old.to_string(), "3.4.23");
        assert!("3.x".parse::<Version>().is_err());
    }

    #[test]
    fn what_3_6_will_read_depends_on_the_patch_release_of_3_5() {
        for (text, forgets, keeps) in [
            ("3.4.45", false, false),
            ("3.5.0", false, true),
            ("3.5.1", true, true),
            ("3.5.19", true, true),
            ("3.5.20", false, true),
            ("3.5.25", false, true),
            ("3.5.26", false, false),
            ("3.6.0", false, false),
        ] {
            let version: Version = text.parse().unwrap();
            assert_eq!(
                (version.forgets_promotions(), version.keeps_zombies()),
                (forgets, keeps),
                "{text}"
            );
        }
    }

    #[test]
    fn the_add_rule_changed_in_three_patch_releases() {
        for (text, only_quorum) in [
            ("3.5.29", false),
            ("3.5.30", true),
            ("3.6.10", false),
            ("3.6.11", true),
            ("3.7.0", true),
            ("3.4.45", false),
        ] {
            assert_eq!(
                text.parse::<Version>().unwrap().add_needs_only_quorum(),
                only_quorum,
                "{text}"
            );
        }
    }
}
