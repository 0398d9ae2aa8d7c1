//! Hosts and clusters as configured: every value resolved, no secret inside (only where to find it).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::duration::Span;
use crate::base::secret::Secret;
use crate::cluster::member::Member;
use crate::cluster::model::needed;

/// How the host's shell is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shell {
    /// Through the user's own `ssh`.
    Ssh {
        destination: String,
        user: Option<String>,
        port: Option<u16>,
        config: Option<PathBuf>,
    },
    /// This machine (playground).
    Local,
}

/// How commands become root on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Become {
    /// The ssh user is already allowed to do everything.
    None,
    Sudo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceKind {
    /// A systemd unit.
    Systemd,
    /// A plain process started by `etcdops playground`: no masks, no timers, no boot.
    Process,
}

/// The thing that runs etcd on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    pub kind: ServiceKind,
    /// Unit name without `.service`; for processes the name under the playground's folder.
    pub unit: String,
    /// The environment file that the unit reads, if the inventory names one; otherwise found in the unit.
    pub env_file: Option<String>,
    /// Process kind only: the folder with `argv`, `pid` and `log`.
    pub process_dir: Option<PathBuf>,
}

/// Commands that stop configuration management from touching the host, as the inventory gives them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    pub on: String,
    pub off: String,
    /// Exit status 0 while frozen.
    pub check: Option<String>,
    /// Exit status 0 while a run of it is in progress: freezing waits for its end.
    #[serde(default)]
    pub busy: Option<String>,
}

impl Freeze {
    /// What tells whether a run is in progress: as the inventory says; else, where `on` stops units of systemd, whether they
    /// still run, of a timer what it starts; for Puppet its own lock.
    pub fn busy_command(&self) -> Option<String> {
        if self.busy.is_some() {
            return self.busy.clone();
        }
        if let Some(units) = stopped_units(&self.on) {
            return Some(UNITS_RUN.replace("UNITS", &units.join(" ")));
        }
        let words: Vec<&str> = self.on.split_whitespace().collect();
        let program = |word: &str| word.rsplit('/').next() == Some("puppet");
        let puppet = words.iter().any(|word| program(word)) && words.contains(&"--disable");
        puppet.then(|| PUPPET_RUNS.to_owned())
    }
}

/// A stop that does not wait, and the run that a stopped timer had started before.
const UNITS_RUN: &str = r#"for u in UNITS; do
  case $u in *.timer) u=$(systemctl show -p Unit --value "$u") ;; esac
  case $(systemctl show -p ActiveState --value "$u").$(systemctl show -p SubState --value "$u") in
    activating.* | deactivating.* | reloading.* | active.running) exit 0 ;;
  esac
done
exit 1"#;

/// Puppet's packages, its own and Debian's.
const PUPPET_RUNS: &str = r#"for d in /opt/puppetlabs/puppet/cache /var/cache/puppet /var/lib/puppet; do
  read -r pid 2>/dev/null <"$d/state/agent_catalog_run.lock" && kill -0 "$pid" 2>/dev/null && exit 0
done
exit 1"#;

/// The units that calls of systemctl stop, and the timers that they disable or mask.
fn stopped_units(script: &str) -> Option<Vec<&str>> {
    let plain = |word: &&str| word.chars().all(|c| c.is_ascii_alphanumeric() || "@._:-".contains(c));
    let mut found = Vec::new();
    for command in script.split([';', '&', '|', '\n']) {
        let mut words = command
            .split_whitespace()
            .skip_while(|word| word.rsplit('/').next() != Some("systemctl"));
        if words.next().is_none() {
            continue;
        }
        let (options, words): (Vec<&str>, Vec<&str>) = words.partition(|word| word.starts_with('-'));
        let Some((verb, units)) = words.split_first() else {
            continue;
        };
        let stops = *verb == "stop" || options.contains(&"--now");
        let units = units.iter().copied().filter(plain);
        if matches!(*verb, "stop" | "disable" | "mask") {
            found.extend(units.filter(|unit| stops || unit.rsplit_once('.').is_some_and(|(_, kind)| kind == "timer")));
        }
    }
    (!found.is_empty()).then_some(found)
}

