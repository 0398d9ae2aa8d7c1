//! One planned step: its calls, its risk, its place in the model.

use serde_json::{Value, json};

use crate::action::{Action, Named, Risk, registry};
use crate::call::Fault;
use crate::plan::bind::Scope;
use crate::plan::quorum;
use crate::plan::types::{Checked, PlannedCall, PlannedStep};
use crate::runbook::types::{Allow, Keyed, Step};

use super::steps::runs_on_hosts;
use super::{Builder, Refusal};

impl Builder<'_> {
    pub(super) fn action(
        &mut self,
        keyed: &Keyed,
        step: &Step,
        path: &str,
        hosts: &[String],
        scope: &Scope,
    ) -> Result<(), String> {
        if !runs_on_hosts(keyed) {
            let here = match hosts {
                [only] => self.on_host(scope, only),
                _ => scope.clone(),
            };
            let named = self.named(
                keyed,
                &here,
                hosts.first().filter(|_| hosts.len() == 1).map(String::as_str),
            )?;
            return self.planned(step, path, vec![(None, named)], &here);
        }
        if hosts.is_empty() {
            return Err("this action needs `hosts:`".to_owned());
        }
        let mut calls = Vec::new();
        for host in hosts {
            let here = self.on_host(scope, host);
            calls.push((Some(host.clone()), self.named(keyed, &here, Some(host))?));
        }
        self.planned(step, path, calls, scope)
    }

    /// One planned step: its calls, its risk, its place in the model.
    pub(super) fn planned(
        &mut self,
        step: &Step,
        path: &str,
        calls: Vec<(Option<String>, Named)>,
        scope: &Scope,
    ) -> Result<(), String> {
        let mut planned = PlannedStep {
            path: path.to_owned(),
            title: step.title.as_ref().map(|title| scope.text(title)).transpose()?,
            risk: step.risk.unwrap_or(Risk::Look),
            calls: Vec::new(),
            at_once: step.at_once,
            within: step.within,
            timeout: step.timeout,
            hold: None,
            allow: step.allow.clone(),
            outage: None,
            if_stuck: self.stuck.clone(),
            model_before: None,
            model_after: None,
        };
        let mut actions: Vec<(Box<dyn Action>, Option<String>)> = Vec::new();
        for (host, named) in calls {
            if !self.may_reach(host.as_deref(), path) {
                continue;
            }
            let action = registry::action(&named)?;
            planned.risk = planned.risk.max(action.risk());
            let call = self.call(step, path, host.as_deref(), named, (action.as_ref(), scope))?;
            self.guards(path, host.as_deref(), &call.guard)?;
            planned.calls.push(call);
            actions.push((action, host));
        }
        if planned.calls.is_empty() {
            return Ok(());
        }
        for (action, _) in &actions {
            if let Some(remark) = action.remark(&self.model) {
                self.note_once(&remark);
            }
        }
        self.simulate(&mut planned, &actions)?;
        self.steps.push(planned);
        Ok(())
    }

    fn call(
        &self,
        step: &Step,
        path: &str,
        host: Option<&str>,
        named: Named,
        (action, scope): (&dyn Action, &Scope),
    ) -> Result<PlannedCall, String> {
        let here = host.map_or_else(|| scope.clone(), |host| self.on_host(scope, host));
        let bind = |list: &[Keyed]| -> Result<Vec<Named>, String> {
            list.iter()
                .map(|keyed| {
                    let named = self.named(keyed, &here, host)?;
                    registry::condition(&named).map(|_| named)
                })
                .collect()
        };
        let site = self.site(host, path);
        Ok(PlannedCall {
            host: host.map(str::to_owned),
            describe: action.describe(&site),
            takes_member_down: action.takes_member_down(),
            loses: action.loses(&site),
            guard: bind(&step.guard)?,
            done_when: bind(&step.done_when)?,
            expect: bind(&step.expect)?,
            action: named,
        })
    }

    /// A host that cannot be asked refuses the plan, unless the operator declared it dead: then its work is left out and said.
    fn may_reach(&mut self, host: Option<&str>, path: &str) -> bool {
        let Some(host) = host else { return true };
        if self.request.dead.iter().any(|dead| dead == host) {
            self.notes.push(format!(
                "{host} is declared dead: {path} is left out there and is still to do"
            ));
            return false;
        }
        if let Some(Err(error)) = self.known.service(host) {
            let why = format!("{host} cannot be worked on: {}", error.message);
            // Who answers is not gone, whatever it answers.
            let hint = Some(match error.fault {
                Fault::HostKey | Fault::Auth | Fault::Sudo => "etcdops config check".to_owned(),
                _ => format!("etcdops config check; if {host} is gone for good: --dead {host}"),
            });
            if !self.refusals.iter().any(|refusal| refusal.why == why) {
                self.refusals.push(Refusal {
                    hint,
                    ..Refusal::at(path, why)
                });
            }
        }
        true
    }

    fn simulate(
        &mut self,
        planned: &mut PlannedStep,
        actions: &[(Box<dyn Action>, Option<String>)],
    ) -> Result<(), String> {
        if planned.risk == Risk::Look {
            return Ok(());
        }
        if planned.calls.iter().any(|call| call.action.name == "leader.move") {
            let from = planned.calls.first().and_then(|call| call.action.with.get("away_from"));
            self.moved_from = from.and_then(Value::as_str).map(str::to_owned);
        }
        self.seen_before_a_stop(planned);
        let calls: Vec<_> = actions
            .iter()
            .map(|(action, host)| (action.as_ref(), self.site(host.as_deref(), &planned.path)))
            .collect();
        let simulated = match quorum::simulate(&self.model, &calls, planned.at_once, &planned.allow) {
            Ok(simulated) => simulated,
            // What follows from a model that cannot be would only hide the reason.
            Err(_) if self.impossible => return Ok(()),
            Err(why) => {
                self.impossible = true;
                let hint = (!why.contains("etcdops ")).then(|| "etcdops health".to_owned());
                self.refusals.push(Refusal {
                    hint,
                    ..Refusal::at(&planned.path, why)
                });
                return Ok(());
            }
        };
        self.leader_first(planned, simulated.outage.is_some())?;
        planned.outage = simulated.outage;
        planned.model_before = Some(self.model.clone());
        planned.model_after = Some(simulated.after.clone());
        self.model = simulated.after;
        Ok(())
    }

    /// Where nobody says who belongs to the cluster, a stop may cost the quorum of one that serves: this bastion may be the only one that
    /// does not reach it.
    fn seen_before_a_stop(&mut self, planned: &PlannedStep) {
        if !self.model.members.is_empty() || planned.allow.contains(&Allow::QuorumLoss) || self.impossible {
            return;
        }
        let going = planned.calls.iter().filter(|call| call.takes_member_down);
        let runs = |host: &&str| matches!(self.known.service(host), Some(Ok(service)) if service.is_active());
        let Some(host) = going.filter_map(|call| call.host.as_deref()).find(runs) else {
            return;
        };
        let condition = Named {
            name: "quorum".to_owned(),
            with: json!({ "survives": "stop", "of": host }),
        };
        if self.accepted.contains(&condition.name) {
            return;
        }
        let found = Checked {
            text: format!("quorum survives the stop of {host}"),
            saw: format!("etcd runs on {host}, and no member says who belongs to its cluster"),
            accepted: false,
            condition,
        };
        let hint = "etcdops config check; where only the hosts reach etcd's ports: `api: ssh` in the inventory";
        self.not_so(&planned.path, found, Some(hint.to_owned()), Some("quorum"));
        self.impossible = !self.accepted.iter().any(|name| name == "quorum");
    }

    /// Every stop or restart of a voter is preceded by `leader.move`.
    fn leader_first(&self, planned: &PlannedStep, outage: bool) -> Result<(), String> {
        let going: Vec<&str> = planned
            .calls
            .iter()
            .filter(|call| call.takes_member_down)
            .filter_map(|call| call.host.as_deref())
            .collect();
        let [host] = going.as_slice() else { return Ok(()) };
        let Some(member) = self.model.on_host(host).filter(|member| !member.learner && member.up) else {
            return Ok(());
        };
        if outage || !self.model.has_quorum() {
            return Ok(());
        }
        let moved = self
            .moved_from
            .as_deref()
            .and_then(|word| self.model.find_at(word).ok()?);
        if moved.is_some_and(|moved| moved == member) {
            return Ok(());
        }
        Err(format!(
            "{host} would go down without `leader.move: {{away_from: {host}}}` right before it"
        ))
    }
}
