//! What a test does to the world with its own hands.

use std::time::Duration;

use super::World;
use super::state::{Later, Lease, State, time_at};
use crate::call::host::CertificateSeen;
use crate::cluster::version::Version;

impl State {
    fn add_by_hand(&mut self, host: &str, learner: bool) {
        let leads = |other: &usize| {
            let process = self.hosts[*other].process.as_ref();
            process.is_some_and(|process| process.leads)
        };
        let leader = (0..self.hosts.len()).find(leads);
        let urls = [format!("http://{host}:2380")];
        let added = leader.map(|leader| self.member_add(leader, &urls, learner));
        assert!(matches!(added, Some(Ok(_))), "{added:?}");
    }
}

impl World {
    pub(super) fn touch<T>(&self, host: &str, change: impl FnOnce(&mut State, usize) -> T) -> T {
        let mut state = self.state();
        let place = state.find(host);
        let place = place.unwrap_or_else(|| panic!("there is no host {host} in this world"));
        let answer = change(&mut state, place);
        state.settle();
        answer
    }

    /// The host loses power.
    pub fn power_off(&self, host: &str) {
        self.touch(host, State::power_off);
    }

    /// The host boots; an enabled unit starts.
    pub fn power_on(&self, host: &str) {
        self.touch(host, State::power_on);
    }

    /// Nothing reaches the host any more, from the bastion or from other hosts.
    pub fn unplug(&self, host: &str) {
        self.touch(host, State::unplug);
    }

    /// Only the bastion does not reach the host.
    pub fn cut_from_bastion(&self, host: &str) {
        self.touch(host, |state, place| state.bastion_cuts.insert(place));
    }

    /// Undoes `unplug` and `cut_from_bastion`.
    pub fn plug_in(&self, host: &str) {
        self.touch(host, State::heal);
    }

    /// SIGKILL of etcd; systemd starts it again.
    pub fn kill_etcd(&self, host: &str) {
        self.touch(host, State::kill_process);
    }

    /// For so long the host's member tells the member list as it is now: it applies what happens only later.
    pub fn keep_list(&self, host: &str, length: Duration) {
        let members = self.members();
        self.touch(host, |state, place| {
            let until = state.now + super::milliseconds(length);
            state.hosts[place].old_list = Some((until, members));
        });
    }

    /// The host's member is called so from now on.
    pub fn call(&self, host: &str, name: &str) {
        let text = self.read_file(host, super::service::ENV_FILE).unwrap_or_default();
        let line = |line: &str| match line.strip_prefix("ETCD_NAME=") {
            Some(_) => format!("ETCD_NAME=\"{name}\"\n"),
            None => format!("{line}\n"),
        };
        let text: String = text.lines().map(line).collect();
        self.write_file(host, super::service::ENV_FILE, &text);
        self.stop_etcd(host);
        self.start_etcd(host);
        self.pass(Duration::from_secs(30));
    }

    /// Stops etcd as an operator would by hand.
    pub fn stop_etcd(&self, host: &str) {
        self.touch(host, State::stop_process);
    }

    /// Starts the unit as an operator would by hand.
    pub fn start_etcd(&self, host: &str) {
        self.touch(host, State::start_unit);
    }

    /// The member logs at debug level, as `debug-log on` leaves it, for this long.
    pub fn debug_log(&self, host: &str, length: Duration) {
        let name = "debug-log".to_owned();
        self.touch(host, |state, place| {
            let after = super::milliseconds(length);
            let lease = Lease {
                at: state.now + after,
                cluster: state.cluster.clone(),
            };
            state.hosts[place].leases.insert(name.clone(), lease);
            state.later(after, Later::Lease(place, name.clone()));
            if state.hosts[place].version.log_level_needs_restart() {
                let settings = [("log-level".to_owned(), "debug".to_owned())].into();
                state.hosts[place].overrides.insert(name, settings);
                state.stop_process(place);
                state.start_unit(place);
            } else if let Some(process) = &mut state.hosts[place].process {
                process.debug = true;
                state.say(place, "globalLogLevel set to \"DEBUG\"");
            }
        });
        self.pass(Duration::from_secs(30));
    }

    /// The override of `debug-log on` is gone, and etcd runs as it was started: the host's timer has come, and waits until it may restart.
    pub fn lose_debug_log(&self, host: &str) {
        self.touch(host, |state, place| state.hosts[place].overrides.remove("debug-log"));
    }

