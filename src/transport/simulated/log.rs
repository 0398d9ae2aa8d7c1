//! The replicated log: copying it, committing it, proposing to it; and a member's entry into service.

use std::cmp::Reverse;

use super::data::{Change, Entry};
use super::raft::ROUNDS;
use super::state::State;
use crate::cluster::model::needed;

impl State {
    pub(super) fn replicate(&mut self) -> bool {
        let mut moved = false;
        for leader in 0..self.hosts.len() {
            let Some(process) = &self.hosts[leader].process else {
                continue;
            };
            if !process.leads {
                continue;
            }
            let (source, id) = (process.copy, process.member);
            let followers: Vec<usize> = process.links.keys().copied().collect();
            let now = self.now;
            for follower in followers {
                let Some(peer) = &mut self.hosts[follower].process else {
                    continue;
                };
                if peer.leader != Some(id) {
                    continue;
                }
                if peer.sync.is_some_and(|(_, _, until)| until <= now) {
                    peer.sync = None;
                    peer.in_sync = true;
                    moved = true;
                }
                if peer.in_sync {
                    let target = peer.copy;
                    moved |= self.hand_over(source, target);
                }
            }
            moved |= self.commit(leader, source);
        }
        moved
    }

    /// Makes the log `target` equal to the log `source`.
    fn hand_over(&mut self, source: usize, target: usize) -> bool {
        let Ok([source, copy]) = self.copies.get_disjoint_mut([source, target]) else {
            return false;
        };
        if source.snapped && copy.entries.is_empty() {
            copy.entries = source.entries.clone();
            copy.applied = source.applied.clone();
            (copy.commit, copy.snapped) = (source.commit, true);
            return true;
        }
        let leader = &source.entries;
        let have = copy.entries.len();
        let fits = have <= leader.len() && (have == 0 || copy.entries[have - 1] == leader[have - 1]);
        if fits && have == leader.len() {
            return false;
        }
        if fits {
            copy.entries.extend_from_slice(&leader[have..]);
        } else {
            let common = copy
                .entries
                .iter()
                .zip(leader.iter())
                .take_while(|(a, b)| a == b)
                .count();
            if common < copy.commit {
                self.violations.push(format!(
                    "committed entries of member {:x} from {common} on were replaced by others",
                    copy.member
                ));
            }
            copy.entries = leader.clone();
        }
        true
    }

    fn commit(&mut self, leader: usize, source: usize) -> bool {
        let (connected, voters) = self.connected_voters(leader);
        let mut matches: Vec<usize> = connected
            .iter()
            .filter_map(|voter| self.hosts[*voter].process.as_ref())
            .filter(|process| process.in_sync)
            .map(|process| self.copies[process.copy].entries.len())
            .collect();
        matches.sort_unstable_by_key(|length| Reverse(*length));
        let before = self.copies[source].commit;
        if let Some(index) = matches.get(needed(voters) - 1) {
            let index = *index;
            self.copies[source].commit_to(index);
        }
        let index = self.copies[source].commit;
        let mut moved = index > before;
        let followers: Vec<usize> = self.hosts[leader]
            .process
            .as_ref()
            .map(|process| process.links.keys().copied().collect())
            .unwrap_or_default();
        for follower in followers {
            let Some(peer) = &self.hosts[follower].process else {
                continue;
            };
            if peer.in_sync && peer.leader == self.hosts[leader].process.as_ref().map(|process| process.member) {
                let copy = peer.copy;
                let had = self.copies[copy].commit;
                self.copies[copy].commit_to(index);
                moved |= self.copies[copy].commit > had;
            }
        }
        moved
    }

    /// The host whose member leads, for the member on `host`.
    pub(super) fn leader_of(&self, host: usize) -> Option<usize> {
        let process = self.hosts[host].process.as_ref()?;
        self.linked_host(host, process.leader?)
    }

    /// Proposes through the member on `host`; true once it is committed.
    pub(super) fn propose(&mut self, host: usize, change: Change) -> bool {
        let Some(leader) = self.leader_of(host) else {
            return false;
        };
        let Some(process) = &self.hosts[leader].process else {
            return false;
        };
        let copy = process.copy;
        let term = self.copies[copy].term;
        self.copies[copy].entries.push(Entry { term, change });
        let index = self.copies[copy].entries.len();
        self.settle_log();
        self.copies[copy].commit >= index
    }

    /// The log only; the rest follows with the next `settle`.
    fn settle_log(&mut self) {
        for _ in 0..ROUNDS {
            if !self.replicate() {
                break;
            }
        }
    }

    /// A member that has a leader and its data serves; it makes its name known.
    pub(super) fn join(&mut self) -> bool {
        let mut moved = false;
        for host in 0..self.hosts.len() {
            let Some(process) = &self.hosts[host].process else {
                continue;
            };
            if process.joined || process.leader.is_none() || !process.in_sync {
                continue;
            }
            let id = process.member;
            let name = process.setting("name").unwrap_or_default().to_owned();
            let urls: Vec<String> = process
                .setting("advertise-client-urls")
                .unwrap_or_default()
                .split(',')
                .map(str::to_owned)
                .collect();
            let Some(known) = self.copies[process.copy].applied.members.get(&id) else {
                continue;
            };
            if (known.name != name || known.client_urls != urls) && !self.propose(host, Change::Publish(id, name, urls))
            {
                continue;
            }
            if let Some(process) = &mut self.hosts[host].process {
                process.joined = true;
            }
            self.say(host, "ready to serve client requests");
            moved = true;
        }
        moved
    }
}
