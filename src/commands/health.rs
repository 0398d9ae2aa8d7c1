//! `etcdops health`: the state of every member and of the cluster, whatever is down.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use super::settings::Settings;
use super::{Context, Exit, Failure, signals};
use super::{folders, touched, unfenced};
use crate::base::duration::Span;
use crate::cluster::host::{ClusterConfig, Host};
use crate::cluster::inventory::Origin;
use crate::cluster::observed::Observed;
use crate::look;
use crate::look::record::Record;
use crate::look::verdict::{Circumstances, Health, Problem, Severity, Verdict, verdict};
use crate::look::{Depth, Evidence, investigate, leftovers};
use crate::transport::{Transport, library};
use crate::ui::{Format, health_view};

/// Members that are well have answered by then.
const LATE: Duration = Duration::from_secs(1);

/// Clears a terminal and starts at its top.
const FROM_THE_TOP: &str = "\x1b[H\x1b[2J\x1b[3J";

#[derive(Clone, Debug, clap::Args)]
pub struct HealthArgs {
    /// Look again and again, every INTERVAL (default 2s)
    #[arg(long, value_name = "INTERVAL", num_args = 0..=1, default_missing_value = "2s", require_equals = false)]
    pub watch: Option<Span>,
}

pub async fn run(context: &Context, args: &HealthArgs) -> Result<Exit, Failure> {
    let started = Instant::now();
    let settings = context.settings().await?;
    let transport = context.connect(&settings).await?;
    // What finding the endpoints took is part of the bound.
    let bound = Span(settings.look_timeout().0.saturating_sub(started.elapsed()));
    let Some(interval) = args.watch else {
        return Ok(once(context, &settings, &transport, bound, false).await);
    };
    let mut seen = Exit::Unknown;
    let watch = async {
        loop {
            let begun = Instant::now();
            seen = once(context, &settings, &transport, settings.look_timeout(), true).await;
            if context.ui.data_closed() {
                return;
            }
            tokio::time::sleep(interval.0.saturating_sub(begun.elapsed())).await;
        }
    };
    tokio::select! {
        () = watch => {}
        () = signals::stop() => {}
    }
    Ok(seen)
}

async fn once(context: &Context, settings: &Settings, transport: &dyn Transport, bound: Span, again: bool) -> Exit {
    let started = Instant::now();
    let cluster = &settings.cluster;
    // What runs left is asked only of hosts where something may stand, unless something is wrong: ssh takes longer than all the rest.
    let mut touched = touched::hosts(&cluster.name);
    touched.extend(unfenced::hosts(&cluster.name));
    let first = hosts(settings, |host| {
        context.ui.manner.verbose > 0 || touched.contains(&host.name)
    });
    let rest = hosts(settings, |host| !first.iter().any(|asked| asked.name == host.name));
    let ((evidence, early), mut left) = tokio::join!(
        look_and_ask(cluster, &rest, transport, bound),
        leftovers::ask(cluster, &first, transport, bound)
    );
    let mut health = verdict(
        &evidence,
        &settings.cluster,
        Circumstances {
            now: context.now(),
            inventory: settings.file.is_some(),
        },
    );
    if health.verdict != Verdict::Healthy {
        left.extend(match early {
            Some(early) => early,
            None => {
                let remaining = Span(bound.0.saturating_sub(started.elapsed()));
                leftovers::ask(cluster, &rest, transport, remaining).await
            }
        });
        health.add(leftovers::not_asked(&left));
    }
    touched::forget(&cluster.name, &left);
    health.add(leftovers::problems(&left));
    health.add(unfenced::problems(&cluster.name, &evidence.observed, &left));
    health.add(backups(context, settings, &evidence.observed));
    let exit = exit(context.ui.manner.format, &health);
    show(context, settings, &evidence, &health, again);
    remember(context, settings, &evidence.observed);
    exit
}

