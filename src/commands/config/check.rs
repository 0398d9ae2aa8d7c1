//! What is wrong with the configuration: in the files of this machine, then on every host.

use std::fs;
use std::path::Path;

use futures_util::future::join_all;
use serde::Serialize;
use serde_json::json;

use crate::base::duration::Span;
use crate::base::files::read_private_secret;
use crate::call::host::ServiceSeen;
use crate::call::{Call, CallError, HostAnswer, HostOp, Reply, To, Unwatched};
use crate::cluster::host::{ClusterConfig, Host, Shell};
use crate::cluster::observed::Standing;
use crate::cluster::tls;
use crate::commands::settings::{PasswordSource, Settings};
use crate::commands::{Context, Exit, Failure};
use crate::look::{self, Depth};
use crate::transport::Transport;
use crate::ui::Ui;
use crate::ui::paint::Tone;
use crate::ui::table::{Cell, Column, Table};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Ok,
    Warning,
    Wrong,
}

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    /// A host, or `here`.
    place: String,
    what: &'static str,
    verdict: Verdict,
    text: String,
}

fn finding(place: &str, what: &'static str, verdict: Verdict, text: impl Into<String>) -> Finding {
    Finding {
        place: place.to_owned(),
        what,
        verdict,
        text: text.into(),
    }
}

pub(super) async fn run(context: &Context) -> Result<Exit, Failure> {
    let settings = context.settings().await?;
    let mut found = here(&settings);
    match context.connect(&settings).await {
        Ok(transport) => found.extend(prove(&settings.cluster, &transport, settings.look_timeout()).await),
        Err(failure) => {
            let text = std::iter::once(failure.what)
                .chain(failure.causes)
                .collect::<Vec<_>>()
                .join(": ");
            if !found.iter().any(|one| one.verdict == Verdict::Wrong) {
                found.push(finding("here", "connect", Verdict::Wrong, text));
            }
        }
    }
    print(&context.ui, &settings, &found);
    let is_wrong = found.iter().any(|one| one.verdict == Verdict::Wrong);
    Ok(if is_wrong { Exit::Usage } else { Exit::Done })
}

/// What can be seen on this machine.
fn here(settings: &Settings) -> Vec<Finding> {
    let cluster = &settings.cluster;
    let mut found = Vec::new();
    if let Some(file) = &settings.file {
        found.push(finding("here", "inventory", Verdict::Ok, file));
    }
    let mut sets = vec![&cluster.tls];
    sets.extend(cluster.hosts.iter().filter_map(|host| host.tls.as_ref()));
    for files in sets {
        match tls::read(files) {
            Ok(material) if material.authorities.is_empty() && material.identity.is_none() => {}
            Ok(material) => {
                let identity = if material.identity.is_some() {
                    ", a certificate with its key"
                } else {
                    ""
                };
                let trusted = match material.authorities.len() {
                    1 => "1 trusted authority".to_owned(),
                    several => format!("{several} trusted authorities"),
                };
                let text = format!("{trusted}{identity}");
                found.push(finding("here", "certificates", Verdict::Ok, text));
                for warning in material.warnings {
                    found.push(finding("here", "certificates", Verdict::Warning, warning));
                }
            }
            Err(error) => found.push(finding("here", "certificates", Verdict::Wrong, error.to_string())),
        }
    }
    if let PasswordSource::File(path, _) = &settings.password {
        found.push(match read_private_secret(path) {
            Ok(_) => finding("here", "password", Verdict::Ok, path.display().to_string()),
            Err(error) => finding("here", "password", Verdict::Wrong, error.to_string()),
        });
    }
    let mut configs: Vec<&Path> = cluster.hosts.iter().filter_map(ssh_config).collect();
    configs.dedup();
    for path in configs {
        if let Err(error) = fs::File::open(path) {
            let text = format!("cannot read {}: {error}", path.display());
            found.push(finding("here", "ssh configuration", Verdict::Wrong, text));
        }
    }
    found
}

fn ssh_config(host: &Host) -> Option<&Path> {
    match &host.shell {
        Shell::Ssh { config, .. } => config.as_deref(),
        Shell::Local => None,
    }
}

