//! From a request to a plan: build, look at what is missing, build again.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use serde_json::Value;

use crate::base::duration::Span;
use crate::call::host::HostOp;
use crate::call::{CallError, Fault, Look, Sight};
use crate::cluster::observed::Observed;
use crate::look::{self, Depth, together::together};
use crate::plan::build::{Built, Refusal, Request, build};
use crate::plan::drift;
use crate::plan::known::Known;
use crate::plan::types::{Baseline, Plan};
use crate::transport::Transport;

/// Rounds of looking that a plan may need: facts that depend on facts, and a round for each host that takes long.
const MOST_ROUNDS: usize = 200;
/// Who has not answered so long after another one did is not waited for with what does not depend on it.
const STRAGGLER: Duration = Duration::from_millis(250);

/// Bound of a look that only guesses who is down.
const GUESS: Span = Span(Duration::from_millis(300));

/// An election takes one or two election time-outs (1 s by default); after this it is no election.
const LONGEST_ELECTION: jiff::SignedDuration = jiff::SignedDuration::from_secs(6);
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// A plan, or why there is none.
pub type Prepared = Result<Box<Plan>, Vec<Refusal>>;

/// Looks until the plan stands. Everything missing is looked at at once, and who takes long is not waited for with what can be
/// looked at in the meantime.
pub async fn prepare(request: &Request<'_>, transport: &dyn Transport) -> Prepared {
    let mut known = Known::default();
    let mut gathering = Gathering::new(request, transport);
    if request.runbook.works_on_hosts() {
        let hosts = request.cluster.hosts.iter().map(|host| host.name.as_str());
        let hosts: Vec<&str> = hosts.filter(|host| !is_dead(request, host)).collect();
        transport.expect(&hosts);
        gathering.ask(named_hosts(request));
    }
    for _ in 0..MOST_ROUNDS {
        let missing = match build(request, &known) {
            Built::Plan(plan) => return Ok(plan),
            Built::Refused(refusals) => return Err(refusals),
            Built::Missing(missing) => missing,
        };
        gathering.ask(missing);
        gathering.ask_ahead(&known);
        if !gathering.answers(&mut known).await {
            break;
        }
    }
    let why = "the plan asks for more and more; a fact depends on itself".to_owned();
    Err(vec![Refusal {
        at: String::new(),
        why,
        hint: None,
        accept: None,
        usage: false,
    }])
}

fn is_dead(request: &Request<'_>, host: &str) -> bool {
    request.dead.iter().any(|dead| dead == host)
}

/// The hosts that the operator named: their units are looked at in any case, so that need not wait for the cluster's answer.
fn named_hosts(request: &Request<'_>) -> Vec<Look> {
    let words = request.parameters.values().flat_map(|value| match value {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    });
    let hosts = words
        .filter_map(Value::as_str)
        .filter(|word| request.cluster.host(word).is_some() && !is_dead(request, word));
    hosts.map(Look::service).collect()
}

/// Looks that are made together, and what they see.
type Looking<'a> = Pin<Box<dyn Future<Output = Seen> + 'a>>;

enum Seen {
    For(Vec<(Look, Sight)>),
    /// The cluster without those that have not answered at once.
    Guess(Box<Observed>),
}

/// Looks under way for one plan.
struct Gathering<'a> {
    request: &'a Request<'a>,
    transport: &'a dyn Transport,
    bound: Span,
    asked: Vec<Look>,
    /// Peer ports are being proved.
    proves: bool,
    /// A guess was begun; and what came of it.
    guesses: bool,
    guess: Option<Sight>,
    pending: FuturesUnordered<Looking<'a>>,
}

impl<'a> Gathering<'a> {
    fn new(request: &'a Request<'a>, transport: &'a dyn Transport) -> Self {
        Self {
            request,
            transport,
            bound: Span(request.cluster.call_timeout.0.max(Duration::from_secs(5))),
            asked: Vec::new(),
            proves: false,
            guesses: false,
            guess: None,
            pending: FuturesUnordered::new(),
        }
    }

    /// Begins what nobody has asked yet. Proofs of peer ports are one: both sides must meet, and a port has room for one listener.
    fn ask(&mut self, looks: Vec<Look>) {
        let (request, transport, bound) = (self.request, self.transport, self.bound);
        let new = looks.into_iter().filter(|look| !self.asked.contains(look));
        let (proofs, single): (Vec<Look>, Vec<Look>) = new.partition(is_proof);
        self.asked.extend(single.iter().cloned());
        for look in single {
            self.pending.push(Box::pin(async move {
                let sight = see(&look, request, transport, bound).await;
                Seen::For(vec![(look, sight)])
            }));
        }
        if proofs.is_empty() || self.proves {
            return;
        }
        self.proves = true;
        self.asked.extend(proofs.iter().cloned());
        self.pending.push(Box::pin(async move {
            let seen = together(&proofs, |one| see(one, request, transport, bound)).await;
            Seen::For(proofs.into_iter().zip(seen).collect())
        }));
    }

