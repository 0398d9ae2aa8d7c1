//! `newest`: no copy of the data is newer than that of a survivor, and nothing better than a survivor is at hand.

mod dead;
mod ranking;
mod startable;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::{Condition, Site, Verdict, sight};
use crate::call::copy::CopySeen;
use crate::call::host::{HostAnswer, HostOp};
use crate::call::{Look, Sight};
use crate::cluster::model;

pub use dead::Dead;
pub use ranking::{Absent, Copies, position, several};
pub use startable::Startable;

/// A survivor against all other copies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Newest {
    /// The host whose copy is taken.
    #[schemars(extend("x-host" = true))]
    pub is: String,
    /// The hosts that may hold a copy.
    #[schemars(extend("x-host" = true))]
    pub among: Vec<String>,
    /// Hosts that the operator declared dead: their copies are given up, and nothing of them may answer.
    #[serde(default)]
    #[schemars(extend("x-host" = true))]
    pub dead: Vec<String>,
    /// Hosts that held no data when the plan was made. What lies there now was begun anew: an etcd that starts in an empty directory founds
    /// its cluster again, under the same IDs and without what the member had acknowledged, and is not counted for a quorum.
    #[serde(default)]
    #[schemars(extend("x-host" = true))]
    pub empty: Vec<String>,
    /// The operator named the host: where there are copies of several clusters, nobody else can know which one is meant.
    #[serde(default)]
    pub named: bool,
}

impl Newest {
    /// Hosts whose copies are read.
    fn living(&self) -> Vec<&str> {
        let living = self.among.iter().filter(|host| !self.dead.contains(host));
        living.map(String::as_str).collect()
    }

    fn refuse(saw: impl Into<String>, hint: impl Into<String>) -> Verdict {
        Verdict::Not {
            saw: saw.into(),
            hint: Some(hint.into()),
        }
    }

    /// What a choice of this survivor would pass over.
    fn against(&self, site: &Site<'_>, copies: &Copies<'_>) -> Verdict {
        let Some(chosen) = copies.on(&self.is) else {
            let why = copies
                .blind
                .iter()
                .find(|(host, _)| *host == self.is)
                .map(|(_, error)| error.to_string());
            return Verdict::Unknown(why.unwrap_or_else(|| format!("the copy on {} was not read", self.is)));
        };
        if !chosen.eligible() {
            return Self::refuse(
                unfit(&self.is, chosen),
                "etcdops recover   (shows every copy and what can be done)",
            );
        }
        let clusters = copies.clusters();
        if !self.named && clusters.len() > 1 {
            let saw = format!("there are copies of several clusters: {}", several(&clusters));
            return Self::refuse(
                saw,
                "name a host that carries the one that you want back: etcdops recover --from-survivor HOST",
            );
        }
        let begun_anew = |host: &&str| self.empty.iter().any(|empty| empty == host);
        if let Some(hosts) = copies.quorum_without(chosen, begun_anew) {
            let saw = format!(
                "the copies on {} are intact and make a quorum ({} of {} voters): starting them loses nothing",
                hosts.join(", "),
                hosts.len(),
                chosen.voters.len()
            );
            return Self::refuse(saw, "etcdops recover --start");
        }
        let beside = copies.beside(&self.is, chosen);
        let newer = beside
            .iter()
            .filter(|(_, copy)| copy.eligible() && copy.rank() > chosen.rank());
        if let Some((host, copy)) = newer.max_by_key(|(_, copy)| copy.rank()) {
            let saw = format!(
                "the copy on {host} is newer: {}, its last entry {} of term {}; {}: {}, its last entry {} of term {}",
                position(copy),
                copy.last_index,
                copy.last_term,
                self.is,
                position(chosen),
                chosen.last_index,
                chosen.last_term
            );
            return Self::refuse(saw, format!("etcdops recover --from-survivor {host}"));
        }
        self.missing(site, copies, chosen)
            .unwrap_or_else(|| Verdict::Holds(self.words(site, copies, chosen)))
    }

    /// A copy that could be newer and is neither read nor given up.
    fn missing(&self, site: &Site<'_>, copies: &Copies<'_>, chosen: &CopySeen) -> Option<Verdict> {
        let absent = copies.absent(chosen, site.cluster);
        let open: Vec<&Absent> = absent.iter().filter(|voter| !self.given_up(voter)).collect();
        let words: Vec<&str> = open.iter().map(|voter| voter.word()).collect();
        if !words.is_empty() {
            let why = open.iter().filter_map(|voter| {
                let (host, error) = copies
                    .blind
                    .iter()
                    .find(|(host, _)| Some(*host) == voter.host.as_deref())?;
                Some(format!("; {host}: {}", error.message))
            });
            let saw = format!(
                "the copy on {} cannot be read and may be newer{}",
                words.join(", "),
                why.collect::<String>()
            );
            let dead: Vec<String> = words.iter().map(|word| format!("--dead {word}")).collect();
            let hint = format!("reach it again, or, if it is gone for good: {}", dead.join(" "));
            return Some(Self::refuse(saw, hint));
        }
        if chosen.voters.is_empty()
            && let Some((host, error)) = copies.blind.first()
        {
            let saw = format!(
                "{} does not tell who votes, and {host} cannot be read: {error}",
                self.is
            );
            return Some(Self::refuse(
                saw,
                format!("reach it again, or, if it is gone for good: --dead {host}"),
            ));
        }
        None
    }

