//! `members`: the member list as a whole.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Condition, Late, Site, Verdict, membership};
use crate::base::quote::quote;
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
    id: Option<Id>,
    host: Option<&'a str>,
    name: &'a str,
    peer_urls: &'a [String],
    learner: bool,
}

/// What is not as wanted, and what to type where that is known.
struct Wrong {
    saw: String,
    hint: Option<String>,
}

impl From<String> for Wrong {
    fn from(saw: String) -> Self {
        Self { saw, hint: None }
    }
}

/// The learner that is in the way, and both ways out.
fn learner(row: &Row<'_>) -> Wrong {
    let id = row.id.map(|id| id.to_string()).unwrap_or_default();
    let place = row.host.map(|host| format!(" on {host}")).unwrap_or_default();
    let (saw, first) = match (row.name, row.host) {
        ("", Some(host)) => (
            format!("{id}{place} is a learner that has never started"),
            format!("etcdops add-member {} carries on with it", quote(host)),
        ),
        ("", None) => (
            format!("{id} is a learner that has never started"),
            "start etcd on its host".to_owned(),
        ),
        (name, _) => (
            format!("{name} ({id}){place} is a learner"),
            format!("etcdops promote-member {id}"),
        ),
    };
    Wrong {
        saw,
        hint: Some(format!("{first}; or take it out: etcdops remove-member {id}")),
    }
}

impl Members {
    fn wrong(&self, rows: &[Row<'_>]) -> Option<Wrong> {
        if self.no_learner
            && let Some(row) = rows.iter().find(|row| row.learner)
        {
            return Some(learner(row));
        }
        self.differs(rows).map(Wrong::from)
    }

    fn differs(&self, rows: &[Row<'_>]) -> Option<String> {
        let voters = rows.iter().filter(|row| !row.learner).count();
        if self.count.is_some_and(|count| count != rows.len()) {
            return Some(format!("there are {} members", rows.len()));
        }
        if self.voters.is_some_and(|count| count != voters) {
            return Some(format!("there are {voters} voters"));
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

/// Where the views of those that answer differ, and whose does.
fn disagreement(observed: &Observed) -> Option<String> {
    let answer = |seen: &&MemberSeen| seen.member.is_some() && seen.raft_term.is_some();
    let answering = || observed.members.iter().filter(answer);
    let views: BTreeSet<_> = answering().map(|seen| (seen.leader, seen.cluster_id)).collect();
    if views.len() > 1 {
        return Some("members name different leaders or clusters".to_owned());
    }
    if views.iter().any(|(leader, _)| leader.is_none()) {
        return Some("the members know no leader".to_owned());
    }
    answering().find_map(|seen| {
        let member = seen.member.as_ref()?;
        let whose = seen.host.as_ref().unwrap_or(&member.name);
        match &seen.own_list {
            OwnList::Other(words) => Some(format!("the member list of {whose} is another one: {words}")),
            // Older versions have no list from a learner.
            OwnList::Unknown if !member.learner => Some(format!("{whose} does not tell its own member list")),
            OwnList::Unknown | OwnList::Same => None,
        }
    })
}

fn verdict(wrong: Option<Wrong>, saw: String) -> Verdict {
    match wrong {
        Some(Wrong { saw, hint }) => Verdict::Not {
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
                    id: Some(member.id),
                    host: seen.host.as_deref(),
                    name: &member.name,
                    peer_urls: &member.peer_urls,
                    learner: member.learner,
                })
            })
            .collect();
        let mut wrong = self.wrong(&rows);
        if self.agree && wrong.is_none() {
            wrong = disagreement(observed).map(Wrong::from);
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
                id: member.id,
                host: member.host.as_deref(),
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

    #[test]
    fn a_learner_in_the_way_is_named_with_both_ways_out() {
        let condition: Members = serde_json::from_str(r#"{"no_learner": true}"#).unwrap();
        let told = |name: &str| {
            let mut members = three();
            members.push(member(0xd4, name, true));
            members[3].host = Some("etcd-4".to_owned());
            let mut told = (String::new(), None);
            site_of(|site| {
                if let Verdict::Not { saw, hint } = condition.judge(site, &seen(members), None) {
                    told = (saw, hint);
                }
            });
            (told.0, told.1.unwrap_or_default())
        };
        let (saw, hint) = told("etcd-4");
        assert!(saw.contains("etcd-4 (d4)"), "{saw}");
        assert!(
            hint.contains("etcdops promote-member d4") && hint.contains("etcdops remove-member d4"),
            "{hint}"
        );
        let (saw, hint) = told("");
        assert!(saw.contains("d4 on etcd-4") && saw.contains("never started"), "{saw}");
        assert!(
            hint.contains("etcdops add-member etcd-4") && hint.contains("etcdops remove-member d4"),
            "{hint}"
        );
    }

    /// What `agree` saw where it does not hold.
    fn disagreement(change: impl FnOnce(&mut [MemberSeen])) -> Option<String> {
        let agree: Members = serde_json::from_str(r#"{"agree": true}"#).unwrap();
        let mut members = three();
        change(&mut members);
        let mut saw = None;
        site_of(|site| {
            if let Verdict::Not { saw: found, .. } = agree.judge(site, &seen(members), None) {
                saw = Some(found);
            }
        });
        saw
    }

    #[test]
    fn members_agree_only_when_each_ones_own_list_is_the_same() {
        assert_eq!(disagreement(|_| {}), None);
        let other = disagreement(|members| members[1].own_list = OwnList::Other("it does not list 4".to_owned()));
        let text = other.unwrap();
        assert!(text.contains("etcd-2") && text.contains("it does not list 4"), "{text}");
        let mute = disagreement(|members| members[2].own_list = OwnList::Unknown).unwrap();
        assert!(mute.contains("etcd-3 does not tell"), "{mute}");
        let learner = |members: &mut [MemberSeen]| {
            members[2].own_list = OwnList::Unknown;
            members[2].member.as_mut().unwrap().learner = true;
        };
        assert_eq!(disagreement(learner), None);
        let down = |members: &mut [MemberSeen]| {
            members[2].own_list = OwnList::Unknown;
            members[2].raft_term = None;
        };
        assert_eq!(disagreement(down), None);
    }
}