/// Tries every host, all at once, and every endpoint.
async fn prove(cluster: &ClusterConfig, transport: &dyn Transport, bound: Span) -> Vec<Finding> {
    let hosts = join_all(cluster.hosts.iter().map(|host| prove_host(host, transport, bound)));
    let (hosts, observed) = tokio::join!(hosts, look::observe(cluster, transport, bound, Depth::Brief));
    let mut found: Vec<Finding> = hosts.into_iter().flatten().collect();
    for seen in &observed.members {
        let place = seen.host.as_ref().unwrap_or(&seen.endpoint);
        found.push(match (seen.standing, &seen.cause) {
            (Standing::Healthy, _) => finding(place, "etcd", Verdict::Ok, &seen.endpoint),
            (_, Some(cause)) => finding(place, "etcd", Verdict::Wrong, &cause.message),
            (Standing::Unhealthy, None) => finding(place, "etcd", Verdict::Warning, "it answers, but is not healthy"),
            (Standing::Unreachable, None) => finding(place, "etcd", Verdict::Wrong, "no answer"),
        });
    }
    found.sort_by_key(|one| {
        let host = cluster.hosts.iter().position(|host| host.name == one.place);
        host.unwrap_or(usize::MAX)
    });
    found
}

async fn prove_host(host: &Host, transport: &dyn Transport, bound: Span) -> Vec<Finding> {
    let call = Call {
        to: To::Host {
            host: host.name.clone(),
            op: HostOp::InspectService,
            tag: None,
        },
        timeout: bound,
    };
    match transport.perform(&call, &Unwatched).await {
        Ok(Reply::Host(HostAnswer::Service(seen))) => service(host, &seen),
        Ok(_) => vec![finding(
            &host.name,
            "shell",
            Verdict::Wrong,
            "an answer to another question",
        )],
        Err(error) => vec![no_shell(host, &error)],
    }
}

fn no_shell(host: &Host, error: &CallError) -> Finding {
    let failure = Failure::from(error.clone());
    let hint = failure.hint.map_or_else(String::new, |hint| format!("; {hint}"));
    finding(&host.name, "shell", Verdict::Wrong, format!("{}{hint}", error.message))
}

fn service(host: &Host, seen: &ServiceSeen) -> Vec<Finding> {
    let name = &host.name;
    let mut found = vec![finding(name, "shell", Verdict::Ok, "ssh and sudo work")];
    if host.shell == Shell::Local {
        found.clear();
    }
    if !seen.exists {
        let text = format!(
            "there is no unit `{}`; name it with `service: {{unit: …}}`",
            host.service.unit
        );
        found.push(finding(name, "unit", Verdict::Wrong, text));
        return found;
    }
    let state = format!("{} is {}", host.service.unit, seen.active);
    let verdict = if seen.is_active() {
        Verdict::Ok
    } else {
        Verdict::Warning
    };
    found.push(finding(name, "unit", verdict, state));
    if let Some(text) = &seen.unreadable {
        found.push(finding(name, "unit", Verdict::Warning, text));
    }
    found.push(data_dir(host, seen));
    if let (Some(version), true) = (seen.version, seen.tools.is_empty()) {
        let text = format!(
            "neither etcdutl nor etcdctl is installed; for backups of etcd {version} another host must restore"
        );
        found.push(finding(name, "tools", Verdict::Warning, text));
    }
    found
}

fn data_dir(host: &Host, seen: &ServiceSeen) -> Finding {
    let tell = |verdict, text: String| finding(&host.name, "data directory", verdict, text);
    match (&host.data_dir, &seen.data_dir) {
        (Some(listed), Some(used)) if used.trim_end_matches('/') != listed => tell(
            Verdict::Wrong,
            format!("the inventory says {listed}, etcd uses {used}; take the wrong line out"),
        ),
        (_, Some(used)) if seen.data_dir_exists => tell(Verdict::Ok, used.clone()),
        (_, Some(used)) => tell(Verdict::Warning, format!("{used} does not exist")),
        (Some(listed), None) => tell(
            Verdict::Warning,
            format!("{listed}: the unit does not say which one it uses"),
        ),
        (None, None) => tell(
            Verdict::Warning,
            "the unit does not say; name it with `data_dir`".to_owned(),
        ),
    }
}

