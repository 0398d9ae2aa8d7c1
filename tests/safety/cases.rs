//! What befalls a run, and what must come of it.

mod living;

use std::time::Duration;

use etcdops::base::id::RunId;
use etcdops::event::RunOutcome;
use etcdops::run::consent::questions;
use etcdops::run::driver::Ending;
use etcdops::run::state::State;
use etcdops::transport::simulated::{Ending as End, Mishap, When, World};

use super::harness::{Fate, Moment, Record, agreed, before, declined, is_done, live, live_on};
use super::{REST, Sweep};

/// What goes wrong at each change. Nothing heals by itself but what says so.
const MISHAPS: [(When, Mishap); 16] = [
    (When::Before, Mishap::Refused),
    (When::Before, Mishap::Silence),
    (When::After, Mishap::Silence),
    (When::Before, Mishap::HostDies(None)),
    (When::After, Mishap::HostDies(None)),
    (When::After, Mishap::HostDies(Some(Duration::from_secs(20)))),
    (When::Before, Mishap::Cut(None)),
    (When::After, Mishap::Cut(None)),
    (When::Before, Mishap::Cut(Some(Duration::from_secs(20)))),
    (When::Before, Mishap::Unplugged(None)),
    (When::After, Mishap::Unplugged(Some(Duration::from_secs(20)))),
    (When::Before, Mishap::DiskFull(None)),
    (When::Before, Mishap::SudoRefused(None)),
    (When::Before, Mishap::OtherOperator(None)),
    (When::Before, Mishap::Killed),
    (When::After, Mishap::Killed),
];

/// How long a slow change takes.
const SLOW: Duration = Duration::from_secs(3);

