//! Where each question goes.

use super::Survey;
use crate::call::{EtcdOp, HostOp, HttpRequest, To};
use crate::cluster::host::Host;
use crate::cluster::member::Member;
use crate::look::answers::Question;
use crate::look::rows;

impl<'a> Survey<'a> {
    pub(super) fn destination(&self, endpoint: usize, question: Question) -> Option<To> {
        let url = &self.answers.endpoints[endpoint].url;
        let etcd = |op| {
            Some(To::Etcd {
                endpoint: url.clone(),
                op,
            })
        };
        let client = |path: &str| Some(get(format!("{}{path}", url.trim_end_matches('/'))));
        let peer = |path: &str| Some(get(format!("{}{path}", self.peer_url(endpoint)?)));
        match question {
            Question::Status => etcd(EtcdOp::Status),
            Question::Members => etcd(EtcdOp::MemberList),
            Question::Read => etcd(EtcdOp::LinearizableRead),
            Question::Version => client("/version"),
            Question::Ready => client("/readyz"),
            Question::OldKeys => client("/v2/keys/"),
            Question::PeerVersion => peer("/version"),
            Question::PeerMembers => peer("/members"),
            Question::Metrics => {
                let mut request = get(format!("{}/metrics", self.metrics_url(endpoint)?));
                if let To::Http(request) = &mut request {
                    request.method = "HEAD".to_owned();
                }
                Some(request)
            }
            Question::Service => Some(To::Host {
                host: self.host(endpoint)?.name.clone(),
                op: HostOp::InspectService,
                tag: None,
            }),
        }
    }

    /// The list's row for this endpoint, by ID or client URL.
    pub(super) fn member(&self, endpoint: usize) -> Option<&Member> {
        let endpoint = &self.answers.endpoints[endpoint];
        let id = endpoint.status_ok().map(|status| status.member_id);
        self.known.iter().find(|member| {
            Some(member.id.0) == id
                || Some(member.id) == endpoint.expected
                || member
                    .client_urls
                    .iter()
                    .any(|url| url.trim_end_matches('/') == endpoint.url.trim_end_matches('/'))
        })
    }

    pub(super) fn host(&self, endpoint: usize) -> Option<&'a Host> {
        let url = &self.answers.endpoints[endpoint].url;
        self.cluster.host_of_url(url).or_else(|| {
            let member = self.member(endpoint)?;
            rows::host_of(self.cluster, member)
        })
    }

    /// Where the peer port of this endpoint's member probably is.
    fn peer_url(&self, endpoint: usize) -> Option<String> {
        let from_list = self.member(endpoint).and_then(|member| member.peer_urls.first());
        let from_inventory = self.host(endpoint).and_then(|host| host.peer_url.as_ref());
        let url = from_list.or(from_inventory).cloned().or_else(|| {
            let url = &self.answers.endpoints[endpoint].url;
            url.trim_end_matches('/')
                .strip_suffix(":2379")
                .map(|base| format!("{base}:2380"))
        })?;
        Some(url.trim_end_matches('/').to_owned())
    }

    /// Where the unit says that metrics are served, as seen from here: not on a loopback address.
    fn metrics_url(&self, endpoint: usize) -> Option<String> {
        let service = self.answers.services.get(&self.host(endpoint)?.name)?.as_ref().ok()?;
        let listed = &service.settings.get("listen-metrics-urls")?.value;
        let own = url::Url::parse(&self.answers.endpoints[endpoint].url).ok()?;
        listed
            .split(',')
            .find_map(|text| reachable(text.trim(), own.host_str()?))
    }
}

/// A listener's URL as another machine writes it, where it can.
fn reachable(listener: &str, machine: &str) -> Option<String> {
    let mut url = url::Url::parse(listener).ok()?;
    let (open, closed) = match url.host()? {
        url::Host::Ipv4(address) => (address.is_unspecified(), address.is_loopback()),
        url::Host::Ipv6(address) => (address.is_unspecified(), address.is_loopback()),
        url::Host::Domain(name) => (false, name == "localhost"),
    };
    if open {
        url.set_host(Some(machine)).ok()?;
    }
    (!closed).then(|| url.as_str().trim_end_matches('/').to_owned())
}

fn get(url: String) -> To {
    To::Http(HttpRequest {
        method: "GET".to_owned(),
        url,
        body: None,
        cluster_tls: true,
        change: false,
    })
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn a_listener_is_asked_where_another_machine_reaches_it() {
        let seen = |listener| reachable(listener, "etcd-1");
        assert_eq!(seen("http://0.0.0.0:2381").as_deref(), Some("http://etcd-1:2381"));
        assert_eq!(seen("https://[::]:2381").as_deref(), Some("https://etcd-1:2381"));
        assert_eq!(seen("http://10.0.0.1:2381/").as_deref(), Some("http://10.0.0.1:2381"));
        assert_eq!(seen("http://127.0.0.1:2381"), None);
        assert_eq!(seen("http://localhost:2381"), None);
        assert_eq!(seen("no url"), None);
    }
}
