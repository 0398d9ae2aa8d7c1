//! Consent: a value that only answered questions, or `--yes`, can make; bound to one plan's hash.

use std::future::Future;
use std::pin::Pin;

use crate::action::Risk;
use crate::action::talk::Confirm;
use crate::plan::types::{Plan, PlannedCall};

use super::state::State;

/// Proof that the operator agreed to this plan. Cannot be made elsewhere, and while it is there the plan cannot change.
#[derive(Clone, Debug)]
pub struct Consent<'p> {
    plan: &'p Plan,
    hash: String,
    how: String,
}

impl<'p> Consent<'p> {
    pub fn plan(&self) -> &'p Plan {
        self.plan
    }

    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// `asked`, `--yes`, or that there was nothing to ask.
    pub fn how(&self) -> &str {
        &self.how
    }
}

/// One question before the first change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Names the hosts; never cut.
    pub text: String,
    /// What will be lost, one line each.
    pub detail: Vec<String>,
    pub kind: QuestionKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuestionKind {
    YesNo,
    /// This must be typed.
    Typed(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    /// Ten minutes passed.
    Unanswered,
    /// Nobody can be asked.
    NoTerminal,
}

/// Puts questions to the operator.
pub trait Ask: Sync {
    fn ask<'a>(&'a self, question: &'a Question) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;
}

/// Why there is no consent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoConsent {
    #[error("declined at: {0}")]
    Declined(String),
    #[error("no answer within ten minutes to: {0}")]
    Unanswered(String),
    #[error("this needs consent, and there is no terminal to ask at")]
    NoTerminal,
}

/// All questions for what remains of a plan, in order: the plan, each destroy step, and the cluster's name where quorum or data is at stake.
pub fn questions(plan: &Plan, state: &State) -> Vec<Question> {
    let open: Vec<_> = plan.steps.iter().filter(|step| !state.is_done(&step.path)).collect();
    if open.iter().all(|step| step.risk == Risk::Look) {
        return Vec::new();
    }
    let yes_no = |text: String, detail| Question {
        text,
        detail,
        kind: QuestionKind::YesNo,
    };
    let mut found = vec![yes_no(
        format!("Carry out this plan on cluster {}?", plan.cluster.name),
        Vec::new(),
    )];
    for step in &open {
        found.extend(step.calls.iter().filter_map(confirm));
        if step.risk == Risk::Destroy {
            let hosts: Vec<&str> = step.calls.iter().filter_map(|call| call.host.as_deref()).collect();
            let place = if hosts.is_empty() {
                String::new()
            } else {
                format!(" on {}", hosts.join(", "))
            };
            let what = step
                .calls
                .first()
                .map_or(step.path.as_str(), |call| call.describe.as_str());
            let detail = step.calls.iter().filter_map(|call| call.loses.clone()).collect();
            found.push(yes_no(format!("{what}{place}?"), detail));
        }
    }
    found.extend(typed(plan, &open));
    found
}

/// What a `confirm` asks.
fn confirm(call: &PlannedCall) -> Option<Question> {
    if call.action.name != "confirm" {
        return None;
    }
    let confirm: Confirm = serde_json::from_value(call.action.with.clone()).ok()?;
    Some(Question {
        text: confirm.question,
        detail: Vec::new(),
        kind: confirm.typed.map_or(QuestionKind::YesNo, QuestionKind::Typed),
    })
}

/// The typed question, with everything that it is about. In a one-member cluster each restart is an outage: asked once, not typed.
fn typed(plan: &Plan, open: &[&crate::plan::types::PlannedStep]) -> Option<Question> {
    let single = plan.baseline.model.voter_count() == 1;
    let mut detail: Vec<String> = open
        .iter()
        .filter_map(|step| Some(format!("{}: {}", step.path, step.outage.as_ref()?)))
        .collect();
    let outage = !detail.is_empty();
    detail.extend(even_end(plan).or_else(|| bare_end(plan)));
    detail.extend(plan.requires.iter().filter(|check| check.accepted).map(|check| {
        format!(
            "accepted although it does not hold: {}; found: {}",
            check.text, check.saw
        )
    }));
    detail.extend(
        plan.dead
            .iter()
            .map(|host| format!("{host} is taken for dead on your word")),
    );
    if detail.is_empty() {
        return None;
    }
    let name = &plan.cluster.name;
    if single && outage && detail.len() == open.iter().filter(|step| step.outage.is_some()).count() {
        let text = format!("{name} has a single voter and does not serve meanwhile. Go on?");
        return Some(Question {
            text,
            detail,
            kind: QuestionKind::YesNo,
        });
    }
    let text = format!("Quorum or data of {name} is at stake. Type the cluster's name to agree");
    Some(Question {
        text,
        detail,
        kind: QuestionKind::Typed(name.clone()),
    })
}

/// An even number of voters at the end, where it was odd or another one before (safety 11).
fn even_end(plan: &Plan) -> Option<String> {
    let end = plan.steps.iter().rev().find_map(|step| step.model_after.as_ref())?;
    let voters = end.voter_count();
    let changed = voters != plan.baseline.model.voter_count();
    (changed && voters.is_multiple_of(2)).then(|| {
        format!(
            "it ends with {voters} voters, which tolerate no more failures than {} would ({})",
            voters.saturating_sub(1),
            end.strip()
        )
    })
}

/// Several voters at the end of which none may fail, where that was not so before: it stays so when the change is over (safety 11).
fn bare_end(plan: &Plan) -> Option<String> {
    let end = plan.steps.iter().rev().find_map(|step| step.model_after.as_ref())?;
    let begin = &plan.baseline.model;
    let bare = end.voter_count() > 1 && end.tolerates() == Some(0);
    let ours = end.voter_count() != begin.voter_count() || begin.tolerates().is_some_and(|count| count > 0);
    (bare && ours).then(|| format!("it ends where no voter may fail ({})", end.strip()))
}

/// Asks everything, or takes `--yes` for it.
///
/// # Errors
/// The question that was not agreed to.
pub async fn obtain<'p>(plan: &'p Plan, state: &State, ask: &dyn Ask, yes: bool) -> Result<Consent<'p>, NoConsent> {
    let questions = questions(plan, state);
    let how = match (questions.is_empty(), yes) {
        (true, _) => "nothing is changed",
        (false, true) => "--yes",
        (false, false) => "asked",
    };
    if !yes {
        for question in questions {
            match ask.ask(&question).await {
                Answer::Yes => {}
                Answer::No => return Err(NoConsent::Declined(question.text)),
                Answer::Unanswered => return Err(NoConsent::Unanswered(question.text)),
                Answer::NoTerminal => return Err(NoConsent::NoTerminal),
            }
        }
    }
    Ok(Consent {
        plan,
        hash: plan.hash(),
        how: how.to_owned(),
    })
}
