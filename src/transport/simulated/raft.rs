//! Who is connected, who leads, what is committed. Replication is instant between members that are in sync;
//! contact, elections and catching up take time.

use std::cmp::Reverse;

use super::data::{Change, Entry};
use super::state::State;
use crate::cluster::model::needed;

/// More rounds than any world needs to come to rest.
pub(super) const ROUNDS: usize = 60;

impl State {
    /// Lets everything happen that happens at this moment.
    pub(super) fn settle(&mut self) {
        for _ in 0..ROUNDS {
            let mut moved = self.relink();
            moved |= self.expel();
            moved |= self.step_down();
            moved |= self.follow();
            moved |= self.elect();
            moved |= self.replicate();
            moved |= self.join();
            if !moved {
                break;
            }
        }
        self.watch();
    }

    pub(super) fn hosts_reach(&self, one: usize, other: usize) -> bool {
        let pair = (one.min(other), one.max(other));
        self.hosts[one].up && self.hosts[other].up && !self.cuts.contains(&pair)
    }

    /// Whether the process on `host` has begun to talk to its peers.
    fn talks(&self, host: usize) -> bool {
        let up = self.hosts[host].up;
        let process = self.hosts[host].process.as_ref();
        process.is_some_and(|process| up && !process.stuck && process.started + self.pace.contact <= self.now)
    }

    /// Whether the member on `one` counts the member on `other` among its peers, at an address where it listens.
    fn knows(&self, one: usize, other: usize) -> bool {
        let (Some(mine), Some(theirs)) = (&self.hosts[one].process, &self.hosts[other].process) else {
            return false;
        };
        let applied = &self.copies[mine.copy].applied;
        if applied.members.is_empty() {
            return true;
        }
        applied
            .members
            .get(&theirs.member)
            .is_some_and(|member| member.peer_urls.iter().any(|url| theirs.serves_peers(url)))
    }

    fn relink(&mut self) -> bool {
        let mut moved = false;
        for one in 0..self.hosts.len() {
            for other in one + 1..self.hosts.len() {
                let same = match (&self.hosts[one].process, &self.hosts[other].process) {
                    (Some(mine), Some(theirs)) => mine.cluster == theirs.cluster && mine.member != theirs.member,
                    _ => false,
                };
                let linked = same
                    && self.talks(one)
                    && self.talks(other)
                    && self.hosts_reach(one, other)
                    && self.knows(one, other)
                    && self.knows(other, one);
                for (here, there) in [(one, other), (other, one)] {
                    let now = self.now;
                    let Some(process) = &mut self.hosts[here].process else {
                        continue;
                    };
                    if linked && !process.links.contains_key(&there) {
                        process.links.insert(there, now);
                        moved = true;
                    } else if !linked {
                        moved |= process.links.remove(&there).is_some();
                    }
                }
            }
        }
        moved
    }

    /// A removed member learns of it from itself or from a peer, and exits.
    fn expel(&mut self) -> bool {
        let mut moved = false;
        for host in 0..self.hosts.len() {
            let Some(process) = &self.hosts[host].process else {
                continue;
            };
            let (member, cluster) = (process.member, process.cluster);
            let told = (0..self.hosts.len()).any(|other| {
                let Some(peer) = &self.hosts[other].process else {
                    return false;
                };
                let near = other == host || (self.talks(host) && self.talks(other) && self.hosts_reach(host, other));
                near && peer.cluster == cluster && self.copies[peer.copy].applied.removed.contains(&member)
            });
            if told {
                self.exit(
                    host,
                    0,
                    "the member has been permanently removed from the cluster; data-dir used by this member must be removed",
                );
                moved = true;
            }
        }
        moved
    }

    /// The host on which a member of this process's cluster runs, itself included, if it is connected to it.
    pub(super) fn linked_host(&self, host: usize, member: u64) -> Option<usize> {
        let process = self.hosts[host].process.as_ref()?;
        if process.member == member {
            return Some(host);
        }
        process.links.keys().copied().find(|other| {
            self.hosts[*other]
                .process
                .as_ref()
                .is_some_and(|peer| peer.member == member)
        })
    }

