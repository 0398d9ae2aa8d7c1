//! What every command works with: flags win over `ETCDOPS_*`, these over `ETCDCTL_*`, these over the inventory, that over
//! the defaults.

use std::path::PathBuf;
use std::time::Duration;

use super::{Context, Failure};
use crate::base::duration::Span;
use crate::cluster::discover;
use crate::cluster::host::{ClusterConfig, Shell};
use crate::cluster::inventory::{Discovery, Entry, Inventory, Origin, Origins};
use crate::ui::screen::ColorWhen;
use crate::ui::{Format, Manner};

/// Flags that every command has.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalOptions {
    /// The inventory.
    #[arg(
        help = "The inventory (default: $ETCDOPS_CONFIG, ./etcdops.yaml, yours, /etc/etcdops/)",
        long,
        global = true,
        value_name = "FILE"
    )]
    pub config: Option<PathBuf>,

    /// The cluster, where the inventory has several
    #[arg(long, global = true, value_name = "NAME")]
    pub cluster: Option<String>,

    /// Client URLs, separated by commas
    #[arg(long, global = true, value_name = "URLS", value_delimiter = ',')]
    pub endpoints: Vec<String>,

    /// Find the endpoints through the SRV records of this domain
    #[arg(long, global = true, value_name = "DOMAIN")]
    pub discovery_srv: Option<String>,

    /// Suffix of the SRV service name
    #[arg(long, global = true, value_name = "NAME")]
    pub discovery_srv_name: Option<String>,

    /// Certificates of the authorities that are trusted
    #[arg(long, global = true, value_name = "FILE")]
    pub cacert: Option<PathBuf>,

    /// The client certificate
    #[arg(long, global = true, value_name = "FILE")]
    pub cert: Option<PathBuf>,

    /// The client certificate's key
    #[arg(long, global = true, value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// The etcd user.
    #[arg(
        help = "The etcd user; the password comes from --password-file, $ETCDOPS_PASSWORD or a question",
        long,
        global = true,
        value_name = "NAME"
    )]
    pub user: Option<String>,

    /// The file that holds the password, readable only by you
    #[arg(long, global = true, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Ask for the password of sudo on the hosts
    #[arg(short = 'K', long, global = true)]
    pub ask_sudo_password: bool,

    /// How long: of a command that looks, the whole; of one that acts, each etcd call
    #[arg(long, global = true, value_name = "TIME")]
    pub timeout: Option<Span>,

    /// How results are printed: table, json or nagios (one line and a plugin's exit codes)
    #[arg(short, long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    pub output: Format,

    /// When colours are used: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    pub color: ColorWhen,

    /// Only results, warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say more; twice: even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl GlobalOptions {
    /// How much is said, and how.
    pub fn manner(&self) -> Manner {
        Manner {
            format: self.output,
            color: self.color,
            quiet: self.quiet,
            verbose: self.verbose,
        }
    }
}

/// How long commands that look take at most, where nothing else is said.
pub const DEFAULT_LOOK: Span = Span::seconds(10);
/// How long DNS is asked for endpoints at most.
const LONGEST_DISCOVERY: Duration = Duration::from_secs(5);

mod choose;
mod credentials;
mod overrides;
mod surroundings;

pub use choose::{Loaded, load};
pub use credentials::PasswordSource;
pub use surroundings::{Environment, Surroundings};

/// One cluster with everything that flags, environment, inventory and DNS say about it.
#[derive(Clone, Debug)]
pub struct Settings {
    pub cluster: ClusterConfig,
    /// Where each value of the cluster came from.
    pub origins: Origins,
    /// The inventory that the cluster stands in; none: it is made of flags or variables.
    pub file: Option<String>,
    /// `--timeout` or its variable.
    pub timeout: Option<Span>,
    pub password: PasswordSource,
    /// What the operator should know.
    pub notes: Vec<String>,
}

impl Settings {
    /// The total bound of a command that looks.
    pub fn look_timeout(&self) -> Span {
        self.timeout.unwrap_or(DEFAULT_LOOK)
    }
}

