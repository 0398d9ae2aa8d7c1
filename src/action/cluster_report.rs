//! `cluster.report`: what the cluster comes to after a recovery: its members, and that they hold the same.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Kind, Probe, Risk, SAYS, Site, sight};
use crate::base::counted::counted;
use crate::call::{Call, Look, Sight, StoreSeen};
use crate::cluster::observed::Observed;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterReport {}

/// Fields of its output.
pub const OUTPUT: &[(&str, Kind)] = &[
    ("members", Kind::List),
    ("equal", Kind::Bool),
    ("hash", Kind::Text),
    ("revision", Kind::Number),
    ("keys", Kind::Number),
    (SAYS, Kind::Text),
];

/// What each member's store comes to, by host.
type Stores = [(String, Result<StoreSeen, String>)];

fn report(observed: &Observed, stores: &Stores) -> Value {
    let mut members: Vec<String> = observed
        .members
        .iter()
        .filter_map(|seen| seen.member.as_ref())
        .map(|member| {
            let word = if member.started() {
                member.name.clone()
            } else {
                member.id.to_string()
            };
            let learner = if member.learner { ", a learner" } else { "" };
            let leads = if observed.leader == Some(member.id) {
                ", leads"
            } else {
                ""
            };
            format!("{word}{learner}{leads}")
        })
        .collect();
    members.sort();
    let known: Vec<&StoreSeen> = stores.iter().filter_map(|(_, store)| store.as_ref().ok()).collect();
    let equal = known.len() == stores.len() && known.windows(2).all(|pair| pair[0].hash == pair[1].hash);
    let first = known.first().copied().copied().unwrap_or_default();
    let held = if equal && !known.is_empty() {
        let keys = counted(first.keys, "key", "keys");
        format!(
            "each holds the same: hash {:08x}, revision {}, {keys}",
            first.hash, first.revision
        )
    } else {
        // Clients may write between the questions: what is certain was awaited before.
        let each = stores.iter().map(|(host, store)| match store {
            Ok(store) => format!(
                "{host}: hash {:08x}, revision {}, {} keys",
                store.hash, store.revision, store.keys
            ),
            Err(why) => format!("{host}: {why}"),
        });
        each.collect::<Vec<_>>().join("\n")
    };
    json!({
        "members": members,
        "equal": equal,
        "hash": format!("{:08x}", first.hash),
        "revision": first.revision,
        "keys": first.keys,
        SAYS: format!("{}: {}\n{held}", counted(members.len() as u64, "member", "members"), members.join("; ")),
    })
}

impl Action for ClusterReport {
    fn risk(&self) -> Risk {
        Risk::Look
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        "say what the cluster comes to: members, hash, revision, keys".to_owned()
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Cluster, Look::Hashes { revision: 0 }]
    }

    fn probe(&self, _site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let observed = match sight::cluster(seen) {
            Ok(observed) => observed,
            Err(why) => return Probe::Unknown(why),
        };
        let stores = seen.iter().find_map(|sight| match sight {
            Sight::Hashes(stores) => Some(stores.as_slice()),
            _ => None,
        });
        Probe::Done(report(observed, stores.unwrap_or_default()))
    }

    fn call(&self, _site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_not_called_the_same() {
        let store = |hash| StoreSeen {
            hash,
            keys: 3,
            revision: 7,
        };
        let of = |hash| ("etcd-1".to_owned(), Ok(store(hash)));
        let observed = Observed::default();
        let same = report(&observed, &[of(1), of(1)]);
        assert_eq!((&same["equal"], &same["keys"]), (&json!(true), &json!(3)));
        assert!(
            same[SAYS]
                .as_str()
                .unwrap()
                .contains("hash 00000001, revision 7, 3 keys")
        );
        assert_eq!(report(&observed, &[of(1), of(2)])["equal"], json!(false));
        let blind = ("etcd-2".to_owned(), Err("no answer".to_owned()));
        assert_eq!(report(&observed, &[of(1), blind])["equal"], json!(false));
    }
}
