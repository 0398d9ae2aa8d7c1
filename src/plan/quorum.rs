//! The simulation: what a step does to the model, and whether quorum is there before, during and after.

use crate::action::{Action, Site};
use crate::cluster::model::Model;
use crate::runbook::types::Allow;

/// What became of the model.
#[derive(Debug)]
pub struct Simulated {
    pub after: Model,
    /// Quorum is lost during or after, and that is allowed: what the consent is about.
    pub outage: Option<String>,
}

/// Applies a step's calls to the model.
///
/// # Errors
/// Why the step must not be planned: an effect that cannot be, or a quorum that would be lost without leave.
pub fn simulate(
    model: &Model,
    calls: &[(&dyn Action, Site<'_>)],
    at_once: Option<u32>,
    allow: &[Allow],
) -> Result<Simulated, String> {
    let mut after = model.clone();
    for (action, site) in calls {
        action.effect(site, &mut after)?;
    }
    let during = worst_moment(model, &after, calls, at_once);
    if !model.has_quorum() || (after.has_quorum() && during.has_quorum()) {
        return Ok(Simulated { after, outage: None });
    }
    let lost = if after.has_quorum() { &during } else { &after };
    let text = format!("now: {}; then: {}", model.strip(), lost.strip());
    if model.voter_count() == 1 || allow.contains(&Allow::QuorumLoss) {
        return Ok(Simulated {
            after,
            outage: Some(text),
        });
    }
    Err(format!("quorum would be lost ({text})"))
}

/// The members of all calls that run at the same time are down together.
fn worst_moment(before: &Model, after: &Model, calls: &[(&dyn Action, Site<'_>)], at_once: Option<u32>) -> Model {
    let mut moment = if after.healthy_voters() < before.healthy_voters() {
        after.clone()
    } else {
        before.clone()
    };
    let going = calls.iter().filter(|(action, _)| action.takes_member_down());
    let limit = at_once.map_or(usize::MAX, |limit| limit as usize);
    for (_, site) in going.take(limit) {
        if let Some(member) = moment.on_host_mut(site.host_name()) {
            member.up = false;
        }
    }
    moment
}
