//! Power, network, and how a host's shell answers when it cannot.

use super::state::State;
use crate::call::host::DetachedState;
use crate::call::{CallError, Fault};

impl State {
    pub(super) fn power_off(&mut self, host: usize) {
        let target = &mut self.hosts[host];
        target.up = false;
        let process = target.process.take();
        target.unit.failed = false;
        target.unit.exit_status = None;
        // /run does not outlive the power.
        target.overrides.clear();
        target.leases.clear();
        if let Some(process) = process {
            self.copies[process.copy].ahead = true;
        }
        for job in target.jobs.values_mut() {
            if matches!(job.state, DetachedState::Running { .. }) {
                job.state = DetachedState::Vanished;
                job.op = None;
            }
        }
        self.settle();
    }

    pub(super) fn power_on(&mut self, host: usize) {
        if self.hosts[host].up {
            return;
        }
        self.hosts[host].up = true;
        self.hosts[host].unit.stale = false;
        if self.hosts[host].unit.enabled && self.hosts[host].unit.exists {
            self.start_unit(host);
        }
        self.settle();
    }

    /// Whether the bastion's packets arrive.
    pub(super) fn bastion_reaches(&self, host: usize) -> bool {
        self.hosts[host].up && !self.bastion_cuts.contains(&host)
    }

    /// Why the host's shell cannot be used, if it cannot.
    pub(super) fn shell_trouble(&self, host: usize, what: &str) -> Option<CallError> {
        let target = &self.hosts[host];
        let fail = |fault, text: &str| Some(refused(fault, what, &target.name, text));
        if !target.up || self.bastion_cuts.contains(&host) {
            return fail(
                Fault::Connect,
                &format!("ssh: connect to host {} port 22: No route to host", target.name),
            );
        }
        if !target.ssh {
            return fail(
                Fault::Connect,
                &format!("ssh: connect to host {} port 22: Connection refused", target.name),
            );
        }
        if !target.sudo {
            return fail(Fault::Sudo, "sudo: a password is required");
        }
        None
    }
}

/// An error after which the change has certainly not happened.
pub(super) fn refused(fault: Fault, what: &str, place: &str, message: &str) -> CallError {
    let mut error = CallError::new(fault, what, place, message);
    error.maybe_done = false;
    error
}
