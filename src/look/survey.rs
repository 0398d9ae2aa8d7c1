//! The questions of one look: all at once, more as answers come in, none beyond the bound.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::Either;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;

use super::answers::{Answers, EndpointAnswers, Question};
use super::{Depth, FIRST_PATIENCE};
use crate::base::duration::Span;
use crate::call::{Call, CallError, EtcdAnswer, EtcdOp, Fault, HostAnswer, HostOp, HttpRequest, Reply, To, Unwatched};
use crate::cluster::host::{ClusterConfig, Host};
use crate::cluster::member::Member;
use crate::cluster::version::Version;
use crate::transport::Transport;

/// Sizes above this make the quota interesting where the version does not tell it (80 % of etcd's default of 2 GiB).
const QUOTA_INTERESTS_ABOVE: u64 = (2 << 30) / 10 * 8;

/// How long a brief look waits at least for those that say nothing while the others have answered and quorum is proved.
const ENOUGH: Duration = Duration::from_secs(1);
/// Somebody who takes so many times longer than the slowest that answered counts as silent in a brief look.
const SLOWER: u32 = 8;

struct Finding {
    endpoint: usize,
    question: Question,
    took_ms: f64,
    reply: Result<Reply, CallError>,
}

type Pending<'a> = FuturesUnordered<Pin<Box<dyn Future<Output = Finding> + Send + 'a>>>;

/// One look in progress.
pub struct Survey<'a> {
    cluster: &'a ClusterConfig,
    transport: &'a dyn Transport,
    started: Timestamp,
    bound: Duration,
    depth: Depth,
    answers: Answers,
    /// Member rows of all lists that came in, for URLs.
    known: Vec<Member>,
    outstanding: BTreeSet<(usize, Question)>,
    asked_twice: BTreeSet<(usize, Question)>,
    services_asked: BTreeSet<String>,
    old_keys_asked: bool,
    /// Sick endpoints of which nobody has said that a member runs there; explained only where something is wrong.
    strays: Vec<usize>,
    pending: Pending<'a>,
    /// The longest time that an answer took.
    slowest: Duration,
}

impl<'a> Survey<'a> {
    pub fn new(cluster: &'a ClusterConfig, transport: &'a dyn Transport, bound: Span, depth: Depth) -> Self {
        Self {
            cluster,
            transport,
            started: transport.now(),
            bound: bound.0,
            depth,
            answers: Answers::default(),
            known: Vec::new(),
            outstanding: BTreeSet::new(),
            asked_twice: BTreeSet::new(),
            services_asked: BTreeSet::new(),
            old_keys_asked: false,
            strays: Vec::new(),
            pending: FuturesUnordered::new(),
            slowest: Duration::ZERO,
        }
    }

    pub fn into_answers(self) -> Answers {
        self.answers
    }

    /// Asks until everything has answered or the bound is reached.
    pub async fn run(&mut self) {
        for url in &self.cluster.endpoints {
            self.add_endpoint(EndpointAnswers::new(url, true, None));
        }
        for host in &self.cluster.hosts {
            if let Some(url) = &host.client_url {
                self.add_endpoint(EndpointAnswers::new(url, false, None));
            }
        }
        while let Some(finding) = self.next().await {
            self.outstanding.remove(&(finding.endpoint, finding.question));
            self.slowest = self
                .slowest
                .max(Duration::from_secs_f64(finding.took_ms.max(0.0) / 1000.0));
            self.take(finding);
            if self.settled() && !self.explain_strays() {
                break;
            }
        }
    }

    /// The next answer; `None` also when a brief look has waited long enough for those that say nothing at all.
    async fn next(&mut self) -> Option<Finding> {
        if self.depth == Depth::Thorough || !self.only_the_silent_remain() {
            return self.pending.next().await;
        }
        let enough = ENOUGH.max(self.slowest * SLOWER);
        let elapsed = self.transport.now().duration_since(self.started).unsigned_abs();
        let left = enough.saturating_sub(elapsed);
        if !left.is_zero() {
            let pause = self.transport.pause(left);
            match futures_util::future::select(self.pending.next(), pause).await {
                Either::Left((finding, _)) => return finding,
                Either::Right(_) => {}
            }
        }
        for (endpoint, question) in std::mem::take(&mut self.outstanding) {
            let place = &mut self.answers.endpoints[endpoint];
            if question == Question::Status && place.status.is_none() {
                let text = format!("no answer within {}, while others answered", Span(enough));
                place.status = Some(Err(CallError::new(
                    Fault::Timeout,
                    "ask for the status",
                    &place.url,
                    text,
                )));
            }
        }
        None
    }