    /// Voters, as the member on `host` counts them, that it is connected to (itself included), and how many there are.
    pub(super) fn connected_voters(&self, host: usize) -> (Vec<usize>, usize) {
        let Some(process) = &self.hosts[host].process else {
            return (Vec::new(), 0);
        };
        let applied = &self.copies[process.copy].applied;
        let connected = applied
            .voters()
            .filter_map(|voter| self.linked_host(host, voter.id.0))
            .collect();
        (connected, applied.voter_count())
    }

    fn is_voter(&self, host: usize) -> bool {
        self.hosts[host].process.as_ref().is_some_and(|process| {
            self.copies[process.copy]
                .applied
                .members
                .get(&process.member)
                .is_some_and(|member| !member.learner)
        })
    }

    fn step_down(&mut self) -> bool {
        let mut moved = false;
        for host in 0..self.hosts.len() {
            if !self.hosts[host].process.as_ref().is_some_and(|process| process.leads) {
                continue;
            }
            let (connected, voters) = self.connected_voters(host);
            let outranked = self.hosts[host].process.as_ref().is_some_and(|mine| {
                mine.links.keys().any(|other| {
                    self.hosts[*other]
                        .process
                        .as_ref()
                        .is_some_and(|peer| peer.leads && self.copies[peer.copy].term > self.copies[mine.copy].term)
                })
            });
            if connected.len() < needed(voters) || !self.is_voter(host) || outranked {
                self.lose_leader(host);
                moved = true;
            }
        }
        moved
    }

    fn lose_leader(&mut self, host: usize) {
        let now = self.now;
        if let Some(process) = &mut self.hosts[host].process {
            process.leads = false;
            process.leader = None;
            process.leaderless_since = now;
            process.sync = None;
        }
    }

    fn follow(&mut self) -> bool {
        let mut moved = false;
        for host in 0..self.hosts.len() {
            let Some(process) = &self.hosts[host].process else {
                continue;
            };
            if process.leads {
                continue;
            }
            let leader = process
                .links
                .keys()
                .copied()
                .filter(|other| self.hosts[*other].process.as_ref().is_some_and(|peer| peer.leads))
                .max_by_key(|other| {
                    self.hosts[*other]
                        .process
                        .as_ref()
                        .map(|peer| self.copies[peer.copy].term)
                });
            let id = leader.and_then(|other| self.hosts[other].process.as_ref().map(|peer| peer.member));
            if id == process.leader {
                continue;
            }
            moved = true;
            if let Some(leader) = leader {
                self.begin_to_follow(host, leader, id);
            } else {
                self.lose_leader(host);
            }
        }
        moved
    }

    fn begin_to_follow(&mut self, host: usize, leader: usize, id: Option<u64>) {
        let (Some(mine), Some(theirs)) = (&self.hosts[host].process, &self.hosts[leader].process) else {
            return;
        };
        let (copy, source, member, was_in_sync) = (mine.copy, theirs.copy, mine.member, mine.in_sync);
        let (have, want) = (self.copies[copy].entries.len(), self.copies[source].entries.len());
        let known = self.copies[source].applied.members.get(&member);
        if have == 0 && known.is_some_and(crate::cluster::member::Member::started) {
            let line = format!(
                "tocommit({}) is out of range [lastIndex(0)]. Was the raft log corrupted, truncated, or lost?",
                self.copies[source].commit
            );
            self.exit(host, 2, &line);
            return;
        }
        let takes = if have == 0 {
            self.pace.catch_up
        } else if have == want || (was_in_sync && want.abs_diff(have) < 5) {
            0
        } else {
            self.pace.resync
        };
        let (now, term) = (self.now, self.copies[source].term);
        self.copies[copy].term = term;
        if let Some(process) = &mut self.hosts[host].process {
            process.leader = id;
            process.in_sync = takes == 0;
            process.sync = (takes > 0).then_some((have, now, now + takes));
        }
    }

