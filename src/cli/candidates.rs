//! Names for completion: read from files near at hand; etcd is asked only where nothing is known, and not for long.

use std::ffi::OsString;
use std::path::PathBuf;

use clap_complete::engine::CompletionCandidate;

use crate::base::clock;
use crate::base::duration::Span;
use crate::cluster::host::{ClusterConfig, Route};
use crate::cluster::inventory::Entry;
use crate::cluster::member::Member;
use crate::commands::folders;
use crate::commands::settings::{self, GlobalOptions, Surroundings};
use crate::look::record::Record;
use crate::look::{Depth, observe};
use crate::run::store::Store;
use crate::runbook::catalogue::Catalogue;
use crate::runbook::types::{ParameterType, Runbook};
use crate::snapshot::Kept;
use crate::transport::library;
use crate::transport::real::RealTransport;
use crate::ui::text;

/// How long etcd may take to answer.
const BUDGET: Span = Span::milliseconds(80);

/// What kind of name an argument takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Clusters,
    Hosts,
    Members,
    Endpoints,
    Runs,
    Runbooks,
    Backups,
    Guards,
    /// `name=value`.
    Parameters,
}

impl Wanted {
    /// By the argument's own name and the name of its value.
    pub(super) fn of(id: &str, value: &str) -> Option<Self> {
        Some(match (id, value) {
            ("cluster", _) | (_, "CLUSTER") => Self::Clusters,
            ("endpoints", _) => Self::Endpoints,
            ("accept", _) => Self::Guards,
            (_, "NAME=VALUE") => Self::Parameters,
            ("dead", _) | (_, "HOST" | "HOSTS") => Self::Hosts,
            (_, "MEMBER" | "MEMBERS" | "ID") => Self::Members,
            (_, "BACKUP" | "BACKUPS") => Self::Backups,
            (_, "RUN" | "RUNS") => Self::Runs,
            (_, "RUNBOOK" | "RUNBOOKS") => Self::Runbooks,
            _ => return None,
        })
    }
}

/// The refusals that an operator may take upon themselves.
fn guards() -> Vec<(String, String)> {
    let names = crate::action::registry::acceptable();
    names.map(|(name, doc)| (name.to_owned(), doc.to_owned())).collect()
}

/// What the line says so far, and what is on this machine.
pub(super) struct Known {
    global: GlobalOptions,
    around: Surroundings,
    /// The runbook that the line names.
    runbook: Option<String>,
}

impl Known {
    pub(super) fn from_words(words: &[OsString]) -> Self {
        let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
        let before = words.split_last().map_or(&[][..], |(_, before)| before);
        Self {
            global: GlobalOptions {
                config: option(before, "--config").map(PathBuf::from),
                cluster: option(before, "--cluster"),
                ..GlobalOptions::default()
            },
            around: Surroundings::detect(false, None),
            runbook: runbook(before),
        }
    }

    /// The names that begin with `current`.
    pub(super) fn candidates(&self, wanted: Wanted, current: &str) -> Vec<CompletionCandidate> {
        let mut found = match wanted {
            Wanted::Clusters => self.clusters(),
            Wanted::Hosts => self.hosts(),
            Wanted::Members => self.members(),
            Wanted::Endpoints => self.endpoints(),
            Wanted::Runs => Self::runs(),
            Wanted::Runbooks => Self::runbooks(),
            Wanted::Backups => self.backups(),
            Wanted::Guards => guards(),
            Wanted::Parameters => self.parameters(current),
        };
        found.retain(|(name, _)| name.starts_with(current));
        if wanted == Wanted::Runbooks {
            found.extend(files(current));
        }
        found
            .into_iter()
            .map(|(name, help)| {
                let help = (!help.is_empty()).then(|| help.into());
                CompletionCandidate::new(name).help(help)
            })
            .collect()
    }

    /// The cluster that the line names; all of them where it names none.
    fn entries(&self) -> Vec<Entry> {
        let Ok(loaded) = settings::load(&self.global, &self.around) else {
            return Vec::new();
        };
        let environment = self.around.environment.get("ETCDOPS_CLUSTER");
        let named = self.global.cluster.as_deref().or(environment);
        let mut entries = loaded.inventory.clusters;
        entries.retain(|entry| named.is_none_or(|name| entry.config.name == name));
        entries
    }

