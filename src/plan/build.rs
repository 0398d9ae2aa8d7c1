//! Runbook + parameters + what was seen → plan. Pure: what it does not know it asks for.

mod calls;
mod conditions;
mod facts;
mod steps;

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;

use crate::action::{Named, Risk, Site};
use crate::base::duration::Span;
use crate::base::id::RunId;
use crate::call::{CallError, Look};
use crate::cluster::host::ClusterConfig;
use crate::cluster::model::Model;
use crate::cluster::observed::{Observed, Remembered};
use crate::runbook::types::Runbook;
use crate::snapshot::Shelf;

use super::bind::{Roots, Scope};
use super::known::Known;
use super::scope::{Around, Drawn};
use super::types::{Checked, Plan, PlannedStep, SCHEMA};
use super::{drift, parameters};
use crate::runbook::scope::plain;

/// What is to be planned.
pub struct Request<'a> {
    pub name: &'a str,
    pub runbook: &'a Runbook,
    /// Finds included runbooks.
    pub includes: &'a dyn Fn(&str) -> Result<Runbook, String>,
    pub cluster: &'a ClusterConfig,
    pub parameters: &'a BTreeMap<String, Value>,
    pub run: &'a RunId,
    /// Hosts that the operator declared dead.
    pub dead: &'a [String],
    /// What was known of the cluster before.
    pub remembered: &'a Remembered,
    /// Guards that the operator accepts beforehand.
    pub accept: &'a [String],
}

/// What came of it.
#[derive(Debug)]
pub enum Built {
    Plan(Box<Plan>),
    /// Look at these and build again.
    Missing(Vec<Look>),
    Refused(Vec<Refusal>),
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The step or `requires` it is about, empty for parameters.
    pub at: String,
    pub why: String,
    pub hint: Option<String>,
    /// What `--accept` would take.
    pub accept: Option<String>,
    /// A mistake in what was asked, not in the state of the cluster.
    pub usage: bool,
}

impl From<String> for Refusal {
    /// A mistake in what was asked.
    fn from(why: String) -> Self {
        Self::usage(why)
    }
}

impl Refusal {
    pub(super) fn usage(why: impl Into<String>) -> Self {
        Self {
            at: String::new(),
            why: why.into(),
            hint: None,
            accept: None,
            usage: true,
        }
    }

    pub(super) fn at(at: &str, why: impl Into<String>) -> Self {
        Self {
            at: at.to_owned(),
            why: why.into(),
            hint: None,
            accept: None,
            usage: false,
        }
    }
}

/// Builds the plan, or says what is missing or why not.
pub fn build(request: &Request<'_>, known: &Known) -> Built {
    let (Some(observed), Some(library)) = (known.cluster(), known.library()) else {
        return Built::Missing(known.take_missing());
    };
    let mut builder = Builder::new(request, known, observed);
    match library {
        Ok(shelf) => builder.library = shelf,
        Err(error) => builder.no_library = Some(error),
    }
    builder.whole();
    builder.look_at_hosts();
    let missing = known.take_missing();
    if !missing.is_empty() {
        return Built::Missing(missing);
    }
    if !builder.refusals.is_empty() {
        return Built::Refused(builder.refusals);
    }
    Built::Plan(Box::new(builder.finish()))
}

struct Builder<'a> {
    request: &'a Request<'a>,
    known: &'a Known,
    observed: &'a Observed,
    library: &'a Shelf,
    /// Why it cannot be read.
    no_library: Option<&'a CallError>,
    model: Model,
    drawn: Option<Rc<Drawn<'a>>>,
    title: String,
    parameters: BTreeMap<String, Value>,
    requires: Vec<Checked>,
    steps: Vec<PlannedStep>,
    notes: Vec<String>,
    accepted: Vec<String>,
    refusals: Vec<Refusal>,
    /// A step was refused for what it does: the model is not that of any real cluster any more.
    impossible: bool,
    /// The member that leadership was last moved away from.
    moved_from: Option<String>,
    /// Runbooks being included, outermost first.
    including: Vec<String>,
    /// What gives back what the holds around this step have taken, and where.
    held: Vec<(Option<String>, Named)>,
    /// What the innermost step around says of a failure.
    stuck: Option<String>,
}

impl<'a> Builder<'a> {
    fn new(request: &'a Request<'a>, known: &'a Known, observed: &'a Observed) -> Self {
        Self {
            request,
            known,
            observed,
            library: &NO_LIBRARY,
            no_library: None,
            model: observed.model(),
            drawn: None,
            title: String::new(),
            parameters: BTreeMap::new(),
            requires: Vec::new(),
            steps: Vec::new(),
            notes: Vec::new(),
            accepted: Vec::new(),
            refusals: Vec::new(),
            impossible: false,
            moved_from: None,
            including: vec![request.name.to_owned()],
            held: Vec::new(),
            stuck: None,
        }
    }

