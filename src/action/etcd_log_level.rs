//! `etcd.log_level`: sets the level while etcd runs, which etcd can up to 3.4 with its old logger. The proof is what the unit logs:
//! the API gives no way to read the level, and with the new logger it answers 204 and does nothing.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::service_override::stagger;
use super::{Action, Probe, Risk, Site, sight};
use crate::base::duration::Span;
use crate::call::host::{HostAnswer, HostOp, ServiceSeen};
use crate::call::http::HttpRequest;
use crate::call::{Call, Look, Sight, To};
use crate::cluster::version::Version;

/// The host's timer and the override of newer versions have the same name.
const LEASE: &str = "debug-log";
/// What etcd 2.3 to 3.4 log when the level is set.
const PROOF: &str = "globalLogLevel set to";
const LOOK_BACK: u32 = 5;
/// A process's start is known to the second, and rounded.
const AROUND: i64 = 1;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EtcdLogLevel {
    /// `debug`, `info`, …, or `configured`: what the unit says.
    pub level: String,
    /// After this time the host itself sets the level that the unit configures.
    #[serde(default, rename = "for")]
    pub lasts: Option<Span>,
}

impl EtcdLogLevel {
    fn wanted(&self, service: &ServiceSeen) -> String {
        if self.level.eq_ignore_ascii_case("configured") {
            return configured(service);
        }
        self.level.to_ascii_uppercase()
    }

    fn lease_stands(&self, site: &Site<'_>, service: &ServiceSeen) -> bool {
        let armed = service.leases.contains_key(LEASE);
        match self.lasts {
            Some(_) => armed && site.attempts > 0,
            None => !armed,
        }
    }
}

/// Why the level cannot be set while this etcd runs.
pub(super) fn impossible(service: &ServiceSeen) -> Option<String> {
    if service.version.is_some_and(Version::log_level_needs_restart) {
        return Some("since etcd 3.5 the level is read at start only: use service.override".to_owned());
    }
    let zap = service
        .settings
        .get("logger")
        .is_some_and(|setting| setting.value == "zap");
    zap.then(|| {
        "etcd runs with `logger=zap`: it would answer 204 and do nothing; restart it with the level set".to_owned()
    })
}

/// The lines that say which level was set last.
pub(super) fn log(site: &Site<'_>) -> Look {
    Look::Host {
        host: site.host_name().to_owned(),
        op: HostOp::Log {
            since: None,
            lines: LOOK_BACK,
            contains: Some(PROOF.to_owned()),
        },
    }
}

/// The level that the unit configures, upper-case.
pub fn configured(service: &ServiceSeen) -> String {
    let set = |key: &str| {
        service
            .settings
            .get(key)
            .map(|setting| setting.value.to_ascii_uppercase())
    };
    if set("debug").is_some_and(|value| value == "TRUE") {
        return "DEBUG".to_owned();
    }
    set("log-level").unwrap_or_else(|| "INFO".to_owned())
}

/// The level as last set since this process started; what the unit configures where none was. `None`: one was set at about the time of the
/// start, by this process or the one before.
pub(super) fn current(service: &ServiceSeen, seen: &[Sight]) -> Result<Option<String>, String> {
    let log = sight::pick(seen, "the log was not looked at", |sight| match sight {
        Sight::Host(HostAnswer::Log(lines)) => Some(lines),
        _ => None,
    })?;
    let since = i64::try_from(service.started_at.unwrap_or(0)).unwrap_or(0);
    let newest = log.iter().rev().find_map(|line| {
        let at = line.split(' ').next()?.parse::<jiff::Timestamp>().ok();
        Some((at, line.split_once(PROOF)?.1.trim_matches([' ', '"', '\\', '}'])))
    });
    let after_start = |at: jiff::Timestamp| at.as_second() - since;
    Ok(match newest {
        Some((Some(at), _)) if after_start(at) < -AROUND => Some(configured(service)),
        Some((Some(at), _)) if after_start(at) <= AROUND => None,
        Some((_, level)) => Some(level.to_ascii_uppercase()),
        None => Some(configured(service)),
    })
}

impl Action for EtcdLogLevel {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        let lasts = self
            .lasts
            .map(|span| format!(", set back by the host itself after {span}"));
        format!("set the log level to {}{}", self.level, lasts.unwrap_or_default())
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        vec![Look::service(site.host_name()), log(site)]
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let service = match sight::service(seen) {
            Ok(service) => service,
            Err(why) => return Probe::Unknown(why),
        };
        if let Some(why) = impossible(service) {
            return Probe::Conflict(why);
        }
        let current = match current(service, seen) {
            Ok(current) => current,
            Err(why) => return Probe::Unknown(why),
        };
        let Some(current) = current else {
            return Probe::NotYet(
                "a level was set just when this process was started: by it, or by the one before".to_owned(),
            );
        };
        if current != self.wanted(service) {
            return Probe::NotYet(format!("the unit logs no change of the level; it is {current}"));
        }
        if !self.lease_stands(site, service) {
            return Probe::NotYet("the level is set; the host's timer is not as it should be".to_owned());
        }
        Probe::Done(json!({ "level": current, "lease_ends": service.leases.get(LEASE) }))
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let service = sight::service(seen).ok()?;
        if !self.lease_stands(site, service) {
            let name = LEASE.to_owned();
            let op = match self.lasts {
                Some(after) => HostOp::ArmLease {
                    name,
                    after,
                    stagger: stagger(site),
                    cluster: site.cluster.name.clone(),
                },
                None => HostOp::DisarmLease { name },
            };
            return Some(sight::on_host(site, op));
        }
        let advertised = service
            .settings
            .get("advertise-client-urls")
            .map(|setting| setting.value.clone());
        let urls = advertised.or_else(|| site.host?.client_url.clone())?;
        let url = urls.split(',').next()?.trim().trim_end_matches('/');
        Some(Call {
            to: To::Http(HttpRequest {
                method: "PUT".to_owned(),
                url: format!("{url}/config/local/log"),
                body: Some(json!({ "Level": self.wanted(service) }).to_string()),
                cluster_tls: true,
                change: true,
            }),
            timeout: site.timeout,
        })
    }

    fn repeatable(&self) -> bool {
        true
    }

    fn patience(&self) -> Span {
        Span::seconds(15)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(lines: &[&str]) -> Vec<Sight> {
        vec![Sight::Host(HostAnswer::Log(
            lines.iter().map(|line| (*line).to_owned()).collect(),
        ))]
    }

    #[test]
    fn the_last_level_since_the_start_counts() {
        let service = ServiceSeen {
            started_at: Some(1_763_640_000),
            ..ServiceSeen::default()
        };
        let set = |times: &[&str]| {
            let lines: Vec<String> = times
                .iter()
                .map(|time| format!("2025-11-20T{time}.900000Z etcd[1]: globalLogLevel set to \"DEBUG\""))
                .collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            current(&service, &logged(&lines)).unwrap()
        };
        assert_eq!(set(&["11:00:00", "12:00:02"]).as_deref(), Some("DEBUG"));
        assert_eq!(set(&["11:59:58"]).as_deref(), Some("INFO"), "an earlier process set it");
        assert_eq!(set(&["11:59:59"]), None, "nobody knows which");
        assert_eq!(set(&["12:00:01"]), None);
        assert_eq!(set(&[]).as_deref(), Some("INFO"));
        assert!(current(&service, &[]).is_err());
    }
}
