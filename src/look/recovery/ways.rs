//! What each way back needs and loses: pure.

use jiff::Timestamp;

use super::{BackupFound, Choice, Way};
use crate::action::newest::{Absent, Copies, position, several};
use crate::base::counted::{counted, length};
use crate::base::quote::quote;
use crate::call::Fault;
use crate::call::copy::CopySeen;
use crate::cluster::host::ClusterConfig;
use crate::cluster::model;

fn list(hosts: &[&str]) -> String {
    match hosts {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The first way, always: it loses nothing (safety 12).
pub(super) fn start(copies: &Copies<'_>) -> Choice {
    let stopped: Vec<&str> = copies
        .read
        .iter()
        .filter(|(_, copy)| copy.there && copy.unit && !copy.running && !copy.fenced)
        .map(|(host, _)| *host)
        .collect();
    let newest = copies.newest();
    let quorum = newest.and_then(|(_, chosen)| copies.quorum(chosen));
    let clusters = copies.clusters();
    let refused = match (newest, &quorum) {
        _ if clusters.len() > 1 => Some(format!("there are copies of several clusters: {}", several(&clusters))),
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
        accept: Vec::new(),
        v2: false,
    }
}

/// Hosts that a restore has to do without, and whether it can.
pub(super) struct Absence {
    /// Nothing of them answers.
    dead: Vec<String>,
    refused: Option<String>,
}

/// `serves`: etcd answers on this host.
pub(super) fn absence(copies: &Copies<'_>, serves: impl Fn(&str) -> bool) -> Absence {
    let alive = copies.blind.iter().find(|(host, error)| {
        let shut_out = matches!(error.fault, Fault::Auth | Fault::HostKey | Fault::Sudo);
        shut_out || serves(host)
    });
    let refused = match alive {
        Some((host, error)) => Some(format!(
            "{host} answers and cannot be worked on, so that it could be neither restored nor stopped: {}",
            error.message
        )),
        None if copies.read.is_empty() => Some("no host can be reached".to_owned()),
        None => None,
    };
    Absence {
        dead: copies.blind.iter().map(|(host, _)| (*host).to_owned()).collect(),
        refused,
    }
}

/// `v2_lost`: there is data of the v2 API that a snapshot holds nothing of.
pub(super) fn from_backup(
    backup: &BackupFound,
    absence: &Absence,
    v2_lost: bool,
    highest: u64,
    now: Timestamp,
) -> Choice {
    let age = now.duration_since(backup.taken).as_secs().max(0);
    // Of a store that was never written to the database says 0, and its members say 1.
    let revisions = highest.saturating_sub(backup.revision.max(1));
    let lost = match (highest, revisions) {
        (0, _) => "what was written since".to_owned(),
        (_, 0) => "no later revision is known".to_owned(),
        _ => format!("at least {}", counted(revisions, "revision", "revisions")),
    };
    let mut loses = format!("{lost}, {}", length(age));
    let mut accept = Vec::new();
    if v2_lost && !backup.v2 {
        loses.push_str("; all data of the v2 API");
        accept.push("v2_data".to_owned());
    }
    if let Some(fell) = &backup.fell {
        loses.push_str("; beware: ");
        loses.push_str(fell);
    }
    let mut what = format!(
        "backup {} of {}",
        backup.name,
        backup.taken.strftime("%Y-%m-%d %H:%M UTC")
    );
    if backup.v2 {
        what.push_str(", with data of the v2 API");
    }
    if !absence.dead.is_empty() {
        let dead: Vec<&str> = absence.dead.iter().map(String::as_str).collect();
        what.push_str(&format!(", without {}, which cannot be reached", list(&dead)));
    }
    let mut command = format!("etcdops recover --from-backup {}", quote(&backup.name));
    command.extend(absence.dead.iter().map(|host| format!(" --dead {}", quote(host))));
    command.extend(accept.iter().map(|guard| format!(" --accept {guard}")));
    let doubt = backup.doubt.as_ref();
    Choice {
        way: Way::FromBackup,
        what,
        loses,
        refused: absence
            .refused
            .clone()
            .or_else(|| doubt.map(|doubt| format!("{doubt}; if it is of this cluster: {command} --accept backup"))),
        command,
        from: Some(backup.name.clone()),
        dead: absence.dead.clone(),
        accept,
        v2: backup.v2,
    }
}

pub(super) fn from_survivor(copies: &Copies<'_>, cluster: &ClusterConfig, highest: u64) -> Option<Choice> {
    let (host, chosen) = copies.newest()?;
    let absent = copies.absent(chosen, cluster);
    let dead: Vec<String> = absent.iter().filter_map(|voter| voter.host.clone()).collect();
    let stranger = absent.iter().find(|voter| voter.host.is_none());
    let clusters = copies.clusters();
    let refused = if clusters.len() > 1 {
        Some(format!(
            "there are copies of several clusters: {}; name a host of the one that you want back",
            several(&clusters)
        ))
    } else if let Some(hosts) = copies.quorum(chosen) {
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
        accept: Vec::new(),
        v2: false,
    })
}

fn survivor_loses(chosen: &CopySeen, absent: &[Absent], highest: u64) -> String {
    let mut parts = Vec::new();
    match chosen.uncommitted() {
        0 => {}
        entries => parts.push(format!(
            "{}, possibly acknowledged",
            counted(entries, "entry", "entries")
        )),
    }
    let behind = highest.saturating_sub(chosen.revision);
    if behind > 0 && chosen.revision > 0 {
        parts.push(format!(
            "at least {} that were seen before",
            counted(behind, "revision", "revisions")
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
