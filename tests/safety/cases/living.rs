//! A run is adopted although the process that carries it out still lives.

use etcdops::event::{CallEnd, EventKind};
use etcdops::transport::simulated::{Mishap, When, World};

use super::super::Sweep;
use super::super::harness::{Fate, Record, is_done, live, live_on};

impl Sweep<'_> {
    /// Another bastion adopts the run, gets as far as a change or two, and is killed. The first process touches nothing any more, and
    /// the next life of the second one reaches the same end.
    pub(in super::super) fn adoptions_from_the_living(&self) {
        let hosts = self.scenario.cluster.hosts.len();
        for number in (1..self.moments.len()).filter(|_| self.chosen()) {
            let (world, first) = self.before(|at, _| at <= number);
            let Some(copy) = world.journal_copy(&self.plan.run) else {
                continue;
            };
            let second = Record::parsed(copy.as_bytes());
            // Its markers and its copies of the record come first.
            let change = world.changes() + 2 * hosts + 1 + number % 3;
            world.inject(change, When::Before, Mishap::Killed);
            let what =
                format!("adopted before record {number} from a process that lives, which goes on at change {change}");
            if is_done(live(&world, self.consent, &second, Fate::Peace).as_ref()) {
                self.compare(&world, &second, &what);
                continue;
            }
            world.revive();
            let undisturbed = world.fork();
            let (began, calls) = (world.time(), calls(&first));
            let ending = live_on(&world, self.consent, &first, Fate::Peace);
            undisturbed.pass(world.time().checked_sub(began).unwrap());
            if calls != self::calls(&first) || self.traces(&world) != self.traces(&undisturbed) {
                self.tally.case();
                let text = format!("the first process went on: {ending:?}");
                self.tally.fail(self.scenario, &what, &text, Some(&first));
                continue;
            }
            self.go_on(&world, &second, &what);
        }
    }

    /// Everything that a run changes.
    fn traces(&self, world: &World) -> (String, Vec<String>, Option<String>) {
        (world.essence(), world.markers(), world.journal_copy(&self.plan.run))
    }
}

/// What was begun: a call is recorded before the hosts say whose they are.
fn calls(record: &Record) -> usize {
    let started = |kind: &EventKind| matches!(kind, EventKind::CallStarted { .. });
    let given_up = |kind: &EventKind| matches!(kind, EventKind::CallEnded { end: CallEnd::Failed { why, .. }, .. } if why.starts_with("not begun"));
    let events = record.events();
    let count = |which: &dyn Fn(&EventKind) -> bool| events.iter().filter(|event| which(&event.kind)).count();
    count(&started) - count(&given_up)
}