impl Sweep<'_> {
    /// Whether the next case is one of those that are tried.
    fn chosen(&self) -> bool {
        let number = self.number.get();
        self.number.set(number + 1);
        number.is_multiple_of(self.every)
    }

    /// That a life may be gone on with between two steps as if it had never been away is what the rest builds upon.
    pub(super) fn as_if_never_away(&self) {
        let last = self.moments.len();
        let (world, record) = self.before(|number, _| number * 2 < last);
        let ending = live_on(&world, self.consent, &record, Fate::Peace);
        let what = "gone on with from the middle";
        if !is_done(ending.as_ref()) || world.changes() + 1 != self.changes.end {
            let text = format!(
                "{ending:?} after {} changes, not {}",
                world.changes(),
                self.changes.end - 1
            );
            return self.tally.fail(self.scenario, what, &text, Some(&record));
        }
        self.compare(&world, &record, what);
    }

    fn before(&self, early: impl Fn(usize, &Moment) -> bool) -> (World, Record) {
        before(&self.moments, &self.scenario.world, &self.record, early)
    }

    pub(super) fn kills(&self) {
        for (most, moment) in self.moments.iter().enumerate().skip(1).filter(|_| self.chosen()) {
            let world = moment.world.fork();
            // At once, and after something like a coffee.
            if most % 2 == 0 {
                world.pass(REST);
            }
            self.go_on(&world, &self.record.first(most), &format!("killed at record {most}"));
        }
    }

    /// Once: it ends after the call that is under way, and what must be given back is. Twice: it ends at once, also in the middle of
    /// giving back; the runbook that stops etcd for a while is pressed at every time.
    pub(super) fn ctrl_c(&self) {
        let every_time = self.scenario.to_string().starts_with("backup-offline");
        for times in [1, 2] {
            for number in (1..self.moments.len()).filter(|_| self.chosen() || every_time) {
                let (world, record) = self.before(|at, _| at <= number);
                let ending = live_on(&world, self.consent, &record, Fate::Pressed(number, times));
                let what = format!("Ctrl-C {times} times at record {number}");
                let outcome = ending.as_ref().map(|ending| ending.outcome);
                match (outcome, times) {
                    // Pressed when nothing was left to stop.
                    (Some(RunOutcome::Done), _) => self.compare(&world, &record, &what),
                    (Some(RunOutcome::Refused), _) => self.begin_anew(&world, &what, &Left::nothing()),
                    (Some(RunOutcome::Stopped), _) | (Some(RunOutcome::InDoubt), 2) => {
                        self.go_on(&world, &record, &what);
                    }
                    _ => self
                        .tally
                        .fail(self.scenario, &what, &format!("{ending:?}"), Some(&record)),
                }
            }
        }
    }

    /// Each question answered with no, or not at all: nothing has happened.
    pub(super) fn refusals_at_questions(&self) {
        let questions = questions(self.plan, &State::default()).len();
        for number in 0..questions {
            self.tally.case();
            let world = self.scenario.world.fork();
            let (before, changes) = (world.essence(), world.changes());
            let record = Record::default();
            let ending = declined(&world, self.plan, &record, number);
            let begun = ending.is_some() || !record.events().is_empty();
            if begun || world.essence() != before || world.changes() != changes {
                let what = format!("declined at question {number}");
                self.tally
                    .fail(self.scenario, &what, "something was done all the same", Some(&record));
            }
        }
    }

    /// Changes on hosts take a while, and go on after the program is gone: the next life waits for them.
    pub(super) fn kills_in_the_middle(&self) {
        for change in self.changes.clone().filter(|_| self.chosen()) {
            let (world, record) = self.before(|_, moment| moment.changes < change);
            world.slow_changes(Some(SLOW));
            world.inject(change, When::Before, Mishap::Killed);
            let ending = live_on(&world, self.consent, &record, Fate::Peace);
            let what = format!("killed in the middle of change {change}, which takes {SLOW:?}");
            if is_done(ending.as_ref()) {
                self.compare(&world, &record, &what);
            } else {
                self.go_on(&world, &record, &what);
            }
        }
    }

    /// The bastion is gone as well: another one goes on with the copy of the record that a host has.
    pub(super) fn adoptions(&self) {
        for (most, moment) in self.moments.iter().enumerate().skip(1).filter(|_| self.chosen()) {
            let world = moment.world.fork();
            let what = format!("killed at record {most}, adopted by another bastion");
            match world.journal_copy(&self.plan.run) {
                Some(copy) => {
                    let record = Record::parsed(copy.as_bytes());
                    self.go_on(&world, &record, &what);
                }
                // The library went with the bastion, and nothing else was changed.
                None if !self.plan.locks_hosts() => {}
                // Nothing was begun on any host; what stands there is a marker at most, and its record is gone.
                None => self.begin_anew(&world, &what, &Left::record_gone(&world, &self.plan.run)),
            }
        }
    }

    pub(super) fn mishaps(&self) {
        for change in self.changes.clone() {
            for (when, mishap) in MISHAPS.into_iter().filter(|_| self.chosen()) {
                let (world, record) = self.before(|_, moment| moment.changes < change);
                world.inject(change, when, mishap);
                let ending = live_on(&world, self.consent, &record, Fate::Peace);
                let what = format!("{mishap:?} {when:?} change {change}");
                let left = Left::on_silent_hosts(&world, &self.plan.run, ending.as_ref());
                world.heal_all();
                world.pass(Duration::from_secs(30));
                let rebooted = matches!(mishap, Mishap::HostDies(_));
                if rebooted && self.scenario.reboot_undoes {
                    self.after_reboot(&world, &what);
                } else if rebooted && self.is_stranded(&world) {
                    self.stranded(&world, &record, &what);
                } else if is_done(ending.as_ref()) {
                    self.compare(&world, &record, &what);
                } else if ending.is_some_and(|ending| ending.outcome == RunOutcome::Refused) {
                    self.begin_anew(&world, &what, &left);
                } else {
                    self.go_on(&world, &record, &what);
                }
            }
        }
    }

    /// Without learners a cluster of one has no quorum from the moment that it takes a second voter until that one runs. If its only member
    /// restarts in between, nobody may tell any more who is in it: then no run can go on, and `recover` is what remains.
    fn is_stranded(&self, world: &World) -> bool {
        let members = world.members();
        !self.scenario.version.has_learners()
            && world.leader().is_none()
            && members.len() == 2
            && members.iter().any(|member| !member.started())
    }

    fn stranded(&self, world: &World, record: &Record, what: &str) {
        world.revive();
        let ending = live(world, self.consent, record, Fate::Peace);
        if is_done(ending.as_ref()) {
            return self.compare(world, record, what);
        }
        self.after_reboot(world, what);
        if !record.text().contains("etcdops recover") {
            let text = format!("nobody says that `recover` remains: {ending:?}");
            self.tally.fail(self.scenario, what, &text, Some(record));
        }
    }

    /// What the runbook did does not outlive the power: only the promises count.
    fn after_reboot(&self, world: &World, what: &str) {
        self.tally.case();
        let wrong = world.check_end(End::Unfinished, self.scenario.kept);
        if !wrong.is_empty() {
            self.tally.fail(self.scenario, what, &wrong.join("; "), None);
        }
    }

    /// The same run goes on, in a new process.
    fn go_on(&self, world: &World, record: &Record, what: &str) {
        world.revive();
        let ending = live(world, self.consent, record, Fate::Peace);
        if is_done(ending.as_ref()) {
            return self.compare(world, record, what);
        }
        self.tally.case();
        let ending = ending.expect("nobody kills it twice");
        let text = format!("resumed: {:?}: {}", ending.outcome, ending.text);
        self.tally.fail(self.scenario, what, &text, Some(record));
    }

    /// Nothing was changed: the operator asks once more. Where the first try could not take its marker away, that is said, with the
    /// command that does; and there alone.
    fn begin_anew(&self, world: &World, what: &str, left: &Left) {
        world.revive();
        let anew = |life| match self.scenario.job().plan(world, life) {
            Ok(plan) => {
                let record = Record::default();
                let ending = live(world, &agreed(&plan), &record, Fate::Peace);
                Ok((ending, record))
            }
            Err(refusals) => Err(format!("asked once more, no plan: {refusals:?}")),
        };
        let fail = |text: &str| self.tally.fail(self.scenario, what, text, None);
        let (ending, record) = match anew(2) {
            Ok(lived) => lived,
            Err(text) => return fail(&text),
        };
        if is_done(ending.as_ref()) {
            // The restart of a host has done the work: nothing is changed, and nobody stops at the marker.
            if let Ok(reason) = left.reason
                && !world.marked_by(&self.plan.run).is_empty()
            {
                *self.tally.abandoned.lock().unwrap().entry(reason).or_default() += 1;
                world.abandon(&self.plan.run);
            }
            return self.compare(world, &record, what);
        }
        self.tally.case();
        let abandon = format!("etcdops runs abandon {}", self.plan.run);
        if !ending.as_ref().is_some_and(|ending| ending.text.contains(&abandon)) {
            return fail(&format!("asked once more: {ending:?}"));
        }
        match left.reason {
            Ok(reason) => *self.tally.abandoned.lock().unwrap().entry(reason).or_default() += 1,
            Err(ref why) => return fail(&format!("a dead end, and {why}: {ending:?}")),
        }
        world.abandon(&self.plan.run);
        match anew(3) {
            Ok((ending, record)) if is_done(ending.as_ref()) => self.judge(world, &record, what),
            Ok((ending, _)) => fail(&format!("asked a third time: {ending:?}")),
            Err(text) => fail(&text),
        }
    }

    /// At every change members come back that nobody counts on, with their old data; then the run is resumed. It ends well or says
    /// who is in its way; never do two clusters take writes but where the plan says of those hosts that this would happen.
    pub(super) fn old_members_return(&self) {
        if !self.scenario.recovers {
            return;
        }
        for change in self.changes.clone() {
            for mishap in [Mishap::OldMemberReturns, Mishap::OldMembersReturn] {
                if !self.chosen() {
                    continue;
                }
                let (world, record) = self.before(|_, moment| moment.changes < change);
                world.inject(change, When::Before, mishap);
                let what = format!("{mishap:?} before change {change}");
                let mut ending = live_on(&world, self.consent, &record, Fate::Peace);
                world.pass(REST);
                for _ in 0..2 {
                    if !is_done(ending.as_ref()) {
                        world.revive();
                        ending = live(&world, self.consent, &record, Fate::Peace);
                    }
                }
                world.pass(REST);
                self.judge_return(&world, &record, ending, &what);
            }
        }
    }

    fn judge_return(&self, world: &World, record: &Record, ending: Option<Ending>, what: &str) {
        self.tally.case();
        let mut wrong = world.check_end(End::Unfinished, self.scenario.kept);
        let ending = ending.expect("nobody kills it");
        let dead = &self.plan.dead;
        let how = match (is_done(Some(&ending)), world.dead_served()) {
            (true, false) => "done",
            (true, true) => "done beside the dead",
            (false, false) => "stopped",
            (false, true) => "stopped beside the dead",
        };
        *self.tally.returned.lock().unwrap().entry(how).or_default() += 1;
        if world.dead_served() {
            let questions = questions(self.plan, &State::default());
            let asked = |host: &String| {
                let said = format!("{host} is taken for dead on your word");
                questions.iter().any(|question| question.detail.contains(&said))
            };
            if dead.is_empty() || !dead.iter().all(asked) {
                wrong.push("two clusters take writes, and nobody was told".to_owned());
            }
            let warned = |checked: &etcdops::plan::types::Checked| checked.saw.contains("they form the old quorum");
            if !self.plan.requires.iter().any(warned) {
                wrong.push("the dead have served, and the plan did not say that they could".to_owned());
            }
        }
        if is_done(Some(&ending)) {
            if world.leader().is_none() {
                wrong.push("done, and nobody serves".to_owned());
            }
        } else {
            let text = record.text();
            let mut hosts = self.scenario.cluster.hosts.iter().map(|host| host.name.as_str());
            if !hosts.any(|host| text.contains(host)) {
                wrong.push("it stopped, and does not say where".to_owned());
            }
        }
        if !wrong.is_empty() {
            let text = format!("{}; {ending:?}", wrong.join("; "));
            self.tally.fail(self.scenario, what, &text, Some(record));
        }
    }

    fn compare(&self, world: &World, record: &Record, what: &str) {
        self.tally.case();
        self.judge(world, record, what);
    }

    fn judge(&self, world: &World, record: &Record, what: &str) {
        world.pass(REST);
        let mut wrong = world.check_end(End::Done, self.scenario.kept);
        let end = world.essence();
        if end != self.end {
            wrong.push(format!("another end:\n{}", difference(&self.end, &end)));
        }
        if !wrong.is_empty() {
            self.tally.fail(self.scenario, what, &wrong.join("; "), Some(record));
        }
    }
}