    /// Quorum is proved, and nobody who has said anything owes more.
    fn only_the_silent_remain(&self) -> bool {
        let said_something =
            |place: &EndpointAnswers| place.status.is_some() || place.members.is_some() || place.read.is_some();
        self.quorum_proved()
            && self
                .outstanding
                .iter()
                .all(|(endpoint, _)| !said_something(&self.answers.endpoints[*endpoint]))
    }

    fn remaining(&self) -> Duration {
        let elapsed = self.transport.now().duration_since(self.started).unsigned_abs();
        self.bound.saturating_sub(elapsed)
    }

    fn patience(&self) -> Duration {
        FIRST_PATIENCE.min(self.bound * 2 / 5)
    }

    fn add_endpoint(&mut self, endpoint: EndpointAnswers) {
        let same = |known: &EndpointAnswers| known.url.trim_end_matches('/') == endpoint.url.trim_end_matches('/');
        if let Some(known) = self.answers.endpoints.iter_mut().find(|known| same(known)) {
            known.expected = known.expected.or(endpoint.expected);
            return;
        }
        self.answers.endpoints.push(endpoint);
        let index = self.answers.endpoints.len() - 1;
        for question in [Question::Status, Question::Members, Question::Read] {
            self.ask(index, question, self.patience());
        }
    }

    fn ask(&mut self, endpoint: usize, question: Question, patience: Duration) {
        let Some(to) = self.destination(endpoint, question) else {
            return;
        };
        self.push(endpoint, question, to, patience);
    }

    fn push(&mut self, endpoint: usize, question: Question, to: To, patience: Duration) {
        let timeout = patience.min(self.remaining());
        if timeout.is_zero() || !self.outstanding.insert((endpoint, question)) {
            return;
        }
        let transport = self.transport;
        self.pending.push(Box::pin(async move {
            let call = Call {
                to,
                timeout: Span(timeout),
            };
            let before = transport.now();
            let reply = transport.perform(&call, &Unwatched).await;
            let took_ms = transport.now().duration_since(before).as_secs_f64() * 1000.0;
            Finding {
                endpoint,
                question,
                took_ms,
                reply,
            }
        }));
    }

