//! Which inventory, and which of its clusters.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::overrides::GivenEndpoints;
use super::{Entry, GlobalOptions, Inventory, Surroundings};
use crate::base::yaml::{Diagnostic, Source, render};
use crate::cluster::inventory::address;
use crate::commands::Failure;
use crate::playground::layout::CLUSTER as PLAYGROUND;

/// The inventory that was found.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    pub inventory: Inventory,
    /// The file; none where there is no inventory.
    pub file: Option<PathBuf>,
    pub notes: Vec<String>,
}

/// Finds and reads the inventory: `--config`, `$ETCDOPS_CONFIG`, the usual places; then the playground's as one more
/// cluster.
pub fn load(global: &GlobalOptions, around: &Surroundings) -> Result<Loaded, Failure> {
    let named = global.config.clone().map(|path| (path, "--config")).or_else(|| {
        Some((
            PathBuf::from(around.environment.get("ETCDOPS_CONFIG")?),
            "$ETCDOPS_CONFIG",
        ))
    });
    let mut loaded = match named {
        Some((path, by)) => {
            let bytes = fs::read(&path).map_err(|error| unreadable(&path, &error).hint(format!("{by} names it")))?;
            parse(&path, &bytes, around)?
        }
        None => first_place(around)?,
    };
    add_playground(&mut loaded, around);
    Ok(loaded)
}

fn first_place(around: &Surroundings) -> Result<Loaded, Failure> {
    for path in &around.places {
        match fs::read(path) {
            Ok(bytes) => return parse(path, &bytes, around),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(unreadable(path, &error)),
        }
    }
    Ok(Loaded::default())
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot read the inventory {}", path.display())).cause(error.to_string())
}

fn parse(path: &Path, bytes: &[u8], around: &Surroundings) -> Result<Loaded, Failure> {
    let name = path.to_string_lossy();
    let name = name.strip_prefix("./").unwrap_or(&name);
    let wrong = |source: &Source, problems: &[Diagnostic]| {
        let count = match problems.len() {
            1 => "1 mistake".to_owned(),
            several => format!("{several} mistakes"),
        };
        Failure::usage(format!("the inventory {name} has {count}")).exhibit(render(
            problems,
            source,
            around.colour,
            around.columns,
        ))
    };
    let source = Source::from_bytes(name, bytes).map_err(|problem| {
        let kept = bytes.get(..problem.span.start).unwrap_or_default();
        wrong(&Source::new(name, String::from_utf8_lossy(kept)), &[*problem])
    })?;
    let inventory =
        Inventory::load_with_home(&source, around.home.clone()).map_err(|problems| wrong(&source, &problems))?;
    Ok(Loaded {
        inventory,
        file: Some(path.to_owned()),
        notes: Vec::new(),
    })
}

/// A playground is one more cluster. One that cannot be read is told and left out.
fn add_playground(loaded: &mut Loaded, around: &Surroundings) {
    let Some(path) = &around.playground else {
        return;
    };
    if loaded.inventory.cluster(PLAYGROUND).is_some() {
        return;
    }
    let found = match fs::read(path) {
        Ok(bytes) => parse(path, &bytes, around),
        Err(error) if is_absent(&error) => return,
        Err(error) => Err(unreadable(path, &error)),
    };
    match found {
        Ok(playground) => {
            let clusters = playground.inventory.clusters.into_iter();
            let ours = clusters.filter(|entry| entry.config.name == PLAYGROUND);
            loaded.inventory.clusters.extend(ours);
        }
        Err(failure) => loaded
            .notes
            .push(format!("the playground is left out: {}", failure.what)),
    }
}

