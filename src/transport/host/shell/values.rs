//! The values of an operation, as shell variables.

use crate::base::quote::join;
use crate::call::host::{Command, HostOp, Life, Restore, Stood};
use crate::cluster::host::Host;

/// The mode of what holds the keys of a cluster.
const PRIVATE: &str = "600";

/// The operation's own values, as shell variables.
#[expect(clippy::too_many_lines, reason = "a table: one arm for each operation")]
pub(super) fn values(op: &HostOp, host: &Host) -> Result<Vec<(&'static str, String)>, String> {
    let frozen = || {
        host.freeze
            .as_ref()
            .ok_or("the inventory gives no `freeze` commands for this host")
    };
    Ok(match op {
        HostOp::Stat { path } | HostOp::Disk { path } | HostOp::Discard { path } => vec![("path", path.clone())],
        HostOp::Log { since, lines, contains } => vec![
            (
                "since",
                since.map(|since| since.0.as_secs().to_string()).unwrap_or_default(),
            ),
            ("lines", lines.to_string()),
            ("contains", contains.clone().unwrap_or_default()),
        ],
        HostOp::PeerListen { .. } | HostOp::PeerReach { .. } => peer_values(op),
        HostOp::Start { enable } => vec![("enable", yes(*enable))],
        HostOp::Stop { disable, start_again } => vec![
            ("disable", yes(*disable)),
            (
                "again",
                start_again.map_or(0, |after| after.0.as_secs().max(1)).to_string(),
            ),
        ],
        HostOp::ColdCopy {
            data_dir,
            wal_dir,
            to,
            v2,
        } => vec![
            ("data", data_dir.clone()),
            ("log", wal_dir.clone().unwrap_or_default()),
            ("to", to.clone()),
            ("v2", yes(*v2)),
        ],
        HostOp::Override { name, .. } | HostOp::DropOverride { name } | HostOp::DisarmLease { name } => {
            vec![("name", plain_name(name)?)]
        }
        HostOp::ArmLease { name, after, .. } => {
            vec![
                ("name", plain_name(name)?),
                ("after", after.0.as_secs().max(1).to_string()),
            ]
        }
        HostOp::Freeze { at_most } => vec![
            (
                "after",
                at_most
                    .map(|span| span.0.as_secs().max(1).to_string())
                    .unwrap_or_default(),
            ),
            ("command", frozen()?.on.clone()),
            ("check", frozen()?.check.clone().unwrap_or_default()),
        ],
        HostOp::Thaw => vec![("command", frozen()?.off.clone())],
        HostOp::FreezeCheck => {
            let check = frozen()?.check.clone();
            vec![(
                "command",
                check.ok_or("the inventory gives no `freeze.check` command for this host")?,
            )]
        }
        HostOp::WriteFile {
            path, mode, owner, was, ..
        } => {
            let mut values = dressed(path, mode.as_ref(), owner.as_ref());
            let was = match was {
                None => "",
                Some(Stood::Nothing) => "-",
                Some(Stood::File(sha256)) => sha256,
            };
            values.push(("was", was.to_owned()));
            values
        }
        HostOp::PutFile {
            path,
            sha256,
            mode,
            owner,
            ..
        } => {
            let mut values = dressed(path, mode.as_ref(), owner.as_ref());
            values.push(("sha256", sha256.clone()));
            values
        }
        HostOp::Carry { path, sha256, .. } => {
            let mut values = dressed(path, Some(&PRIVATE.to_owned()), None);
            values.push(("sha256", sha256.clone()));
            values
        }
        HostOp::Own { path, owner, mode } => dressed(path, mode.as_ref(), Some(owner)),
        HostOp::Restore(restore) => restoring(restore),
        HostOp::Swap { path, new, old } => {
            vec![("path", path.clone()), ("new", new.clone()), ("to", old.clone())]
        }
        HostOp::Rename { from, to } => vec![("from", from.clone()), ("to", to.clone())],
        HostOp::MoveAside { path, to } => vec![("path", path.clone()), ("to", to.clone())],
        HostOp::Run {
            command, become_root, ..
        } => {
            vec![("command", command_text(command)), ("elevate", yes(*become_root))]
        }
        HostOp::ClearMarker { life, .. } => vec![("life", in_marker(life.as_ref())?)],
        HostOp::AppendJournal {
            from_seq, life, held, ..
        } => vec![
            ("from", from_seq.max(&1).to_string()),
            ("life", in_marker(life.as_ref())?),
            ("held", yes(*held)),
        ],
        _ => Vec::new(),
    })
}

/// What a marker of this process holds, as it stands there. Empty: any process.
fn in_marker(life: Option<&Life>) -> Result<String, String> {
    let Some(life) = life else {
        return Ok(String::new());
    };
    let text = serde_json::to_string(life).map_err(|error| error.to_string())?;
    Ok(format!("{},", text.trim_matches(['{', '}'])))
}

fn restoring(restore: &Restore) -> Vec<(&'static str, String)> {
    let inside = restore.inside.clone().unwrap_or_default();
    vec![
        ("tool", restore.tool.clone()),
        ("file", restore.file.clone()),
        ("sha256", restore.sha256.clone()),
        ("into", restore.into.clone()),
        ("wal_into", restore.wal_into.clone().unwrap_or_default()),
        ("marker", Restore::marker(&restore.into)),
        ("stamp", restore.stamp()),
        ("data_dir", restore.data_dir.clone()),
        ("user", restore.user.clone().unwrap_or_default()),
        ("name", restore.name.clone()),
        ("initial_cluster", restore.initial_cluster.clone()),
        ("peer_urls", restore.peer_urls.clone()),
        ("token", restore.token.clone()),
        ("bump", restore.bump.to_string()),
        ("pack", yes(restore.pack)),
        ("strip", inside.matches('/').count().to_string()),
        ("inside", inside),
    ]
}

fn peer_values(op: &HostOp) -> Vec<(&'static str, String)> {
    match op {
        HostOp::PeerListen { port, connections, .. } => {
            vec![
                ("port", port.to_string()),
                ("count", connections.map_or_else(String::new, |count| count.to_string())),
            ]
        }
        HostOp::PeerReach {
            address, port, patient, ..
        } => {
            let target = if address.contains(':') {
                format!("[{address}]:{port}")
            } else {
                format!("{address}:{port}")
            };
            vec![
                ("address", address.clone()),
                ("port", port.to_string()),
                ("target", target),
                ("patient", yes(*patient)),
            ]
        }
        _ => Vec::new(),
    }
}

fn dressed(path: &str, mode: Option<&String>, owner: Option<&String>) -> Vec<(&'static str, String)> {
    vec![
        ("path", path.to_owned()),
        ("mode", mode.cloned().unwrap_or_default()),
        ("owner", owner.cloned().unwrap_or_default()),
    ]
}

/// The author's command as shell text.
pub(in crate::transport::host) fn command_text(command: &Command) -> String {
    match command {
        Command::Argv(words) => join(words),
        Command::Script(text) => text.clone(),
    }
}

/// Names of overrides and leases are part of file and unit names.
fn plain_name(name: &str) -> Result<String, String> {
    let plain = !name.is_empty() && name.len() <= 60 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    plain
        .then(|| name.to_owned())
        .ok_or_else(|| format!("`{name}` cannot name an override: only letters, digits and dashes"))
}

fn yes(flag: bool) -> String {
    if flag { "yes" } else { "no" }.to_owned()
}