/// One host of the inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    pub name: String,
    pub shell: Shell,
    #[serde(rename = "become")]
    pub elevate: Become,
    pub service: Service,
    pub data_dir: Option<String>,
    pub wal_dir: Option<String>,
    pub peer_url: Option<String>,
    pub client_url: Option<String>,
    pub freeze: Option<Freeze>,
    /// Where this host differs from its cluster.
    #[serde(default)]
    pub route: Option<Route>,
    /// Where this host differs from its cluster: all files, also those that are the same.
    #[serde(default)]
    pub tls: Option<TlsFiles>,
}

impl Host {
    /// The folder of etcdops on the host.
    pub fn state_root(&self) -> String {
        match (&self.service.kind, &self.service.process_dir) {
            (ServiceKind::Process, Some(folder)) => format!("{}/state", folder.display()),
            _ => "/var/lib/etcdops".to_owned(),
        }
    }

    /// A host of which only the name is known: reached by ssh under that name, with the unit `etcd`.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            shell: Shell::Ssh {
                destination: name.to_owned(),
                user: None,
                port: None,
                config: None,
            },
            elevate: Become::Sudo,
            service: Service {
                kind: ServiceKind::Systemd,
                unit: "etcd".to_owned(),
                env_file: None,
                process_dir: None,
            },
            data_dir: None,
            wal_dir: None,
            peer_url: None,
            client_url: None,
            freeze: None,
            route: None,
            tls: None,
        }
    }
}

/// How etcd's own ports are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    Direct,
    /// Through the host's ssh; TLS names are kept.
    Ssh,
    /// Direct, and through ssh where direct is refused or times out.
    Auto,
}

/// Files with certificates, never their content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsFiles {
    pub ca: Option<PathBuf>,
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

/// Who etcd is told we are. The password itself lives in `Credentials`, outside plans and journals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthUser {
    pub user: Option<String>,
    pub password_file: Option<PathBuf>,
}

/// Who we are to etcd, with the password: never serialised, never printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: Secret<String>,
}

/// Commands run around a restore, as the inventory gives them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clients {
    pub stop: String,
    pub start: String,
    /// Exit status 0 while they are stopped.
    pub check: Option<String>,
}

/// How many backups are kept, each rule counted on its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    pub last: Option<u32>,
    pub hourly: Option<u32>,
    pub daily: Option<u32>,
    pub weekly: Option<u32>,
    pub monthly: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backups {
    pub store: Option<PathBuf>,
    pub keep: Keep,
}

/// A domain whose SRV records name the endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovery {
    pub domain: String,
    /// The name of the cluster within the domain, as in etcdctl's `--discovery-srv-name`.
    pub name: Option<String>,
}

impl Discovery {
    /// `_etcd-SERVICE-ssl-NAME._tcp.DOMAIN`, as etcdctl and etcd ask.
    pub fn record_name(&self, service: &str, is_ssl: bool) -> String {
        let ssl = if is_ssl { "-ssl" } else { "" };
        let name = self.name.as_ref().map_or_else(String::new, |name| format!("-{name}"));
        format!("_etcd-{service}{ssl}{name}._tcp.{}", self.domain.trim_end_matches('.'))
    }
}

/// One cluster of the inventory, resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterConfig {
    pub name: String,
    /// Client URLs, without trailing slash.
    pub endpoints: Vec<String>,
    pub route: Route,
    pub tls: TlsFiles,
    pub auth: AuthUser,
    pub clients: Option<Clients>,
    pub backups: Backups,
    pub hosts: Vec<Host>,
    /// Where the endpoints were asked for, if that was DNS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<Discovery>,
    /// The bound of each etcd call.
    pub call_timeout: Span,
}

