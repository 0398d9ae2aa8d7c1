//! The keys of a cluster and of a host, as the file gives them: nothing merged, nothing defaulted.

use std::path::PathBuf;

use super::address::{self, Destination};
use super::origin::Origin;
use super::reader::{Fields, Node, Reader};
use crate::base::duration::Span;
use crate::base::expr::Template;
use crate::cluster::host::{Become, Clients, Freeze, Keep, Route, ServiceKind};

/// A value that the file gives, and where it stands.
pub(super) type Given<T> = Option<(T, Origin)>;

const SHARED: [&str; 7] = ["api", "tls", "ssh", "service", "data_dir", "wal_dir", "freeze"];
const CLUSTER_ONLY: [&str; 7] = [
    "endpoints",
    "discovery_srv",
    "auth",
    "clients",
    "backups",
    "hosts",
    "timeout",
];
const HOST_ONLY: [&str; 2] = ["peer_url", "client_url"];

/// What a cluster and one of its hosts may both say.
#[derive(Clone, Default)]
pub(super) struct Shared {
    pub(super) api: Given<Route>,
    pub(super) ca: Given<PathBuf>,
    pub(super) cert: Given<PathBuf>,
    pub(super) key: Given<PathBuf>,
    /// The hosts are this machine (playground).
    pub(super) local: Given<bool>,
    pub(super) destination: Given<Destination>,
    pub(super) ssh_config: Given<PathBuf>,
    pub(super) ssh_user: Given<String>,
    pub(super) ssh_port: Given<u16>,
    pub(super) elevate: Given<Become>,
    pub(super) kind: Given<ServiceKind>,
    pub(super) unit: Given<String>,
    pub(super) env_file: Given<String>,
    pub(super) process_dir: Given<PathBuf>,
    pub(super) data_dir: Given<String>,
    pub(super) wal_dir: Given<String>,
    pub(super) freeze: Given<Freeze>,
}

/// What only a cluster says.
pub(super) struct ClusterKeys<'a> {
    pub(super) shared: Shared,
    /// Each with its node, so that later problems have a place.
    pub(super) endpoints: Vec<(String, Node<'a>)>,
    pub(super) discovery: Given<(String, Option<String>)>,
    pub(super) user: Given<String>,
    pub(super) password_file: Given<PathBuf>,
    pub(super) clients: Given<Clients>,
    pub(super) store: Given<PathBuf>,
    /// The rules of `keep`, with the place of the whole.
    pub(super) keep: Given<Keep>,
    pub(super) timeout: Given<Span>,
    pub(super) hosts: Vec<HostKeys<'a>>,
    /// The hosts are listed, even if wrongly.
    pub(super) lists_hosts: bool,
}

/// One host as listed.
pub(super) struct HostKeys<'a> {
    pub(super) name: String,
    pub(super) node: Node<'a>,
    pub(super) shared: Shared,
    pub(super) peer_url: Given<String>,
    pub(super) client_url: Given<String>,
}

/// Reads the value of a cluster's name.
pub(super) fn cluster<'a>(reader: &Reader<'a>, node: &Node<'a>) -> ClusterKeys<'a> {
    let known: Vec<&str> = CLUSTER_ONLY.into_iter().chain(SHARED).collect();
    let fields = reader.fields(node, &known);
    let shared = shared(reader, &fields, false);
    let is_https = shared.ca.is_some() || shared.cert.is_some();
    let (user, password_file) = auth(reader, &fields);
    let (store, keep) = backups(reader, &fields);
    ClusterKeys {
        endpoints: endpoints(reader, &fields, is_https),
        discovery: given(reader, fields.get("discovery_srv"), discovery),
        user,
        password_file,
        clients: given(reader, fields.get("clients"), clients),
        store,
        keep,
        timeout: given(reader, fields.get("timeout"), Reader::parsed),
        hosts: hosts(reader, &fields, is_https),
        lists_hosts: fields.get("hosts").is_some(),
        shared,
    }
}

fn given<'a, T>(
    reader: &Reader<'a>,
    node: Option<&Node<'a>>,
    read: impl FnOnce(&Reader<'a>, &Node<'a>) -> Option<T>,
) -> Given<T> {
    let node = node?;
    Some((read(reader, node)?, reader.origin(node)))
}

fn shared<'a>(reader: &Reader<'a>, fields: &Fields<'a>, is_host: bool) -> Shared {
    let mut found = Shared {
        api: given(reader, fields.get("api"), |reader, node| {
            reader.choice(
                node,
                &[("direct", Route::Direct), ("ssh", Route::Ssh), ("auto", Route::Auto)],
            )
        }),
        data_dir: given(reader, fields.get("data_dir"), Reader::host_path),
        wal_dir: given(reader, fields.get("wal_dir"), Reader::host_path),
        freeze: given(reader, fields.get("freeze"), freeze),
        ..Shared::default()
    };
    if let Some(node) = fields.get("tls") {
        let tls = reader.fields(node, &["ca", "cert", "key"]);
        found.ca = given(reader, tls.get("ca"), Reader::local_path);
        found.cert = given(reader, tls.get("cert"), Reader::local_path);
        found.key = given(reader, tls.get("key"), Reader::local_path);
    }
    if let Some(node) = fields.get("service") {
        service(reader, node, &mut found);
    }
    if let Some(node) = fields.get("ssh") {
        ssh(reader, node, is_host, &mut found);
    }
    found
}

