//! The cluster as a plan expects it at some point. Quorum arithmetic lives only here.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::called::{self, Ambiguous};
use super::member::Id;
use super::version::Version;

/// One member in the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelMember {
    /// Unknown until an add has been carried out.
    pub id: Option<Id>,
    pub name: String,
    /// The inventory's host, where known.
    pub host: Option<String>,
    pub peer_urls: Vec<String>,
    pub client_urls: Vec<String>,
    pub learner: bool,
    /// The process runs and takes part.
    pub up: bool,
    pub version: Option<Version>,
}

/// The cluster as expected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    pub cluster_id: Option<Id>,
    pub members: Vec<ModelMember>,
    /// Hosts whose etcd the plan has stopped by then, members or not.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub stopped: BTreeSet<String>,
}

impl Model {
    pub fn voters(&self) -> impl Iterator<Item = &ModelMember> {
        self.members.iter().filter(|member| !member.learner)
    }

    pub fn voter_count(&self) -> usize {
        self.voters().count()
    }

    pub fn healthy_voters(&self) -> usize {
        self.voters().filter(|member| member.up).count()
    }

    /// Voters that must be up: a majority of all voters.
    pub fn needed(&self) -> usize {
        needed(self.voter_count())
    }

    pub fn has_quorum(&self) -> bool {
        self.voter_count() > 0 && self.healthy_voters() >= self.needed()
    }

    /// How many more voters may fail before quorum is lost; `None` when it is lost already.
    pub fn tolerates(&self) -> Option<usize> {
        if self.voter_count() == 0 {
            return None;
        }
        self.healthy_voters().checked_sub(self.needed())
    }

    pub fn on_host(&self, host: &str) -> Option<&ModelMember> {
        self.members.iter().find(|member| member.host.as_deref() == Some(host))
    }

    pub fn on_host_mut(&mut self, host: &str) -> Option<&mut ModelMember> {
        self.members
            .iter_mut()
            .find(|member| member.host.as_deref() == Some(host))
    }

    /// By hex ID, name or host.
    ///
    /// # Errors
    /// The word fits several members.
    pub fn find(&self, word: &str) -> Result<Option<&ModelMember>, Ambiguous> {
        called::find(&self.members, word)
    }

    /// By hex ID, host or name: for words that may stand for hosts.
    ///
    /// # Errors
    /// The word fits several members.
    pub fn find_at(&self, word: &str) -> Result<Option<&ModelMember>, Ambiguous> {
        called::find_at(&self.members, word)
    }

    /// The lowest version among members that are up: what the cluster behaves like.
    pub fn lowest_version(&self) -> Option<Version> {
        self.members
            .iter()
            .filter(|member| member.up)
            .filter_map(|member| member.version)
            .min()
    }

    /// A member's version of which this is true, if there is one.
    pub fn any_version(&self, is: impl Fn(Version) -> bool) -> Option<Version> {
        let mut versions = self.members.iter().filter_map(|member| member.version);
        versions.find(|version| is(*version))
    }

    /// The quorum strip: `voters 3, up 2, needed 2, tolerates 0`.
    pub fn strip(&self) -> String {
        let learners = self.members.len() - self.voter_count();
        let tolerance = self
            .tolerates()
            .map_or_else(|| "no quorum".to_owned(), |count| format!("tolerates {count}"));
        let learners = if learners == 0 {
            String::new()
        } else {
            format!(", learners {learners}")
        };
        format!(
            "voters {}, up {}, needed {}, {tolerance}{learners}",
            self.voter_count(),
            self.healthy_voters(),
            self.needed()
        )
    }
}

/// The majority of `voters`.
pub const fn needed(voters: usize) -> usize {
    voters / 2 + 1
}
