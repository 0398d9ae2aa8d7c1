//! Everything that a recovery could begin from, and what each way would lose: looked at all at once, judged purely.

use futures_util::future::{join, join_all};
use jiff::Timestamp;
use serde::Serialize;

use super::record::Record;
use super::{Depth, Evidence, investigate, see};
use crate::action::newest::{Absent, Copies, position};
use crate::base::duration::Span;
use crate::base::quote::quote;
use crate::call::copy::CopySeen;
use crate::call::host::{HostAnswer, HostOp};
use crate::call::{CallError, Fault, Look, Sight};
use crate::cluster::host::ClusterConfig;
use crate::cluster::model;
use crate::transport::Transport;

/// What was found on the hosts and from the members.
#[derive(Debug, Default)]
pub struct Found {
    pub evidence: Evidence,
    /// By host, in the inventory's order.
    pub copies: Vec<(String, Result<CopySeen, CallError>)>,
}

/// A verified backup, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupFound {
    pub name: String,
    pub taken: Timestamp,
    pub revision: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Start what is stopped.
    Start,
    FromBackup,
    FromSurvivor,
}

/// One way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    pub way: Way,
    /// `start etcd-1 and etcd-2`.
    pub what: String,
    /// What it would lose.
    pub loses: String,
    /// What to type.
    pub command: String,
    /// Why it cannot be done as things are.
    pub refused: Option<String>,
    /// The host or backup that it begins from.
    #[serde(skip)]
    pub from: Option<String>,
    /// Hosts to be declared dead for it.
    #[serde(skip)]
    pub dead: Vec<String>,
}

/// Every way, the one that loses least first, and which one is recommended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    pub all: Vec<Choice>,
    pub recommended: Option<usize>,
}

/// Looks at everything at once; each look is bounded.
pub async fn find(cluster: &ClusterConfig, transport: &dyn Transport, bound: Span) -> Found {
    let read = cluster.hosts.iter().map(async |host| {
        let look = Look::Host {
            host: host.name.clone(),
            op: HostOp::ReadCopy,
        };
        let copy = match see(&look, cluster, transport, bound).await {
            Sight::Host(HostAnswer::Copy(copy)) => Ok(*copy),
            Sight::Blind(error) => Err(error),
            _ => Err(CallError::new(
                Fault::Garbage,
                "read the data directory",
                &host.name,
                "another answer",
            )),
        };
        (host.name.clone(), copy)
    });
    let members = investigate(cluster, transport, bound, Depth::Thorough);
    let (evidence, copies) = join(members, join_all(read)).await;
    Found { evidence, copies }
}

impl Found {
    pub fn copies(&self) -> Copies<'_> {
        let mut found = Copies::default();
        for (host, copy) in &self.copies {
            match copy {
                Ok(copy) => found.read.push((host, copy)),
                Err(error) => found.blind.push((host, error)),
            }
        }
        found
    }

    /// The highest revision that any copy, any member or the record of earlier looks knows.
    pub fn highest_revision(&self, record: Option<&Record>) -> u64 {
        let copies = self
            .copies
            .iter()
            .filter_map(|(_, copy)| copy.as_ref().ok())
            .map(|copy| copy.revision);
        let members = self.evidence.observed.members.iter().filter_map(|row| row.revision);
        let known = record.and_then(|record| record.revision);
        copies.chain(members).chain(known).max().unwrap_or_default()
    }

    /// What can be done, and what each would lose.
    pub fn choices(
        &self,
        cluster: &ClusterConfig,
        backups: &[BackupFound],
        record: Option<&Record>,
        now: Timestamp,
    ) -> Choices {
        let copies = self.copies();
        let highest = self.highest_revision(record);
        let start = start(&copies);
        let backup = backups.first().map(|backup| from_backup(backup, highest, now));
        let survivor = from_survivor(&copies, cluster, highest);
        let all: Vec<Choice> = [Some(start), survivor, backup].into_iter().flatten().collect();
        let recommended = all.iter().position(|choice| choice.refused.is_none());
        Choices { all, recommended }
    }
}

