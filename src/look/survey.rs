//! The questions of one look: all at once, more as answers come in, none beyond the bound.

mod destination;
mod enough;
mod follow;

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
use crate::base::duration::{Span, in_seconds};
use crate::call::{Call, CallError, EtcdAnswer, Fault, HostAnswer, Reply, To, Unwatched};
use crate::cluster::host::ClusterConfig;
use crate::cluster::member::Member;
use crate::transport::{SUSPICIOUS, Transport};

/// How long a brief look waits at least for those that say nothing while the others have answered and quorum is proved.
const ENOUGH: Duration = Duration::from_secs(1);
/// The same for those that were suspected of silence before this look began.
const ENOUGH_AGAIN: Duration = Duration::from_millis(20);
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
    /// When everyone was asked last: at the start, or once more.
    asked: Timestamp,
    bound: Duration,
    depth: Depth,
    answers: Answers,
    /// Member rows of all lists that came in, for URLs.
    known: Vec<Member>,
    outstanding: BTreeSet<(usize, Question)>,
    asked_twice: BTreeSet<(usize, Question)>,
    services_asked: BTreeSet<String>,
    /// Nobody has been asked about keys of the old API, or who was has not said.
    old_keys_unheard: bool,
    /// Sick endpoints of which nobody has said that a member runs there; explained only where something is wrong.
    strays: Vec<usize>,
    pending: Pending<'a>,
    /// The longest time that an answer took.
    slowest: Duration,
}

impl<'a> Survey<'a> {
    pub fn new(cluster: &'a ClusterConfig, transport: &'a dyn Transport, bound: Span, depth: Depth) -> Self {
        let started = transport.now();
        Self {
            cluster,
            transport,
            started,
            asked: started,
            bound: bound.0,
            depth,
            answers: Answers::default(),
            known: Vec::new(),
            outstanding: BTreeSet::new(),
            asked_twice: BTreeSet::new(),
            services_asked: BTreeSet::new(),
            old_keys_unheard: true,
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
        if self.depth == Depth::Thorough && !self.answers.endpoints.is_empty() {
            self.ask_old_keys(0);
        }
        while let Some(finding) = self.next().await {
            self.outstanding.remove(&(finding.endpoint, finding.question));
            if finding.reply.is_ok() {
                let took = Duration::from_secs_f64(finding.took_ms.max(0.0) / 1000.0);
                self.slowest = self.slowest.max(took);
            }
            self.take(finding);
            if self.settled() && !self.explain_strays() && !self.ask_again_where_nobody_spoke() {
                break;
            }
        }
    }

    /// The next answer; `None` also when a brief look has waited long enough for those that say nothing at all.
    async fn next(&mut self) -> Option<Finding> {
        if self.depth == Depth::Thorough || !self.only_the_silent_remain() {
            return self.pending.next().await;
        }
        let elapsed = self.transport.now().duration_since(self.asked).unsigned_abs();
        let silent_for =
            |(endpoint, _): &(usize, Question)| self.transport.silent_for(&self.answers.endpoints[*endpoint].url);
        let shortest = self.outstanding.iter().map(silent_for).min().unwrap_or_default();
        let again = shortest >= SUSPICIOUS + elapsed;
        let enough = if again { ENOUGH_AGAIN } else { ENOUGH }.max(self.slowest * SLOWER);
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
                let text = format!(
                    "no answer within {}, while others answered",
                    in_seconds(shortest.max(enough))
                );
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
            _ => {
                place.old_keys = Some(answer);
                self.after_old_keys(endpoint);
            }
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