    fn whole(&mut self) {
        let request = self.request;
        let Some(mut scope) = self.enter(request.runbook, request.parameters) else {
            return;
        };
        self.parameters = request
            .runbook
            .parameters
            .keys()
            .filter_map(|name| Some((name.clone(), plain(scope.roots.get(name)?.value().clone()))))
            .collect();
        match scope.text(&request.runbook.title) {
            Ok(title) => self.title = title,
            Err(why) => self.refusals.push(Refusal::at("title", why)),
        }
        self.requires("", &request.runbook.requires, &scope);
        self.walk(&request.runbook.steps, "", &[], &mut scope);
    }

    /// Parameters and facts of a runbook: the scope in which its steps stand.
    fn enter(&mut self, runbook: &Runbook, given: &BTreeMap<String, Value>) -> Option<Scope<'a>> {
        let drawn = self.drawn();
        let mut roots = Roots::new();
        match parameters::bind(&runbook.parameters, given, &drawn) {
            Ok(bound) => {
                for (name, value) in bound {
                    let kind = runbook.parameters[&name].kind;
                    roots.insert(name, drawn.ground().parameter(kind, &value).into());
                }
            }
            Err(problems) => {
                self.refusals.extend(problems);
                return None;
            }
        }
        let mut scope = Scope::new(drawn, roots, &runbook.names);
        let facts = self.facts(&runbook.facts, &scope)?;
        scope.roots.insert("facts".to_owned(), Value::Object(facts).into());
        Some(scope)
    }

    /// `cluster`, `inventory` and the rest, as the model has them at this place in the plan.
    fn drawn(&mut self) -> Rc<Drawn<'a>> {
        if let Some(drawn) = self.drawn.as_ref().filter(|drawn| *drawn.model() == self.model) {
            return Rc::clone(drawn);
        }
        let around = Around {
            config: self.request.cluster,
            observed: self.observed,
            library: self.library,
            no_library: self.no_library,
            run: self.request.run,
            dead: self.request.dead,
            remembered: self.request.remembered,
        };
        let drawn = Rc::new(Drawn::new(around, self.model.clone()));
        self.drawn = Some(Rc::clone(&drawn));
        drawn
    }

    fn site<'s>(&'s self, host: Option<&str>, step: &'s str) -> Site<'s> {
        Site {
            cluster: self.request.cluster,
            host: host.and_then(|name| self.request.cluster.host(name)),
            run: self.request.run,
            step,
            dead: self.request.dead,
            timeout: CALL_BOUND,
            attempts: 0,
            last_attempt: 0,
        }
    }

    /// The hosts that something is done on, in name order.
    fn hosts(&self) -> Vec<String> {
        let calls = self.steps.iter().flat_map(|step| &step.calls);
        let mut hosts: Vec<String> = calls.filter_map(|call| call.host.clone()).collect();
        hosts.sort();
        hosts.dedup();
        hosts
    }

    /// Whatever is changed on a host, its unit is looked at first: it must be the same when the run begins, and what the host will do by
    /// itself is told (safety 28).
    fn look_at_hosts(&self) {
        if self.steps.iter().any(|step| step.risk > Risk::Look) {
            for host in self.hosts() {
                let _noted = self.known.service(&host);
            }
        }
    }

    /// What hosts will take back by themselves.
    fn leases(&self) -> Vec<String> {
        let mut told = Vec::new();
        for host in &self.request.cluster.hosts {
            let Some(Ok(service)) = self.known.service(&host.name) else {
                continue;
            };
            told.extend(service.leases.iter().map(|(name, ends)| {
                format!(
                    "{} takes {name} back by itself at {ends}, or as soon after that as nobody works on it",
                    host.name
                )
            }));
        }
        told
    }

    fn finish(mut self) -> Plan {
        let hosts = self.hosts();
        let leases = self.leases();
        self.notes.extend(leases);
        Plan {
            schema: SCHEMA.to_owned(),
            made_by: env!("CARGO_PKG_VERSION").to_owned(),
            run: self.request.run.clone(),
            runbook: self.request.name.to_owned(),
            title: self.title,
            parameters: self.parameters,
            cluster: self.request.cluster.clone(),
            baseline: drift::baseline(self.observed, self.known, &hosts),
            requires: self.requires,
            steps: self.steps,
            accepted: self.accepted,
            dead: self.request.dead.to_vec(),
            notes: self.notes,
        }
    }
}

/// Bound of one call when the step gives none.
pub const CALL_BOUND: Span = Span(std::time::Duration::from_secs(30));

static NO_LIBRARY: Shelf = Shelf {
    backups: Vec::new(),
    broken: Vec::new(),
};