    fn destination(&self, endpoint: usize, question: Question) -> Option<To> {
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
    fn member(&self, endpoint: usize) -> Option<&Member> {
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

    fn host(&self, endpoint: usize) -> Option<&'a Host> {
        let url = &self.answers.endpoints[endpoint].url;
        self.cluster.host_of_url(url).or_else(|| {
            let member = self.member(endpoint)?;
            super::rows::host_of(self.cluster, member)
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

    fn take(&mut self, finding: Finding) {
        let Finding {
            endpoint,
            question,
            took_ms,
            reply,
        } = finding;
        let place = &mut self.answers.endpoints[endpoint];
        match question {
            Question::Status => {
                let status = reply.and_then(|reply| match reply {
                    Reply::Etcd(EtcdAnswer::Status(status)) => Ok((status, took_ms)),
                    other => Err(odd(&place.url, &other)),
                });
                place.status = Some(status);
                self.after_status(endpoint);
            }
            Question::Members => {
                let members = reply.and_then(|reply| match reply {
                    Reply::Etcd(EtcdAnswer::Members { cluster_id, members }) => Ok((cluster_id, members)),
                    other => Err(odd(&place.url, &other)),
                });
                place.members = Some(members);
                self.after_members(endpoint);
            }
            Question::Read => {
                let read = reply.and_then(|reply| match reply {
                    Reply::Etcd(answer @ (EtcdAnswer::Read { .. } | EtcdAnswer::ReadDenied { .. })) => Ok(answer),
                    other => Err(odd(&place.url, &other)),
                });
                place.read = Some(read);
                self.after_read(endpoint);
            }
            Question::Service => self.take_service(endpoint, reply),
            _ => self.take_http(endpoint, question, reply),
        }
    }

    fn take_http(&mut self, endpoint: usize, question: Question, reply: Result<Reply, CallError>) {
        let place = &mut self.answers.endpoints[endpoint];
        let answer = reply.and_then(|reply| match reply {
            Reply::Http(answer) => Ok(answer),
            other => Err(odd(&place.url, &other)),
        });
        match question {
            Question::Version => place.version = Some(answer),
            Question::Ready => place.ready = Some(answer),
            Question::PeerVersion => place.peer_version = Some(answer),
            Question::Metrics => place.metrics = Some(answer),
            Question::PeerMembers => {
                let members = answer.as_ref().ok().and_then(super::rows::peer_members);
                place.peer_members = Some(answer);
                self.learn(members.unwrap_or_default());
            }
            _ => place.old_keys = Some(answer),
        }
    }

    fn take_service(&mut self, endpoint: usize, reply: Result<Reply, CallError>) {
        let Some(host) = self.host(endpoint).map(|host| host.name.clone()) else {
            return;
        };
        let seen = reply.and_then(|reply| match reply {
            Reply::Host(HostAnswer::Service(seen)) => Ok(*seen),
            other => Err(odd(&host, &other)),
        });
        self.answers.services.insert(host, seen);
        let silent = self.answers.endpoints[endpoint]
            .status_error()
            .is_some_and(|error| matches!(error.fault, Fault::Silent | Fault::Timeout));
        if silent {
            self.ask(endpoint, Question::Metrics, self.patience());
        }
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

    fn after_status(&mut self, endpoint: usize) {
        if self.depth == Depth::Brief {
            return;
        }
        let place = &self.answers.endpoints[endpoint];
        let Some(error) = place.status_error() else {
            self.after_good_status(endpoint);
            return;
        };
        match error.fault {
            Fault::Silent | Fault::Timeout => {
                if self.asked_twice.insert((endpoint, Question::Status)) {
                    self.ask(endpoint, Question::Status, self.bound);
                }
                self.ask(endpoint, Question::PeerVersion, self.bound);
                self.ask(endpoint, Question::PeerMembers, self.bound);
            }
            Fault::Auth => {
                self.ask(endpoint, Question::Version, self.bound);
                self.ask(endpoint, Question::Ready, self.bound);
                self.ask(endpoint, Question::PeerMembers, self.bound);
                return;
            }
            _ => {}
        }
        self.ask_service(endpoint);
    }

    fn after_good_status(&mut self, endpoint: usize) {
        let Some(status) = self.answers.endpoints[endpoint].status_ok() else {
            return;
        };
        let has_old_api = status.version.is_some_and(|version| version < Version::new(3, 6, 0));
        let sick = status.leader.is_none() || status.errors.as_ref().is_some_and(|errors| !errors.is_empty());
        let quota_interests = status.db_quota.is_none() && status.db_size > QUOTA_INTERESTS_ABOVE;
        if has_old_api && !self.old_keys_asked {
            self.old_keys_asked = true;
            self.ask(endpoint, Question::OldKeys, self.patience());
        }
        if sick || quota_interests {
            self.ask_service(endpoint);
        }
    }

    /// Asks the hosts of strays, unless all members are well: a spare host, say. Whether there is more to wait for.
    fn explain_strays(&mut self) -> bool {
        let strays = std::mem::take(&mut self.strays);
        let well = |member: &Member| {
            let mut answers = self.answers.endpoints.iter().filter_map(EndpointAnswers::status_ok);
            answers.any(|status| status.member_id == member.id.0)
        };
        if self.quorum_proved() && self.known.iter().all(well) {
            return false;
        }
        for endpoint in strays {
            self.ask_service_now(endpoint);
        }
        !self.outstanding.is_empty() && !self.settled()
    }

    /// Once per host: what its unit says about itself.
    fn ask_service(&mut self, endpoint: usize) {
        let place = &self.answers.endpoints[endpoint];
        if !place.configured && place.expected.is_none() {
            self.strays.push(endpoint);
        } else {
            self.ask_service_now(endpoint);
        }
    }

    fn ask_service_now(&mut self, endpoint: usize) {
        let Some(host) = self.host(endpoint) else { return };
        if self.services_asked.insert(host.name.clone()) {
            self.ask(endpoint, Question::Service, self.bound);
        }
    }

    fn after_members(&mut self, endpoint: usize) {
        if let Some(Ok((_, members))) = &self.answers.endpoints[endpoint].members {
            self.learn(members.clone());
        }
    }

    /// Asks members that nobody has been asked about yet.
    fn learn(&mut self, members: Vec<Member>) {
        for member in members {
            if self.known.contains(&member) {
                continue;
            }
            let host = super::rows::host_of(self.cluster, &member).and_then(|host| host.client_url.as_deref());
            for url in member.client_urls.iter().map(String::as_str).chain(host) {
                self.add_endpoint(EndpointAnswers::new(url, false, Some(member.id)));
            }
            self.known.push(member);
        }
    }

    /// A read that failed while somebody knows a leader: asked again to the end, and the leader is looked up afresh.
    fn after_read(&mut self, endpoint: usize) {
        let place = &self.answers.endpoints[endpoint];
        let fault = place
            .read
            .as_ref()
            .and_then(|read| read.as_ref().err())
            .map(|error| error.fault);
        if self.depth == Depth::Thorough && fault == Some(Fault::Auth) && !self.quorum_proved() {
            self.ask(endpoint, Question::Ready, self.bound);
            return;
        }
        let silent = matches!(fault, Some(Fault::Silent | Fault::Timeout));
        let knows_leader = place.status_ok().is_some_and(|status| status.leader.is_some());
        if self.depth == Depth::Brief || !silent || !knows_leader || self.quorum_proved() {
            return;
        }
        if self.asked_twice.insert((endpoint, Question::Read)) {
            self.ask(endpoint, Question::Read, self.bound);
            self.ask(endpoint, Question::Status, self.patience());
        }
    }

    fn quorum_proved(&self) -> bool {
        self.answers.endpoints.iter().any(EndpointAnswers::proves_quorum)
    }

    fn settled(&self) -> bool {
        let proved = self.quorum_proved();
        self.outstanding
            .iter()
            .all(|(endpoint, question)| self.needless(*endpoint, *question, proved))
    }

    /// What nobody needs to wait for any more.
    fn needless(&self, endpoint: usize, question: Question, proved: bool) -> bool {
        let place = &self.answers.endpoints[endpoint];
        let answered_elsewhere = !place.configured
            && place.expected.is_some_and(|id| {
                self.answers
                    .endpoints
                    .iter()
                    .any(|other| other.status_ok().is_some_and(|status| status.member_id == id.0))
            });
        // A host of the inventory that runs no member (yet): nobody waits for it.
        let stranger = self.depth == Depth::Brief && proved && self.member(endpoint).is_none();
        let spare = (!place.configured && place.expected.is_none() || stranger) && !self.known.is_empty();
        match question {
            Question::Status | Question::Members | Question::Read if spare => true,
            Question::Read => {
                let enough = proved && self.depth == Depth::Brief;
                enough && !matches!(place.status_error(), Some(error) if error.fault == Fault::Auth)
                    || place.status_error().is_some_and(|error| error.fault != Fault::Auth)
            }
            Question::Status => answered_elsewhere || super::rows::is_mute(place),
            Question::Members => {
                answered_elsewhere
                    || place.status.is_some()
                        && self
                            .answers
                            .endpoints
                            .iter()
                            .any(|other| matches!(other.members, Some(Ok(_))))
            }
            _ => false,
        }
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

fn odd(place: &str, reply: &Reply) -> CallError {
    let kind = match reply {
        Reply::Host(_) => "a host's answer",
        Reply::Etcd(_) => "another answer of etcd",
        Reply::Http(_) => "an HTTP answer",
        Reply::Library(_) => "an answer of the library",
        Reply::Ran(_) => "a command's end",
    };
    CallError::new(Fault::Garbage, "look", place, format!("{kind} to this question"))
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
