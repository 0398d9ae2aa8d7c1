//! The files of the playground: one folder per host, and the inventory that names them.
//!
//! A host's folder is what the process kind of service reads (`transport/`): `argv` (one word per line), `env` (one
//! `NAME=value` per line, no quoting), `pid` (process and its start time), `log`, `data` and `state/` (what
//! `/var/lib/etcdops` is on a real host). All settings stand in `env`, so that every version takes them: what a version
//! does not know is a warning there, and would be the end as a flag.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::PlaygroundError;
use super::state::{PlayHost, State};
use crate::base::duration::Span;
use crate::base::files::{create_private_dir, write_private};
use crate::cluster::host::{
    AuthUser, Backups, Become, ClusterConfig, Host, Route, Service, ServiceKind, Shell, TlsFiles,
};
use crate::cluster::version::Version;

/// The cluster's name in the inventory.
pub const CLUSTER: &str = "playground";

/// The inventory that the settings find by themselves.
pub fn inventory_path(root: &Path) -> PathBuf {
    root.join("inventory.yaml")
}

/// The folder of a host.
pub fn host_dir(root: &Path, host: &str) -> PathBuf {
    root.join("hosts").join(host)
}

pub fn log_path(root: &Path, host: &str) -> PathBuf {
    host_dir(root, host).join("log")
}

/// Writes what a host lacks. What is there stays: commands may have changed it.
pub fn write_host(root: &Path, state: &State, host: &PlayHost) -> Result<(), PlaygroundError> {
    let folder = host_dir(root, &host.name);
    create_private_dir(&folder.join("state"))?;
    for (name, content) in [
        ("argv", format!("{}\n", state.etcd.display())),
        ("env", environment(root, state, host)),
    ] {
        let path = folder.join(name);
        if !path.exists() {
            write_private(&path, content.as_bytes())?;
        }
    }
    Ok(())
}

fn environment(root: &Path, state: &State, host: &PlayHost) -> String {
    let data = host_dir(root, &host.name).join("data");
    let mut settings = vec![
        ("NAME", host.name.clone()),
        ("DATA_DIR", data.display().to_string()),
        ("LISTEN_CLIENT_URLS", host.client_url()),
        ("ADVERTISE_CLIENT_URLS", host.client_url()),
        ("LISTEN_PEER_URLS", host.peer_url()),
        ("INITIAL_ADVERTISE_PEER_URLS", host.peer_url()),
        ("INITIAL_CLUSTER_TOKEN", state.token.clone()),
    ];
    if !host.spare {
        let peers: Vec<String> = state
            .members()
            .map(|member| format!("{}={}", member.name, member.peer_url()))
            .collect();
        settings.push(("INITIAL_CLUSTER", peers.join(",")));
        settings.push(("INITIAL_CLUSTER_STATE", "new".to_owned()));
    }
    if needs_arch_waiver(std::env::consts::ARCH, state.version) {
        settings.push(("UNSUPPORTED_ARCH", "arm64".to_owned()));
    }
    settings.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "ETCD_{name}={value}");
        text
    })
}

/// Before 3.5 etcd starts on 64-bit ARM only when it is told that nobody supports that.
fn needs_arch_waiver(arch: &str, version: Version) -> bool {
    arch == "aarch64" && version < Version::new(3, 5, 0)
}

/// Writes the inventory, each time anew: nobody else writes it.
pub fn write_inventory(root: &Path, state: &State) -> Result<(), PlaygroundError> {
    write_private(&inventory_path(root), inventory(root, state).as_bytes())?;
    Ok(())
}

fn inventory(root: &Path, state: &State) -> String {
    let endpoints: Vec<String> = state.members().map(PlayHost::client_url).collect();
    let mut text = format!(
        "# Written by `etcdops playground up`; removed by `etcdops playground down`.\n\
         clusters:\n  {CLUSTER}:\n    endpoints: [{}]\n    ssh: {{local: true}}\n    hosts:\n",
        endpoints.join(", ")
    );
    for host in &state.hosts {
        let folder = host_dir(root, &host.name);
        let service = format!(
            "kind: process, env_file: {}, process_dir: {}",
            yaml_text(&folder.join("env")),
            yaml_text(&folder)
        );
        let _ = write!(
            text,
            "      {}:\n        client_url: {}\n        peer_url: {}\n        data_dir: {}\n        service: {{{service}}}\n",
            host.name,
            host.client_url(),
            host.peer_url(),
            yaml_text(&folder.join("data")),
        );
    }
    text
}