    fn clusters(&self) -> Vec<(String, String)> {
        let Ok(loaded) = settings::load(&self.global, &self.around) else {
            return Vec::new();
        };
        let of = |entry: &Entry| (entry.config.name.clone(), entry.file.clone());
        loaded.inventory.clusters.iter().map(of).collect()
    }

    fn hosts(&self) -> Vec<(String, String)> {
        let entries = self.entries();
        let of = |entry: &Entry| {
            let cluster = entry.config.name.clone();
            let names = entry.config.hosts.iter().map(|host| host.name.clone());
            names.map(|name| (name, cluster.clone())).collect::<Vec<_>>()
        };
        entries.iter().flat_map(of).collect()
    }

    /// As last seen by a command that looked, else as etcd says at once; and the hosts.
    fn members(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let entries = self.entries();
        let only = entries.len() == 1;
        for entry in entries {
            let record = [folders::records(), folders::cache()]
                .iter()
                .find_map(|folder| Record::read(folder, &entry.config.name));
            let members = match record {
                Some(record) => record.members,
                None if only => ask(&entry.config),
                None => Vec::new(),
            };
            found.extend(members.into_iter().flat_map(|member| {
                let id = member.id.to_string();
                let name = (!member.name.is_empty()).then(|| (member.name.clone(), id.clone()));
                name.into_iter().chain([(id, member.name)])
            }));
        }
        for (host, cluster) in self.hosts() {
            if !found.iter().any(|(name, _)| *name == host) {
                found.push((host, cluster));
            }
        }
        found
    }

    fn endpoints(&self) -> Vec<(String, String)> {
        let entries = self.entries();
        let of = |entry: &Entry| {
            let cluster = entry.config.name.clone();
            let urls = entry.config.endpoints.iter().cloned();
            urls.map(|url| (url, cluster.clone())).collect::<Vec<_>>()
        };
        entries.iter().flat_map(of).collect()
    }

    fn runs() -> Vec<(String, String)> {
        let store = Store::new(folders::runs());
        let runs = store.list().unwrap_or_default();
        runs.iter().map(|run| (run.to_string(), String::new())).collect()
    }

    /// Newest first, with size and revision.
    fn backups(&self) -> Vec<(String, String)> {
        let entries = self.entries();
        let of = |entry: &Entry| {
            let mut config = entry.config.clone();
            config.backups.store.get_or_insert_with(folders::backups);
            let found = config.library().and_then(|folder| library::list(&folder).ok());
            let backups = found.map(|found| found.backups).unwrap_or_default();
            let line = |kept: Kept| {
                let content = &kept.manifest.content;
                let help = format!("revision {}, {}", content.revision, text::bytes(kept.manifest.size));
                (kept.manifest.name, help)
            };
            backups.into_iter().map(line).collect::<Vec<_>>()
        };
        entries.iter().flat_map(of).collect()
    }

    fn catalogue() -> Catalogue {
        Catalogue::open(&folders::runbooks()).unwrap_or_else(|_| Catalogue::embedded())
    }

    fn runbooks() -> Vec<(String, String)> {
        let catalogue = Self::catalogue();
        let of = |name: &str| {
            let title = catalogue.load(name).map(|document| document.runbook.title.clone());
            (name.to_owned(), title.unwrap_or_default())
        };
        catalogue.names().map(of).collect()
    }

    /// `name=` until the name is whole, then its values where they can be known.
    fn parameters(&self, current: &str) -> Vec<(String, String)> {
        let mut catalogue = Self::catalogue();
        let Some(runbook) = self.runbook.as_deref().and_then(|word| {
            let entry = catalogue.find(word).ok()?;
            Some(entry.document.as_ref().ok()?.runbook.clone())
        }) else {
            return Vec::new();
        };
        match current.split_once('=') {
            Some((name, value)) => {
                let (done, _) = value
                    .rsplit_once(',')
                    .map_or(("", value), |(done, last)| (&value[..=done.len()], last));
                let head = format!("{name}={done}");
                let values = self.values(&runbook, name);
                values
                    .into_iter()
                    .map(|(value, help)| (format!("{head}{value}"), help))
                    .collect()
            }
            None => {
                let of = |(name, parameter): (&String, &crate::runbook::types::Parameter)| {
                    (format!("{name}="), parameter.help.clone())
                };
                runbook.parameters.iter().map(of).collect()
            }
        }
    }

