//! Every value of a cluster with where it came from.

use serde::Serialize;
use serde_json::{Value, json};

use crate::base::secret::HIDDEN;
use crate::cluster::host::{Freeze, Host, Shell, TlsFiles};
use crate::cluster::inventory::Origin;
use crate::commands::settings::{PasswordSource, Settings};
use crate::ui::Ui;
use crate::ui::table::{Column, Table};

/// One value.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Shown {
    key: String,
    value: Value,
    from: Origin,
}

pub(super) fn print(ui: &Ui, settings: &Settings) {
    let values = values(settings);
    if ui.is_json() {
        ui.json(&json!({
            "schema": "etcdops/config/v1",
            "cluster": settings.cluster.name,
            "file": settings.file,
            "values": values,
        }));
        return;
    }
    let place = settings
        .file
        .as_ref()
        .map_or_else(String::new, |file| format!(" ({file})"));
    ui.data(&format!("cluster {}{place}", settings.cluster.name));
    let mut table = Table::new([Column::Name("KEY"), Column::Prose("VALUE"), Column::Name("FROM")]);
    for one in values {
        let text = match one.value {
            Value::String(text) => text,
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
            other => other.to_string(),
        };
        table.row([one.key, text, one.from.to_string()]);
    }
    ui.data(&table.render(ui.paint(), ui.screen.data_columns));
}

/// A list that leaves out what nobody set and what has no default.
struct List<'a> {
    settings: &'a Settings,
    values: Vec<Shown>,
}

impl List<'_> {
    fn add(&mut self, key: impl Into<String>, value: impl Serialize) {
        let key = key.into();
        let from = self.settings.origins.of(&key);
        self.add_from(key, value, from);
    }

    fn add_from(&mut self, key: impl Into<String>, value: impl Serialize, from: Origin) {
        let value = serde_json::to_value(value).unwrap_or_default();
        if !value.is_null() {
            let key = key.into();
            self.values.push(Shown { key, value, from });
        }
    }

    fn tls(&mut self, path: &str, files: &TlsFiles) {
        self.add(format!("{path}tls.ca"), &files.ca);
        self.add(format!("{path}tls.cert"), &files.cert);
        self.add(format!("{path}tls.key"), &files.key);
    }

    fn host(&mut self, host: &Host) {
        let path = format!("hosts.{}.", host.name);
        let key = |name: &str| format!("{path}{name}");
        match &host.shell {
            Shell::Local => self.add(key("ssh.local"), true),
            Shell::Ssh {
                destination,
                user,
                port,
                config,
            } => {
                self.add(key("ssh.destination"), destination);
                self.add(key("ssh.user"), user);
                self.add(key("ssh.port"), port);
                self.add(key("ssh.config"), config);
            }
        }
        self.add(key("ssh.become"), host.elevate);
        self.add(key("service.kind"), host.service.kind);
        self.add(key("service.unit"), &host.service.unit);
        self.add(key("service.env_file"), &host.service.env_file);
        self.add(key("service.process_dir"), &host.service.process_dir);
        self.add(key("data_dir"), &host.data_dir);
        self.add(key("wal_dir"), &host.wal_dir);
        self.add(key("peer_url"), &host.peer_url);
        self.add(key("client_url"), &host.client_url);
        self.add(key("api"), host.route);
        if let Some(files) = &host.tls {
            self.tls(&path, files);
        }
        self.freeze(&path, host.freeze.as_ref());
    }

    fn freeze(&mut self, path: &str, freeze: Option<&Freeze>) {
        let Some(freeze) = freeze else {
            return;
        };
        let from = self.settings.origins.of(&format!("{path}freeze"));
        self.add_from(format!("{path}freeze.on"), &freeze.on, from.clone());
        self.add_from(format!("{path}freeze.off"), &freeze.off, from.clone());
        self.add_from(format!("{path}freeze.check"), &freeze.check, from.clone());
        self.add_from(format!("{path}freeze.busy"), &freeze.busy, from);
    }
}

