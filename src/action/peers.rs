//! `peers`: members reach a new host's peer port, and it theirs.

use serde::{Deserialize, Serialize};

use super::{Condition, Site, Verdict};
use crate::call::host::{Command, HostAnswer, HostOp, RunOutput};
use crate::call::{Look, Sight};
use crate::cluster::host::Host;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    /// The hosts of the members.
    #[schemars(extend("x-host" = true))]
    pub between: Vec<String>,
    /// The new host.
    #[schemars(extend("x-host" = true))]
    pub and: String,
    /// Peers speak TLS; so far the ports are proved, not the certificates, and that is said.
    #[serde(default)]
    pub tls: bool,
}

/// One direction: who tries to reach whom.
struct Path<'a> {
    from: &'a str,
    to: &'a str,
    address: String,
    port: u16,
    /// Nothing listens there yet: a refusal proves that packets arrive.
    silent: bool,
}

impl Peers {
    fn paths<'a>(&'a self, site: &'a Site<'_>) -> Result<Vec<Path<'a>>, String> {
        let place = |name: &str| {
            let host = site
                .cluster
                .host(name)
                .ok_or_else(|| format!("the inventory knows no host {name}"))?;
            address(host).ok_or_else(|| format!("the inventory gives no peer URL for {name}"))
        };
        let mut paths = Vec::new();
        for member in self.between.iter().filter(|member| **member != self.and) {
            for (from, to, silent) in [(&self.and, member, false), (member, &self.and, true)] {
                let (address, port) = place(to)?;
                paths.push(Path {
                    from,
                    to,
                    address,
                    port,
                    silent,
                });
            }
        }
        Ok(paths)
    }
}

fn address(host: &Host) -> Option<(String, u16)> {
    let url = url::Url::parse(host.peer_url.as_deref()?).ok()?;
    let address = url.host_str()?.trim_matches(['[', ']']).to_owned();
    Some((address, url.port().unwrap_or(2380)))
}

impl Condition for Peers {
    fn text(&self, _site: &Site<'_>) -> String {
        let how = if self.tls {
            " (ports; certificates are not proved)"
        } else {
            ""
        };
        format!(
            "{} and {} reach each other's peer ports{how}",
            self.between.join(", "),
            self.and
        )
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let paths = self.paths(site).unwrap_or_default();
        paths
            .iter()
            .map(|path| {
                let words = [
                    "timeout",
                    "5",
                    "bash",
                    "-c",
                    "exec 3<>\"/dev/tcp/$0/$1\"",
                    &path.address,
                    &path.port.to_string(),
                ];
                Look::Host {
                    host: path.from.to_owned(),
                    op: HostOp::Run {
                        command: Command::Argv(words.map(str::to_owned).to_vec()),
                        become_root: false,
                        look: true,
                    },
                }
            })
            .collect()
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let paths = match self.paths(site) {
            Ok(paths) => paths,
            Err(saw) => {
                return Verdict::Not {
                    saw,
                    hint: Some("etcdops config check".to_owned()),
                };
            }
        };
        let (mut closed, mut blind) = (Vec::new(), Vec::new());
        for (path, sight) in paths.iter().zip(seen) {
            match sight {
                Sight::Host(HostAnswer::Ran(ran)) => closed.extend(path.trouble(ran)),
                Sight::Blind(error) => blind.push(error.to_string()),
                _ => blind.push(format!("{} was not asked", path.from)),
            }
        }
        if !closed.is_empty() {
            return Verdict::Not {
                saw: closed.join("; "),
                hint: Some("open the peer port in the firewalls of both hosts".to_owned()),
            };
        }
        if blind.is_empty() {
            Verdict::Holds(format!("{} paths are open", paths.len()))
        } else {
            Verdict::Unknown(blind.join("; "))
        }
    }

    fn accept_name(&self) -> Option<&'static str> {
        Some("peers")
    }
}

impl Path<'_> {
    fn trouble(&self, ran: &RunOutput) -> Option<String> {
        let refused = ran.stderr.contains("refused");
        if ran.code == 0 || (self.silent && refused) {
            return None;
        }
        let why = if ran.code == 124 {
            "no answer within 5 s".to_owned()
        } else {
            let last = ran.stderr.lines().last().unwrap_or_default();
            last.rsplit(": ").next().unwrap_or(last).to_owned()
        };
        Some(format!(
            "{} does not reach {} on {}:{}: {why}",
            self.from, self.to, self.address, self.port
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::Peers;
    use crate::action::membership::tests::site_of;
    use crate::action::{Condition, Site, Verdict};
    use crate::call::Sight;
    use crate::call::host::{HostAnswer, RunOutput};

    fn ran(code: i32, stderr: &str) -> Sight {
        Sight::Host(HostAnswer::Ran(RunOutput {
            code,
            stdout: String::new(),
            stderr: stderr.to_owned(),
        }))
    }

    #[test]
    fn both_directions_count_and_only_the_new_port_may_refuse() {
        let condition = Peers {
            between: vec!["etcd-1".to_owned()],
            and: "etcd-4".to_owned(),
            tls: false,
        };
        site_of(|site| {
            let mut cluster = site.cluster.clone();
            for host in &mut cluster.hosts {
                host.peer_url = Some(format!("http://{}:2380", host.name));
            }
            let site = Site {
                cluster: &cluster,
                ..*site
            };
            let judge = |there, back| condition.judge(&site, &[there, back], None);
            assert_eq!(condition.looks(&site).len(), 2);
            assert!(matches!(
                judge(ran(0, ""), ran(1, "bash: connect: Connection refused")),
                Verdict::Holds(_)
            ));
            assert!(matches!(
                judge(ran(1, "bash: connect: Connection refused"), ran(0, "")),
                Verdict::Not { .. }
            ));
            let Verdict::Not { saw, .. } = judge(ran(0, ""), ran(124, "")) else {
                panic!("a closed way back is no way");
            };
            assert_eq!(saw, "etcd-1 does not reach etcd-4 on etcd-4:2380: no answer within 5 s");
        });
    }
}
