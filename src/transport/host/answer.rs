//! What operations are called, and what the records of their scripts mean. Pure.

use super::frame::Frame;
use super::inspect::leases;
use super::logged;
use crate::call::host::{
    DetachedState, HostAnswer, HostOp, LeftoversSeen, Marker, PeerProof, PeerSeen, RunOutput, StatSeen,
};

/// The operation in a few words, for errors and progress.
pub fn what(op: &HostOp) -> String {
    match op {
        HostOp::InspectService => "look at the service".to_owned(),
        HostOp::ReadConfig => "read the configuration".to_owned(),
        HostOp::Stat { path } => format!("look at {path}"),
        HostOp::Disk { path } => format!("look at the space for {path}"),
        HostOp::Clock => "read the clock".to_owned(),
        HostOp::Certificates => "look at etcd's certificates".to_owned(),
        HostOp::ReadMarker { .. } => "read the run marker".to_owned(),
        HostOp::Log { .. } => "read the log".to_owned(),
        HostOp::Detached { tag } => format!("look how {} stands", tag.key),
        HostOp::PeerListen { port, .. } => format!("listen on the peer port {port}"),
        HostOp::PeerReach { address, port, .. } => format!("reach the peer port {address}:{port}"),
        HostOp::FreezeCheck => "check the freeze".to_owned(),
        HostOp::Leftovers { .. } => "look for what was left behind".to_owned(),
        HostOp::Start { .. } => "start etcd".to_owned(),
        HostOp::Stop { .. } => "stop etcd".to_owned(),
        HostOp::ColdCopy { data_dir, .. } => format!("copy {data_dir}"),
        HostOp::Restart => "restart etcd".to_owned(),
        HostOp::Reload => "let systemd read its files again".to_owned(),
        HostOp::Fence { .. } => "fence etcd".to_owned(),
        HostOp::Unfence { .. } => "lift the fence".to_owned(),
        HostOp::Override { name, .. } => format!("set the override {name}"),
        HostOp::DropOverride { name } => format!("take away the override {name}"),
        HostOp::ArmLease { name, .. } => format!("arm the timer for {name}"),
        HostOp::DisarmLease { name } => format!("disarm the timer for {name}"),
        HostOp::Freeze { .. } => "freeze configuration management".to_owned(),
        HostOp::Thaw => "thaw configuration management".to_owned(),
        HostOp::WriteFile { path, .. } => format!("write {path}"),
        HostOp::PutFile { path, .. } => format!("upload {path}"),
        HostOp::Carry { from, file, .. } => format!("carry {file} over from {from}"),
        HostOp::Discard { path } => format!("remove {path}"),
        HostOp::Rename { from, to } => format!("rename {from} to {to}"),
        HostOp::MoveAside { path, to } => format!("move {path} aside to {to}"),
        HostOp::Own { path, .. } => format!("set the owner of {path}"),
        HostOp::Restore(restore) => format!("restore {} into {}", restore.file, restore.into),
        HostOp::Swap { path, new, .. } => format!("put {new} in the place of {path}"),
        HostOp::Run { .. } => "run the command".to_owned(),
        HostOp::WriteMarker { .. } => "write the run marker".to_owned(),
        HostOp::ClearMarker { .. } => "clear the run marker".to_owned(),
        HostOp::AppendJournal { .. } => "copy the journal".to_owned(),
        HostOp::ReadJournal { .. } => "read the journal".to_owned(),
        HostOp::ReadPart { path, .. } => format!("read {path}"),
        HostOp::ReadCopy => "read the data directory".to_owned(),
    }
}

/// The answer of a look, or of a change made in place.
pub(super) fn direct(op: &HostOp, frame: &Frame) -> Result<HostAnswer, String> {
    Ok(match op {
        HostOp::Stat { .. } => HostAnswer::Stat(stat(frame)),
        HostOp::Disk { .. } => disk(frame)?,
        HostOp::ReadMarker { .. } => HostAnswer::Marker(marker(frame)?),
        HostOp::Log { .. } => HostAnswer::Log(logged::lines(frame)),
        HostOp::Detached { .. } => HostAnswer::Detached(state(frame)?),
        HostOp::PeerListen { .. } | HostOp::PeerReach { .. } => HostAnswer::Peer(peer(frame)),
        HostOp::FreezeCheck => HostAnswer::Frozen(frame.yes("frozen")),
        HostOp::Leftovers { .. } => HostAnswer::Leftovers(LeftoversSeen {
            fenced: frame.yes("fenced"),
            frozen: frame.text("frozen").map(|text| text == "yes"),
            leases: leases(frame),
            overrides: frame.all("override"),
            marker: marker(frame)?,
        }),
        HostOp::ReadJournal { .. } => HostAnswer::Journal(frame.text("journal")),
        HostOp::Run { look: true, .. } => HostAnswer::Ran(RunOutput {
            code: frame.number("code").ok_or("the command's status is missing")?,
            stdout: frame.text("stdout").unwrap_or_default(),
            stderr: frame.text("stderr").unwrap_or_default(),
        }),
        _ => HostAnswer::Done,
    })
}

