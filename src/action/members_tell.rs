//! `members.tell`: what others must be told when the members are others: exact values, to be copied.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Kind, Probe, Risk, SAYS, Site, membership};
use crate::call::{Call, Look, Sight};
use crate::cluster::host::Discovery;
use crate::cluster::member::Member;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MembersTell {
    /// The members' client URLs as they were before.
    pub client_urls: Vec<String>,
    /// The members' peer URLs as they were before.
    pub peer_urls: Vec<String>,
}

/// Fields of its output.
pub const OUTPUT: &[(&str, Kind)] = &[
    ("client_urls", Kind::List),
    ("peer_urls", Kind::List),
    ("gone", Kind::List),
    ("new", Kind::List),
    (SAYS, Kind::Text),
];

/// `host:port` of a URL, as load balancers and firewalls want it.
fn address(url: &str) -> String {
    url.split_once("://").map_or(url, |(_, rest)| rest).to_owned()
}

/// One discovery record, or why there can be none.
fn record(discovery: &Discovery, service: &str, url: &str) -> Option<String> {
    let parsed = url::Url::parse(url).ok()?;
    let records = discovery.record_name(service, parsed.scheme() == "https");
    let port = parsed.port_or_known_default()?;
    Some(match parsed.host()? {
        url::Host::Domain(host) => {
            format!("{records}. SRV 0 0 {port} {}.", host.trim_end_matches('.'))
        }
        url::Host::Ipv4(_) | url::Host::Ipv6(_) => {
            format!("{records}.: none for {url}: an SRV record needs a name, not an address")
        }
    })
}

/// The records' names where the inventory does not tell them.
fn unknown() -> Discovery {
    Discovery {
        domain: "DOMAIN".to_owned(),
        name: None,
    }
}

fn sorted(urls: impl Iterator<Item = String>) -> Vec<String> {
    let mut urls: Vec<String> = urls.map(|url| url.trim_end_matches('/').to_owned()).collect();
    urls.sort();
    urls.dedup();
    urls
}

/// What is in one list and not in the other.
fn missing<'a>(from: &'a [String], of: &[String]) -> Vec<&'a String> {
    from.iter().filter(|url| !of.contains(url)).collect()
}

/// Before and after, in the words of those who must change something.
fn tell(before: &MembersTell, clients: &[String], peers: &[String], discovery: Option<&Discovery>) -> String {
    let was = (
        sorted(before.client_urls.iter().cloned()),
        sorted(before.peer_urls.iter().cloned()),
    );
    if was.0 == clients && was.1 == peers {
        return "all client and peer URLs are what they were: nobody needs to be told".to_owned();
    }
    let signed = |was: &[String], is: &[String], show: &dyn Fn(&str) -> Option<String>| {
        let gone = missing(was, is).into_iter().map(|url| ('-', url));
        let new = missing(is, was).into_iter().map(|url| ('+', url));
        let lines = gone
            .chain(new)
            .filter_map(|(sign, url)| Some(format!("  {sign} {}", show(url)?)));
        lines.collect::<Vec<String>>()
    };
    let mut lines = vec!["others must be told:".to_owned()];
    let all = clients.join(",");
    lines.push(format!("clients, such as kube-apiserver: --etcd-servers={all}"));
    lines.push("load balancers, and firewalls in front of the client ports:".to_owned());
    lines.extend(signed(&was.0, clients, &|url| Some(address(url))));
    lines
        .push("firewalls between the members (peer ports), and configuration management's list of members:".to_owned());
    lines.extend(signed(&was.1, peers, &|url| Some(address(url))));
    lines.push(match discovery {
        Some(_) => "discovery records:".to_owned(),
        None => "discovery records, where there are any (with your DOMAIN, and -NAME after the service where theirs have one):".to_owned(),
    });
    let discovery = discovery.cloned().unwrap_or_else(unknown);
    lines.extend(signed(&was.0, clients, &|url| record(&discovery, "client", url)));
    lines.extend(signed(&was.1, peers, &|url| record(&discovery, "server", url)));
    lines.join("\n")
}

impl Action for MembersTell {
    fn risk(&self) -> Risk {
        Risk::Look
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        "say what clients, load balancers, firewalls and discovery records must be told".to_owned()
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Cluster]
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let observed = match membership::list(seen) {
            Ok(observed) => observed,
            Err(why) => return Probe::Unknown(why),
        };
        let members: Vec<&Member> = observed
            .members
            .iter()
            .filter_map(|seen| seen.member.as_ref())
            .collect();
        let clients = sorted(members.iter().flat_map(|member| member.client_urls.clone()));
        let peers = sorted(members.iter().flat_map(|member| member.peer_urls.clone()));
        let was = sorted(self.client_urls.iter().cloned());
        Probe::Done(json!({
            "gone": missing(&was, &clients),
            "new": missing(&clients, &was),
            SAYS: tell(self, &clients, &peers, site.cluster.discovery.as_ref()),
            "client_urls": clients,
            "peer_urls": peers,
        }))
    }

    fn call(&self, _site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{MembersTell, tell};
    use crate::cluster::host::Discovery;

    fn urls(port: u16, hosts: &[u8]) -> Vec<String> {
        hosts.iter().map(|host| format!("https://etcd-{host}:{port}")).collect()
    }

    #[test]
    fn each_reader_gets_the_exact_new_values() {
        let before = MembersTell {
            client_urls: urls(2379, &[1, 2, 3]),
            peer_urls: urls(2380, &[1, 2, 3]),
        };
        let text = tell(&before, &urls(2379, &[1, 2, 4]), &urls(2380, &[1, 2, 4]), None);
        for line in [
            "--etcd-servers=https://etcd-1:2379,https://etcd-2:2379,https://etcd-4:2379",
            "  - etcd-3:2379",
            "  + etcd-4:2379",
            "  - etcd-3:2380",
            "  + etcd-4:2380",
            "  + _etcd-client-ssl._tcp.DOMAIN. SRV 0 0 2379 etcd-4.",
            "  - _etcd-server-ssl._tcp.DOMAIN. SRV 0 0 2380 etcd-3.",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        let same = tell(&before, &urls(2379, &[1, 2, 3]), &urls(2380, &[1, 2, 3]), None);
        assert!(same.contains("nobody needs to be told"), "{same}");
    }

    #[test]
    fn discovery_records_are_those_of_the_inventory_and_never_lead_to_an_address() {
        let before = MembersTell {
            client_urls: Vec::new(),
            peer_urls: Vec::new(),
        };
        let urls = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect::<Vec<_>>();
        let clients = urls(&["https://etcd-4.example.org:2379"]);
        let peers = urls(&[
            "http://10.0.0.5:2380",
            "http://[fd00::5]:2380",
            "https://etcd-4.example.org:2380",
        ]);
        let discovery = Discovery {
            domain: "lab.example.org.".to_owned(),
            name: Some("c1".to_owned()),
        };
        let text = tell(&before, &clients, &peers, Some(&discovery));
        for line in [
            "  + _etcd-client-ssl-c1._tcp.lab.example.org. SRV 0 0 2379 etcd-4.example.org.",
            "  + _etcd-server-ssl-c1._tcp.lab.example.org. SRV 0 0 2380 etcd-4.example.org.",
            "  + _etcd-server-c1._tcp.lab.example.org.: none for http://10.0.0.5:2380: an SRV record needs a name",
        ] {
            assert!(text.lines().any(|told| told.starts_with(line)), "{line}\n{text}");
        }
        assert!(!text.contains("10.0.0.5."), "{text}");
        assert!(!text.contains("SRV 0 0 2380 ["), "{text}");
    }
}