fn service<'a>(reader: &Reader<'a>, node: &Node<'a>, found: &mut Shared) {
    let service = reader.fields(node, &["kind", "unit", "env_file", "process_dir"]);
    found.kind = given(reader, service.get("kind"), |reader, node| {
        reader.choice(
            node,
            &[("systemd", ServiceKind::Systemd), ("process", ServiceKind::Process)],
        )
    });
    found.unit = given(reader, service.get("unit"), |reader, node| {
        let name = reader.checked(node, |text| address::name("unit", text).map(|()| text.to_owned()))?;
        Some(name.strip_suffix(".service").unwrap_or(&name).to_owned())
    });
    found.env_file = given(reader, service.get("env_file"), Reader::host_path);
    found.process_dir = given(reader, service.get("process_dir"), Reader::local_path);
}

fn ssh<'a>(reader: &Reader<'a>, node: &Node<'a>, is_host: bool, found: &mut Shared) {
    if is_host && node.value.is_string() {
        found.destination = given(reader, Some(node), |reader, node| {
            reader.checked(node, address::destination)
        });
        return;
    }
    let known: &[&str] = if is_host {
        &["destination", "local", "config", "user", "port", "become"]
    } else {
        &["local", "config", "user", "port", "become"]
    };
    let ssh = reader.fields(node, known);
    found.destination = given(reader, ssh.get("destination"), |reader, node| {
        reader.checked(node, address::destination)
    });
    found.local = given(reader, ssh.get("local"), Reader::truth);
    found.ssh_config = given(reader, ssh.get("config"), Reader::local_path);
    found.ssh_user = given(reader, ssh.get("user"), |reader, node| {
        reader.checked(node, |text| address::name("ssh user", text).map(|()| text.to_owned()))
    });
    found.ssh_port = given(reader, ssh.get("port"), |reader, node| {
        let port = reader.number(node, u64::from(u16::MAX))?;
        let port = u16::try_from(port).ok().filter(|port| *port > 0);
        if port.is_none() {
            reader.refuse(node, "a port is from 1 to 65535", None);
        }
        port
    });
    found.elevate = given(reader, ssh.get("become"), |reader, node| {
        reader.choice(node, &[("sudo", Become::Sudo), ("none", Become::None)])
    });
}

fn freeze<'a>(reader: &Reader<'a>, node: &Node<'a>) -> Option<Freeze> {
    let fields = reader.fields(node, &["on", "off", "check", "busy"]);
    Some(Freeze {
        on: command(reader, node, &fields, "on")?,
        off: command(reader, node, &fields, "off")?,
        check: optional_command(reader, &fields, "check"),
        busy: optional_command(reader, &fields, "busy"),
    })
}

fn clients<'a>(reader: &Reader<'a>, node: &Node<'a>) -> Option<Clients> {
    let fields = reader.fields(node, &["stop", "start", "check"]);
    Some(Clients {
        stop: command(reader, node, &fields, "stop")?,
        start: command(reader, node, &fields, "start")?,
        check: optional_command(reader, &fields, "check"),
    })
}

fn command<'a>(reader: &Reader<'a>, node: &Node<'a>, fields: &Fields<'a>, key: &str) -> Option<String> {
    if fields.get(key).is_none() {
        reader.refuse_key(node, format!("the key `{key}` is missing"), None);
    }
    optional_command(reader, fields, key)
}

/// A shell command for a host; its expressions are checked here and evaluated in a plan.
fn optional_command<'a>(reader: &Reader<'a>, fields: &Fields<'a>, key: &str) -> Option<String> {
    const KNOWN: [&str; 3] = ["run", "host", "cluster"];
    let node = fields.get(key)?;
    let text = reader.text(node)?;
    if text.contains('\0') {
        reader.refuse(node, "a command may not hold a NUL character", None);
        return None;
    }
    let template = match Template::parse(&text) {
        Ok(template) => template,
        Err(error) => {
            reader.refuse(node, error.message, error.hint);
            return None;
        }
    };
    for path in template.references() {
        let first = path.split('.').next().unwrap_or_default();
        if !KNOWN.contains(&first) {
            let hint = "a command of the inventory may use `run.id`, `host.…` and `cluster.…`";
            reader.refuse(node, format!("`{path}` has no value here"), Some(hint.into()));
            return None;
        }
    }
    Some(text)
}

