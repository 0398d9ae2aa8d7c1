//! `peers`: members reach a new host's peer port, and it theirs, with the certificates that etcd will use (safety 29).

use serde::{Deserialize, Serialize};

use super::{Condition, Site, Verdict};
use crate::call::host::{HostAnswer, HostOp, PeerProof, PeerSeen};
use crate::call::{Look, Sight};
use crate::cluster::inventory::address::located;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    /// The hosts of the members.
    pub between: Vec<String>,
    /// The peer URLs of these members as etcd lists them, in the same order (default: those of the inventory).
    #[serde(default)]
    pub urls: Vec<Vec<String>>,
    /// The peer URLs of members whose host the inventory does not know: the way from there cannot be proved.
    #[serde(default)]
    pub strangers: Vec<Vec<String>>,
    /// The new host. While it is looked at it listens on its peer port for some seconds, unless etcd does already.
    pub and: String,
    /// Its peer URL (default: the inventory's).
    #[serde(default)]
    pub at: Option<String>,
    /// Peers speak TLS: the hosts' own peer certificates, names and authorities are proved; with auto-TLS the ports alone.
    #[serde(default)]
    pub tls: bool,
    /// The members need not listen yet: a refusal proves that packets arrive.
    #[serde(default)]
    pub silent: bool,
    /// Members dial the new host already, since a member of theirs had its peer URL: the listener cannot count its guests, and stays.
    #[serde(default)]
    pub dialled: bool,
}

/// One direction: who tries to reach whom.
struct Path<'a> {
    from: &'a str,
    to: String,
    address: String,
    port: u16,
    tls: bool,
    /// Towards the new host, where only our listener answers.
    to_new: bool,
}

