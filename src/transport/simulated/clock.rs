//! Time: what happens when it passes.

use super::state::{Later, State};

/// How often a configuration management agent comes round.
pub(super) const AGENT_PERIOD: u64 = 30_000;

/// How soon a lease that could not be carried out tries again.
const LEASE_AGAIN: u64 = 10_000;

impl State {
    /// Lets `length` milliseconds pass, everything happening in its order.
    pub(super) fn pass(&mut self, length: u64) {
        let target = self.now.saturating_add(length);
        while let Some(due) = self.next_due()
            && due <= target
        {
            self.now = due.max(self.now);
            self.fire();
            self.settle();
        }
        self.now = target;
        if self.writer && !self.clients_stopped && length > 1 {
            self.write();
        }
    }

    fn next_due(&self) -> Option<u64> {
        let scheduled = self.schedule.iter().map(|(at, _)| *at).min();
        let processes = (0..self.hosts.len()).filter_map(|host| {
            let process = self.hosts[host].process.as_ref()?;
            let contact = Some(process.started + self.pace.contact);
            let sync = process.sync.map(|(_, _, until)| until);
            let stands = self.stands_at(host);
            [contact, sync, stands]
                .into_iter()
                .flatten()
                .filter(|at| *at > self.now)
                .min()
        });
        processes.min().into_iter().chain(scheduled).min()
    }

    fn fire(&mut self) {
        let now = self.now;
        let (due, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.schedule)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.schedule = rest;
        for (_, what) in due {
            match what {
                Later::HostReturns(host) => self.power_on(host),
                Later::Heal(host) => self.heal(host),
                Later::JobEnds(host, key) => self.end_job(host, &key),
                Later::Lease(host, name) => self.fire_lease(host, &name),
                Later::Agent(host) => self.agent_runs(host),
                Later::SpaceReturns(host) => self.hosts[host].disk_free = self.hosts[host].disk_total / 2,
                Later::StartAgain(host) => self.start_again(host),
                Later::SudoReturns(host) => self.hosts[host].sudo = true,
                Later::OtherLeaves(host, cluster) => {
                    self.hosts[host].markers.remove(&cluster);
                }
            }
        }
    }

    pub(super) fn later(&mut self, after: u64, what: Later) {
        self.schedule.push((self.now + after, what));
    }

    pub(super) fn heal(&mut self, host: usize) {
        self.bastion_cuts.remove(&host);
        self.cuts.retain(|(one, other)| *one != host && *other != host);
    }

    /// The agent starts etcd where it is not frozen. It knows nothing of recoveries.
    /// A timer dies with the power; a later stop has a timer of its own.
    fn start_again(&mut self, host: usize) {
        let due = self.hosts[host].start_again.is_some_and(|at| at <= self.now);
        if due {
            self.hosts[host].start_again = None;
            if self.hosts[host].up && self.hosts[host].process.is_none() && !self.hosts[host].unit.fenced {
                self.start_unit(host);
            }
        }
    }

    fn agent_runs(&mut self, host: usize) {
        self.later(AGENT_PERIOD, Later::Agent(host));
        let target = &self.hosts[host];
        if target.up && !target.frozen && target.process.is_none() && target.unit.exists {
            self.say(host, "started by configuration management");
            self.start_unit(host);
        }
    }

    /// The host's timer: drops the override and restarts, only where every other voter is healthy and nobody works here.
    fn fire_lease(&mut self, host: usize, name: &str) {
        let Some(lease) = self.hosts[host].leases.get(name).cloned() else {
            return;
        };
        if lease.at > self.now || !self.hosts[host].up {
            return;
        }
        self.hosts[host].overrides.remove(name);
        let debugging = self.hosts[host].process.as_ref().is_some_and(|process| process.debug);
        if !debugging {
            self.hosts[host].leases.remove(name);
            return;
        }
        if self.hosts[host].version.log_level_needs_restart() {
            let others_healthy = self.others_healthy(host);
            if self.hosts[host].markers.contains_key(&lease.cluster) || !others_healthy {
                self.later(LEASE_AGAIN, Later::Lease(host, name.to_owned()));
                return;
            }
            self.transfer(host, None);
            self.stop_process(host);
            self.start_unit(host);
        } else if let Some(process) = &mut self.hosts[host].process {
            process.debug = false;
            self.say(host, "globalLogLevel set to \"INFO\"");
        }
        self.hosts[host].leases.remove(name);
    }

    fn others_healthy(&self, host: usize) -> bool {
        let Some(process) = &self.hosts[host].process else {
            return false;
        };
        let (connected, voters) = self.connected_voters(host);
        process.joined
            && connected.len() == voters
            && connected.iter().all(|other| {
                self.hosts[*other]
                    .process
                    .as_ref()
                    .is_some_and(|peer| peer.joined && peer.in_sync)
            })
    }
}