    /// Who takes long is most likely down: what the plan would ask for then is looked at in the meantime. The plan itself is made of what
    /// they answer.
    fn ask_ahead(&mut self, known: &Known) {
        let late = |look: &&Look| {
            matches!(
                look,
                Look::Host {
                    op: HostOp::InspectService,
                    ..
                }
            ) && !known.has(look)
        };
        let late: Vec<&Look> = self.asked.iter().filter(late).collect();
        if late.is_empty() {
            return;
        }
        let guess = match &self.guess {
            _ if known.has(&Look::Cluster) => None,
            Some(guess) => Some((Look::Cluster, guess.clone())),
            None => return self.begin_guess(known),
        };
        let down = late.into_iter().map(|look| {
            let error = CallError::new(Fault::Timeout, "look at the unit", "the host", "no answer yet");
            (look.clone(), Sight::Blind(error))
        });
        if let Built::Missing(missing) = build(self.request, &known.with(down.chain(guess))) {
            self.ask(missing);
        }
    }

    /// Not before the others have had their time.
    fn begin_guess(&mut self, known: &Known) {
        if !self.guesses && !known.is_empty() {
            self.guesses = true;
            let (cluster, transport) = (self.request.cluster, self.transport);
            self.pending.push(Box::pin(async move {
                Seen::Guess(Box::new(look::observe(cluster, transport, GUESS, Depth::Brief).await))
            }));
        }
    }

    /// Waits for answers: for all, but once some are in, for who takes long no longer than `STRAGGLER`. False: there is nobody to wait for.
    async fn answers(&mut self, known: &mut Known) -> bool {
        let Some(first) = self.pending.next().await else {
            return false;
        };
        self.keep(first, known);
        let mut late = self.transport.pause(STRAGGLER);
        loop {
            match select(self.pending.next(), late).await {
                Either::Left((Some(seen), pause)) => {
                    self.keep(seen, known);
                    late = pause;
                }
                Either::Left((None, _)) | Either::Right(_) => return true,
            }
        }
    }

    fn keep(&mut self, seen: Seen, known: &mut Known) {
        let seen = match seen {
            Seen::For(seen) => seen,
            Seen::Guess(observed) => {
                self.guess = Some(Sight::Cluster(observed));
                return;
            }
        };
        for (look, sight) in seen {
            self.proves &= !is_proof(&look);
            known.add(look, sight);
        }
    }
}

fn is_proof(look: &Look) -> bool {
    let Look::Host { op, .. } = look else { return false };
    matches!(op, HostOp::PeerListen { .. } | HostOp::PeerReach { .. })
}

/// Looks; at a cluster that elects a leader, again, for a while: nobody shall be sent to a recovery for an election, nor for one answer
/// that came late.
async fn see(look: &Look, request: &Request<'_>, transport: &dyn Transport, bound: Span) -> Sight {
    let until = transport.now().checked_add(LONGEST_ELECTION);
    loop {
        let sight = look::see(look, request.cluster, transport, bound).await;
        let unsettled = matches!(&sight, Sight::Cluster(observed) if elects(observed) || is_behind(observed));
        if !unsettled || until.as_ref().is_ok_and(|until| transport.now() >= *until) {
            return sight;
        }
        transport.pause(BETWEEN_LOOKS).await;
    }
}

/// Enough voters answer for a quorum, and yet there is none.
fn elects(observed: &Observed) -> bool {
    let model = observed.model();
    let answers = |id| observed.by_id(id).is_some_and(|seen| seen.raft_term.is_some());
    let answering = model.voters().filter(|voter| voter.id.is_some_and(answers)).count();
    !observed.quorum_proved && answering >= model.needed()
}

/// A read went through the quorum, and yet fewer members were heard in time than that takes.
fn is_behind(observed: &Observed) -> bool {
    observed.quorum_proved && !observed.model().has_quorum()
}

/// What differs between the plan's baseline and the world now.
pub async fn drifted(plan: &Plan, transport: &dyn Transport) -> Vec<String> {
    let mut known = Known::default();
    let hosts: Vec<String> = plan.baseline.services.keys().cloned().collect();
    let mut looks = vec![crate::call::Look::Cluster];
    looks.extend(hosts.iter().map(|host| crate::call::Look::service(host)));
    let bound = Span(plan.cluster.call_timeout.0.max(Duration::from_secs(5)));
    let seen = looks.iter().map(|one| look::see(one, &plan.cluster, transport, bound));
    let seen = futures_util::future::join_all(seen).await;
    for (look, sight) in looks.into_iter().zip(seen) {
        known.add(look, sight);
    }
    let now = match known.cluster() {
        Some(observed) => drift::baseline(observed, &known, &hosts),
        None => Baseline::default(),
    };
    drift::differences(&plan.baseline, &now)
}
