//! What is asked of a host's shell.

use super::machine::refused;
use super::state::{Job, Later, State};
use crate::call::host::{
    CertificatesSeen, Command, DetachedState, HostAnswer, HostOp, LeftoversSeen, PeerProof, PeerSeen, RunOutput,
};
use crate::call::{CallError, Fault, Tag};

impl State {
    /// One look or change on a host. A change with a tag leaves its end behind, and is not begun a second time under it.
    pub(super) fn on_host(&mut self, name: &str, op: &HostOp, tag: Option<&Tag>) -> Result<HostAnswer, CallError> {
        let what = what(op);
        let Some(host) = self.find(name) else {
            let message = format!("ssh: Could not resolve hostname {name}: Name or service not known");
            return Err(refused(Fault::Name, &what, name, &message));
        };
        if let Some(trouble) = self.shell_trouble(host, &what) {
            return Err(trouble);
        }
        let tag = tag.filter(|_| op.is_change());
        if let Some(ended) = tag.and_then(|tag| self.once(host, op, tag)) {
            return ended.map_err(|(fault, message)| refused(fault, &what, name, &message));
        }
        let answer = self.carry_out(host, op);
        if let Some(tag) = tag {
            let state = match &answer {
                Ok(HostAnswer::Ran(output)) => ended(output.code, &output.stdout, &output.stderr),
                Ok(_) => ended(0, "", ""),
                Err((_, message)) => ended(1, "", message),
            };
            let job = Job {
                state,
                began: self.now,
                op: None,
            };
            self.hosts[host].jobs.insert(key(tag), job);
        }
        answer.map_err(|(fault, message)| refused(fault, &what, name, &message))
    }

    /// Begins a change that takes a while; it goes on when nobody waits for it any more.
    pub(super) fn begin_job(&mut self, name: &str, op: &HostOp, tag: &Tag, length: u64) -> Result<(), CallError> {
        let what = what(op);
        let Some(host) = self.find(name) else {
            return Err(refused(Fault::Name, &what, name, "Name or service not known"));
        };
        if let Some(trouble) = self.shell_trouble(host, &what) {
            return Err(trouble);
        }
        let job = Job {
            state: DetachedState::Running { seconds: 0 },
            began: self.now,
            op: Some(Box::new(op.clone())),
        };
        self.hosts[host].jobs.insert(key(tag), job);
        self.later(length, Later::JobEnds(host, key(tag)));
        Ok(())
    }

    pub(super) fn end_job(&mut self, host: usize, key: &str) {
        let Some(op) = self.hosts[host].jobs.get_mut(key).and_then(|job| job.op.take()) else {
            return;
        };
        let could = self.quorum_possible();
        let carried_out = self.carry_out(host, &op);
        self.blame(could, || what(&op));
        let state = match carried_out {
            Ok(HostAnswer::Ran(output)) => ended(output.code, &output.stdout, &output.stderr),
            Ok(_) => ended(0, "", ""),
            Err((_, message)) => ended(1, "", &message),
        };
        if let Some(job) = self.hosts[host].jobs.get_mut(key) {
            job.state = state;
        }
    }

    /// How the change ended that this host once began under this name.
    fn once(&self, host: usize, op: &HostOp, tag: &Tag) -> Option<Result<HostAnswer, (Fault, String)>> {
        match self.detached(host, tag) {
            DetachedState::Absent => None,
            DetachedState::Ended { code, stdout, stderr } if matches!(op, HostOp::Run { .. }) => {
                Some(Ok(HostAnswer::Ran(RunOutput { code, stdout, stderr })))
            }
            DetachedState::Ended { code: 0, .. } => Some(Ok(HostAnswer::Done)),
            DetachedState::Ended { stderr, .. } => Some(Err((Fault::Refused, stderr))),
            DetachedState::Running { .. } => Some(Err((Fault::Timeout, "it still runs on the host".to_owned()))),
            DetachedState::Vanished => Some(Err((Fault::Lost, "it was started and broke off".to_owned()))),
        }
    }

    pub(super) fn detached(&self, host: usize, tag: &Tag) -> DetachedState {
        match self.hosts[host].jobs.get(&key(tag)) {
            None => DetachedState::Absent,
            Some(job) => match &job.state {
                DetachedState::Running { .. } => DetachedState::Running {
                    seconds: (self.now - job.began) / 1000,
                },
                other => other.clone(),
            },
        }
    }