    fn given_up(&self, voter: &Absent) -> bool {
        let words = [voter.host.as_deref(), Some(voter.name.as_str())];
        self.dead
            .iter()
            .any(|dead| words.contains(&Some(dead.as_str())) || dead.parse().ok() == Some(voter.id))
    }

    fn words(&self, site: &Site<'_>, copies: &Copies<'_>, chosen: &CopySeen) -> String {
        let mut text = format!("{}: {}", self.is, position(chosen));
        if chosen.revision > 0 {
            text.push_str(&format!(", revision {}", chosen.revision));
        }
        for (host, copy) in copies.beside(&self.is, chosen) {
            let what = if copy.eligible() {
                position(copy)
            } else {
                unfit(host, copy)
            };
            text.push_str(&format!("; {host}: {what}"));
        }
        for (host, copy) in copies
            .read
            .iter()
            .filter(|(_, copy)| copy.there && copy.cluster != chosen.cluster)
        {
            let id = copy
                .cluster
                .map_or_else(|| "an unknown".to_owned(), |id| id.to_string());
            text.push_str(&format!("; {host}: data of another cluster ({id}), not counted"));
        }
        let gone: Vec<Absent> = copies.absent(chosen, site.cluster);
        if !gone.is_empty() {
            let names: Vec<&str> = gone.iter().map(Absent::word).collect();
            text.push_str("; ");
            text.push_str(&given_up(&names, gone.len() >= model::needed(chosen.voters.len())));
        }
        text
    }
}

/// Of whom nobody can say that they stay away; `quorum`: they are enough to serve by themselves (safety 10).
fn given_up(names: &[&str], quorum: bool) -> String {
    let mut text = format!("given up and NOT fenced: {}", names.join(", "));
    if quorum {
        text.push_str(
            ". If they return together they form the old quorum and serve their own clients: keep their power off, or block them at the firewall, until they are wiped",
        );
    }
    text
}

/// Why a copy cannot be the survivor.
fn unfit(host: &str, copy: &CopySeen) -> String {
    use crate::call::copy::Part;
    if !copy.there {
        let place = copy.data_dir.as_deref().unwrap_or("its data directory");
        return format!("{host} has no data in {place}");
    }
    if !copy.damage.is_empty() {
        return format!("the copy on {host} is damaged: {}", copy.damage.join("; "));
    }
    match copy.part {
        Part::Learner => format!("the member on {host} is a learner and may lack what was acknowledged"),
        Part::Removed => format!("the member on {host} was removed from the cluster"),
        _ => format!("the copy on {host} does not tell that its member votes"),
    }
}

impl Condition for Newest {
    fn text(&self, _site: &Site<'_>) -> String {
        let mut text = format!("no copy is newer than that on {}, and no quorum can come back", self.is);
        if !self.dead.is_empty() {
            text.push_str(&format!("; nothing answers on {}", self.dead.join(", ")));
        }
        text
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let living = self.living();
        let mut looks = vec![Look::Cluster];
        looks.extend(living.iter().map(|host| Look::Host {
            host: (*host).to_owned(),
            op: HostOp::ReadCopy,
        }));
        looks.extend(dead::looks(site, &self.dead, &living));
        looks
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let living = self.living();
        if let Ok(observed) = sight::cluster(seen) {
            let knows = observed.members.iter().find(|row| row.leader.is_some());
            if let Some(row) = knows.filter(|_| observed.leader.is_some() || observed.quorum_proved) {
                let word = row.host.as_deref().unwrap_or(&row.endpoint);
                let saw = format!("{word} knows a leader: the cluster is not lost");
                return Self::refuse(
                    saw,
                    "etcdops health, then etcdops start HOST for what is stopped, or etcdops replace-member",
                );
            }
        }
        let others = seen.get(1 + living.len()..).unwrap_or_default();
        if let Some(refusal) = dead::refusal(site, &self.dead, &living, others) {
            return refusal;
        }
        self.against(site, &copies(&living, seen.get(1..).unwrap_or_default()))
    }
}

/// What was read on each of these hosts, in their order.
pub fn copies<'a>(hosts: &[&'a str], seen: &'a [Sight]) -> Copies<'a> {
    let mut found = Copies::default();
    for (host, sight) in hosts.iter().zip(seen) {
        match sight {
            Sight::Host(HostAnswer::Copy(copy)) => found.read.push((host, copy)),
            Sight::Blind(error) => found.blind.push((host, error)),
            _ => {}
        }
    }
    found
}
