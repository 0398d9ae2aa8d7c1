//! `member`: one member of the cluster.

use serde::{Deserialize, Serialize};

use super::disk::readable;
use super::{Condition, Late, Progress, Site, Verdict, sight};
use crate::call::{Look, Sight};
use crate::cluster::observed::{MemberSeen, Observed, Role, Standing};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberIs {
    /// Host, name or hex ID.
    pub is: Late<String>,
    /// Its host, where the word before does not tell: while it is waited for, etcd must run there, and what it has on its disk is progress.
    #[serde(default)]
    #[schemars(extend("x-host" = true))]
    pub on: Option<String>,
    /// It answers as healthy.
    #[serde(default)]
    pub healthy: bool,
    /// It has published its name.
    #[serde(default)]
    pub started: bool,
    /// It votes.
    #[serde(default)]
    pub voter: bool,
    /// Its applied index reached the leader's index of the look before, three times in a row (safety 7).
    #[serde(default)]
    pub caught_up: bool,
    /// It is not in the member list.
    #[serde(default)]
    pub gone: bool,
}

impl MemberIs {
    fn word(&self) -> &str {
        self.is.known().map_or("", String::as_str)
    }

    /// The host whose etcd must run for it to come true, where that can be told before anybody is asked.
    fn host<'a>(&'a self, site: &'a Site<'_>) -> Option<&'a str> {
        let said = self.on.as_deref().and_then(|on| site.cluster.host(on));
        let named = said.or_else(|| site.cluster.host(self.word())).or(site.host);
        named
            .filter(|_| self.started || self.caught_up)
            .map(|host| host.name.as_str())
    }
}

impl Condition for MemberIs {
    fn text(&self, _site: &Site<'_>) -> String {
        let mut parts = Vec::new();
        for (wanted, words) in [
            (self.gone, "is no member any more"),
            (self.started, "has started"),
            (self.healthy, "is healthy"),
            (self.voter, "is a voter"),
            (self.caught_up, "has caught up with the leader"),
        ] {
            if wanted {
                parts.push(words);
            }
        }
        if parts.is_empty() {
            parts.push("is a member");
        }
        format!("{} {}", self.is, parts.join(" and "))
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Cluster]
    }

    fn judge(&self, _site: &Site<'_>, seen: &[Sight], earlier: Option<&[Sight]>) -> Verdict {
        let observed = match sight::cluster(seen) {
            Ok(observed) => observed,
            Err(why) => return Verdict::Unknown(why),
        };
        if !observed.member_list_known {
            return Verdict::Unknown("no member gave the member list".to_owned());
        }
        let found = match sight::member(observed, self.word()) {
            Ok(found) => found,
            Err(twice) => return Verdict::Unknown(twice.to_string()),
        };
        let Some(found) = found else {
            let saw = format!("{} is not in the member list", self.word());
            return if self.gone {
                Verdict::Holds(saw)
            } else {
                Verdict::Not {
                    saw,
                    hint: Some("etcdops members".to_owned()),
                }
            };
        };
        if self.gone {
            return Verdict::Not {
                saw: format!("{} is still a member", self.word()),
                hint: Some("etcdops members".to_owned()),
            };
        }
        let leader_before = earlier.and_then(|earlier| leader_index(sight::cluster(earlier).ok()?));
        match self.missing(found, leader_before) {
            Some(saw) => Verdict::Not {
                saw,
                hint: Some("look at it (etcdops health), then try again".to_owned()),
            },
            None => Verdict::Holds(format!("{} {}", self.word(), describe(found))),
        }
    }

    fn polls(&self) -> u32 {
        if self.caught_up { 3 } else { 1 }
    }

    fn watched(&self, site: &Site<'_>) -> Vec<Look> {
        self.host(site).map(Look::service).into_iter().collect()
    }

    fn progress(&self, site: &Site<'_>, seen: &[Sight], watched: &[Sight]) -> Option<Progress> {
        if !self.started && !self.caught_up {
            return None;
        }
        let found = sight::cluster(seen)
            .ok()
            .and_then(|seen| sight::member(seen, self.word()).ok().flatten());
        let elsewhere = found
            .and_then(|found| found.host.as_deref())
            .is_some_and(|host| self.host(site) != Some(host));
        let entries = found.and_then(|found| found.raft_applied_index.or(found.raft_index));
        let numbers = [entries, found.and_then(|found| found.db_size)];
        let Some(host) = self.host(site).filter(|_| !elsewhere) else {
            return Some(Progress::unwatched(numbers));
        };
        Some(Progress::of_member(site, host, numbers, sight::service(watched).ok()))
    }
}

impl MemberIs {
    #[expect(clippy::cast_precision_loss, reason = "sizes of databases are far below 2^53")]
    fn missing(&self, found: &MemberSeen, leader_before: Option<u64>) -> Option<String> {
        let word = self.word();
        if self.started
            && !found
                .member
                .as_ref()
                .is_some_and(crate::cluster::member::Member::started)
        {
            return Some(format!("{word} has not started"));
        }
        if self.voter && found.role == Some(Role::Learner) {
            return Some(format!("{word} is a learner"));
        }
        if self.healthy && found.standing != Standing::Healthy {
            return Some(format!("{word} {}", describe(found)));
        }
        if self.caught_up {
            let Some(goal) = leader_before else {
                return Some("the leader's index was just read".to_owned());
            };
            let applied = found.raft_applied_index.or(found.raft_index).unwrap_or(0);
            if applied < goal {
                let size = found
                    .db_size
                    .map(|size| format!(", its database has {}", readable(size as f64)));
                return Some(format!(
                    "{word} has applied {applied} of {goal} entries{}",
                    size.unwrap_or_default()
                ));
            }
        }
        None
    }
}

fn leader_index(observed: &Observed) -> Option<u64> {
    observed.by_id(observed.leader?)?.raft_index
}

fn describe(seen: &MemberSeen) -> String {
    match (seen.standing, &seen.cause) {
        (Standing::Healthy, _) => "is healthy".to_owned(),
        (Standing::Unhealthy, Some(cause)) => format!("is unhealthy: {}", cause.message),
        (Standing::Unreachable, Some(cause)) => format!("cannot be reached: {}", cause.message),
        (Standing::Unhealthy, None) => "is unhealthy".to_owned(),
        (Standing::Unreachable, None) => "cannot be reached".to_owned(),
    }
}