/// Why a run that was refused may have left its marker, so that only `runs abandon` takes it away.
struct Left {
    reason: Result<&'static str, String>,
}

impl Left {
    /// Every host could be asked: there is no reason.
    fn nothing() -> Self {
        let why = "no host was out of reach".to_owned();
        Self { reason: Err(why) }
    }

    /// The hosts where its marker stands could not be worked on when the run gave up, and it said so of each of them.
    fn on_silent_hosts(world: &World, run: &RunId, ending: Option<&Ending>) -> Self {
        let marked = world.marked_by(run);
        let text = ending.map_or("", |ending| ending.text.as_str());
        let said = |host: &str| text.contains("runs abandon") && text.contains(host);
        let reason = match marked.iter().find(|(host, reached)| *reached || !said(host)) {
            Some((host, true)) => Err(format!("the marker on {host} could have been taken away")),
            Some((host, false)) => Err(format!("it was not said that the marker on {host} is left: {text}")),
            None if marked.is_empty() => Err("no marker was left".to_owned()),
            None => Ok("after a host fell silent that has the marker"),
        };
        Self { reason }
    }

    /// The bastion is gone and took the only record with it.
    fn record_gone(world: &World, run: &RunId) -> Self {
        let copied = world.journal_copy(run).is_some();
        let reason = if copied {
            Err("a host has a copy of the record".to_owned())
        } else {
            Ok("after the bastion was lost before any host had a copy of the record")
        };
        Self { reason }
    }
}

fn difference(one: &str, other: &str) -> String {
    let mut text = String::new();
    for (a, b) in one.lines().zip(other.lines()) {
        if a != b {
            text.push_str(&format!("  - {a}\n  + {b}\n"));
        }
    }
    text
}
