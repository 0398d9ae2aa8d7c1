//! Flags and variables that win over the inventory.

use std::path::PathBuf;

use super::{Discovery, Entry, Environment, GlobalOptions, Origin};
use crate::base::duration::Span;
use crate::cluster::host::TlsFiles;
use crate::cluster::inventory::address::{self, AddressError};
use crate::commands::Failure;

/// Endpoints, or where to find them, from a flag or a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GivenEndpoints {
    Urls(Vec<String>, Origin),
    Discovery(Discovery, Origin),
}

impl GivenEndpoints {
    pub(super) fn origin(&self) -> &Origin {
        match self {
            Self::Urls(_, origin) | Self::Discovery(_, origin) => origin,
        }
    }

    pub(super) fn is_flag(&self) -> bool {
        matches!(self.origin(), Origin::Flag(_))
    }

    /// What a cluster is called of which only this is known.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Urls(urls, _) => {
                let first = urls.first().map(String::as_str).unwrap_or_default();
                address::address(first, true).map_or_else(|_| "unnamed".to_owned(), |at| at.host)
            }
            Self::Discovery(discovery, _) => discovery.name.as_ref().unwrap_or(&discovery.domain).clone(),
        }
    }

    pub(super) fn apply(self, entry: &mut Entry) -> Result<(), Failure> {
        match self {
            Self::Urls(texts, origin) => {
                let is_https = entry.config.tls != TlsFiles::default();
                let mut urls = Vec::new();
                for text in &texts {
                    let url = address::address(text, is_https)
                        .map_err(|error| malformed(&origin, error))?
                        .url();
                    if !urls.contains(&url) {
                        urls.push(url);
                    }
                }
                entry.set_endpoints(urls, origin);
            }
            Self::Discovery(discovery, origin) => {
                for part in [Some(&discovery.domain), discovery.name.as_ref()].into_iter().flatten() {
                    address::host_name(part).map_err(|error| malformed(&origin, error))?;
                }
                entry.origins.set("discovery_srv", origin);
                entry.discovery = Some(discovery);
            }
        }
        Ok(())
    }
}

fn malformed(origin: &Origin, error: AddressError) -> Failure {
    let failure = Failure::usage(format!("{origin}: {}", error.message));
    match error.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// The highest level that gives endpoints or a discovery domain.
pub(super) fn endpoints(global: &GlobalOptions, environment: &Environment) -> Result<Option<GivenEndpoints>, Failure> {
    let level = Level {
        urls: (!global.endpoints.is_empty()).then(|| global.endpoints.clone()),
        domain: global.discovery_srv.clone(),
        names: (Origin::Flag("--endpoints"), Origin::Flag("--discovery-srv")),
    };
    if let Some(given) = level.given(global, environment)? {
        return Ok(Some(given));
    }
    for prefix in ["ETCDOPS", "ETCDCTL"] {
        let (urls, domain) = (format!("{prefix}_ENDPOINTS"), format!("{prefix}_DISCOVERY_SRV"));
        let split = |text: &str| text.split(',').map(|url| url.trim().to_owned()).collect();
        let level = Level {
            urls: environment.get(&urls).map(split),
            domain: environment.get(&domain).map(str::to_owned),
            names: (Origin::Environment(urls), Origin::Environment(domain)),
        };
        if let Some(given) = level.given(global, environment)? {
            return Ok(Some(given));
        }
    }
    Ok(None)
}

/// What one level of precedence says.
struct Level {
    urls: Option<Vec<String>>,
    domain: Option<String>,
    names: (Origin, Origin),
}

impl Level {
    fn given(self, global: &GlobalOptions, environment: &Environment) -> Result<Option<GivenEndpoints>, Failure> {
        let (of_urls, of_domain) = self.names;
        match (self.urls, self.domain) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                let message = format!("{of_urls} and {of_domain} are both given");
                Err(Failure::usage(message).hint("give one of them"))
            }
            (Some(urls), None) => {
                // A malformed one is told before a cluster is chosen by them.
                for url in &urls {
                    address::address(url, true).map_err(|error| malformed(&of_urls, error))?;
                }
                Ok(Some(GivenEndpoints::Urls(urls, of_urls)))
            }
            (None, Some(domain)) => {
                let name = given_name(global, environment).map(|(name, _)| name);
                Ok(Some(GivenEndpoints::Discovery(Discovery { domain, name }, of_domain)))
            }
        }
    }
}