impl Peers {
    fn paths<'a>(&'a self, site: &Site<'_>) -> Result<Vec<Path<'a>>, String> {
        let inventory = |name: &str| {
            let host = site
                .cluster
                .host(name)
                .ok_or_else(|| format!("the inventory knows no host {name}"))?;
            let found = host.peer_url.clone();
            found.ok_or_else(|| format!("the inventory gives no peer URL for {name}"))
        };
        let path = |from: &'a str, to: &str, url: &str, to_new: bool| {
            let place = located(url).ok_or_else(|| format!("`{url}`, the peer URL of {to}, is no URL"))?;
            Ok::<_, String>(Path {
                from,
                to: to.to_owned(),
                address: place.host,
                port: place.port,
                tls: place.is_https,
                to_new,
            })
        };
        let own = || self.at.clone().map_or_else(|| inventory(&self.and), Ok);
        let mut paths = Vec::new();
        let listed = self.urls.iter().map(Some).chain(std::iter::repeat(None));
        for (member, urls) in self
            .between
            .iter()
            .zip(listed)
            .filter(|(member, _)| **member != self.and)
        {
            let urls = match urls.filter(|urls| !urls.is_empty()) {
                Some(urls) => urls.clone(),
                None => vec![inventory(member)?],
            };
            for url in &urls {
                paths.push(path(&self.and, member, url, false)?);
            }
            paths.push(path(member, &self.and, &own()?, true)?);
        }
        for url in self.strangers.iter().flatten() {
            paths.push(path(&self.and, url, url, false)?);
        }
        Ok(paths)
    }

    /// Members from which nobody can try, by their peer URLs.
    fn unproved(&self) -> Option<String> {
        let urls: Vec<String> = self.strangers.iter().map(|urls| urls.join(", ")).collect();
        (!urls.is_empty()).then(|| {
            format!(
                "whether the member at {} reaches {} cannot be proved: the inventory has no host for it",
                urls.join(" and the one at "),
                self.and
            )
        })
    }

    /// What the ways were proved with, in words.
    fn proof(&self, listening: &PeerSeen, reached: &[(&Path<'_>, &PeerSeen)]) -> String {
        let all = format!("{} ways are open", reached.len());
        let weak: Vec<&str> = reached
            .iter()
            .filter(|(_, seen)| seen.proof != PeerProof::Tls)
            .map(|(path, _)| path.from)
            .collect();
        let listens = match listening.proof {
            PeerProof::None => format!(
                "; {} has no openssl to listen with: its port is proved by its refusals alone",
                self.and
            ),
            PeerProof::There => format!("; on {} something listens on the peer port already", self.and),
            _ => String::new(),
        };
        let certificates = match (self.tls, weak.is_empty()) {
            (false, _) => String::new(),
            (true, true) => ", with the hosts' own peer certificates".to_owned(),
            (true, false) => {
                let mut hosts = weak;
                hosts.sort_unstable();
                hosts.dedup();
                format!(
                    "; TCP only from {} (auto-TLS, or no openssl and curl there)",
                    hosts.join(", ")
                )
            }
        };
        format!("{all}{certificates}{listens}")
    }
}

impl Condition for Peers {
    fn text(&self, _site: &Site<'_>) -> String {
        let how = if self.tls { " over TLS" } else { "" };
        let others: Vec<&str> = self
            .between
            .iter()
            .filter(|host| **host != self.and)
            .map(String::as_str)
            .collect();
        let at = self.at.as_ref().map(|url| format!(" at {url}")).unwrap_or_default();
        let others = match others.as_slice() {
            [] => "the other members".to_owned(),
            others => others.join(", "),
        };
        format!("{others} and {}{at} reach each other's peer ports{how}", self.and)
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let paths = self.paths(site).unwrap_or_default();
        let towards: Vec<&Path<'_>> = paths.iter().filter(|path| path.to_new).collect();
        let listen = towards.first().map(|path| Look::Host {
            host: self.and.clone(),
            op: HostOp::PeerListen {
                port: path.port,
                connections: u32::try_from(towards.len()).ok().filter(|_| !self.dialled),
                tls: self.tls,
            },
        });
        let reach = paths.iter().map(|path| Look::Host {
            host: path.from.to_owned(),
            op: HostOp::PeerReach {
                address: path.address.clone(),
                port: path.port,
                tls: path.tls,
                patient: path.to_new,
            },
        });
        listen.into_iter().chain(reach).collect()
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
        if paths.is_empty() {
            return Verdict::Holds("there is nobody else to reach".to_owned());
        }
        let mut blind = Vec::new();
        let mut peers = seen.iter().map(|sight| match sight {
            Sight::Host(HostAnswer::Peer(peer)) => Some(peer),
            Sight::Blind(error) => {
                blind.push(error.to_string());
                None
            }
            _ => None,
        });
        let listening = if paths.iter().any(|path| path.to_new) {
            peers.next().flatten().cloned()
        } else {
            Some(PeerSeen::default())
        };
        let reached: Vec<(&Path<'_>, Option<&PeerSeen>)> = paths.iter().zip(peers).collect();
        let (Some(listening), true) = (listening, blind.is_empty()) else {
            blind.dedup();
            return Verdict::Unknown(blind.join("; "));
        };
        let hint = |text: &str| Some(text.to_owned());
        // Without its certificate the new host cannot have listened: that alone is to be told.
        if let Some(why) = &listening.trouble {
            return Verdict::Not {
                saw: format!("{}: {why}", self.and),
                hint: hint("put the peer certificate, its key and its CA where etcd's settings name them"),
            };
        }
        let reached: Vec<(&Path<'_>, &PeerSeen)> = reached
            .into_iter()
            .filter_map(|(path, seen)| Some((path, seen?)))
            .collect();
        let closed: Vec<String> = reached
            .iter()
            .filter_map(|(path, seen)| path.trouble(seen, &listening, self.silent))
            .collect();
        if closed.is_empty() {
            let proof = self.proof(&listening, &reached);
            return self
                .unproved()
                .map_or(Verdict::Holds(proof.clone()), |unproved| Verdict::Not {
                    saw: format!("{proof}; {unproved}"),
                    hint: hint("add its host to the inventory, or take the word of whoever runs it: --accept peers"),
                });
        }
        let about_certificates = closed.iter().any(|one| one.contains("certificate"));
        Verdict::Not {
            saw: closed.join("; "),
            hint: if about_certificates {
                hint("the peer certificates need the names of the peer URLs, and one CA that all members trust")
            } else {
                hint("open the peer port in the firewalls of both hosts")
            },
        }
    }

    fn accept_name(&self) -> Option<&'static str> {
        Some("peers")
    }
}

impl Path<'_> {
    fn trouble(&self, seen: &PeerSeen, listening: &PeerSeen, silent: bool) -> Option<String> {
        let why = seen.trouble.as_ref()?;
        // Where nothing can listen, a refusal proves that packets arrive.
        let nothing_listens = if self.to_new {
            listening.proof == PeerProof::None
        } else {
            silent
        };
        if nothing_listens && seen.refused {
            return None;
        }
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
    use crate::call::host::{HostAnswer, PeerProof, PeerSeen};

    fn seen(proof: PeerProof, trouble: Option<&str>) -> Sight {
        Sight::Host(HostAnswer::Peer(PeerSeen {
            proof,
            refused: trouble == Some("Connection refused"),
            trouble: trouble.map(str::to_owned),
        }))
    }

    fn judged(seen: &[Sight; 3]) -> Verdict {
        let condition = Peers {
            between: vec!["etcd-1".to_owned()],
            urls: Vec::new(),
            strangers: Vec::new(),
            and: "etcd-4".to_owned(),
            at: None,
            tls: true,
            silent: false,
            dialled: false,
        };
        let mut verdict = None;
        site_of(|site| {
            let mut cluster = site.cluster.clone();
            for host in &mut cluster.hosts {
                host.peer_url = Some(format!("https://{}:2380", host.name));
            }
            let site = Site {
                cluster: &cluster,
                ..*site
            };
            assert_eq!(condition.looks(&site).len(), 3);
            verdict = Some(condition.judge(&site, seen, None));
        });
        verdict.unwrap()
    }

    #[test]
    fn both_directions_count_and_what_they_are_proved_with_is_said() {
        use PeerProof::{None as Nothing, Tcp, Tls};
        let good = || seen(Tls, None);
        let refused = || seen(Tls, Some("Connection refused"));
        let Verdict::Holds(saw) = judged(&[good(), good(), good()]) else {
            panic!("all is well");
        };
        assert_eq!(saw, "2 ways are open, with the hosts' own peer certificates");
        assert!(matches!(judged(&[good(), refused(), good()]), Verdict::Not { .. }));
        assert!(
            matches!(judged(&[good(), good(), refused()]), Verdict::Not { .. }),
            "it listened"
        );
        let Verdict::Holds(saw) = judged(&[seen(Nothing, None), good(), refused()]) else {
            panic!("nothing could listen there");
        };
        assert!(saw.contains("no openssl"), "{saw}");
        let Verdict::Holds(saw) = judged(&[seen(Tcp, None), seen(Tcp, None), seen(Tcp, None)]) else {
            panic!("auto-TLS");
        };
        assert!(saw.contains("TCP only from etcd-1, etcd-4"), "{saw}");
        let Verdict::Not { saw, .. } = judged(&[good(), good(), seen(Tls, Some("no answer in time"))]) else {
            panic!("a closed way back is no way");
        };
        assert_eq!(saw, "etcd-1 does not reach etcd-4 on etcd-4:2380: no answer in time");
        let missing = seen(Nothing, Some("its peer certificate /x is not there"));
        let Verdict::Not { saw, .. } = judged(&[missing, good(), refused()]) else {
            panic!("no certificate");
        };
        assert_eq!(saw, "etcd-4: its peer certificate /x is not there");
    }
}