fn auth<'a>(reader: &Reader<'a>, fields: &Fields<'a>) -> (Given<String>, Given<PathBuf>) {
    let Some(node) = fields.get("auth") else {
        return (None, None);
    };
    if let Some((_, password)) = reader.entries(node).into_iter().find(|(key, _)| key == "password") {
        reader.refuse_key(
            &password,
            "a password may not stand in the inventory",
            Some("put it in a file of mode 0600 and name that with `password_file`".into()),
        );
        return (None, None);
    }
    let auth = reader.fields(node, &["user", "password_file"]);
    let user = given(reader, auth.get("user"), |reader, node| {
        let user = reader.text(node)?;
        if user.contains(':') {
            reader.refuse(
                node,
                "the user's name holds a colon, or a password stands behind it",
                Some("put the password in a file of mode 0600 and name that with `password_file`".into()),
            );
            return None;
        }
        Some(user)
    });
    (user, given(reader, auth.get("password_file"), Reader::local_path))
}

fn backups<'a>(reader: &Reader<'a>, fields: &Fields<'a>) -> (Given<PathBuf>, Given<Keep>) {
    let Some(node) = fields.get("backups") else {
        return (None, None);
    };
    let fields = reader.fields(node, &["store", "keep"]);
    let store = given(reader, fields.get("store"), Reader::local_path);
    (
        store,
        given(reader, fields.get("keep"), |reader, node| Some(keep(reader, node))),
    )
}

fn keep<'a>(reader: &Reader<'a>, node: &Node<'a>) -> Keep {
    let rules = reader.fields(node, &["last", "hourly", "daily", "weekly", "monthly"]);
    let count = |key| {
        let number = reader.number(rules.get(key)?, u64::from(u32::MAX))?;
        u32::try_from(number).ok()
    };
    Keep {
        last: count("last"),
        hourly: count("hourly"),
        daily: count("daily"),
        weekly: count("weekly"),
        monthly: count("monthly"),
    }
}

fn discovery<'a>(reader: &Reader<'a>, node: &Node<'a>) -> Option<(String, Option<String>)> {
    let domain = |node: &Node<'a>| reader.checked(node, |text| address::host_name(text).map(|()| text.to_owned()));
    if node.value.is_string() {
        return Some((domain(node)?, None));
    }
    let fields = reader.fields(node, &["domain", "name"]);
    let Some(node_of_domain) = fields.get("domain") else {
        reader.refuse_key(node, "the key `domain` is missing", None);
        return None;
    };
    let name = fields.get("name").and_then(domain);
    Some((domain(node_of_domain)?, name))
}

fn endpoints<'a>(reader: &Reader<'a>, fields: &Fields<'a>, is_https: bool) -> Vec<(String, Node<'a>)> {
    let Some(node) = fields.get("endpoints") else {
        return Vec::new();
    };
    let items = reader.list(node);
    if items.is_empty() && node.value.is_array() {
        reader.refuse(node, "the list of endpoints is empty", None);
    }
    let url = |item: Node<'a>| {
        let address = reader.checked(&item, |text| address::address(text, is_https))?;
        Some((address.url(), item))
    };
    items.into_iter().filter_map(url).collect()
}

fn hosts<'a>(reader: &Reader<'a>, fields: &Fields<'a>, is_https: bool) -> Vec<HostKeys<'a>> {
    let Some(node) = fields.get("hosts") else {
        return Vec::new();
    };
    let entries = reader.entries(node);
    if entries.is_empty() && node.value.is_object() {
        reader.refuse_key(
            node,
            "no host is listed",
            Some("take the key out: hosts are then made of the endpoints".into()),
        );
    }
    entries
        .into_iter()
        .filter_map(|(name, node)| host(reader, name, &node, is_https))
        .collect()
}

fn host<'a>(reader: &Reader<'a>, name: String, node: &Node<'a>, is_https: bool) -> Option<HostKeys<'a>> {
    if let Err(error) = address::name("host", &name) {
        reader.refuse_key(node, error.message, error.hint);
        return None;
    }
    let mut keys = HostKeys {
        name,
        node: node.clone(),
        shared: Shared::default(),
        peer_url: None,
        client_url: None,
    };
    if node.value.is_null() {
        return Some(keys);
    }
    let all = reader.entries(node);
    for (key, entry) in all.iter().filter(|(key, _)| CLUSTER_ONLY.contains(&key.as_str())) {
        reader.refuse_key(
            entry,
            format!("`{key}` belongs to a whole cluster, not to one host"),
            None,
        );
    }
    let known: Vec<&str> = HOST_ONLY.into_iter().chain(SHARED).collect();
    let tolerated: Vec<&str> = known.iter().copied().chain(CLUSTER_ONLY).collect();
    let misplaced = all.iter().any(|(key, _)| CLUSTER_ONLY.contains(&key.as_str()));
    let fields = reader.fields(node, if misplaced { &tolerated } else { &known });
    let url = |reader: &Reader<'a>, node: &Node<'a>| {
        reader.checked(node, |text| {
            address::address(text, is_https).map(|address| address.url())
        })
    };
    keys.shared = shared(reader, &fields, true);
    keys.peer_url = given(reader, fields.get("peer_url"), url);
    keys.client_url = given(reader, fields.get("client_url"), url);
    Some(keys)
}