    fn carry_out(&mut self, host: usize, op: &HostOp) -> Result<HostAnswer, (Fault, String)> {
        if !op.is_change() {
            return self.look(host, op);
        }
        let answer = self.change(host, op);
        self.settle();
        answer
    }

    fn look(&self, host: usize, op: &HostOp) -> Result<HostAnswer, (Fault, String)> {
        let target = &self.hosts[host];
        Ok(match op {
            HostOp::InspectService => HostAnswer::Service(Box::new(self.inspect(host))),
            HostOp::ReadConfig => HostAnswer::Config(Box::new(self.read_config(host))),
            HostOp::Stat { path } => HostAnswer::Stat(target.stat(path)),
            HostOp::Disk { path } => target.space(path),
            HostOp::Clock => HostAnswer::Clock {
                unix_nanos: self.host_time(host).as_nanosecond(),
                round_trip_ms: 1.0,
                #[expect(clippy::cast_precision_loss, reason = "a difference of clocks")]
                offset_ms: target.skew as f64,
            },
            HostOp::Certificates => HostAnswer::Certificates(CertificatesSeen {
                now: self.host_time(host),
                files: target.certificates.clone(),
            }),
            HostOp::ReadMarker { cluster } => HostAnswer::Marker(target.markers.get(cluster).cloned()),
            HostOp::Log { since, lines, contains } => {
                let since = since.map(|span| super::milliseconds(span.0));
                HostAnswer::Log(self.read_log(host, since, *lines, contains.as_deref()))
            }
            HostOp::Detached { tag } => HostAnswer::Detached(self.detached(host, tag)),
            HostOp::PeerListen { .. } => HostAnswer::Peer(PeerSeen {
                proof: PeerProof::Tcp,
                ..PeerSeen::default()
            }),
            HostOp::PeerReach {
                address, port, patient, ..
            } => HostAnswer::Peer(self.reach_peer(host, address, *port, *patient)),
            HostOp::FreezeCheck if !target.agent => return Err(no_freeze()),
            HostOp::FreezeCheck => HostAnswer::Frozen(target.frozen),
            HostOp::Leftovers { cluster } => HostAnswer::Leftovers(LeftoversSeen {
                fenced: target.unit.fenced,
                frozen: target.agent.then_some(target.frozen),
                leases: self.leases(host),
                overrides: target.overrides.keys().cloned().collect(),
                marker: target.markers.get(cluster).cloned(),
            }),
            HostOp::ReadJournal { run } => {
                let parts = target.journals.get(run.as_str());
                HostAnswer::Journal(parts.map(|lines| lines.iter().flat_map(|line| [&**line, "\n"]).collect()))
            }
            HostOp::ReadPart { path, .. } => {
                let size = target.files.get(path).map_or(0, |entry| entry.content.len());
                HostAnswer::Part {
                    bytes: Vec::new(),
                    size: size as u64,
                }
            }
            HostOp::ReadCopy => HostAnswer::Copy(Box::new(self.read_copy(host))),
            HostOp::Run { command, .. } => HostAnswer::Ran(self.run_command(host, command)),
            other => return Err((Fault::Unsupported, format!("{} is no look", what(other)))),
        })
    }

    /// Whether one host's etcd would reach the peer port of another.
    fn reach_peer(&self, host: usize, address: &str, port: u16, patient: bool) -> PeerSeen {
        let trouble = |why: &str| PeerSeen {
            trouble: Some(why.to_owned()),
            ..PeerSeen::default()
        };
        let Some(other) = self.find(address) else {
            return trouble("Name or service not known");
        };
        if !self.hosts_reach(host, other) {
            return trouble("no answer in time");
        }
        let process = self.hosts[other].process.as_ref();
        let url = format!("http://{address}:{port}");
        if !patient && !process.is_some_and(|process| process.serves_peers(&url)) {
            return PeerSeen {
                refused: true,
                ..trouble("Connection refused")
            };
        }
        PeerSeen {
            proof: PeerProof::Tcp,
            ..PeerSeen::default()
        }
    }

