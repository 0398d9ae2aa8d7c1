//! The operator's word that a host is dead, checked: nothing of it may answer anyone (safety 10).

use serde::{Deserialize, Serialize};

use crate::action::{Condition, Site, Verdict};
use crate::call::host::{Command, HostAnswer, HostOp};
use crate::call::http::HttpRequest;
use crate::call::{CallError, Fault, Look, Sight};
use crate::cluster::host::{Host, Shell};
use crate::cluster::inventory::address::located;

/// Seconds that one attempt from another host may take.
const PATIENCE: &str = "4";

/// Hosts that the operator declared dead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dead {
    /// The hosts. None at all: it holds.
    #[schemars(extend("x-host" = true))]
    pub hosts: Vec<String>,
    /// Hosts from which they are looked for, besides the bastion.
    #[schemars(extend("x-host" = true))]
    pub asked_from: Vec<String>,
    /// They carried most of the old cluster's voters: it is said what they would do if they returned together.
    #[serde(default)]
    pub quorum: bool,
}

impl Dead {
    fn others(&self) -> Vec<&str> {
        self.asked_from.iter().map(String::as_str).collect()
    }
}

impl Condition for Dead {
    fn text(&self, _site: &Site<'_>) -> String {
        match self.hosts.as_slice() {
            [] => "no host is declared dead".to_owned(),
            hosts => format!("nothing answers on {}", hosts.join(", ")),
        }
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        looks(site, &self.hosts, &self.others())
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        refusal(site, &self.hosts, &self.others(), seen).unwrap_or_else(|| {
            let names: Vec<&str> = self.hosts.iter().map(String::as_str).collect();
            Verdict::Holds(match names.as_slice() {
                [] => "none".to_owned(),
                names => format!("no answer; {}", super::given_up(names, self.quorum)),
            })
        })
    }
}

/// What refuses the operator's word, if anything of the dead answers.
pub(super) fn refusal(site: &Site<'_>, dead: &[String], others: &[&str], seen: &[Sight]) -> Option<Verdict> {
    let alive = alive(site, dead, others, seen);
    (!alive.is_empty()).then(|| Verdict::Not {
        saw: alive.join("; "),
        hint: Some(
            "leave it out of --dead: its copy must be read, or its etcd stopped and fenced; nothing was changed"
                .to_owned(),
        ),
    })
}

/// One attempt to find a dead host alive.
struct Attempt<'a> {
    dead: &'a str,
    look: Look,
    /// What answers, if it does: `its peer port, from etcd-1`.
    what: String,
}

/// All attempts: from here, and from each of the other hosts.
fn attempts<'a>(site: &Site<'_>, dead: &'a [String], others: &[&str]) -> Vec<Attempt<'a>> {
    let mut found = Vec::new();
    for name in dead {
        let Some(host) = site.cluster.host(name) else { continue };
        let mut add = |look, what: String| found.push(Attempt { dead: name, look, what });
        add(Look::service(name), "its shell".to_owned());
        for (url, port) in [(&host.client_url, "client"), (&host.peer_url, "peer")] {
            if let Some(url) = url {
                add(version(url), format!("its {port} port"));
            }
        }
        for (address, port, what) in doors(host) {
            for other in others {
                let what = format!("{what}, asked from {other}");
                add(knock(other, &address, port), what);
            }
        }
    }
    found
}

/// Looks that try to find any of the dead alive.
pub(super) fn looks(site: &Site<'_>, dead: &[String], others: &[&str]) -> Vec<Look> {
    attempts(site, dead, others)
        .into_iter()
        .map(|attempt| attempt.look)
        .collect()
}

/// Which of the dead answer, and how that was found.
fn alive(site: &Site<'_>, dead: &[String], others: &[&str], seen: &[Sight]) -> Vec<String> {
    let attempts = attempts(site, dead, others);
    let mut found: Vec<String> = Vec::new();
    for host in dead {
        let answering: Vec<&str> = attempts
            .iter()
            .zip(seen)
            .filter(|(attempt, sight)| attempt.dead == host && attempt.answered(sight))
            .map(|(attempt, _)| attempt.what.as_str())
            .collect();
        if let Some(first) = answering.first() {
            found.push(format!("{host} is not dead: {first} answers"));
        }
    }
    found
}

fn version(url: &str) -> Look {
    Look::Http(HttpRequest {
        method: "GET".to_owned(),
        url: format!("{}/version", url.trim_end_matches('/')),
        body: None,
        cluster_tls: true,
        change: false,
    })
}

fn knock(from: &str, address: &str, port: u16) -> Look {
    let words = [
        "timeout",
        PATIENCE,
        "bash",
        "-c",
        "exec 3<>\"/dev/tcp/$0/$1\"",
        address,
        &port.to_string(),
    ];
    Look::Host {
        host: from.to_owned(),
        op: HostOp::Run {
            command: Command::Argv(words.map(str::to_owned).to_vec()),
            become_root: false,
            look: true,
        },
    }
}

/// Address, port, and whose it is.
fn doors(host: &Host) -> Vec<(String, u16, &'static str)> {
    let mut found = Vec::new();
    for (url, what) in [(&host.client_url, "its client port"), (&host.peer_url, "its peer port")] {
        found.extend(
            url.as_deref()
                .and_then(located)
                .map(|place| (place.host, place.port, what)),
        );
    }
    if let Shell::Ssh { port, .. } = &host.shell
        && let Some((address, ..)) = found.first().cloned()
    {
        found.push((address, port.unwrap_or(22), "its ssh port"));
    }
    found
}

impl Attempt<'_> {
    /// Something came back that only a living host sends. Of a question to another host only its answer counts.
    fn answered(&self, sight: &Sight) -> bool {
        match sight {
            Sight::Host(HostAnswer::Ran(ran)) => ran.code == 0,
            Sight::Host(_) | Sight::Http(_) => true,
            Sight::Blind(error) => lives(error) && !matches!(&self.look, Look::Host { host, .. } if host != self.dead),
            _ => false,
        }
    }
}

/// An error that takes a living host to make: ssh or etcd was there and said no.
fn lives(error: &CallError) -> bool {
    matches!(
        error.fault,
        Fault::Auth | Fault::HostKey | Fault::Sudo | Fault::Tls | Fault::Silent | Fault::Garbage | Fault::DiskFull
    )
}
