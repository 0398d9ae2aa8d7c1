//! From the keys of the file to clusters and hosts with every value in place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::address;
use super::keys::{ClusterKeys, Given, HostKeys, Shared};
use super::origin::{Origin, Origins};
use super::reader::{Node, Reader};
use super::{DEFAULT_CALL_TIMEOUT, Discovery, Entry};
use crate::base::nearest::nearest;
use crate::base::yaml::Source;
use crate::cluster::host::{
    AuthUser, Backups, Become, ClusterConfig, Host, Route, Service, ServiceKind, Shell, TlsFiles,
};

/// Makes the cluster of its keys, telling what does not fit together.
pub(super) fn cluster(reader: &Reader, source: &Source, name: &str, node: &Node, keys: &ClusterKeys) -> Entry {
    let mut origins = Origins::default();
    unique(reader, keys);
    let shared = &keys.shared;
    let tls = tls_files(shared, &Shared::default(), "", &mut origins);
    if tls.cert.is_some() != tls.key.is_some() {
        let node = Node {
            value: node.value,
            pointer: format!("{}/tls", node.pointer),
        };
        let message = "`cert` and `key` belong together: one of them is missing";
        reader.refuse_key(&node, message, None);
    }
    let auth = AuthUser {
        user: take(&keys.user, "auth.user", &mut origins),
        password_file: take(&keys.password_file, "auth.password_file", &mut origins),
    };
    let backups = Backups {
        store: take(&keys.store, "backups.store", &mut origins),
        keep: take(&keys.keep, "backups.keep", &mut origins).unwrap_or_default(),
    };
    let template = host(&Shared::default(), shared, "", &tls, &mut Origins::default());
    let mut hosts = Vec::new();
    for listed in &keys.hosts {
        hosts.push(listed_host(listed, keys, &tls, &mut origins));
    }
    let discovery = keys.discovery.as_ref().map(|((domain, name), origin)| {
        origins.set("discovery_srv", origin.clone());
        Discovery {
            domain: domain.clone(),
            name: name.clone(),
        }
    });
    let mut config = ClusterConfig {
        name: name.to_owned(),
        endpoints: keys.endpoints.iter().map(|(url, _)| url.clone()).collect(),
        route: take(&shared.api, "api", &mut origins).unwrap_or(Route::Direct),
        tls,
        auth,
        clients: take(&keys.clients, "clients", &mut origins),
        backups,
        hosts,
        discovery: None,
        call_timeout: take(&keys.timeout, "timeout", &mut origins).unwrap_or(DEFAULT_CALL_TIMEOUT),
    };
    if let Some((_, first)) = keys.endpoints.first() {
        origins.set("endpoints", reader.origin(first));
    }
    if let (Some(_), Some((_, first))) = (&discovery, keys.endpoints.first()) {
        let message = "`endpoints` and `discovery_srv` are both given";
        reader.refuse(first, message, Some("keep one of them".into()));
    }
    let said_something = !config.endpoints.is_empty() || discovery.is_some();
    if !said_something && !endpoints_of_hosts(&mut config, &mut origins) && !has_problem_with_endpoints(node) {
        reader.refuse_key(
            node,
            format!("the cluster `{name}` has no endpoints"),
            Some("give `endpoints`, `discovery_srv`, or a `client_url` for each host".into()),
        );
    }
    let mut entry = Entry {
        file: source.name.clone(),
        config,
        discovery,
        template,
        lists_hosts: keys.lists_hosts,
        origins,
    };
    entry.place_endpoints();
    entry
}

/// The file means to name endpoints, but they could not be read: told already.
fn has_problem_with_endpoints(node: &Node) -> bool {
    let keys = node.value.as_object().into_iter().flat_map(|map| map.keys());
    keys.into_iter()
        .any(|key| nearest(key, ["endpoints", "discovery_srv"]).is_some())
}