/// The cluster that is meant: the named one; the one that the given endpoints belong to; the only one.
pub(super) fn cluster(
    global: &GlobalOptions,
    around: &Surroundings,
    loaded: &Loaded,
    given: Option<&GivenEndpoints>,
) -> Result<(Entry, Vec<String>), Failure> {
    let mut notes = loaded.notes.clone();
    let variable = || around.environment.get("ETCDOPS_CLUSTER");
    if let Some(name) = global.cluster.as_deref().or_else(variable) {
        let is_free = loaded.file.is_none() && given.is_some();
        let named = || is_free.then(|| Entry::empty(name));
        let found = loaded.inventory.cluster(name).cloned().or_else(named);
        return found.map(|entry| (entry, notes)).ok_or_else(|| no_such(name, loaded));
    }
    if let Some(given) = given {
        if let Some(entry) = owner(given, &loaded.inventory) {
            return Ok((entry.clone(), notes));
        }
        if let Some(file) = loaded.file.as_ref().filter(|_| !given.is_flag()) {
            let note = "the endpoints of {by} belong to no cluster of {file}: nothing of that file is used";
            let note = note.replace("{by}", &given.origin().to_string());
            notes.push(note.replace("{file}", &file.display().to_string()));
        }
        return Ok((Entry::empty(&given.name()), notes));
    }
    let clusters = &loaded.inventory.clusters;
    let own: Vec<&Entry> = clusters
        .iter()
        .filter(|entry| entry.config.name != PLAYGROUND)
        .collect();
    match (own.as_slice(), clusters.first()) {
        ([only], _) => Ok(((*only).clone(), notes)),
        ([], Some(playground)) => Ok((playground.clone(), notes)),
        ([], None) => Err(none_configured(around)),
        _ => Err(several(loaded)),
    }
}

/// The cluster of the inventory that has one of these endpoints, or the same SRV records.
fn owner<'a>(given: &GivenEndpoints, inventory: &'a Inventory) -> Option<&'a Entry> {
    inventory.clusters.iter().find(|entry| match given {
        GivenEndpoints::Urls(urls, _) => urls.iter().any(|url| has_endpoint(entry, url)),
        GivenEndpoints::Discovery(discovery, _) => entry.discovery.as_ref() == Some(discovery),
    })
}

fn has_endpoint(entry: &Entry, given: &str) -> bool {
    let same = |known: &str| {
        let (Ok(known), Ok(given)) = (address::address(known, true), address::address(given, true)) else {
            return false;
        };
        (known.host, known.port) == (given.host, given.port)
    };
    let clients = entry.config.hosts.iter().filter_map(|host| host.client_url.as_deref());
    let endpoints = entry.config.endpoints.iter().map(String::as_str);
    clients.chain(endpoints).any(same)
}

fn no_such(name: &str, loaded: &Loaded) -> Failure {
    let failure = Failure::usage(format!("there is no cluster `{}`", name.escape_debug()));
    let names = loaded.inventory.names();
    if names.is_empty() {
        return failure
            .cause("no inventory was found")
            .hint("name one with `--config FILE`");
    }
    let place = loaded
        .file
        .as_ref()
        .map_or_else(String::new, |file| format!(" of {}", file.display()));
    let failure = failure.cause(format!("the clusters{place}: {}", names.join(", ")));
    match loaded.inventory.nearest(name) {
        Some(near) => failure.hint(format!("did you mean `--cluster {near}`?")),
        None => failure,
    }
}

fn several(loaded: &Loaded) -> Failure {
    let names = loaded.inventory.names();
    let example = names.first().copied().unwrap_or_default();
    Failure::usage("there are several clusters, and none is named")
        .cause(format!("the clusters: {}", names.join(", ")))
        .hint(format!("name one, for example `--cluster {example}`"))
}

fn none_configured(around: &Surroundings) -> Failure {
    let places: Vec<String> = around.places.iter().map(|path| path.display().to_string()).collect();
    Failure::usage("no cluster is configured")
        .cause(format!("no inventory was found in {}", places.join(", ")))
        .hint(
            "give `--endpoints https://HOST:2379`, or write an etcdops.yaml; to try things out: `etcdops playground up`",
        )
}
