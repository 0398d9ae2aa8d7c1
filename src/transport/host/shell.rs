//! Turns what is asked of a host into shell text. The text is POSIX; every value in it is quoted; no secret is ever in it.
//!
//! Files on a host, all under a state root with mode 0700 (`/var/lib/etcdops`, process kind: `<process_dir>/state`):
//! `<cluster>.run` the marker of a run, `<cluster>.fenced` the fence, `<run>/journal` the copy of the journal,
//! `<run>/<key>/` a detached change, `<run>/replaced/` files as they were, `<run>/lock` held while any change of the run goes on.
//!
//! Process kind (the playground), in `Service.process_dir`: `argv` and `env` one word or `NAME=value` per line (the process gets
//! exactly these, PATH, HOME, and what overrides add), `pid` with `PID STARTTICKS` (absent or stale: not running), `log`, `data`, `state`.

mod values;

use std::path::PathBuf;

use super::frame::encode_base64;
use super::programs::Programs;
use crate::base::id::RunId;
use crate::base::quote::quote;
use crate::call::host::{HostOp, Tag};
use crate::cluster::host::{Host, ServiceKind};

pub(super) use values::command_text;
use values::values;

/// Read by `sh -c` on the host; takes the script itself from its input.
pub(super) const BOOTSTRAP: &str = include_str!("script/bootstrap.sh");
const CERTIFICATES: &str = include_str!("script/certificates.sh");
const COLD: &str = include_str!("script/cold.sh");
const COPY: &str = include_str!("script/copy.sh");
const COMMON: &str = include_str!("script/common.sh");
const DETACHED: &str = include_str!("script/detached.sh");
const FILE: &str = include_str!("script/file.sh");
const LEASE: &str = include_str!("script/lease.sh");
const CONFIG: &str = include_str!("script/config.sh");
const INSPECT: &str = include_str!("script/inspect.sh");
const PEER: &str = include_str!("script/peer.sh");
const PROCESS: &str = include_str!("script/process.sh");
const RECORD: &str = include_str!("script/record.sh");
const RESTORE: &str = include_str!("script/restore.sh");
const RUN: &str = include_str!("script/run.sh");
const SERVICE: &str = include_str!("script/service.sh");

/// What follows the script on its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    /// Nothing: the open input is the life-line, and the script ends with the connection.
    Lifeline,
    Bytes(Vec<u8>),
    /// A file of the bastion, with its size in bytes.
    File(PathBuf, u64),
}

/// A script with what it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) text: String,
    pub(super) feed: Feed,
}

/// The parts of a change that only a look at the host can decide (an override, a lease).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Details {
    /// Shell variables with their values.
    pub(super) variables: Vec<(&'static str, String)>,
}

/// Where a script will run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) host: &'a Host,
    pub(super) cluster: &'a str,
}