fn given_name(global: &GlobalOptions, environment: &Environment) -> Option<(String, Origin)> {
    if let Some(name) = &global.discovery_srv_name {
        return Some((name.clone(), Origin::Flag("--discovery-srv-name")));
    }
    let (variable, name) = environment.first(&["ETCDOPS_DISCOVERY_SRV_NAME", "ETCDCTL_DISCOVERY_SRV_NAME"])?;
    Some((name.to_owned(), Origin::Environment(variable)))
}

/// `--discovery-srv-name` alone names another cluster of the domain that the inventory gives.
pub(super) fn discovery_name(
    global: &GlobalOptions,
    environment: &Environment,
    entry: &mut Entry,
) -> Result<(), Failure> {
    let Some((name, origin)) = given_name(global, environment) else {
        return Ok(());
    };
    match &mut entry.discovery {
        Some(discovery) => {
            address::host_name(&name).map_err(|error| malformed(&origin, error))?;
            discovery.name = Some(name);
            Ok(())
        }
        None if matches!(origin, Origin::Flag(_)) => {
            Err(Failure::usage(format!("{origin} is given without a domain")).hint("add `--discovery-srv DOMAIN`"))
        }
        None => Ok(()),
    }
}

/// Certificate files of flags and variables, for the cluster and every host.
pub(super) fn tls(global: &GlobalOptions, environment: &Environment, entry: &mut Entry) -> Result<(), Failure> {
    let given = |flag: &Option<PathBuf>, name: &'static str, variables: [&str; 2]| {
        if let Some(path) = flag {
            return Some((path.clone(), Origin::Flag(name)));
        }
        let (variable, path) = environment.first(&variables)?;
        Some((PathBuf::from(path), Origin::Environment(variable)))
    };
    let ca = given(&global.cacert, "--cacert", ["ETCDOPS_CACERT", "ETCDCTL_CACERT"]);
    let cert = given(&global.cert, "--cert", ["ETCDOPS_CERT", "ETCDCTL_CERT"]);
    let key = given(&global.key, "--key", ["ETCDOPS_KEY", "ETCDCTL_KEY"]);
    let own = entry.config.hosts.iter_mut().filter_map(|host| host.tls.as_mut());
    for files in own.chain([&mut entry.config.tls]) {
        for (slot, given) in [(&mut files.ca, &ca), (&mut files.cert, &cert), (&mut files.key, &key)] {
            if let Some((path, _)) = given {
                *slot = Some(path.clone());
            }
        }
    }
    let names: Vec<String> = entry
        .config
        .hosts
        .iter()
        .map(|host| format!("hosts.{}.", host.name))
        .collect();
    for (key, given) in [("tls.ca", &ca), ("tls.cert", &cert), ("tls.key", &key)] {
        if let Some((_, origin)) = given {
            entry.origins.set(key, origin.clone());
            for name in &names {
                entry.origins.set(format!("{name}{key}"), origin.clone());
            }
        }
    }
    let files = &entry.config.tls;
    match (&files.cert, &files.key) {
        (Some(cert), None) => Err(half("certificate", cert, "--key")),
        (None, Some(key)) => Err(half("key", key, "--cert")),
        _ => Ok(()),
    }
}

fn half(what: &str, path: &std::path::Path, missing: &str) -> Failure {
    Failure::usage(format!("the {what} {} is given alone", path.display())).hint(format!(
        "a certificate and its key belong together: add `{missing} FILE`"
    ))
}

/// `--timeout`, or its variable.
pub(super) fn timeout(global: &GlobalOptions, environment: &Environment) -> Result<Option<(Span, Origin)>, Failure> {
    let given = match (global.timeout, environment.get("ETCDOPS_TIMEOUT")) {
        (Some(span), _) => Some((span, Origin::Flag("--timeout"))),
        (None, Some(text)) => {
            let span = text.parse::<Span>();
            let span = span.map_err(|error| Failure::usage(format!("$ETCDOPS_TIMEOUT: {error}")))?;
            Some((span, Origin::Environment("ETCDOPS_TIMEOUT".into())))
        }
        (None, None) => None,
    };
    match given {
        Some((span, origin)) if span.0.is_zero() => Err(Failure::usage(format!(
            "{origin} is zero: nothing could be asked in no time"
        ))),
        given => Ok(given),
    }
}

/// Variables of etcdctl that are not honoured, and why.
pub(super) fn notes(environment: &Environment) -> Vec<String> {
    let variable = "ETCDCTL_INSECURE_SKIP_TLS_VERIFY";
    let is_set = environment.get(variable).is_some_and(|value| value != "false");
    is_set
        .then(|| format!("${variable} is not honoured: certificates are always verified"))
        .into_iter()
        .collect()
}