impl ClusterConfig {
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == name)
    }

    /// The folder of this cluster's backups on the bastion; `None` where nobody has said where backups are kept.
    pub fn library(&self) -> Option<PathBuf> {
        let store = self.backups.store.as_ref()?;
        Some(store.join(crate::base::files::safe_name(&self.name)))
    }

    /// How this host's etcd is reached.
    pub fn route_to(&self, host: &Host) -> Route {
        host.route.unwrap_or(self.route)
    }

    /// The certificate files for this host's etcd.
    pub fn tls_for<'a>(&'a self, host: &'a Host) -> &'a TlsFiles {
        host.tls.as_ref().unwrap_or(&self.tls)
    }

    /// The host whose client or peer URL has this URL, if the inventory knows.
    pub fn host_of_url(&self, url: &str) -> Option<&Host> {
        let url = url.trim_end_matches('/');
        self.hosts.iter().find(|host| {
            [&host.client_url, &host.peer_url]
                .into_iter()
                .flatten()
                .any(|known| known.trim_end_matches('/') == url)
        })
    }

    /// The host that runs this member: by client or peer URL, by name, by the name in a URL.
    pub fn host_of_member(&self, member: &Member) -> Option<&Host> {
        let urls = || member.client_urls.iter().chain(&member.peer_urls);
        urls()
            .find_map(|url| self.host_of_url(url))
            .or_else(|| self.hosts.iter().find(|host| host.name == member.name))
            .or_else(|| {
                let machines: Vec<String> = urls().filter_map(|url| machine(url)).collect();
                let named = |host: &&Host| {
                    machines.contains(&host.name)
                        || matches!(&host.shell, Shell::Ssh { destination, .. } if machines.contains(destination))
                };
                // Several members on one machine (a playground) cannot be told apart by the machine's name.
                let mut hosts = self.hosts.iter().filter(named);
                hosts.next().filter(|_| hosts.next().is_none())
            })
    }

    /// Whether these hosts carry so many of the voters that they are a quorum by themselves.
    pub fn quorum_on<'m>(&self, voters: impl Iterator<Item = &'m Member>, hosts: &[String]) -> bool {
        let (mut all, mut there) = (0, 0);
        for voter in voters {
            all += 1;
            let host = self.host_of_member(voter);
            there += usize::from(host.is_some_and(|host| hosts.contains(&host.name)));
        }
        all > 0 && there >= needed(all)
    }
}

fn machine(url: &str) -> Option<String> {
    url::Url::parse(url).ok()?.host_str().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::Freeze;

    fn busy(on: &str) -> Option<String> {
        let freeze = Freeze {
            on: on.to_owned(),
            off: "true".to_owned(),
            check: None,
            busy: None,
        };
        freeze.busy_command()
    }

    #[test]
    fn a_run_in_progress_is_waited_for_where_what_runs_can_be_told() {
        for (on, units) in [
            ("systemctl stop chef-client.timer", "for u in chef-client.timer;"),
            ("sudo /bin/systemctl --now disable cf-agent", "for u in cf-agent;"),
            (
                "touch /x && systemctl mask a.timer b; systemctl stop --no-block c@1",
                "for u in a.timer c@1;",
            ),
        ] {
            assert!(busy(on).unwrap().starts_with(units), "{on}: {:?}", busy(on));
        }
        assert!(
            busy("/opt/puppetlabs/bin/puppet agent --disable etcdops")
                .unwrap()
                .contains("agent_catalog_run.lock")
        );
        // A daemon that is only disabled goes on running, and a quoted command is not taken apart.
        for on in [
            "systemctl disable puppet",
            "sh -c 'systemctl stop x'",
            "agent off",
            "systemctl stop $(x)",
        ] {
            assert_eq!(busy(on), None, "{on}");
        }
    }
}
