//! Copies of one cluster's data beside each other: which is newest, which could still form a quorum, who is missing.

use crate::call::CallError;
use crate::call::copy::CopySeen;
use crate::cluster::host::ClusterConfig;
use crate::cluster::member::Id;
use crate::cluster::model;

/// What was read on each host, or why it was not.
#[derive(Clone, Debug, Default)]
pub struct Copies<'a> {
    pub read: Vec<(&'a str, &'a CopySeen)>,
    pub blind: Vec<(&'a str, &'a CallError)>,
    /// The one cluster whose copies may be chosen, where it is known.
    pub only: Option<Id>,
}

/// A voter of whose copy nothing was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    pub id: Id,
    /// Its name, where it is known.
    pub name: String,
    /// The inventory's host, where one is known.
    pub host: Option<String>,
}

impl Absent {
    /// The host's name, or the member's.
    pub fn word(&self) -> &str {
        self.host.as_deref().unwrap_or(&self.name)
    }
}

impl<'a> Copies<'a> {
    /// The copy on a host.
    pub fn on(&self, host: &str) -> Option<&'a CopySeen> {
        let found = self.read.iter().find(|(name, _)| *name == host);
        found.map(|(_, copy)| *copy)
    }

    /// The newest copy from which a survivor can be made (safety 13); of several alike the first.
    pub fn newest(&self) -> Option<(&'a str, &'a CopySeen)> {
        let mut best: Option<(&str, &CopySeen)> = None;
        for (host, copy) in self.candidates() {
            if best.is_none_or(|(_, known)| copy.rank() > known.rank()) {
                best = Some((host, copy));
            }
        }
        best
    }

    /// The clusters of which there are such copies, each with its hosts: after an earlier recovery there may be two.
    pub fn clusters(&self) -> Vec<(Id, Vec<&'a str>)> {
        let mut found: Vec<(Id, Vec<&str>)> = Vec::new();
        for (host, copy) in self.candidates() {
            let Some(id) = copy.cluster else { continue };
            match found.iter_mut().find(|(known, _)| *known == id) {
                Some((_, hosts)) => hosts.push(host),
                None => found.push((id, vec![host])),
            }
        }
        found
    }

    /// Only copies of this cluster may be chosen.
    #[must_use]
    pub fn of(self, cluster: Id) -> Self {
        Self {
            only: Some(cluster),
            ..self
        }
    }

    /// Copies that may be chosen.
    fn candidates(&self) -> impl Iterator<Item = &(&'a str, &'a CopySeen)> {
        let ours = |copy: &CopySeen| self.only.is_none() || copy.cluster == self.only;
        self.read.iter().filter(move |(_, copy)| copy.eligible() && ours(copy))
    }

    /// Other copies of the same cluster.
    pub fn beside(&self, host: &str, chosen: &CopySeen) -> Vec<(&'a str, &'a CopySeen)> {
        let same =
            |(name, copy): &&(&'a str, &'a CopySeen)| *name != host && copy.cluster == chosen.cluster && copy.there;
        self.read.iter().filter(same).copied().collect()
    }

    /// The hosts whose voters could bring the quorum back as they are, if they are enough of them.
    pub fn quorum(&self, chosen: &CopySeen) -> Option<Vec<&'a str>> {
        self.quorum_without(chosen, |_| false)
    }

    /// As `quorum`, some hosts left out.
    pub fn quorum_without(&self, chosen: &CopySeen, left_out: impl Fn(&&str) -> bool) -> Option<Vec<&'a str>> {
        let could = |(_, copy): &&(&'a str, &'a CopySeen)| {
            let counted = copy.member.is_some_and(|id| chosen.voters.contains(&id));
            copy.eligible() && copy.unit && copy.cluster == chosen.cluster && counted
        };
        let hosts = self.read.iter().filter(could).map(|(host, _)| *host);
        let hosts: Vec<&str> = hosts.filter(|host| !left_out(host)).collect();
        let needed = model::needed(chosen.voters.len());
        (!chosen.voters.is_empty() && hosts.len() >= needed).then_some(hosts)
    }

    /// Voters that `chosen` knows and whose copies were not read, though they may be somewhere.
    pub fn absent(&self, chosen: &CopySeen, cluster: &ClusterConfig) -> Vec<Absent> {
        let mut found = Vec::new();
        for id in &chosen.voters {
            let read = |(_, copy): &(&str, &CopySeen)| copy.member == Some(*id) && copy.cluster == chosen.cluster;
            if self.read.iter().any(read) {
                continue;
            }
            let member = chosen.members.iter().find(|member| member.id == *id);
            let host = member.and_then(|member| cluster.host_of_member(member));
            // Its host was read and holds nothing of it: there is no copy any more.
            if host.is_some_and(|host| self.on(&host.name).is_some()) {
                continue;
            }
            found.push(Absent {
                id: *id,
                name: member
                    .map(|member| member.name.clone())
                    .filter(|name| !name.is_empty())
                    .unwrap_or_else(|| id.to_string()),
                host: host.map(|host| host.name.clone()),
            });
        }
        found
    }
}

/// `etcd-1 and etcd-2 of cluster 1a, etcd-3 of cluster 2b`.
pub fn several(clusters: &[(Id, Vec<&str>)]) -> String {
    let words: Vec<String> = clusters
        .iter()
        .map(|(id, hosts)| format!("{} of cluster {id}", hosts.join(" and ")))
        .collect();
    words.join(", ")
}

/// How far a copy goes, for people.
pub fn position(copy: &CopySeen) -> String {
    let mut text = format!("committed up to {}", copy.committed());
    match copy.uncommitted() {
        0 => {}
        1 => text.push_str(", 1 entry after that, possibly acknowledged"),
        many => text.push_str(&format!(", {many} entries after that, possibly acknowledged")),
    }
    text
}