/// The same, as the inventory would be read.
pub fn cluster_config(root: &Path, state: &State) -> ClusterConfig {
    let hosts = state.hosts.iter().map(|host| {
        let folder = host_dir(root, &host.name);
        Host {
            shell: Shell::Local,
            elevate: Become::None,
            service: Service {
                kind: ServiceKind::Process,
                unit: "etcd".to_owned(),
                env_file: Some(folder.join("env").display().to_string()),
                process_dir: Some(folder.clone()),
            },
            data_dir: Some(folder.join("data").display().to_string()),
            peer_url: Some(host.peer_url()),
            client_url: Some(host.client_url()),
            ..Host::named(&host.name)
        }
    });
    ClusterConfig {
        name: CLUSTER.to_owned(),
        endpoints: state.members().map(PlayHost::client_url).collect(),
        route: Route::Direct,
        tls: TlsFiles::default(),
        auth: AuthUser::default(),
        clients: None,
        backups: Backups::default(),
        hosts: hosts.collect(),
        discovery: None,
        call_timeout: Span::seconds(5),
    }
}

/// A path as a double-quoted YAML scalar; JSON's quoting is a part of YAML's.
fn yaml_text(path: &Path) -> String {
    serde_json::Value::from(path.to_string_lossy()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::yaml::Source;
    use crate::cluster::inventory::Inventory;

    fn state() -> State {
        let created = "2026-11-20T13:00:00Z".parse().unwrap();
        State::new(
            "/opt/e t/etcd".into(),
            Version::new(3, 5, 30),
            created,
            &[21, 22, 23, 24, 25, 26],
            2,
        )
    }

    #[test]
    fn a_host_gets_its_files_and_keeps_what_was_changed() {
        let root = tempfile::tempdir().unwrap();
        let state = state();
        write_host(root.path(), &state, &state.hosts[0]).unwrap();
        let folder = host_dir(root.path(), "etcd-1");
        let env = std::fs::read_to_string(folder.join("env")).unwrap();
        assert!(
            env.contains("ETCD_INITIAL_CLUSTER=etcd-1=http://127.0.0.1:22,etcd-2=http://127.0.0.1:24\n"),
            "{env}"
        );
        assert!(!env.contains("etcd-3"), "a spare is no member: {env}");
        assert_eq!(std::fs::read_to_string(folder.join("argv")).unwrap(), "/opt/e t/etcd\n");
        write_private(&folder.join("env"), b"ETCD_NAME=x\n").unwrap();
        write_host(root.path(), &state, &state.hosts[0]).unwrap();
        assert_eq!(std::fs::read_to_string(folder.join("env")).unwrap(), "ETCD_NAME=x\n");
        write_host(root.path(), &state, &state.hosts[2]).unwrap();
        let spare = std::fs::read_to_string(host_dir(root.path(), "etcd-3").join("env")).unwrap();
        assert!(!spare.contains("INITIAL_CLUSTER="), "{spare}");
    }

    #[test]
    fn the_inventory_quotes_odd_paths() {
        let root = Path::new("/home/o\"dd: {x}/etcdops/playground");
        let text = inventory(root, &state());
        assert!(
            text.contains("endpoints: [http://127.0.0.1:21, http://127.0.0.1:23]"),
            "{text}"
        );
        assert!(
            text.contains(r#"data_dir: "/home/o\"dd: {x}/etcdops/playground/hosts/etcd-1/data""#),
            "{text}"
        );
    }

    #[test]
    fn the_inventory_reads_as_what_is_computed() {
        let root = Path::new("/home/o\"dd: {x}/etcdops/playground");
        let source = Source::new("inventory.yaml", inventory(root, &state()));
        let read = Inventory::load(&source).unwrap();
        assert_eq!(read.cluster(CLUSTER).unwrap().config, cluster_config(root, &state()));
    }

    #[test]
    fn only_old_versions_on_arm_need_the_waiver() {
        assert!(needs_arch_waiver("aarch64", Version::new(3, 4, 23)));
        assert!(!needs_arch_waiver("aarch64", Version::new(3, 5, 0)));
        assert!(!needs_arch_waiver("x86_64", Version::new(3, 4, 23)));
    }
}