fn list(hosts: &[&str]) -> String {
    match hosts {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The first way, always: it loses nothing (safety 12).
fn start(copies: &Copies<'_>) -> Choice {
    let stopped: Vec<&str> = copies
        .read
        .iter()
        .filter(|(_, copy)| copy.there && copy.unit && !copy.running && !copy.fenced)
        .map(|(host, _)| *host)
        .collect();
    let newest = copies.newest();
    let quorum = newest.and_then(|(_, chosen)| copies.quorum(chosen));
    let refused = match (newest, &quorum) {
        _ if stopped.is_empty() => Some("nothing is stopped".to_owned()),
        (None, _) => Some("no copy is intact and votes".to_owned()),
        (Some((_, chosen)), None) => {
            let voters = chosen.voters.len();
            Some(format!(
                "too few: {} of {voters} voters have intact data, {} are needed",
                copies
                    .read
                    .iter()
                    .filter(|(_, copy)| copy.eligible() && copy.cluster == chosen.cluster)
                    .count(),
                model::needed(voters)
            ))
        }
        (Some(_), Some(_)) => None,
    };
    let what = match stopped.as_slice() {
        [] => "start what is stopped".to_owned(),
        hosts => format!("start what is stopped: {}", list(hosts)),
    };
    Choice {
        way: Way::Start,
        what,
        loses: "nothing".to_owned(),
        command: "etcdops recover --start".to_owned(),
        refused,
        from: None,
        dead: Vec::new(),
    }
}

fn from_backup(backup: &BackupFound, highest: u64, now: Timestamp) -> Choice {
    let age = now.duration_since(backup.taken).as_secs().max(0);
    let revisions = highest.saturating_sub(backup.revision);
    let lost = if highest == 0 {
        "what was written since".to_owned()
    } else {
        format!("at least {}", counted(revisions, "revision"))
    };
    Choice {
        way: Way::FromBackup,
        what: format!(
            "backup {} of {}",
            backup.name,
            backup.taken.strftime("%Y-%m-%d %H:%M UTC")
        ),
        loses: format!("{lost}, {}", length(age)),
        command: format!("etcdops recover --from-backup {}", quote(&backup.name)),
        refused: None,
        from: Some(backup.name.clone()),
        dead: Vec::new(),
    }
}

fn from_survivor(copies: &Copies<'_>, cluster: &ClusterConfig, highest: u64) -> Option<Choice> {
    let (host, chosen) = copies.newest()?;
    let absent = copies.absent(chosen, cluster);
    let dead: Vec<String> = absent.iter().filter_map(|voter| voter.host.clone()).collect();
    let stranger = absent.iter().find(|voter| voter.host.is_none());
    let refused = if let Some(hosts) = copies.quorum(chosen) {
        Some(format!("not needed: {} make a quorum", list(&hosts)))
    } else {
        stranger.map(|voter| {
            format!(
                "the inventory has no host for member {}, whose copy may be newer",
                voter.name
            )
        })
    };
    let flags: String = dead.iter().map(|host| format!(" --dead {}", quote(host))).collect();
    Some(Choice {
        way: Way::FromSurvivor,
        what: format!("survivor {host} ({})", position(chosen)),
        loses: survivor_loses(chosen, &absent, highest),
        command: format!("etcdops recover --from-survivor {}{flags}", quote(host)),
        refused,
        from: Some(host.to_owned()),
        dead,
    })
}

fn survivor_loses(chosen: &CopySeen, absent: &[Absent], highest: u64) -> String {
    let mut parts = Vec::new();
    match chosen.uncommitted() {
        0 => {}
        entries => parts.push(format!("{}, possibly acknowledged", entry_count(entries))),
    }
    let behind = highest.saturating_sub(chosen.revision);
    if behind > 0 && chosen.revision > 0 {
        parts.push(format!(
            "at least {} that were seen before",
            counted(behind, "revision")
        ));
    }
    if !absent.is_empty() {
        let names: Vec<&str> = absent.iter().map(Absent::word).collect();
        parts.push(format!("whatever only {} had", list(&names)));
    }
    if parts.is_empty() {
        // Safety 14: only a clean stop would make it certain.
        return "nothing that is known of".to_owned();
    }
    parts.join("; ")
}

fn entry_count(entries: u64) -> String {
    if entries == 1 {
        "1 entry".to_owned()
    } else {
        format!("{} entries", grouped(entries))
    }
}

fn counted(number: u64, one: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {one}{s}", grouped(number))
}

/// `1,204`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds in the greatest unit in which they are at least one.
fn length(seconds: i64) -> String {
    let (number, unit) = match seconds {
        ..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    counted(number.unsigned_abs(), unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::copy::Part;
    use crate::cluster::host::Host;
    use crate::cluster::member::{Id, Member};
    use crate::transport::simulated::World;

    fn cluster() -> ClusterConfig {
        let (_, cluster) = World::of("3.5.35".parse().unwrap(), 3).build();
        cluster
    }

    fn copy(number: u64, commit: u64, last: u64) -> CopySeen {
        let member = |number: u64| Member {
            id: Id(number),
            name: format!("etcd-{number}"),
            peer_urls: vec![format!("http://etcd-{number}:2380")],
            client_urls: Vec::new(),
            learner: false,
        };
        CopySeen {
            there: true,
            unit: true,
            member: Some(Id(number)),
            cluster: Some(Id(9)),
            commit,
            last_index: last,
            last_term: 2,
            revision: commit,
            part: Part::Voter,
            voters: (1..=3).map(Id).collect(),
            members: (1..=3).map(member).collect(),
            ..CopySeen::default()
        }
    }

    fn found(copies: &[Option<CopySeen>]) -> Found {
        let lost = || Err(CallError::new(Fault::Timeout, "read", "etcd", "no answer in time"));
        let copies = copies.iter().cloned().enumerate();
        Found {
            copies: copies
                .map(|(at, copy)| {
                    (
                        Host::named(&format!("etcd-{}", at + 1)).name,
                        copy.map_or_else(lost, Ok),
                    )
                })
                .collect(),
            ..Found::default()
        }
    }

    #[test]
    fn what_is_stopped_is_started_first() {
        let found = found(&[Some(copy(1, 9, 9)), Some(copy(2, 9, 12)), None]);
        let choices = found.choices(&cluster(), &[], None, Timestamp::UNIX_EPOCH);
        assert_eq!(choices.recommended, Some(0));
        assert_eq!(choices.all[0].what, "start what is stopped: etcd-1 and etcd-2");
        assert_eq!(choices.all[0].loses, "nothing");
        let survivor = &choices.all[1];
        assert_eq!(
            survivor.refused.as_deref(),
            Some("not needed: etcd-1 and etcd-2 make a quorum")
        );
    }

    #[test]
    fn a_survivor_and_a_backup_tell_what_they_lose() {
        let found = found(&[None, Some(copy(2, 2000, 2003)), None]);
        let now: Timestamp = "2026-11-20T03:41:00Z".parse().unwrap();
        let backup = BackupFound {
            name: "b1".to_owned(),
            taken: "2026-11-20T03:00:00Z".parse().unwrap(),
            revision: 796,
        };
        let choices = found.choices(&cluster(), &[backup], None, now);
        let told: Vec<(Way, &str)> = choices
            .all
            .iter()
            .map(|choice| (choice.way, choice.loses.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (Way::Start, "nothing"),
                (
                    Way::FromSurvivor,
                    "3 entries, possibly acknowledged; whatever only etcd-1 and etcd-3 had"
                ),
                (Way::FromBackup, "at least 1,204 revisions, 41 minutes"),
            ]
        );
        assert_eq!(
            choices.all[0].refused.as_deref(),
            Some("too few: 1 of 3 voters have intact data, 2 are needed")
        );
        assert_eq!(choices.recommended, Some(1));
        assert_eq!(
            choices.all[1].command,
            "etcdops recover --from-survivor etcd-2 --dead etcd-1 --dead etcd-3"
        );
    }

    #[test]
    fn where_nothing_is_left_nothing_is_recommended() {
        let found = found(&[Some(CopySeen::default()), None, None]);
        let choices = found.choices(&cluster(), &[], None, Timestamp::UNIX_EPOCH);
        assert_eq!((choices.recommended, choices.all.len()), (None, 1));
    }
}
