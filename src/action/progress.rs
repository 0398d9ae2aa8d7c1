//! How something that is waited for gets on: what grows, and whether it can come true at all (safety 25).

use super::Site;
use super::disk::readable;
use crate::base::duration::Span;
use crate::call::host::ServiceSeen;
use crate::cluster::host::ServiceKind;

/// How long nothing may grow.
const SILENCE: Span = Span::seconds(120);
/// The same of an etcd that runs and does not answer: it may be reading a large database, which does not show.
const READING: Span = Span::seconds(300);

/// What is seen of it while it is waited for.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// What grows on the way, such as entries and bytes; `None`: not seen just now.
    pub measures: Vec<Option<u64>>,
    /// For how long nothing of that may grow; `None`: it cannot be watched, and the step's bound alone counts.
    pub silence: Option<Span>,
    /// It cannot come true as things are: why, and what to do first.
    pub ended: Option<(String, String)>,
    /// What to say of it beside what was last seen.
    pub says: Option<String>,
}

impl Progress {
    /// Of a member on a host that nobody can look at.
    pub(super) fn unwatched(numbers: [Option<u64>; 2]) -> Self {
        Self {
            measures: numbers.to_vec(),
            silence: None,
            ended: None,
            says: None,
        }
    }

    /// Of a member that is to start or to catch up: entries that it has applied, bytes of its database, and its host's unit.
    pub(super) fn of_member(
        site: &Site<'_>,
        host: &str,
        numbers: [Option<u64>; 2],
        unit: Option<&ServiceSeen>,
    ) -> Self {
        let answers = numbers.iter().any(Option::is_some);
        let on_disk = unit.and_then(|unit| unit.data_size);
        Self {
            measures: numbers.into_iter().chain([on_disk]).collect(),
            silence: Some(match unit {
                Some(unit) if unit.is_active() && !answers => READING,
                _ => SILENCE,
            }),
            ended: unit
                .filter(|unit| !unit.is_active())
                .map(|unit| ended(site, host, unit)),
            #[expect(clippy::cast_precision_loss, reason = "sizes of databases are far below 2^53")]
            says: on_disk
                .filter(|_| !answers)
                .map(|size| format!("{} in its data directory", readable(size as f64))),
        }
    }
}

fn ended(site: &Site<'_>, host: &str, unit: &ServiceSeen) -> (String, String) {
    let words = unit.last_log.iter().rev().find(|line| !line.trim().is_empty());
    let words = words.map(|line| format!("; its last words: {}", line.trim()));
    let why = format!("etcd on {host} is {}{}", unit.active, words.unwrap_or_default());
    let service = site.cluster.host(host).map(|host| &host.service);
    let first = match service {
        Some(service) if service.kind == ServiceKind::Systemd => {
            format!("on {host}: journalctl -u {0}, then systemctl start {0}", service.unit)
        }
        _ => format!("look at its log: etcdops logs {host}, and start it again"),
    };
    (why, first)
}
