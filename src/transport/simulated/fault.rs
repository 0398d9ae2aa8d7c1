//! What goes wrong, and at which change.

use std::time::Duration;

use super::machine::refused;
use super::state::{Later, State};
use super::{World, etcd, hostops, milliseconds};
use crate::base::id::RunId;
use crate::call::host::{DetachedState, HostAnswer, Marker, RunOutput};
use crate::call::{Call, CallError, EtcdOp, Fault, LibraryOp, Reply, To};

/// Before or after the change has had its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Before,
    After,
}

/// A misfortune.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The call fails and has changed nothing (`When::After` makes no sense).
    Refused,
    /// No answer; whether the change has happened is `When`'s word.
    Silence,
    /// The host loses power, and returns after this time, if ever.
    HostDies(Option<Duration>),
    /// The bastion no longer reaches the host, until this time has passed.
    Cut(Option<Duration>),
    /// Nobody reaches the host, the bastion and the other members, until this time has passed.
    Unplugged(Option<Duration>),
    /// No space left, until this time has passed.
    DiskFull(Option<Duration>),
    /// sudo refuses, until this time has passed.
    SudoRefused(Option<Duration>),
    /// Another operator's marker stands on the host, until this time has passed.
    OtherOperator(Option<Duration>),
    /// Someone switches the first host on that is off for good, or starts the first etcd by hand that is stopped and has data.
    OldMemberReturns,
    /// The same with all of them.
    OldMembersReturn,
    /// The program is killed.
    Killed,
}

impl World {
    /// At the `change`-th change from the world's beginning (1 is the first), `mishap` happens.
    pub fn inject(&self, change: usize, when: When, mishap: Mishap) {
        self.state().mishaps.push((change, when, mishap));
    }

    /// How many changes were asked for so far, bookkeeping (markers, journal copies) included.
    pub fn changes(&self) -> usize {
        self.state().changes
    }

    /// Undoes every misfortune: power, network, space, rights, other operators. What has happened has happened.
    pub fn heal_all(&self) {
        let mut state = self.state();
        state.mishaps.clear();
        state.bastion_cuts.clear();
        state.cuts.clear();
        state.schedule.retain(|(_, what)| {
            matches!(
                what,
                Later::JobEnds(..) | Later::Lease(..) | Later::Agent(_) | Later::StartAgain(_)
            )
        });
        for host in 0..state.hosts.len() {
            let target = &mut state.hosts[host];
            target.sudo = true;
            if target.disk_free == 0 {
                target.disk_free = target.disk_total / 2;
            }
            target.markers.retain(|_, marker| marker.who != OTHER);
            if !state.hosts[host].scrapped {
                state.power_on(host);
            }
        }
        state.settle();
    }
}

const OTHER: &str = "someone@elsewhere";

/// What the world's inventory gives for `clients`.
pub(super) const CLIENTS_STOP: &str = "clients --stop";
pub(super) const CLIENTS_START: &str = "clients --start";
pub(super) const CLIENTS_CHECK: &str = "clients --are-stopped";

impl State {
    pub(super) fn perform(&mut self, call: &Call) -> Result<Reply, CallError> {
        if !call.to.is_change() {
            return self.effect(call);
        }
        self.changes += 1;
        let now = self.changes;
        let due: Vec<(When, Mishap)> = self
            .mishaps
            .iter()
            .filter(|(at, _, _)| *at == now)
            .map(|(_, when, mishap)| (*when, *mishap))
            .collect();
        for (_, mishap) in due.iter().filter(|(when, _)| *when == When::Before) {
            if let Some(error) = self.strike(call, *mishap, When::Before) {
                return Err(error);
            }
        }
        let could = self.quorum_possible();
        let reply = self.effect(call);
        if due.is_empty() {
            self.blame(could, || describe(call));
        }
        for (_, mishap) in due.iter().filter(|(when, _)| *when == When::After) {
            if let Some(error) = self.strike(call, *mishap, When::After) {
                return Err(error);
            }
        }
        reply
    }

