//! `startable`: a quorum comes back by nothing but starting what is stopped.

use serde::{Deserialize, Serialize};

use super::{copies, several, unfit};
use crate::action::{Condition, Site, Verdict};
use crate::call::host::HostOp;
use crate::call::{Look, Sight};
use crate::cluster::model;

/// Enough intact voters on these hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Startable {
    /// The hosts whose copies count.
    #[schemars(extend("x-host" = true))]
    pub hosts: Vec<String>,
}

impl Condition for Startable {
    fn text(&self, _site: &Site<'_>) -> String {
        "enough voters have intact data to make a quorum".to_owned()
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        let look = |host: &String| Look::Host {
            host: host.clone(),
            op: HostOp::ReadCopy,
        };
        self.hosts.iter().map(look).collect()
    }

    fn judge(&self, _site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let hosts: Vec<&str> = self.hosts.iter().map(String::as_str).collect();
        let copies = copies(&hosts, seen);
        let clusters = copies.clusters();
        if clusters.len() > 1 {
            return Verdict::Not {
                saw: format!("there are copies of several clusters: {}", several(&clusters)),
                hint: Some("start those that you want back: etcdops start HOST…".to_owned()),
            };
        }
        let quorum = copies
            .newest()
            .and_then(|(_, newest)| Some((copies.quorum(newest)?, newest.voters.len())));
        if let Some((hosts, voters)) = quorum {
            return Verdict::Holds(format!("{} of {voters} voters: {}", hosts.len(), hosts.join(", ")));
        }
        let mut found: Vec<String> = copies
            .read
            .iter()
            .filter(|(_, copy)| !copy.eligible())
            .map(|(host, copy)| unfit(host, copy))
            .collect();
        found.extend(
            copies
                .blind
                .iter()
                .map(|(host, error)| format!("{host} cannot be read: {}", error.message)),
        );
        let counted = copies.newest().map(|(_, newest)| {
            let whole = copies
                .read
                .iter()
                .filter(|(_, copy)| copy.eligible() && copy.cluster == newest.cluster);
            format!(
                "{} of {} voters, {} are needed",
                whole.count(),
                newest.voters.len(),
                model::needed(newest.voters.len())
            )
        });
        found.insert(0, counted.unwrap_or_else(|| "no copy is intact and votes".to_owned()));
        Verdict::Not {
            saw: found.join("; "),
            hint: Some("etcdops recover   (shows every copy and what can be done)".to_owned()),
        }
    }
}
