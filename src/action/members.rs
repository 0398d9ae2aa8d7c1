//! `members`: the member list as a whole.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Condition, Late, Site, Verdict, membership};
use crate::call::{Look, Sight};
use crate::cluster::member::{Id, Member};
use crate::cluster::model::Model;
use crate::cluster::observed::{MemberSeen, Observed, OwnList};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Members {
    /// So many members, learners included.
    #[serde(default)]
    pub count: Option<usize>,
    /// So many voters.
    #[serde(default)]
    pub voters: Option<usize>,
    /// Nobody is called so.
    #[serde(default)]
    pub no_name: Option<String>,
    /// Nobody has this peer URL.
    #[serde(default)]
    pub no_peer_url: Option<String>,
    /// No two members have one name.
    #[serde(default)]
    pub distinct: bool,
    /// There is no learner.
    #[serde(default)]
    pub no_learner: bool,
    /// All of these (hex ID, name or host) are members.
    #[serde(default)]
    pub include: Vec<Late<String>>,
    /// All members that answer name the same leader and the same cluster, and each one's own list has the same members with the same
    /// peer URLs and learners.
    #[serde(default)]
    pub agree: bool,
}

/// A member in the few words that matter here.
struct Row<'a> {
    words: Vec<String>,
    name: &'a str,
    peer_urls: &'a [String],
    learner: bool,
}

impl Members {
    fn wrong(&self, rows: &[Row<'_>]) -> Option<String> {
        let voters = rows.iter().filter(|row| !row.learner).count();
        if self.count.is_some_and(|count| count != rows.len()) {
            return Some(format!("there are {} members", rows.len()));
        }
        if self.voters.is_some_and(|count| count != voters) {
            return Some(format!("there are {voters} voters"));
        }
        if self.no_learner && voters != rows.len() {
            return Some("there is a learner".to_owned());
        }
        if let Some(name) = &self.no_name
            && rows.iter().any(|row| row.name == name)
        {
            return Some(format!("a member is called {name} already"));
        }
        if let Some(url) = &self.no_peer_url {
            let url = url.trim_end_matches('/');
            let has = |row: &&Row<'_>| row.peer_urls.iter().any(|own| own.trim_end_matches('/') == url);
            if let Some(row) = rows.iter().find(has) {
                return Some(format!("{} has the peer URL {url} already", row.words.join(" ")));
            }
        }
        if self.distinct {
            let mut names = BTreeSet::new();
            let twice = rows.iter().find(|row| !row.name.is_empty() && !names.insert(row.name));
            if let Some(row) = twice {
                return Some(format!("two members are called {}", row.name));
            }
        }
        self.include
            .iter()
            .filter_map(Late::known)
            .find(|word| !rows.iter().any(|row| row.words.contains(word)))
            .map(|word| format!("{word} is no member"))
    }
}

fn verdict(wrong: Option<String>, saw: String) -> Verdict {
    match wrong {
        Some(saw) => Verdict::Not {
            saw,
            hint: hint.or_else(|| Some("etcdops members".to_owned())),
        },
        None => Verdict::Holds(saw),
    }
}

fn words(member: &Member, host: Option<&String>) -> Vec<String> {
    let mut words = vec![member.id.to_string()];
    words.extend(Some(&member.name).filter(|name| !name.is_empty()).cloned());
    words.extend(host.cloned());
    words
}

impl Condition for Members {
    fn text(&self, _site: &Site<'_>) -> String {
        let mut parts = Vec::new();
        parts.extend(self.count.map(|count| format!("there are {count} members")));
        parts.extend(self.voters.map(|count| format!("there are {count} voters")));
        parts.extend(self.no_name.as_ref().map(|name| format!("no member is called {name}")));
        parts.extend(
            self.no_peer_url
                .as_ref()
                .map(|url| format!("no member has the peer URL {url}")),
        );
        for (wanted, text) in [
            (self.distinct, "no two members have one name"),
            (self.no_learner, "there is no learner"),
            (
                self.agree,
                "all members name one leader, one cluster and the same members",
            ),
        ] {
            if wanted {
                parts.push(text.to_owned());
            }
        }
        if !self.include.is_empty() {
            let names: Vec<String> = self.include.iter().map(ToString::to_string).collect();
            parts.push(format!("{} in the member list", names.join(", ")));
        }
        if parts.is_empty() {
            parts.push("the member list is known".to_owned());
        }
        parts.join(", ")
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Cluster]
    }

    fn judge(&self, _site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let observed = match membership::list(seen) {
            Ok(observed) => observed,
            Err(why) => return Verdict::Unknown(why),
        };
        let rows: Vec<Row<'_>> = observed
            .members
            .iter()
            .filter_map(|seen| {
                let member = seen.member.as_ref()?;
                Some(Row {
                    words: words(member, seen.host.as_ref()),
                    name: &member.name,
                    peer_urls: &member.peer_urls,
                    learner: member.learner,
                })
            })
            .collect();
        let mut wrong = self.wrong(&rows);
        if self.agree && wrong.is_none() {
            let views: BTreeSet<_> = observed
                .members
                .iter()
                .filter(|seen| seen.member.is_some() && seen.raft_term.is_some())
                .map(|seen| (seen.leader, seen.cluster_id))
                .collect();
            if views.len() > 1 {
                wrong = Some("members name different leaders or clusters".to_owned());
            } else if views.iter().any(|(leader, _)| leader.is_none()) {
                wrong = Some("the members know no leader".to_owned());
            }
        }
        verdict(wrong, format!("{} members", rows.len()))
    }

    fn on_model(&self, _site: &Site<'_>, model: &Model) -> Option<Verdict> {
        if self.agree {
            return None;
        }
        let rows: Vec<Row<'_>> = model
            .members
            .iter()
            .map(|member| Row {
                words: member
                    .id
                    .map(|id| id.to_string())
                    .into_iter()
                    .chain([member.name.clone()])
                    .chain(member.host.clone())
                    .collect(),
                name: &member.name,
                peer_urls: &member.peer_urls,
                learner: member.learner,
            })
            .collect();
        Some(verdict(self.wrong(&rows), format!("{} members", rows.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::Members;
    use crate::action::membership::tests::{member, seen, site_of, three};
    use crate::action::{Condition, Verdict};
    use crate::cluster::observed::{MemberSeen, OwnList};

    fn holds(text: &str, extra: Option<(u64, &str, bool)>) -> bool {
        let condition: Members = serde_json::from_str(text).unwrap();
        let mut members = three();
        members.extend(extra.map(|(number, name, learner)| member(number, name, learner)));
        let mut answer = false;
        site_of(|site| answer = matches!(condition.judge(site, &seen(members), None), Verdict::Holds(_)));
        answer
    }

    #[test]
    fn each_wish_is_looked_at() {
        assert!(holds(
            r#"{"count": 3, "voters": 3, "distinct": true, "no_learner": true, "agree": true}"#,
            None
        ));
        assert!(!holds(r#"{"no_learner": true}"#, Some((4, "etcd-4", true))));
        assert!(!holds(r#"{"distinct": true}"#, Some((4, "etcd-3", false))));
        assert!(!holds(r#"{"no_peer_url": "http://etcd-2:2380/"}"#, None));
        assert!(!holds(r#"{"no_name": "etcd-2"}"#, None));
        assert!(!holds(r#"{"include": ["etcd-9"]}"#, None));
        assert!(holds(r#"{"include": ["etcd-3", "2"], "no_name": "etcd-4"}"#, None));
    }
}