fn endpoints_of_hosts(config: &mut ClusterConfig, origins: &mut Origins) -> bool {
    config.endpoints = config.hosts.iter().filter_map(|host| host.client_url.clone()).collect();
    origins.set("endpoints", Origin::Discovered("client URLs of the hosts".into()));
    !config.endpoints.is_empty()
}

/// Endpoints and URLs that stand twice.
fn unique(reader: &Reader, keys: &ClusterKeys) {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (url, node) in &keys.endpoints {
        if !seen.insert(url) {
            reader.refuse(node, format!("the endpoint `{url}` stands twice"), None);
        }
    }
    let peers = keys.hosts.iter().map(|host| (host, &host.peer_url, "peer_url"));
    let clients = keys.hosts.iter().map(|host| (host, &host.client_url, "client_url"));
    let mut owners: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for (host, url, key) in peers.chain(clients) {
        let Some((url, _)) = url else {
            continue;
        };
        if let Some(owner) = owners.insert((key, url), &host.name) {
            let node = Node {
                value: host.node.value,
                pointer: format!("{}/{key}", host.node.pointer),
            };
            reader.refuse(&node, format!("`{url}` is also the {key} of `{owner}`"), None);
        }
    }
}

fn listed_host(listed: &HostKeys, keys: &ClusterKeys, cluster_tls: &TlsFiles, origins: &mut Origins) -> Host {
    let path = format!("hosts.{}.", listed.name);
    let mut found = host(&listed.shared, &keys.shared, &path, cluster_tls, origins);
    found.name.clone_from(&listed.name);
    if let Shell::Ssh { destination, .. } = &mut found.shell
        && destination.is_empty()
    {
        destination.clone_from(&listed.name);
    }
    found.peer_url = take(&listed.peer_url, &format!("{path}peer_url"), origins);
    found.client_url = take(&listed.client_url, &format!("{path}client_url"), origins);
    found
}

/// A host without a name: its own keys, else its cluster's, else the defaults.
fn host(own: &Shared, cluster: &Shared, path: &str, cluster_tls: &TlsFiles, origins: &mut Origins) -> Host {
    let mut pick = Picker { path, origins };
    let shell = if pick.one(&own.local, &cluster.local, "ssh.local") == Some(true) {
        Shell::Local
    } else {
        ssh_shell(own, cluster, &mut pick)
    };
    let is_root = matches!(&shell, Shell::Ssh { user: Some(user), .. } if user == "root");
    let default_elevate = if shell == Shell::Local || is_root {
        Become::None
    } else {
        Become::Sudo
    };
    let elevate = pick
        .one(&own.elevate, &cluster.elevate, "ssh.become")
        .unwrap_or(default_elevate);
    let mut service = Service {
        kind: pick
            .one(&own.kind, &cluster.kind, "service.kind")
            .unwrap_or(ServiceKind::Systemd),
        unit: pick
            .one(&own.unit, &cluster.unit, "service.unit")
            .unwrap_or_else(|| "etcd".into()),
        env_file: pick.one(&own.env_file, &cluster.env_file, "service.env_file"),
        process_dir: pick.one(&own.process_dir, &cluster.process_dir, "service.process_dir"),
    };
    if service.env_file.is_none()
        && let Some(folder) = &service.process_dir
    {
        service.env_file = Some(folder.join("env").to_string_lossy().into_owned());
    }
    let data_dir = pick.one(&own.data_dir, &cluster.data_dir, "data_dir");
    let wal_dir = pick.one(&own.wal_dir, &cluster.wal_dir, "wal_dir");
    let freeze = pick.one(&own.freeze, &cluster.freeze, "freeze");
    let tls = tls_files(own, cluster, path, origins);
    Host {
        name: String::new(),
        shell,
        elevate,
        service,
        data_dir,
        wal_dir,
        peer_url: None,
        client_url: None,
        freeze,
        route: own.api.as_ref().map(|(route, _)| *route),
        tls: (tls != *cluster_tls).then_some(tls),
    }
}