/// Puts the settings of a command together; asks DNS where the endpoints are to be discovered.
pub async fn resolve(global: &GlobalOptions, around: &Surroundings) -> Result<Settings, Failure> {
    let loaded = load(global, around)?;
    let given = overrides::endpoints(global, &around.environment)?;
    let (mut entry, mut notes) = choose::cluster(global, around, &loaded, given.as_ref())?;
    notes.extend(overrides::notes(&around.environment));
    overrides::tls(global, &around.environment, &mut entry)?;
    if let Some(given) = given {
        given.apply(&mut entry)?;
    }
    overrides::discovery_name(global, &around.environment, &mut entry)?;
    let timeout = overrides::timeout(global, &around.environment)?;
    if let Some((span, origin)) = &timeout {
        entry.config.call_timeout = *span;
        entry.origins.set("timeout", origin.clone());
    }
    let timeout = timeout.map(|(span, _)| span);
    discover_endpoints(&mut entry, around, timeout, &mut notes).await?;
    let password = credentials::source(global, &around.environment, &mut entry)?;
    entry.config.backups.store.get_or_insert_with(|| around.backups.clone());
    Ok(Settings {
        file: (!entry.file.is_empty()).then_some(entry.file),
        cluster: entry.config,
        origins: entry.origins,
        timeout,
        password,
        notes,
    })
}

async fn discover_endpoints(
    entry: &mut Entry,
    around: &Surroundings,
    timeout: Option<Span>,
    notes: &mut Vec<String>,
) -> Result<(), Failure> {
    let Some(discovery) = entry.discovery.clone() else {
        return Ok(());
    };
    let resolver = around.resolver()?;
    let bound = timeout.map_or(LONGEST_DISCOVERY, |span| span.0.min(LONGEST_DISCOVERY));
    let found = discover::endpoints(&discovery, resolver, bound)
        .await
        .map_err(|error| Failure::refused("cannot find the endpoints").cause(error.to_string()))?;
    notes.extend(found.note);
    let how = format!("SRV records {}", found.records);
    entry.set_endpoints(found.endpoints, Origin::Discovered(how));
    entry.config.discovery = Some(discovery);
    Ok(())
}

impl Context {
    /// The settings of this command; what the operator should know of them is said.
    pub async fn settings(&self) -> Result<Settings, Failure> {
        let settings = resolve(&self.global, &self.surroundings()).await?;
        for note in &settings.notes {
            self.ui.say(note);
        }
        Ok(settings)
    }

    /// The settings for a run's cluster, as its plan has it: named by the run, unless the flags name another way to it. What is a
    /// matter of this machine (certificate and password files, ssh's configuration) is as its own inventory says.
    pub async fn settings_of(&self, cluster: &ClusterConfig) -> Result<Settings, Failure> {
        let mut global = self.global.clone();
        if global.cluster.is_none() && global.endpoints.is_empty() && global.discovery_srv.is_none() {
            let loaded = load(&global, &self.surroundings())?;
            match loaded.inventory.cluster(&cluster.name) {
                Some(_) => global.cluster = Some(cluster.name.clone()),
                None => global.endpoints.clone_from(&cluster.endpoints),
            }
        }
        let mut settings = resolve(&global, &self.surroundings()).await?;
        settings.cluster = here(cluster, &settings.cluster);
        Ok(settings)
    }

    /// The process's own surroundings.
    pub fn surroundings(&self) -> Surroundings {
        Surroundings::detect(self.ui.screen.color_talk, self.ui.screen.talk_columns)
    }
}

/// The cluster of a plan, with the files of this machine instead of those of the machine that made the plan.
fn here(planned: &ClusterConfig, own: &ClusterConfig) -> ClusterConfig {
    let mut cluster = planned.clone();
    if planned.name != own.name {
        return cluster;
    }
    cluster.tls = own.tls.clone();
    cluster.auth = own.auth.clone();
    for host in &mut cluster.hosts {
        let Some(same) = own.host(&host.name) else { continue };
        host.tls.clone_from(&same.tls);
        if let (Shell::Ssh { config, .. }, Shell::Ssh { config: mine, .. }) = (&mut host.shell, &same.shell) {
            config.clone_from(mine);
        }
    }
    cluster
}

#[cfg(test)]
mod tests;