fn print(ui: &Ui, settings: &Settings, found: &[Finding]) {
    if ui.is_json() {
        ui.json(&json!({
            "schema": "etcdops/config-check/v1",
            "cluster": settings.cluster.name,
            "ok": found.iter().all(|one| one.verdict != Verdict::Wrong),
            "findings": found,
        }));
        return;
    }
    let mut table = Table::new([
        Column::Name("PLACE"),
        Column::Name("WHAT"),
        Column::Name("VERDICT"),
        Column::Prose("DETAIL"),
    ]);
    for one in found {
        let (word, tone) = match one.verdict {
            Verdict::Ok => ("ok", Tone::Good),
            Verdict::Warning => ("warning", Tone::Warning),
            Verdict::Wrong => ("wrong", Tone::Bad),
        };
        table.row([
            Cell::new(&one.place),
            Cell::new(one.what),
            Cell::toned(word, tone),
            Cell::new(&one.text),
        ]);
    }
    ui.data(&table.render(ui.paint(), ui.screen.data_columns));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock;
    use crate::call::Fault;
    use crate::cluster::inventory::Entry;
    use crate::transport::Answer;
    use std::collections::BTreeMap;
    use std::pin::Pin;
    use std::time::Duration;

    /// Hosts by what they say of their service; etcd never answers.
    struct Stage(BTreeMap<&'static str, Result<ServiceSeen, CallError>>);

    impl Transport for Stage {
        fn perform<'a>(&'a self, call: &'a Call, _watch: &'a dyn crate::call::Watch) -> Answer<'a> {
            let reply = match &call.to {
                To::Host { host, .. } => self.0[host.as_str()]
                    .clone()
                    .map(|seen| Reply::Host(HostAnswer::Service(Box::new(seen)))),
                _ => Err(CallError::new(Fault::Connect, "ask", "etcd", "connection refused")),
            };
            Box::pin(async move { reply })
        }

        fn now(&self) -> jiff::Timestamp {
            clock::now()
        }

        fn pause<'a>(&'a self, _how_long: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
            Box::pin(async {})
        }
    }

    fn cluster(hosts: &[&str]) -> ClusterConfig {
        let mut config = Entry::empty("c").config;
        config.hosts = hosts.iter().map(|name| Host::named(name)).collect();
        config.endpoints = vec!["http://127.0.0.1:1".into()];
        config
    }

    fn running() -> ServiceSeen {
        ServiceSeen {
            exists: true,
            active: "active".into(),
            data_dir: Some("/var/lib/etcd".into()),
            data_dir_exists: true,
            ..ServiceSeen::default()
        }
    }

    #[tokio::test]
    async fn each_host_is_proved_and_each_fault_has_its_line() {
        let mut config = cluster(&["good", "wrong-dir", "no-unit", "no-ssh"]);
        config.hosts[1].data_dir = Some("/srv/etcd".into());
        let no_unit = ServiceSeen::default();
        let no_ssh = CallError::new(
            Fault::HostKey,
            "use the shell",
            "no-ssh",
            "host key verification failed",
        );
        let stage = Stage(BTreeMap::from([
            ("good", Ok(running())),
            ("wrong-dir", Ok(running())),
            ("no-unit", Ok(no_unit)),
            ("no-ssh", Err(no_ssh)),
        ]));
        let found = prove(&config, &stage, Span::seconds(2)).await;
        let has = |place: &str, what: &str, verdict: Verdict, part: &str| {
            found
                .iter()
                .any(|one| one.place == place && one.what == what && one.verdict == verdict && one.text.contains(part))
        };
        assert!(
            has("good", "data directory", Verdict::Ok, "/var/lib/etcd"),
            "{found:#?}"
        );
        assert!(has("good", "unit", Verdict::Ok, "active"), "{found:#?}");
        assert!(
            has("wrong-dir", "data directory", Verdict::Wrong, "etcd uses /var/lib/etcd"),
            "{found:#?}"
        );
        assert!(has("no-unit", "unit", Verdict::Wrong, "no unit `etcd`"), "{found:#?}");
        assert!(has("no-ssh", "shell", Verdict::Wrong, "ssh no-ssh"), "{found:#?}");
        assert!(
            has("http://127.0.0.1:1", "etcd", Verdict::Wrong, "refused"),
            "{found:#?}"
        );
    }
}