fn ssh_shell(own: &Shared, cluster: &Shared, pick: &mut Picker) -> Shell {
    let at = pick.one(&own.destination, &None, "ssh.destination");
    let user = at.as_ref().and_then(|at| at.user.clone());
    let port = at.as_ref().and_then(|at| at.port);
    for (key, is_inside) in [("ssh.user", user.is_some()), ("ssh.port", port.is_some())] {
        if let (Some((_, origin)), true) = (&own.destination, is_inside) {
            pick.origins.set(format!("{}{key}", pick.path), origin.clone());
        }
    }
    Shell::Ssh {
        destination: at.map(|at| at.host).unwrap_or_default(),
        user: user.or_else(|| pick.one(&own.ssh_user, &cluster.ssh_user, "ssh.user")),
        port: port.or_else(|| pick.one(&own.ssh_port, &cluster.ssh_port, "ssh.port")),
        config: pick.one(&own.ssh_config, &cluster.ssh_config, "ssh.config"),
    }
}

fn tls_files(own: &Shared, cluster: &Shared, path: &str, origins: &mut Origins) -> TlsFiles {
    let mut pick = Picker { path, origins };
    TlsFiles {
        ca: pick.one::<PathBuf>(&own.ca, &cluster.ca, "tls.ca"),
        cert: pick.one(&own.cert, &cluster.cert, "tls.cert"),
        key: pick.one(&own.key, &cluster.key, "tls.key"),
    }
}

/// Takes the nearer of two values and remembers where it stands.
struct Picker<'a> {
    path: &'a str,
    origins: &'a mut Origins,
}

impl Picker<'_> {
    #[expect(clippy::ref_option, reason = "fields are read where they stand")]
    fn one<T: Clone>(&mut self, own: &Given<T>, cluster: &Given<T>, key: &str) -> Option<T> {
        let chosen = if own.is_some() { own } else { cluster };
        take(chosen, &format!("{}{key}", self.path), self.origins)
    }
}

#[expect(clippy::ref_option, reason = "fields are read where they stand")]
fn take<T: Clone>(given: &Given<T>, path: &str, origins: &mut Origins) -> Option<T> {
    let (value, origin) = given.as_ref()?;
    origins.set(path, origin.clone());
    Some(value.clone())
}

impl Entry {
    /// Gives each host the endpoint that is its own, and makes hosts of the endpoints where none are listed.
    pub(crate) fn place_endpoints(&mut self) {
        if !self.lists_hosts {
            self.hosts_of_endpoints();
            return;
        }
        for host in &mut self.config.hosts {
            if host.client_url.is_some() {
                continue;
            }
            let Shell::Ssh { destination, .. } = &host.shell else {
                continue;
            };
            let is_own = |url: &&String| {
                address::address(url, false).is_ok_and(|at| at.host == host.name || at.host == *destination)
            };
            let mut own = self.config.endpoints.iter().filter(is_own);
            if let (Some(url), None) = (own.next(), own.next()) {
                host.client_url = Some(url.clone());
                let path = format!("hosts.{}.client_url", host.name);
                self.origins.set(path, Origin::Discovered("endpoints".into()));
            }
        }
    }

    fn hosts_of_endpoints(&mut self) {
        let addresses: Vec<_> = self
            .config
            .endpoints
            .iter()
            .filter_map(|url| address::address(url, false).ok())
            .collect();
        let made = addresses.iter().map(|at| {
            let shares = addresses.iter().filter(|other| other.host == at.host).count() > 1;
            let mut host = self.template.clone();
            host.name = if shares { at.host_and_port() } else { at.host.clone() };
            host.client_url = Some(at.url());
            if let Shell::Ssh { destination, .. } = &mut host.shell {
                destination.clone_from(&at.host);
            }
            host
        });
        self.config.hosts = made.collect();
        for host in &self.config.hosts {
            for key in ["ssh.destination", "client_url"] {
                let path = format!("hosts.{}.{key}", host.name);
                self.origins.set(path, Origin::Discovered("endpoints".into()));
            }
        }
    }
}