    /// The content of the data directory is gone (an operator removed it; etcdops never does).
    pub fn wipe_data(&self, host: &str) {
        self.touch(host, |state, place| {
            let copies: Vec<String> = state.hosts[place]
                .files
                .iter()
                .filter(|(_, entry)| entry.copy.is_some())
                .map(|(path, _)| path.clone())
                .collect();
            for (number, path) in copies.iter().enumerate() {
                if let Some(entry) = state.hosts[place].files.remove(path) {
                    state.hosts[place].files.insert(format!("/lost+found/{number}"), entry);
                }
            }
        });
    }

    /// A folder of the host belongs to somebody else from now on.
    pub fn give_folder(&self, host: &str, path: &str, owner: &str) {
        self.touch(host, |state, place| {
            if let Some(entry) = state.hosts[place].files.get_mut(path) {
                owner.clone_into(&mut entry.owner);
            }
        });
    }

    /// Writes a file as an operator would by hand.
    pub fn write_file(&self, host: &str, path: &str, content: &str) {
        self.touch(host, |state, place| {
            let owner = "root:root";
            state.place(place, path, super::state::FileEntry::file(content, owner));
        });
    }

    /// A file's content.
    pub fn read_file(&self, host: &str, path: &str) -> Option<String> {
        self.touch(host, |state, place| {
            state.hosts[place].files.get(path).map(|entry| entry.content.clone())
        })
    }

    /// Writes the configuration with which the host's etcd will join the cluster, once it has been added.
    pub fn configure_joiner(&self, host: &str) {
        let members = self.members();
        let mut cluster: Vec<String> = members
            .iter()
            .flat_map(|member| member.peer_urls.iter().map(|url| format!("{}={url}", member.name)))
            .collect();
        cluster.push(format!("{host}=http://{host}:2380"));
        let text = super::build::env_file(host, &cluster.join(","), "existing");
        self.write_file(host, super::service::ENV_FILE, &text);
    }

    /// Adds the host's etcd as a member (a learner, where there are any) and leaves it at that.
    pub fn list(&self, host: &str) {
        self.touch(host, |state, _| state.add_by_hand(host, true));
    }

    /// Adds the host's etcd as a member and waits until it has joined, as an operator would by hand.
    pub fn join(&self, host: &str, learner: bool) {
        self.configure_joiner(host);
        self.touch(host, |state, place| {
            state.add_by_hand(host, learner);
            state.hosts[place].unit.enabled = true;
            state.start_unit(place);
        });
        self.pass(Duration::from_secs(30));
    }

    /// The host is lost for good: `heal_all` does not bring it back.
    pub fn scrap(&self, host: &str) {
        self.touch(host, |state, place| {
            state.power_off(place);
            state.hosts[place].scrapped = true;
        });
        self.pass(Duration::from_secs(30));
    }

    /// Another version of etcd is installed; it runs from the next start on.
    pub fn install(&self, host: &str, version: Version) {
        self.touch(host, |state, place| state.hosts[place].version = version);
    }

    /// etcd's tools are not installed there.
    pub fn take_tools(&self, host: &str) {
        self.touch(host, |state, place| state.hosts[place].bare = true);
    }

    /// The folder lies on a disk of its own, with so many bytes free.
    pub fn give_disk(&self, host: &str, folder: &str, free: u64) {
        self.touch(host, |state, place| {
            state.hosts[place].disks.insert(folder.to_owned(), free);
        });
    }

    pub fn fill_disk(&self, host: &str) {
        self.touch(host, |state, place| state.hosts[place].disk_free = 0);
    }

    /// etcd on the host uses a peer certificate that is valid from so many seconds after this world's begin on, for so many.
    pub fn certify(&self, host: &str, path: &str, from: i64, length: u32) {
        let moment = |second| time_at(0, second * 1000);
        let certificate = CertificateSeen {
            setting: "peer-cert-file".to_owned(),
            path: path.to_owned(),
            not_before: moment(from),
            not_after: moment(from + i64::from(length)),
            trouble: None,
        };
        self.touch(host, |state, place| state.hosts[place].certificates = vec![certificate]);
    }

    /// How far the host's clock is ahead, in milliseconds.
    pub fn skew_clock(&self, host: &str, milliseconds: i64) {
        self.touch(host, |state, place| state.hosts[place].skew = milliseconds);
    }

    pub fn allow_sudo(&self, host: &str, allowed: bool) {
        self.touch(host, |state, place| state.hosts[place].sudo = allowed);
    }