/// The records that a detached change wrote. An author's command writes none: it has ended, whatever its status.
pub(super) fn ended(op: &HostOp, ran: RunOutput) -> Result<(HostAnswer, Frame), String> {
    if matches!(op, HostOp::Run { .. }) {
        return Ok((HostAnswer::Ran(ran), Frame::default()));
    }
    let framed = format!("{}\nend detached {}\n", ran.stdout, ran.code);
    let frame =
        Frame::parse(framed.as_bytes(), "detached").map_err(|error| format!("{error}; {}", ran.stderr.trim()))?;
    Ok((HostAnswer::Done, frame))
}

pub(super) fn state(frame: &Frame) -> Result<DetachedState, String> {
    match frame.text("state").as_deref() {
        Some("absent") => Ok(DetachedState::Absent),
        Some("running") => Ok(DetachedState::Running {
            seconds: frame.number("seconds").unwrap_or(0),
        }),
        Some("vanished") => Ok(DetachedState::Vanished),
        Some("ended") => Ok(DetachedState::Ended {
            code: frame.number("code").ok_or("the status of the change cannot be read")?,
            stdout: frame.text("stdout").unwrap_or_default(),
            stderr: frame.text("stderr").unwrap_or_default(),
        }),
        other => Err(format!("the host does not tell how the change stands: {other:?}")),
    }
}

fn peer(frame: &Frame) -> PeerSeen {
    let proof = match frame.text("proof").as_deref() {
        Some("tls") => PeerProof::Tls,
        Some("tcp") => PeerProof::Tcp,
        Some("there") => PeerProof::There,
        _ => PeerProof::None,
    };
    PeerSeen {
        proof,
        refused: frame.yes("refused"),
        trouble: frame.text("trouble"),
    }
}

/// Who holds the marker that was in the way.
pub(super) fn held_by(marker: &str) -> Option<String> {
    let marker: Marker = serde_json::from_str(marker.trim()).ok()?;
    Some(format!(
        "run {} of {} holds this host since {} ({})",
        marker.run, marker.who, marker.since, marker.doing
    ))
}

fn marker(frame: &Frame) -> Result<Option<Marker>, String> {
    let text = frame.filled("marker");
    text.map(|text| serde_json::from_str(text.trim()).map_err(|error| format!("the marker cannot be read: {error}")))
        .transpose()
}

fn stat(frame: &Frame) -> StatSeen {
    let content = frame.bytes("content").map(<[u8]>::to_vec);
    StatSeen {
        kind: frame.text("kind"),
        size: frame.number("size").unwrap_or(0),
        mode: frame.text("mode").unwrap_or_default(),
        owner: frame.text("owner").unwrap_or_default(),
        is_mount: frame.yes("mount"),
        empty: frame.yes("empty"),
        sha256: frame.filled("sha256"),
        // What is no text is told by its digest alone.
        content: content.and_then(|bytes| String::from_utf8(bytes).ok()),
    }
}

fn disk(frame: &Frame) -> Result<HostAnswer, String> {
    let text = frame.text("disk").unwrap_or_default();
    let fields: Vec<&str> = text
        .lines()
        .last()
        .unwrap_or_default()
        .split_ascii_whitespace()
        .collect();
    let number = |from_end: usize| -> Option<u64> { fields.get(fields.len().checked_sub(from_end)?)?.parse().ok() };
    // Device, total, used, available, share, mount point.
    match (number(3), number(5)) {
        (Some(free), Some(total)) => Ok(HostAnswer::Disk {
            free,
            total,
            device: frame
                .text("device")
                .map(|device| device.trim().to_owned())
                .filter(|device| !device.is_empty()),
        }),
        _ => Err(format!("`df` said: {text}")),
    }
}
