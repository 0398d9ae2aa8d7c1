//! What a test sees of the world with its own eyes.

use std::time::Duration;

use super::World;
use crate::cluster::member::{Id, Member};
use crate::cluster::model::{Model, ModelMember};

impl World {
    /// The host whose member leads.
    pub fn leader(&self) -> Option<String> {
        let state = self.state();
        let leader = state
            .hosts
            .iter()
            .find(|host| host.process.as_ref().is_some_and(|process| process.leads));
        leader.map(|host| host.name.clone())
    }

    /// The member on the host, by its data directory's ID, whether it runs or not.
    pub fn member_id(&self, host: &str) -> Option<Id> {
        self.touch(host, |state, place| {
            let process = state.hosts[place].process.as_ref();
            process.map(|process| Id(process.member))
        })
    }

    /// The member list as the leader has it, or else whoever got furthest; where nobody runs, as the data directories have it.
    pub fn members(&self) -> Vec<Member> {
        let state = self.state();
        let best = state
            .hosts
            .iter()
            .filter_map(|host| host.process.as_ref())
            .max_by_key(|process| (process.leads, state.copies[process.copy].commit));
        let at_rest = (0..state.hosts.len()).filter_map(|host| state.copy_in_place(host));
        best.map(|process| process.copy)
            .or_else(|| at_rest.max_by_key(|copy| state.copies[*copy].commit))
            .map(|copy| state.copies[copy].applied.members.values().cloned().collect())
            .unwrap_or_default()
    }

    /// What is true, in the words of a plan's model.
    pub fn model(&self) -> Model {
        let members = self.members();
        let state = self.state();
        let running = |member: &Member| {
            state.hosts.iter().find(|host| {
                let process = host.process.as_ref();
                host.up && process.is_some_and(|process| process.member == member.id.0)
            })
        };
        let cluster_id = state
            .hosts
            .iter()
            .find_map(|host| host.process.as_ref())
            .map(|process| Id(process.cluster));
        let members = members
            .into_iter()
            .map(|member| {
                let on = running(&member);
                let configured = state.hosts.iter().find(|host| {
                    member.peer_urls.iter().any(|url| {
                        state
                            .host_of(url)
                            .is_some_and(|place| state.hosts[place].name == host.name)
                    })
                });
                let process = on.and_then(|host| host.process.as_ref());
                ModelMember {
                    id: Some(member.id),
                    name: member.name,
                    host: configured.map(|host| host.name.clone()),
                    peer_urls: member.peer_urls,
                    client_urls: member.client_urls,
                    learner: member.learner,
                    up: process.is_some_and(|process| process.joined && process.leader.is_some()),
                    version: process.map(|process| process.version),
                }
            })
            .collect();
        Model {
            cluster_id,
            members,
            ..Model::default()
        }
    }

    /// Whether etcd runs on the host, has joined and logs at debug level.
    pub fn debugging(&self, host: &str) -> bool {
        self.touch(host, |state, place| {
            let process = state.hosts[place].process.as_ref();
            process.is_some_and(|process| process.debug)
        })
    }

    /// How often the unit was started.
    pub fn starts(&self, host: &str) -> u32 {
        self.touch(host, |state, place| state.hosts[place].unit.starts)
    }

    /// How long this world has lasted.
    pub fn time(&self) -> Duration {
        Duration::from_millis(self.state().now)
    }

    /// Which process of which run holds which host.
    pub fn markers(&self) -> Vec<String> {
        let state = self.state();
        let mut told = Vec::new();
        for host in &state.hosts {
            let marked = host.markers.values();
            told.extend(marked.map(|marker| format!("{}: {} {:?}", host.name, marker.run, marker.life())));
        }
        told
    }

    /// Names of the backups in the library, the oldest first.
    pub fn backups(&self) -> Vec<String> {
        let state = self.state();
        state.backups.iter().map(|kept| kept.manifest.name.clone()).collect()
    }

    /// What distinguishes two ends of a run: members by host, what runs, settings in force, fences, leftovers. Times,
    /// IDs of members that were added, leaders and process numbers are left out.
    pub fn essence(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        let mut members: Vec<String> = self
            .members()
            .into_iter()
            .map(|member| {
                let kind = if member.learner { "learner" } else { "voter" };
                format!("{kind} {} {}", member.name, member.peer_urls.join(","))
            })
            .collect();
        members.sort();
        for member in members {
            let _ = writeln!(text, "{member}");
        }
        let state = self.state();
        for (place, host) in state.hosts.iter().enumerate() {
            let process = host.process.as_ref();
            let _ = writeln!(
                text,
                "{}: up={} runs={} joined={} debug={} enabled={} fenced={} frozen={} overrides={:?} leases={:?} markers={:?}",
                host.name,
                host.up,
                process.is_some(),
                process.is_some_and(|process| process.joined),
                process.is_some_and(|process| process.debug),
                host.unit.enabled,
                host.unit.fenced,
                host.frozen,
                host.overrides,
                host.leases.keys().collect::<Vec<_>>(),
                host.markers.values().map(|marker| &marker.who).collect::<Vec<_>>(),
            );
            let mut settings = state.unit_settings(place);
            // The name of the run stands in it.
            settings.remove("initial-cluster-token");
            let _ = writeln!(text, "  settings {settings:?}");
        }
        let backups = state
            .backups
            .iter()
            .map(|kept| (kept.manifest.how, kept.manifest.is_good()));
        let _ = writeln!(text, "backups {:?}", backups.collect::<Vec<_>>());
        let _ = writeln!(
            text,
            "alarms={} clients stopped={}",
            state.alarms.len(),
            state.clients_stopped
        );
        text
    }
}
