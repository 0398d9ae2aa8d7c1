//! From a request to a plan: build, look at what is missing, build again.

use std::time::Duration;

use crate::base::duration::Span;
use crate::call::{Look, Sight};
use crate::cluster::observed::Observed;
use crate::look::{self, together::together};
use crate::plan::build::{Built, Refusal, Request, build};
use crate::plan::drift;
use crate::plan::known::Known;
use crate::plan::types::{Baseline, Plan};
use crate::transport::Transport;

/// Rounds of looking that a plan may need: facts that depend on facts.
const MOST_ROUNDS: usize = 12;

/// An election takes one or two election time-outs (1 s by default); after this it is no election.
const LONGEST_ELECTION: jiff::SignedDuration = jiff::SignedDuration::from_secs(6);
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// A plan, or why there is none.
pub type Prepared = Result<Box<Plan>, Vec<Refusal>>;

/// Looks until the plan stands. Everything missing is looked at at once.
pub async fn prepare(request: &Request<'_>, transport: &dyn Transport) -> Prepared {
    let mut known = Known::default();
    if request.runbook.works_on_hosts() {
        let hosts = request.cluster.hosts.iter().map(|host| host.name.as_str());
        let hosts: Vec<&str> = hosts
            .filter(|host| !request.dead.iter().any(|dead| dead == host))
            .collect();
        transport.expect(&hosts);
    }
    for _ in 0..MOST_ROUNDS {
        let missing = match build(request, &known) {
            Built::Plan(plan) => return Ok(plan),
            Built::Refused(refusals) => return Err(refusals),
            Built::Missing(missing) => missing,
        };
        let bound = Span(request.cluster.call_timeout.0.max(Duration::from_secs(5)));
        let seen = together(&missing, |one| see(one, request, transport, bound)).await;
        for (look, sight) in missing.into_iter().zip(seen) {
            known.add(look, sight);
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
