//! From a request to a plan: build, look at what is missing, build again.

use std::time::Duration;

use crate::base::duration::Span;
use crate::look;
use crate::plan::build::{Built, Refusal, Request, build};
use crate::plan::drift;
use crate::plan::known::Known;
use crate::plan::types::{Baseline, Plan};
use crate::transport::Transport;

/// Rounds of looking that a plan may need: facts that depend on facts.
const MOST_ROUNDS: usize = 12;

/// A plan, or why there is none.
pub type Prepared = Result<Box<Plan>, Vec<Refusal>>;

/// Looks until the plan stands. Everything missing is looked at at once.
pub async fn prepare(request: &Request<'_>, transport: &dyn Transport) -> Prepared {
    let mut known = Known::default();
    for _ in 0..MOST_ROUNDS {
        let missing = match build(request, &known) {
            Built::Plan(plan) => return Ok(plan),
            Built::Refused(refusals) => return Err(refusals),
            Built::Missing(missing) => missing,
        };
        let bound = Span(request.cluster.call_timeout.0.max(Duration::from_secs(5)));
        let looks = missing
            .iter()
            .map(|one| look::see(one, request.cluster, transport, bound));
        let seen = futures_util::future::join_all(looks).await;
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