/// The state of the cluster. A member that lets us wait for so long is sick: then these hosts are asked at once what runs left on them, while
/// there is time.
async fn look_and_ask(
    cluster: &ClusterConfig,
    hosts: &[&Host],
    transport: &dyn Transport,
    bound: Span,
) -> (Evidence, Option<Vec<leftovers::Found>>) {
    let late = LATE.min(bound.0 / 3);
    let mut look = std::pin::pin!(investigate(cluster, transport, bound, Depth::Thorough));
    tokio::select! {
        evidence = &mut look => (evidence, None),
        () = transport.pause(late) => {
            let remaining = Span(bound.0.saturating_sub(late));
            let (evidence, found) = tokio::join!(look, leftovers::ask(cluster, hosts, transport, remaining));
            (evidence, Some(found))
        }
    }
}

/// Where the inventory says where backups are kept, or where some are kept already: others may keep theirs elsewhere.
fn backups(context: &Context, settings: &Settings, observed: &Observed) -> Vec<Problem> {
    let by_default = settings.origins.of("backups.store") == Origin::Default;
    let folder = settings.cluster.library();
    match folder.map(|folder| library::list(&folder)) {
        Some(Ok(found)) if by_default && found.backups.is_empty() => Vec::new(),
        Some(Ok(found)) => look::backups::problems(&found, observed.cluster_id, context.now()),
        Some(Err(error)) => vec![Problem {
            severity: Severity::Warning,
            text: error.to_string(),
            hint: "etcdops backups list".to_owned(),
        }],
        None => Vec::new(),
    }
}

/// Hosts that the inventory tells how to reach.
fn hosts(settings: &Settings, wanted: impl Fn(&Host) -> bool) -> Vec<&Host> {
    let known = settings.file.is_some();
    let hosts = settings.cluster.hosts.iter();
    hosts.filter(|host| known && wanted(host)).collect()
}

fn show(context: &Context, settings: &Settings, evidence: &Evidence, health: &Health, again: bool) {
    let ui = &context.ui;
    let cluster = &settings.cluster;
    let observed = &evidence.observed;
    match ui.manner.format {
        Format::Json => health_view::health_json(ui, cluster, observed, health, again),
        Format::Nagios => ui.data(&health_view::nagios_line(cluster, observed, health, nagios(health))),
        Format::Table => {
            let text = health_view::health_text(ui, cluster, observed, health);
            let when = crate::base::clock::rfc3339(context.now());
            if again && ui.screen.live && std::io::stdout().is_terminal() {
                ui.data(&format!("{FROM_THE_TOP}{when}\n\n{text}"));
            } else if again {
                ui.data(&format!("{when}\n{text}\n"));
            } else {
                ui.data(&text);
            }
        }
    }
}

fn exit(format: Format, health: &Health) -> Exit {
    if format == Format::Nagios {
        return Exit::Nagios(nagios(health));
    }
    match health.verdict {
        Verdict::Healthy => Exit::Done,
        Verdict::Degraded => Exit::Degraded,
        Verdict::NoQuorum => Exit::NoQuorum,
        Verdict::Unknown => Exit::Unknown,
    }
}

/// A plugin's code: warnings and a lost member warn; what refuses service is critical.
fn nagios(health: &Health) -> u8 {
    let refuses = health
        .problems
        .iter()
        .any(|problem| problem.severity == Severity::Critical);
    match health.verdict {
        Verdict::Unknown => 3,
        Verdict::NoQuorum => 2,
        _ if refuses => 2,
        Verdict::Healthy
            if health
                .problems
                .iter()
                .all(|problem| problem.severity == Severity::Notice) =>
        {
            0
        }
        Verdict::Healthy | Verdict::Degraded => 1,
    }
}

/// Keeps what was seen, for recovery and for completion. Failing to is no reason to fail: it is said with `-v`.
pub(super) fn remember(context: &Context, settings: &Settings, observed: &Observed) {
    let folder = folders::records();
    let before = Record::read(&folder, &settings.cluster.name);
    let Some(record) = Record::update(before.as_ref(), &settings.cluster, observed, context.now()) else {
        return;
    };
    if before.is_some_and(|before| record.says_the_same(&before)) {
        return;
    }
    if let Err(error) = record.write(&folder) {
        context.ui.detail(&format!("what was seen is not kept: {error}"));
    }
}

/// What was last known of the cluster on this bastion.
pub(super) fn recalled(cluster: &str) -> Option<Record> {
    Record::read(&folders::records(), cluster)
}