impl Place<'_> {
    /// A look, or a change made in place (bookkeeping, and changes without a tag).
    pub(super) fn direct(&self, op: &HostOp, details: &Details) -> Result<Script, String> {
        let feed = match op {
            HostOp::WriteFile { content, .. } => Feed::Bytes(content.clone().into_bytes()),
            HostOp::WriteMarker { marker, .. } => {
                let text = serde_json::to_string(marker).map_err(|error| error.to_string())?;
                Feed::Bytes(format!("{text}\n").into_bytes())
            }
            HostOp::AppendJournal { text, .. } => {
                let end = if text.is_empty() || text.ends_with('\n') {
                    ""
                } else {
                    "\n"
                };
                Feed::Bytes(format!("{text}{end}").into_bytes())
            }
            _ if op.is_change() => Feed::Bytes(Vec::new()),
            _ => Feed::Lifeline,
        };
        let mut text = self.body(op, None, details)?;
        if matches!(op, HostOp::WriteFile { .. }) {
            let take = "input=$(mktemp) || fail disk-full 'no temporary file'\ntrap 'rm -f \"$input\"' EXIT\ncat >\"$input\"\n";
            text = text.replacen(INPUT, take, 1);
        }
        Ok(Script { text, feed })
    }

    /// Starts the change detached, or finds it started, and waits for its end for at most `bound` seconds.
    pub(super) fn detached(&self, op: &HostOp, tag: &Tag, details: &Details, bound: u64) -> Result<Script, String> {
        let body = self.body(op, Some(&tag.run), details)?;
        let mut text = self.preamble(Some(&tag.run))?;
        self.name_tag(&mut text, tag)?;
        set(&mut text, "bound", &bound.to_string())?;
        set(&mut text, "body", &encode_base64(body.as_bytes()))?;
        text.push_str(DETACHED);
        let feed = match op {
            HostOp::WriteFile { content, .. } => {
                text.push_str("umask 077; private_dir \"$root\"; try mkdir -p \"$dir\"\n");
                text.push_str(
                    "[ -e \"$dir/started\" ] || cat >\"$dir/input\" || fail disk-full \"cannot write $dir\"\n",
                );
                Feed::Bytes(content.clone().into_bytes())
            }
            _ => Feed::Lifeline,
        };
        text.push_str("begin\n");
        Ok(Script { text, feed })
    }

    /// Sends the file beside its place; nothing has its name yet.
    pub(super) fn upload(&self, local: &str, size: u64, path: &str, sha256: &str) -> Result<Script, String> {
        let mut text = self.preamble(None)?;
        for (name, value) in [("path", path), ("sha256", sha256), ("size", &size.to_string())] {
            set(&mut text, name, value)?;
        }
        text.push_str(FILE);
        text.push_str("receive\n");
        Ok(Script {
            text,
            feed: Feed::File(PathBuf::from(local), size),
        })
    }

    /// Sends a piece of a file beside its place, behind what is there of it.
    pub(super) fn piece(&self, path: &str, offset: u64, bytes: Vec<u8>) -> Result<Script, String> {
        let mut text = self.preamble(None)?;
        let (offset, length) = (offset.to_string(), bytes.len().to_string());
        for (name, value) in [("path", path), ("offset", &offset), ("length", &length)] {
            set(&mut text, name, value)?;
        }
        text.push_str(FILE);
        text.push_str("receive_piece\n");
        Ok(Script {
            text,
            feed: Feed::Bytes(bytes),
        })
    }

    /// Raw facts about the service; `dirs` are folders to look at besides those that the host names, `programs` what is known of them.
    pub(super) fn inspect(&self, dirs: &[String], programs: &Programs) -> Result<Script, String> {
        let mut text = self.preamble(None)?;
        set(&mut text, "dirs", &dirs.join("\n"))?;
        set(&mut text, "programs_then", &programs.files)?;
        set(&mut text, "versions_then", &programs.versions)?;
        text.push_str(self.service_functions());
        text.push_str(FILE);
        text.push_str(INSPECT);
        text.push_str("op_inspect\n");
        Ok(Script {
            text,
            feed: Feed::Lifeline,
        })
    }

    /// The files that hold etcd's settings, and the facts that tell which of them count.
    pub(super) fn read_config(&self) -> Result<Script, String> {
        let mut text = self.preamble(None)?;
        for part in [self.service_functions(), INSPECT, CONFIG, "op_read_config\n"] {
            text.push_str(part);
        }
        Ok(Script {
            text,
            feed: Feed::Lifeline,
        })
    }

    /// Names and sizes of the files of a data directory and of its log.
    pub(super) fn list_copy(&self, data: &str, log: &str) -> Result<Script, String> {
        self.copy(&[("data", data), ("log", log)], "op_list\n")
    }

    /// A part of a file; less than `length` bytes at its end.
    pub(super) fn range(&self, path: &str, offset: u64, length: u64) -> Result<Script, String> {
        let (offset, length) = (offset.to_string(), length.to_string());
        self.copy(
            &[("path", path), ("offset", &offset), ("length", &length)],
            "op_range\n",
        )
    }

    fn copy(&self, values: &[(&str, &str)], call: &str) -> Result<Script, String> {
        let mut text = self.preamble(None)?;
        for (name, value) in values {
            set(&mut text, name, value)?;
        }
        text.push_str(COPY);
        text.push_str(call);
        Ok(Script {
            text,
            feed: Feed::Lifeline,
        })
    }

    /// What the host itself carries out when a lease ends.
    pub(super) fn lease(&self, variables: &[(&str, String)]) -> Result<String, String> {
        let mut text = self.preamble(None)?;
        for (name, value) in variables {
            set(&mut text, name, value)?;
        }
        text.push_str(self.service_functions());
        text.push_str(LEASE);
        Ok(text)
    }

    fn service_functions(&self) -> &'static str {
        match self.host.service.kind {
            ServiceKind::Systemd => SERVICE,
            ServiceKind::Process => PROCESS,
        }
    }

    fn name_tag(&self, text: &mut String, tag: &Tag) -> Result<(), String> {
        let safe = |c: char| c.is_ascii_alphanumeric() || "_.,@+=-".contains(c);
        if tag.key.is_empty() || tag.key.starts_with('.') || tag.key.len() > 150 || !tag.key.chars().all(safe) {
            return Err(format!("`{}` is no name for a folder on the host", tag.key));
        }
        let unit: String = tag
            .key
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "-.@_".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        // An `@` would make it an instance of a template.
        let job = format!(
            "etcdops-{}-{}-{}",
            tag.run,
            cluster_word(self.cluster),
            unit.replace('@', "_")
        );
        set(text, "key", &tag.key)?;
        set(text, "job", &job)
    }

    fn preamble(&self, run: Option<&RunId>) -> Result<String, String> {
        let service = &self.host.service;
        let folder = service.process_dir.as_ref().map(|path| path.display().to_string());
        let kind = match service.kind {
            ServiceKind::Systemd => "systemd",
            ServiceKind::Process => "process",
        };
        let root = self.host.state_root();
        let keep = run.map(|run| format!("{root}/{run}/replaced")).unwrap_or_default();
        let mut text = String::new();
        for (name, value) in [
            ("kind", kind),
            ("unit", service.unit.trim_end_matches(".service")),
            ("folder", folder.as_deref().unwrap_or_default()),
            ("root", &root),
            ("cluster", &cluster_word(self.cluster)),
            ("run", run.map_or("", RunId::as_str)),
            ("keep", &keep),
        ] {
            set(&mut text, name, value)?;
        }
        text.push_str("login=${SUDO_USER:-}\n");
        text.push_str(COMMON);
        Ok(text)
    }

    /// The text that does it, framed answer and all.
    fn body(&self, op: &HostOp, run: Option<&RunId>, details: &Details) -> Result<String, String> {
        let mut text = self.preamble(run.or(run_of(op)))?;
        text.push_str(INPUT);
        for (name, value) in values(op, self.host)? {
            set(&mut text, name, &value)?;
        }
        for (name, value) in &details.variables {
            set(&mut text, name, value)?;
        }
        let (functions, call): (&[&str], &str) = match op {
            HostOp::InspectService => return self.inspect(&[], &Programs::default()).map(|script| script.text),
            HostOp::ReadConfig => return self.read_config().map(|script| script.text),
            HostOp::ReadPart { path, offset, length } => {
                return self.range(path, *offset, *length).map(|script| script.text);
            }
            HostOp::ReadCopy => return Err("a copy is read in several steps".to_owned()),
            HostOp::Stat { .. } => (&[FILE], "op_stat"),
            HostOp::Disk { .. } => (&[FILE], "op_disk"),
            HostOp::Clock => (&[RUN], "op_clock"),
            HostOp::Certificates => (&[CERTIFICATES], "op_certificates"),
            HostOp::ReadMarker { .. } => (&[RECORD], "op_read_marker"),
            HostOp::WriteMarker { .. } => (&[RECORD], "op_write_marker"),
            HostOp::ClearMarker { .. } => (&[RECORD], "op_clear_marker"),
            HostOp::AppendJournal { .. } => (&[RECORD], "op_append_journal"),
            HostOp::ReadJournal { .. } => (&[RECORD], "op_read_journal"),
            HostOp::Log { .. } => (&[self.service_functions()], "op_log"),
            HostOp::Detached { tag } => {
                self.name_tag(&mut text, tag)?;
                (&[DETACHED], "tell")
            }
            HostOp::PeerListen { .. } => (&[PEER], "op_peer_listen"),
            HostOp::PeerReach { .. } => (&[PEER], "op_peer_reach"),
            HostOp::FreezeCheck => (&[RUN], "op_freeze_check"),
            HostOp::Freeze { .. } => (&[RUN], "op_freeze"),
            HostOp::Thaw => (&[RUN], "op_thaw"),
            HostOp::Leftovers { .. } => return self.leftovers(text),
            HostOp::Start { .. } => (&[self.service_functions()], "op_start"),
            HostOp::ColdCopy { .. } => (&[self.service_functions(), COLD], "op_cold_copy"),
            HostOp::Stop { .. } => (&[self.service_functions()], "op_stop"),
            HostOp::Restart => (&[self.service_functions()], "op_restart"),
            HostOp::Reload => (&[self.service_functions()], "op_reload"),
            HostOp::Fence { .. } => (&[self.service_functions()], "op_fence"),
            HostOp::Unfence { .. } => (&[self.service_functions()], "op_unfence"),
            HostOp::Override { .. } => (&[self.service_functions()], "op_override"),
            HostOp::DropOverride { .. } => (&[self.service_functions()], "op_drop_override"),
            HostOp::ArmLease { .. } => (&[self.service_functions()], "op_arm_lease"),
            HostOp::DisarmLease { .. } => (&[self.service_functions()], "op_disarm_lease"),
            HostOp::WriteFile { .. } => (&[FILE], "op_write"),
            HostOp::PutFile { .. } | HostOp::Carry { .. } => (&[FILE], "op_put"),
            HostOp::Discard { .. } => (&[FILE], "op_discard"),
            HostOp::Rename { .. } => (&[FILE], "op_rename"),
            HostOp::MoveAside { .. } => (&[FILE], "op_move_aside"),
            HostOp::Own { .. } => (&[FILE], "op_own"),
            HostOp::Restore(_) => (&[FILE, RESTORE], "op_restore"),
            HostOp::Swap { .. } => (&[FILE, RESTORE], "op_swap"),
            HostOp::Run { look: true, .. } => (&[RUN], "op_run_look"),
            HostOp::Run { .. } => (&[RUN], "cd /; as_asked sh -c \"$command\""),
        };
        for part in functions {
            text.push_str(part);
        }
        text.push_str(call);
        text.push('\n');
        Ok(text)
    }

    fn leftovers(&self, mut text: String) -> Result<String, String> {
        for part in [self.service_functions(), RECORD, RUN] {
            text.push_str(part);
        }
        text.push_str("op_leftovers\nop_read_marker\n");
        if let Some(check) = self.host.freeze.as_ref().and_then(|freeze| freeze.check.as_ref()) {
            set(&mut text, "command", check)?;
            text.push_str("op_freeze_check\n");
        }
        Ok(text)
    }
}