    /// An author's command succeeds and does nothing, but for the test of a path between two hosts.
    pub(super) fn run_command(&self, host: usize, command: &Command) -> RunOutput {
        let mut output = RunOutput {
            code: 0,
            stdout: String::new(),
            stderr: String::new(),
        };
        if let Command::Argv(words) = command
            && words.iter().any(|word| word.contains("/dev/tcp/"))
            && let [.., address, port] = words.as_slice()
            && let Some(other) = self.find(address)
        {
            let url = format!("http://{address}:{port}");
            let listens = match &self.hosts[other].process {
                _ if port == "22" => self.hosts[other].ssh,
                Some(process) => process.serves_peers(&url) || process.serves_clients(&url),
                None => false,
            };
            if !self.hosts_reach(host, other) {
                output.code = 124;
            } else if !listens {
                output.code = 1;
                output.stderr = "bash: connect: Connection refused\n".to_owned();
            }
        }
        output
    }
}

fn ended(code: i32, stdout: &str, stderr: &str) -> DetachedState {
    DetachedState::Ended {
        code,
        stdout: stdout.to_owned(),
        stderr: stderr.to_owned(),
    }
}

pub(super) fn no_freeze() -> (Fault, String) {
    (
        Fault::Unsupported,
        "the inventory names no freeze for this host".to_owned(),
    )
}

fn key(tag: &Tag) -> String {
    format!("{}/{}", tag.run, tag.key)
}

/// The short name of an operation, for errors and traces.
pub(super) fn what(op: &HostOp) -> String {
    let text = match op {
        HostOp::InspectService => "look at the unit",
        HostOp::ReadConfig => "read the configuration",
        HostOp::Stat { path } => return format!("look at {path}"),
        HostOp::Disk { .. } => "look at free space",
        HostOp::Clock => "read the clock",
        HostOp::Certificates => "look at the certificates",
        HostOp::ReadMarker { .. } => "read the marker",
        HostOp::Log { .. } => "read the log",
        HostOp::Detached { .. } => "look for an earlier change",
        HostOp::PeerListen { .. } => "listen on the peer port",
        HostOp::PeerReach { .. } => "reach a peer port",
        HostOp::FreezeCheck => "check the freeze",
        HostOp::Leftovers { .. } => "look for leftovers",
        HostOp::Start { .. } => "start etcd",
        HostOp::Stop { .. } => "stop etcd",
        HostOp::ColdCopy { .. } => "copy the data directory",
        HostOp::Restart => "restart etcd",
        HostOp::Reload => "let systemd read its files again",
        HostOp::Fence { .. } => "fence etcd",
        HostOp::Unfence { .. } => "lift the fence",
        HostOp::Override { name, .. } => return format!("write override {name}"),
        HostOp::DropOverride { name } => return format!("drop override {name}"),
        HostOp::ArmLease { name, .. } => return format!("arm lease {name}"),
        HostOp::DisarmLease { name } => return format!("disarm lease {name}"),
        HostOp::Freeze { .. } => "freeze configuration management",
        HostOp::Thaw => "thaw configuration management",
        HostOp::WriteFile { path, .. } | HostOp::PutFile { path, .. } => return format!("write {path}"),
        HostOp::Carry { from, file, .. } => return format!("carry {file} over from {from}"),
        HostOp::Discard { path } => return format!("remove {path}"),
        HostOp::Rename { from, to } => return format!("rename {from} to {to}"),
        HostOp::MoveAside { path, .. } => return format!("move {path} aside"),
        HostOp::Own { path, .. } => return format!("change the owner of {path}"),
        HostOp::Restore(restore) => return format!("restore into {}", restore.into),
        HostOp::Swap { new, path, .. } => return format!("put {new} in the place of {path}"),
        HostOp::Run { .. } => "run a command",
        HostOp::WriteMarker { .. } => "write the marker",
        HostOp::ClearMarker { .. } => "clear the marker",
        HostOp::AppendJournal { .. } => "copy the journal",
        HostOp::ReadJournal { .. } => "read the journal",
        HostOp::ReadPart { .. } => "read a part of a file",
        HostOp::ReadCopy => "read the data directory",
        #[expect(unreachable_patterns, reason = "operations are added by others")]
        _ => "do something",
    };
    text.to_owned()
}