fn values(settings: &Settings) -> Vec<Shown> {
    let cluster = &settings.cluster;
    let mut list = List {
        settings,
        values: Vec::new(),
    };
    list.add("endpoints", &cluster.endpoints);
    list.add("api", cluster.route);
    list.tls("", &cluster.tls);
    list.add("auth.user", &cluster.auth.user);
    match &settings.password {
        PasswordSource::NotNeeded => {}
        PasswordSource::File(path, from) => list.add_from("auth.password_file", path, from.clone()),
        PasswordSource::Known(_, from) => list.add_from("auth.password", HIDDEN, from.clone()),
        PasswordSource::Ask => list.add_from("auth.password", "(asked when it is needed)", Origin::Default),
    }
    list.add("timeout", cluster.call_timeout);
    if let Some(clients) = &cluster.clients {
        let from = settings.origins.of("clients");
        list.add_from("clients.stop", &clients.stop, from.clone());
        list.add_from("clients.start", &clients.start, from.clone());
        list.add_from("clients.check", &clients.check, from);
    }
    list.add("backups.store", &cluster.backups.store);
    let keep = &cluster.backups.keep;
    for (name, count) in [
        ("last", keep.last),
        ("hourly", keep.hourly),
        ("daily", keep.daily),
        ("weekly", keep.weekly),
        ("monthly", keep.monthly),
    ] {
        list.add_from(
            format!("backups.keep.{name}"),
            count,
            settings.origins.of("backups.keep"),
        );
    }
    for host in &cluster.hosts {
        list.host(host);
    }
    list.values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::duration::Span;
    use crate::base::secret::Secret;
    use crate::base::yaml::Source;
    use crate::cluster::inventory::Inventory;
    use crate::ui::screen::Screen;
    use crate::ui::{Format, Manner};

    fn settings() -> Settings {
        let text = "\
clusters:
  c:
    endpoints: [https://etcd-1:2379]
    auth: {user: root}
    data_dir: /var/lib/etcd
    backups: {keep: {daily: 7}}
    hosts:
      etcd-1: {ssh: ops@etcd-1.example.org}
";
        let inventory = Inventory::load_with_home(&Source::new("etcdops.yaml", text), None).unwrap();
        let entry = inventory.clusters.into_iter().next().unwrap();
        Settings {
            cluster: entry.config,
            origins: entry.origins,
            file: Some(entry.file),
            timeout: Some(Span::seconds(3)),
            password: PasswordSource::Known(
                Secret::new("hunter2".into()),
                Origin::Environment("ETCDOPS_PASSWORD".into()),
            ),
            notes: Vec::new(),
        }
    }

    #[test]
    fn each_value_is_shown_with_its_origin_and_no_secret() {
        let (ui, printed) = Ui::captured(Manner::default(), Screen::plain(200));
        print(&ui, &settings());
        let text = printed.data();
        let has = |key: &str, value: &str, from: &str| {
            text.lines()
                .any(|line| line.split_whitespace().collect::<Vec<_>>() == [key, value, from])
        };
        assert!(text.starts_with("cluster c (etcdops.yaml)\n"), "{text}");
        assert!(has("endpoints", "https://etcd-1:2379", "etcdops.yaml:3"), "{text}");
        assert!(has("api", "direct", "default"), "{text}");
        assert!(has("auth.password", "****", "$ETCDOPS_PASSWORD"), "{text}");
        assert!(has("backups.keep.daily", "7", "etcdops.yaml:6"), "{text}");
        assert!(
            has("hosts.etcd-1.data_dir", "/var/lib/etcd", "etcdops.yaml:5"),
            "{text}"
        );
        assert!(
            has("hosts.etcd-1.ssh.destination", "etcd-1.example.org", "etcdops.yaml:8"),
            "{text}"
        );
        assert!(has("hosts.etcd-1.ssh.user", "ops", "etcdops.yaml:8"), "{text}");
        assert!(text.contains("discovered: endpoints"), "{text}");
        assert!(!text.contains("hunter2"));
    }

    #[test]
    fn the_document_has_a_schema_and_no_secret() {
        let manner = Manner {
            format: Format::Json,
            ..Manner::default()
        };
        let (ui, printed) = Ui::captured(manner, Screen::plain(80));
        print(&ui, &settings());
        let document: Value = serde_json::from_str(&printed.data()).unwrap();
        assert_eq!(document["schema"], "etcdops/config/v1");
        assert_eq!(document["values"][0]["key"], "endpoints");
        assert_eq!(document["values"][0]["from"], "etcdops.yaml:3");
        assert!(!printed.data().contains("hunter2"));
    }
}