    fn effect(&mut self, call: &Call) -> Result<Reply, CallError> {
        if self.writer && !self.clients_stopped && call.to.is_change() {
            self.write();
        }
        match &call.to {
            To::Host { host, op, tag } => self.on_host(host, op, tag.as_ref()).map(Reply::Host),
            To::Etcd { endpoint, op } => self.rpc(endpoint, op).map(Reply::Etcd),
            To::Http(request) => self.http(request).map(Reply::Http),
            To::Library(op) => self.library(op).map(Reply::Library),
            To::Bastion { command, .. } => Ok(Reply::Ran(self.on_bastion(command))),
        }
    }

    /// The inventory's commands around a restore.
    fn on_bastion(&mut self, command: &str) -> RunOutput {
        match command {
            CLIENTS_STOP => self.clients_stopped = true,
            CLIENTS_START => self.clients_stopped = false,
            _ => {}
        }
        RunOutput {
            code: i32::from(command == CLIENTS_CHECK && !self.clients_stopped),
            stdout: String::new(),
            stderr: String::new(),
        }
    }

    fn target(&self, call: &Call) -> Option<usize> {
        match &call.to {
            To::Host { host, .. } => self.find(host),
            To::Etcd { endpoint, .. } => self.host_of(endpoint),
            To::Http(request) => self.host_of(&request.url),
            To::Library(LibraryOp::Take(take)) => self.host_of(&take.endpoint),
            To::Library(LibraryOp::Fetch(fetch)) => self.find(&fetch.host),
            To::Library(_) | To::Bastion { .. } => None,
        }
    }

    /// Lets the misfortune happen. The error that the caller sees in place of an answer, if any.
    fn strike(&mut self, call: &Call, mishap: Mishap, when: When) -> Option<CallError> {
        let what = describe(call);
        let place = place(call);
        let lost = |message: &str| {
            let mut error = CallError::new(Fault::Lost, what.clone(), place.clone(), message);
            error.maybe_done = true;
            Some(error)
        };
        match mishap {
            Mishap::Refused => {
                let why = "Connection refused (os error 111)";
                return Some(refused(Fault::Connect, &what, &place, why));
            }
            Mishap::Silence => return lost("the connection ended before an answer came"),
            Mishap::Killed => {
                self.killed = true;
                return lost("killed");
            }
            _ => {}
        }
        if matches!(mishap, Mishap::OldMemberReturns | Mishap::OldMembersReturn) {
            let most = if mishap == Mishap::OldMemberReturns {
                1
            } else {
                usize::MAX
            };
            self.old_members_return(most);
            return None;
        }
        let host = self.target(call)?;
        match mishap {
            Mishap::HostDies(returns) => {
                self.power_off(host);
                if let Some(after) = returns {
                    self.later(milliseconds(after), Later::HostReturns(host));
                }
                lost("the connection ended before an answer came")
            }
            Mishap::Cut(heals) | Mishap::Unplugged(heals) => {
                self.bastion_cuts.insert(host);
                if matches!(mishap, Mishap::Unplugged(_)) {
                    self.unplug(host);
                }
                if let Some(after) = heals {
                    self.later(milliseconds(after), Later::Heal(host));
                }
                if when == When::After {
                    lost("the connection ended before an answer came")
                } else {
                    None
                }
            }
            Mishap::DiskFull(ends) => {
                self.hosts[host].disk_free = 0;
                if let Some(after) = ends {
                    self.later(milliseconds(after), Later::SpaceReturns(host));
                }
                None
            }
            Mishap::SudoRefused(ends) => {
                self.hosts[host].sudo = false;
                if let Some(after) = ends {
                    self.later(milliseconds(after), Later::SudoReturns(host));
                }
                None
            }
            Mishap::OtherOperator(ends) => {
                self.other_operator(host);
                let cluster = self.cluster.clone();
                if let Some(after) = ends {
                    self.later(milliseconds(after), Later::OtherLeaves(host, cluster));
                }
                None
            }
            _ => None,
        }
    }

    /// The host's cable is out.
    pub(super) fn unplug(&mut self, host: usize) {
        self.bastion_cuts.insert(host);
        for other in (0..self.hosts.len()).filter(|other| *other != host) {
            self.cuts.insert((host.min(other), host.max(other)));
        }
        self.settle();
    }