    pub fn allow_ssh(&self, host: &str, allowed: bool) {
        self.touch(host, |state, place| state.hosts[place].ssh = allowed);
    }

    pub fn remove_unit(&self, host: &str) {
        self.touch(host, |state, place| state.hosts[place].unit.exists = false);
    }

    /// Someone else's run stands on the host.
    pub fn other_operator(&self, host: &str) {
        self.touch(host, State::other_operator);
    }

    /// The longest copy of a run's journal on any host.
    pub fn journal_copy(&self, run: &crate::base::id::RunId) -> Option<String> {
        let state = self.state();
        let copies = state.hosts.iter().filter_map(|host| host.journals.get(run.as_str()));
        let longest = copies.max_by_key(|lines| lines.len())?;
        Some(longest.iter().flat_map(|line| [&**line, "\n"]).collect())
    }

    /// A backup of this name is in the library, taken from the first member that serves.
    pub fn take_backup(&self, name: &str) {
        let mut state = self.state();
        let endpoints: Vec<String> = state
            .hosts
            .iter()
            .map(|host| format!("http://{}:2379", host.name))
            .collect();
        let taken = endpoints.iter().any(|endpoint| {
            let take = crate::call::library::Take {
                name: name.to_owned(),
                endpoint: endpoint.clone(),
                host: None,
                run: None,
                step: None,
            };
            state.library(&crate::call::LibraryOp::Take(take)).is_ok()
        });
        assert!(taken, "no member gives a snapshot");
    }

    /// The library as somebody else has left it; the oldest comes first.
    pub fn change_backups(&self, change: impl FnOnce(&mut Vec<crate::snapshot::Kept>)) {
        change(&mut self.state().backups);
    }

    /// Clients keep keys through the v2 API as well.
    pub fn hold_v2_data(&self) {
        self.state().v2_data = true;
    }

    /// A cold copy of the host's member is in the library, with what the etcdctl of its version makes of v2 data.
    pub fn copy_offline(&self, name: &str, host: &str) {
        let path = format!("/var/lib/etcdops/earlier/{name}.tar");
        self.stop_etcd(host);
        self.touch(host, |state, place| {
            let copied = state.cold_copy(place, super::build::DATA_DIR, &path);
            let sha256 = state.hosts[place].stat(&path).sha256.unwrap_or_default();
            let fetch = crate::call::library::Fetch {
                name: name.to_owned(),
                host: host.to_owned(),
                path: path.clone(),
                sha256,
                form: crate::snapshot::Form::DataDir,
                source: crate::snapshot::Source {
                    version: Some(state.hosts[place].version),
                    ..crate::snapshot::Source::default()
                },
                run: None,
                step: None,
            };
            let fetched = state.library(&crate::call::LibraryOp::Fetch(fetch));
            let verify = crate::call::LibraryOp::Verify {
                name: name.to_owned(),
                boot: false,
                run: None,
            };
            let verified = state.library(&verify);
            assert!(
                copied.is_ok() && fetched.is_ok() && verified.is_ok(),
                "{copied:?} {fetched:?}"
            );
        });
        self.start_etcd(host);
        self.pass(Duration::from_secs(30));
    }

    /// Takes a run's markers away, as `runs abandon` does.
    pub fn abandon(&self, run: &crate::base::id::RunId) {
        for host in &mut self.state().hosts {
            host.markers.retain(|_, marker| marker.run != *run);
        }
    }

    /// An alarm is raised on the member that runs on the host.
    pub fn raise_alarm(&self, host: &str, alarm: &str) {
        self.touch(host, |state, place| {
            if let Some(process) = &state.hosts[place].process {
                state.alarms.insert((process.member, alarm.to_owned()));
            }
        });
    }

    /// Detached changes take this long from now on.
    pub fn slow_changes(&self, length: Option<Duration>) {
        self.state().slow_changes = length.map(super::milliseconds);
    }

    /// A client writes one key; true once it is acknowledged.
    pub fn write(&self) -> bool {
        let mut state = self.state();
        let done = state.write();
        state.settle();
        done
    }

    /// The host returns after this time.
    pub fn returns_in(&self, host: &str, length: Duration) {
        self.touch(host, |state, place| {
            state.later(super::milliseconds(length), Later::HostReturns(place));
        });
    }

    /// Records each call from now on.
    pub fn start_trace(&self) {
        self.state().trace = Some(Vec::new());
    }

    /// The calls since `start_trace`, one line each.
    pub fn trace(&self) -> Vec<String> {
        self.state().trace.clone().unwrap_or_default()
    }
}