    fn values(&self, runbook: &Runbook, name: &str) -> Vec<(String, String)> {
        let plain = |words: &[&str]| words.iter().map(|word| ((*word).to_owned(), String::new())).collect();
        match runbook.parameters.get(name) {
            Some(parameter) => match parameter.kind {
                ParameterType::Host => self.hosts(),
                ParameterType::Backup => self.backups(),
                ParameterType::Member => self.members(),
                ParameterType::Bool => plain(&["true", "false"]),
                ParameterType::Choice => {
                    let words: Vec<&str> = parameter.values.iter().map(String::as_str).collect();
                    plain(&words)
                }
                _ => Vec::new(),
            },
            None => Vec::new(),
        }
    }
}

/// Asks etcd, where it answers at once and needs no password.
fn ask(cluster: &ClusterConfig) -> Vec<Member> {
    if cluster.auth.user.is_some() || cluster.route == Route::Ssh {
        return Vec::new();
    }
    let asked = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .ok()?;
        let found = runtime.block_on(async {
            let transport = RealTransport::new(cluster, None, None, None).ok()?;
            let look = observe(cluster, &transport, BUDGET, Depth::Brief);
            tokio::time::timeout(BUDGET.0, look).await.ok()
        });
        runtime.shutdown_background();
        let observed = found?;
        if let Some(record) = Record::update(None, cluster, &observed, clock::now()) {
            let _ = record.write(&folders::cache());
        }
        Some(observed.members.into_iter().filter_map(|seen| seen.member).collect())
    };
    asked().unwrap_or_default()
}

/// The last value of an option, given as `--name value` or `--name=value`.
fn option(words: &[&str], name: &str) -> Option<String> {
    let apart = words.windows(2).rev().find(|pair| pair[0] == name).map(|pair| pair[1]);
    let joined = || {
        words
            .iter()
            .rev()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    };
    apart.or_else(joined).map(str::to_owned)
}

/// The runbook behind `run` or `plan`.
fn runbook(words: &[&str]) -> Option<String> {
    let verb = words.iter().position(|word| matches!(*word, "run" | "plan"))?;
    let mut rest = words[verb + 1..].iter();
    while let Some(word) = rest.next() {
        if *word == "--set" {
            rest.next();
        } else if !word.starts_with('-') {
            return Some((*word).to_owned());
        }
    }
    None
}

/// Runbooks that are files here.
fn files(current: &str) -> Vec<(String, String)> {
    let (folder, start) = match current.rsplit_once('/') {
        Some((folder, start)) => (format!("{folder}/"), start),
        None => (String::new(), current),
    };
    let place = if folder.is_empty() {
        ".".to_owned()
    } else {
        folder.clone()
    };
    let Ok(entries) = std::fs::read_dir(place) else {
        return Vec::new();
    };
    let mut found: Vec<(String, String)> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let is_folder = entry.path().is_dir();
            let fits = name.starts_with(start) && (!name.starts_with('.') || start.starts_with('.'));
            let end = if is_folder { "/" } else { "" };
            let ending = std::path::Path::new(&name).extension();
            let wanted = is_folder || ending.is_some_and(|ending| ending == "yaml" || ending == "yml");
            (fits && wanted).then(|| (format!("{folder}{name}{end}"), String::new()))
        })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_the_runbook_are_read_off_the_line() {
        let words = [
            "etcdops",
            "--cluster=a",
            "run",
            "--set",
            "x=1",
            "debug-log",
            "--config",
            "f.yaml",
        ];
        assert_eq!(option(&words, "--cluster").as_deref(), Some("a"));
        assert_eq!(option(&words, "--config").as_deref(), Some("f.yaml"));
        assert_eq!(runbook(&words).as_deref(), Some("debug-log"));
        assert_eq!(runbook(&["etcdops", "runs", "list"]), None);
    }

    #[test]
    fn arguments_are_known_by_what_their_value_is_called() {
        assert_eq!(Wanted::of("hosts", "HOST"), Some(Wanted::Hosts));
        assert_eq!(Wanted::of("cluster", "NAME"), Some(Wanted::Clusters));
        assert_eq!(Wanted::of("timeout", "TIME"), None);
    }
}