    /// How up to date the log of the process on `host` is.
    fn log_rank(&self, host: usize) -> (u64, usize) {
        self.hosts[host].process.as_ref().map_or((0, 0), |process| {
            let copy = &self.copies[process.copy];
            (copy.last_term(), copy.entries.len())
        })
    }

    /// Whether the member on `host` would win an election now, if one were held.
    pub(super) fn could_win(&self, host: usize) -> bool {
        if !self.talks(host) || !self.is_voter(host) {
            return false;
        }
        let (connected, voters) = self.connected_voters(host);
        let rank = self.log_rank(host);
        let grants = connected.iter().filter(|voter| self.log_rank(**voter) <= rank).count();
        grants >= needed(voters)
    }

    /// When the member on `host` would stand for election.
    pub(super) fn stands_at(&self, host: usize) -> Option<u64> {
        let process = self.hosts[host].process.as_ref()?;
        if process.leader.is_some() || process.stuck || !self.is_voter(host) {
            return None;
        }
        let alone = self.copies[process.copy].applied.voter_count() == 1;
        let wait = if alone { 0 } else { self.pace.election };
        Some(process.leaderless_since.max(process.started + self.pace.contact) + wait)
    }

    fn elect(&mut self) -> bool {
        let winner = (0..self.hosts.len())
            .filter(|host| self.stands_at(*host).is_some_and(|at| at <= self.now) && self.could_win(*host))
            .filter(|host| {
                // Voters that have a leader they hear from do not vote (pre-vote, lease).
                let (connected, voters) = self.connected_voters(*host);
                let free = connected
                    .iter()
                    .filter(|voter| {
                        self.hosts[**voter]
                            .process
                            .as_ref()
                            .is_some_and(|peer| peer.leader.is_none())
                    })
                    .count();
                free >= needed(voters)
            })
            .max_by_key(|host| {
                let member = self.hosts[*host].process.as_ref().map_or(0, |process| process.member);
                (self.log_rank(*host), Reverse(member))
            });
        let Some(winner) = winner else { return false };
        self.crown(winner);
        true
    }

    /// Makes the member on `host` the leader of those that it is connected to.
    pub(super) fn crown(&mut self, host: usize) {
        let (connected, _) = self.connected_voters(host);
        let copies: Vec<usize> = connected
            .iter()
            .filter_map(|voter| self.hosts[*voter].process.as_ref().map(|process| process.copy))
            .collect();
        let term = 1 + copies.iter().map(|copy| self.copies[*copy].term).max().unwrap_or(0);
        for copy in copies {
            self.copies[copy].term = term;
        }
        if let Some(process) = &mut self.hosts[host].process {
            process.leads = true;
            process.leader = Some(process.member);
            process.in_sync = true;
            process.sync = None;
            let copy = process.copy;
            self.copies[copy].entries.push(Entry {
                term,
                change: Change::Noop,
            });
        }
        for other in connected {
            if other == host {
                continue;
            }
            if let Some(process) = &mut self.hosts[other].process {
                process.leads = false;
                process.leader = None;
            }
        }
    }

    /// Hands leadership away from `host`, to `to` or to the voter that is furthest.
    pub(super) fn transfer(&mut self, host: usize, to: Option<usize>) -> bool {
        if !self.hosts[host].process.as_ref().is_some_and(|process| process.leads) {
            return false;
        }
        let (connected, _) = self.connected_voters(host);
        let heir = to.or_else(|| {
            connected
                .into_iter()
                .filter(|other| *other != host)
                .filter(|other| self.hosts[*other].process.as_ref().is_some_and(|peer| peer.in_sync))
                .min_by_key(|other| self.hosts[*other].process.as_ref().map(|peer| peer.member))
        });
        let Some(heir) = heir else { return false };
        if let Some(process) = &mut self.hosts[host].process {
            process.leads = false;
            process.leader = None;
        }
        self.crown(heir);
        self.settle();
        true
    }
}