    /// Members that nobody counts on come back with the data that they have. A fence holds, but against the power alone.
    fn old_members_return(&mut self, most: usize) {
        let gone: Vec<usize> = (0..self.hosts.len())
            .filter(|host| self.hosts[*host].process.is_none() && self.copy_in_place(*host).is_some())
            .take(most)
            .collect();
        for host in gone {
            self.hosts[host].scrapped = false;
            self.power_on(host);
            self.start_unit(host);
        }
    }

    pub(super) fn other_operator(&mut self, host: usize) {
        let cluster = self.cluster.clone();
        let marker = Marker {
            run: RunId::from_parts(self.bastion_time(), 0x54321),
            who: OTHER.to_owned(),
            machine: "another".to_owned(),
            pid: 4711,
            pid_started: 1,
            since: self.bastion_time().to_string(),
            doing: "restart".to_owned(),
        };
        self.hosts[host].markers.insert(cluster, marker);
    }

    pub(super) fn note_call(&mut self, call: &Call, reply: &Result<Reply, CallError>) {
        if self.trace.is_none() {
            return;
        }
        let count = if call.to.is_change() {
            format!("#{} ", self.changes)
        } else {
            String::new()
        };
        let end = match reply {
            Ok(Reply::Host(HostAnswer::Service(seen))) => format!("{} {:?}", seen.active, seen.main_pid),
            Ok(reply) => {
                let text = format!("{reply:?}");
                text.chars().take(160).collect()
            }
            Err(error) => format!("{:?}: {}", error.fault, error.message),
        };
        let line = format!("{:>8} {count}{} on {}: {end}", self.now, describe(call), place(call));
        if let Some(trace) = &mut self.trace {
            trace.push(line);
        }
    }
    /// How long this call takes, if changes are slow in this world.
    pub(super) fn slow_of(&self, call: &Call) -> Option<Duration> {
        let length = self.slow_changes?;
        match &call.to {
            To::Host { op, tag: Some(_), .. } if op.is_change() => Some(Duration::from_millis(length)),
            _ => None,
        }
    }
}

impl World {
    /// A detached change that takes `length`: it goes on when the caller is killed in the middle.
    pub(super) async fn perform_slowly(&self, call: &Call, length: Duration) -> Result<Reply, CallError> {
        let To::Host {
            host,
            op,
            tag: Some(tag),
        } = &call.to
        else {
            return self.perform_now(call);
        };
        {
            let mut state = self.state();
            state.changes += 1;
            let at = state.changes;
            state.begin_job(host, op, tag, milliseconds(length))?;
            state.killed |= state
                .mishaps
                .iter()
                .any(|(change, _, mishap)| *change == at && *mishap == Mishap::Killed);
        }
        if self.state().killed {
            return std::future::pending().await;
        }
        crate::transport::Transport::pause(self, length).await;
        let mut state = self.state();
        let place = state.find(host);
        let ended = place.map(|place| state.detached(place, tag));
        state.settle();
        drop(state);
        match ended {
            Some(DetachedState::Ended { code: 0, .. }) => Ok(Reply::Host(HostAnswer::Done)),
            Some(DetachedState::Ended { stderr, .. }) => {
                Err(refused(Fault::Refused, &hostops::what(op), host, &stderr))
            }
            other => Err(CallError::new(
                Fault::Lost,
                hostops::what(op),
                host.clone(),
                format!("{other:?}"),
            )),
        }
    }
}

fn place(call: &Call) -> String {
    match &call.to {
        To::Host { host, .. } => host.clone(),
        To::Etcd { endpoint, .. } => endpoint.clone(),
        To::Http(request) => request.url.clone(),
        To::Library(_) => "the library".to_owned(),
        To::Bastion { .. } => "the bastion".to_owned(),
    }
}

fn describe(call: &Call) -> String {
    match &call.to {
        To::Host { op, .. } => hostops::what(op),
        To::Etcd {
            op: EtcdOp::MemberAdd { peer_urls, .. },
            ..
        } => format!("member add {}", peer_urls.join(",")),
        To::Etcd {
            op: EtcdOp::MemberRemove { id },
            ..
        } => format!("member remove {id}"),
        To::Etcd { op, .. } => etcd::rpc_name(op).to_owned(),
        To::Http(request) => format!("{} {}", request.method, request.url),
        To::Library(op) => op.what(),
        To::Bastion { command, .. } => command.clone(),
    }
}
