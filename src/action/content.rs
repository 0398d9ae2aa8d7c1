//! `content`: members hold the same keys and values, at one revision; as a backup has them where its numbers are given.

use serde::{Deserialize, Serialize};

use super::{Condition, Site, Verdict};
use crate::call::{Look, Sight, StoreSeen};

/// The keys and values that members hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The hosts whose members must hold the same.
    pub equal_on: Vec<String>,
    /// The backup that they come from, for people.
    #[serde(default)]
    pub backup: Option<String>,
    /// The revision at which they are compared, which they must have reached: the backup's, with what it was raised by (default: now).
    #[serde(default)]
    pub revision: Option<u64>,
    /// How many keys there must be at that revision.
    #[serde(default)]
    pub keys: Option<u64>,
}

impl Content {
    /// A store that was never written to is at revision 1, and its backup says 0.
    fn at(&self) -> u64 {
        self.revision.map_or(0, |revision| revision.max(1))
    }

    fn wrong(&self, host: &str, seen: &StoreSeen) -> Option<String> {
        if seen.revision < self.at() {
            return Some(format!("{host} is at revision {}, before {}", seen.revision, self.at()));
        }
        let wanted = self.keys.filter(|keys| *keys != seen.keys)?;
        Some(format!("{host} has {} keys, not {wanted}", seen.keys))
    }
}

impl Condition for Content {
    fn text(&self, _site: &Site<'_>) -> String {
        let mut text = format!("{} hold the same", self.equal_on.join(", "));
        if let Some(backup) = &self.backup {
            text.push_str(&format!(", as backup {backup} has it"));
        }
        if let Some(revision) = self.revision {
            text.push_str(&format!(", at revision {}", revision.max(1)));
        }
        if let Some(keys) = self.keys {
            text.push_str(&format!(", {keys} keys"));
        }
        text
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Hashes { revision: self.at() }]
    }

    fn judge(&self, _site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let Some(Sight::Hashes(hashes)) = seen.first() else {
            return Verdict::Unknown("the members' hashes could not be read".to_owned());
        };
        let not = |saw: String| Verdict::Not { saw, hint: None };
        let mut first: Option<(StoreSeen, &str)> = None;
        for host in &self.equal_on {
            let found = hashes.iter().find(|(place, _)| place == host);
            let store = match found {
                Some((_, Ok(store))) => *store,
                Some((_, Err(why))) => return Verdict::Unknown(format!("{host}: {why}")),
                None => return Verdict::Unknown(format!("{host}: no member answered for it")),
            };
            if let Some(why) = self.wrong(host, &store) {
                return not(why);
            }
            let (one, other) = *first.get_or_insert((store, host));
            if one.hash != store.hash {
                return not(format!(
                    "{host} holds something else (hash {:08x}) than {other} (hash {:08x})",
                    store.hash, one.hash
                ));
            }
        }
        Verdict::Holds(first.map_or_else(
            || "nobody was asked".to_owned(),
            |(store, _)| format!("hash {:08x}, {} keys everywhere", store.hash, store.keys),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::Content;
    use crate::action::membership::tests::site_of;
    use crate::action::{Condition, Verdict};
    use crate::call::{Sight, StoreSeen};

    fn judged(content: &Content, stores: [(u32, u64, u64); 2]) -> Verdict {
        let seen = content
            .equal_on
            .iter()
            .zip(stores)
            .map(|(host, (hash, keys, revision))| {
                let store = StoreSeen { hash, keys, revision };
                (host.clone(), Ok(store))
            });
        let sight = Sight::Hashes(seen.collect());
        let mut verdict = None;
        site_of(|site| verdict = Some(content.judge(site, std::slice::from_ref(&sight), None)));
        verdict.unwrap()
    }

    #[test]
    fn another_hash_fewer_keys_or_an_earlier_revision_is_not_the_backup() {
        let content = Content {
            equal_on: vec!["etcd-1".to_owned(), "etcd-2".to_owned()],
            backup: Some("b".to_owned()),
            revision: Some(7),
            keys: Some(3),
        };
        assert!(matches!(judged(&content, [(1, 3, 7), (1, 3, 9)]), Verdict::Holds(_)));
        for (stores, words) in [
            ([(1, 3, 7), (2, 3, 7)], "holds something else"),
            ([(1, 3, 7), (1, 2, 7)], "has 2 keys, not 3"),
            ([(1, 3, 6), (1, 3, 7)], "at revision 6, before 7"),
        ] {
            let Verdict::Not { saw, .. } = judged(&content, stores) else {
                panic!("{stores:?} passed")
            };
            assert!(saw.contains(words), "{saw}");
        }
    }
}