/// The cluster's name in names of files and units. No two clusters have the same: several may share a host.
pub(super) fn cluster_word(cluster: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let word = cluster.bytes().map(|byte| match byte {
        byte if plain(byte) => char::from(byte).to_string(),
        byte => format!(":{byte:02x}"),
    });
    word.collect()
}

/// Where a change finds what was sent along with it; a detached one is given its folder.
const INPUT: &str = "if [ -n \"${1:-}\" ]; then dir=$1; input=$dir/input; login=$(cat \"$dir/login\"); fi\n";

/// The run that the operation itself names.
fn run_of(op: &HostOp) -> Option<&RunId> {
    match op {
        HostOp::WriteMarker { marker, .. } => Some(&marker.run),
        HostOp::ClearMarker { run, .. } | HostOp::AppendJournal { run, .. } | HostOp::ReadJournal { run } => Some(run),
        HostOp::Detached { tag } => Some(&tag.run),
        _ => None,
    }
}

fn set(text: &mut String, name: &str, value: &str) -> Result<(), String> {
    if value.contains('\0') {
        return Err(format!("the value of {name} holds a NUL byte, which no shell can take"));
    }
    text.push_str(name);
    text.push('=');
    text.push_str(&quote(value));
    text.push('\n');
    Ok(())
}
