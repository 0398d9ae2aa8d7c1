//! What must never happen in this world, and what must be so after a run.

use super::World;
use super::state::State;

/// How a run ended, for the promises about its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It did what it should.
    Done,
    /// It stopped or failed; it may go on.
    Unfinished,
}

impl State {
    /// Whether some member leads or could win an election as things stand.
    pub(super) fn quorum_possible(&self) -> bool {
        (0..self.hosts.len()).any(|host| {
            let leads = self.hosts[host].process.as_ref().is_some_and(|process| process.leads);
            leads || self.could_win(host)
        })
    }

    /// Looked at whenever something has happened.
    pub(super) fn watch(&mut self) {
        let leads = |host: &usize| self.hosts[*host].process.as_ref().is_some_and(|process| process.leads);
        let leaders: Vec<usize> = (0..self.hosts.len()).filter(leads).collect();
        if leaders.len() < 2 {
            return;
        }
        // What the operator took for dead and switched on again cannot be stopped by anyone: that is what was agreed to.
        let (dead, living): (Vec<usize>, Vec<usize>) = leaders.iter().partition(|leader| {
            self.connected_voters(**leader)
                .0
                .iter()
                .all(|voter| self.declared_dead.contains(voter))
        });
        self.dead_served |= !dead.is_empty();
        if living.len() > 1 {
            let names: Vec<&str> = living.iter().map(|host| self.hosts[*host].name.as_str()).collect();
            self.violate(format!("two majorities serve: {} lead at once", names.join(" and ")));
        }
    }

    pub(super) fn violate(&mut self, text: String) {
        if !self.violations.contains(&text) {
            self.violations.push(text);
        }
    }

    /// `could`: quorum was possible before this change.
    pub(super) fn blame(&mut self, could: bool, change: impl FnOnce() -> String) {
        if could && !self.quorum_loss_allowed && !self.quorum_possible() {
            self.violate(format!("quorum was lost by {}", change()));
        }
    }

    /// Hosts whose next boot starts a member that was removed.
    fn unfenced(&self) -> Vec<String> {
        let leader = self
            .hosts
            .iter()
            .filter_map(|host| host.process.as_ref())
            .find(|process| process.leads);
        let Some(leader) = leader else { return Vec::new() };
        let removed = &self.copies[leader.copy].applied.removed;
        let comes_back = |place: &usize| {
            let host = &self.hosts[*place];
            let copy = self.copy_in_place(*place);
            let old = copy.is_some_and(|copy| removed.contains(&self.copies[copy].member));
            host.up && old && host.unit.enabled && !host.unit.fenced
        };
        let hosts = (0..self.hosts.len()).filter(comes_back);
        hosts.map(|place| self.hosts[place].name.clone()).collect()
    }

    fn lost_writes(&self) -> Option<String> {
        let leader = self
            .hosts
            .iter()
            .filter_map(|host| host.process.as_ref())
            .find(|process| process.leads)?;
        let kept = &self.copies[leader.copy].applied.writes;
        // What another cluster acknowledged was given up with it: a restore begins a new one, and its plan says so.
        let lost = self
            .acknowledged
            .iter()
            .filter(|(number, by)| *by == leader.cluster && kept.binary_search(number).is_err())
            .count();
        if self.dead_served {
            // Some were acknowledged by those that were declared dead.
            return None;
        }
        (lost > 0).then(|| format!("{lost} of {} acknowledged writes are lost", self.acknowledged.len()))
    }
}

impl World {
    /// Promises that hold at every moment; each broken one as a sentence.
    pub fn check_promises(&self) -> Vec<String> {
        let mut state = self.state();
        state.watch();
        let mut broken = state.violations.clone();
        broken.extend(state.lost_writes());
        for copy in 0..state.copies.len() {
            if state.where_is(copy).is_none() {
                broken.push(format!(
                    "the data of member {:x} is nowhere any more",
                    state.copies[copy].member
                ));
            }
        }
        broken
    }

    /// Promises about what a run leaves behind. `kept` names overrides that are meant to stay (with a lease).
    pub fn check_end(&self, ending: Ending, kept: &[&str]) -> Vec<String> {
        let mut broken = self.check_promises();
        let state = self.state();
        if ending == Ending::Done {
            let again = state.unfenced().into_iter();
            broken.extend(again.map(|host| format!("{host} would start a removed member at its next boot")));
            if state.clients_stopped {
                broken.push("the clients are left stopped".to_owned());
            }
        }
        for host in state.hosts.iter().filter(|host| host.up) {
            for name in host.overrides.keys() {
                let leased = host.leases.contains_key(name);
                if kept.contains(&name.as_str()) && !leased {
                    broken.push(format!("override {name} on {} stands without a lease", host.name));
                }
                if !kept.contains(&name.as_str()) && ending == Ending::Done {
                    broken.push(format!("override {name} still stands on {}", host.name));
                }
            }
            if ending == Ending::Done && host.agent && host.frozen && !kept.contains(&"freeze") {
                broken.push(format!("configuration management on {} is left frozen", host.name));
            }
            if ending == Ending::Done
                && let Some(marker) = host.markers.get(&state.cluster)
            {
                broken.push(format!(
                    "the marker of run {} still stands on {}",
                    marker.run, host.name
                ));
            }
        }
        broken
    }

    /// The operator takes these hosts for dead.
    pub fn declare_dead(&self, names: &[String]) {
        let mut state = self.state();
        let places = names.iter().filter_map(|name| state.find(name)).collect();
        state.declared_dead = places;
    }

    /// Whether a majority of hosts that were declared dead has served beside another one.
    pub fn dead_served(&self) -> bool {
        self.state().dead_served
    }

    /// Hosts on which the run's marker stands, and whether the bastion can work there now.
    pub fn marked_by(&self, run: &crate::base::id::RunId) -> Vec<(String, bool)> {
        let state = self.state();
        let ours = |place: &usize| state.hosts[*place].markers.values().any(|marker| marker.run == *run);
        let marked = (0..state.hosts.len()).filter(ours);
        marked
            .map(|place| {
                (
                    state.hosts[place].name.clone(),
                    state.shell_trouble(place, "look").is_none(),
                )
            })
            .collect()
    }

    /// Nobody minds that quorum is lost from now on: the operator agreed.
    pub fn allow_quorum_loss(&self) {
        self.state().quorum_loss_allowed = true;
    }
}
