//! The plan as data: everything decided except the outputs of earlier steps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::{GiveBack, Named, Risk, registry};
use crate::base::duration::Span;
use crate::base::id::RunId;
use crate::cluster::host::ClusterConfig;
use crate::cluster::member::Id;
use crate::cluster::model::Model;
use crate::runbook::types::Allow;

/// Format of plan files and of the plan inside journals.
pub const SCHEMA: &str = "etcdops/plan/v1";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub schema: String,
    /// Of etcdops that made it.
    pub made_by: String,
    pub run: RunId,
    /// The runbook's name in the catalogue, or its path.
    pub runbook: String,
    pub title: String,
    pub parameters: BTreeMap<String, Value>,
    pub cluster: ClusterConfig,
    pub baseline: Baseline,
    pub requires: Vec<Checked>,
    pub steps: Vec<PlannedStep>,
    /// Guards that `--accept` turned into typed consent.
    pub accepted: Vec<String>,
    /// Hosts that `--dead` named.
    pub dead: Vec<String>,
    /// Said in the plan and at the end: what is skipped, what others must do.
    pub notes: Vec<String>,
}

/// What must still be so when the run begins; anything else has drifted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    pub cluster_id: Option<Id>,
    pub model: Model,
    /// Member ID → alarms.
    pub alarms: BTreeMap<String, Vec<String>>,
    /// Host → identity of its unit and data directory (unit file, drop-ins, data directory).
    pub services: BTreeMap<String, String>,
}

/// A `requires` and what was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    pub condition: Named,
    pub text: String,
    pub saw: String,
    /// Refused, but `--accept` named it.
    pub accepted: bool,
}

/// One step of the plan; groups and includes are flattened into the path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Identity: `grow[etcd-2]/joined/add`.
    pub path: String,
    pub title: Option<String>,
    pub risk: Risk,
    pub calls: Vec<PlannedCall>,
    /// How many calls at once; `None`: all.
    pub at_once: Option<u32>,
    /// How long the end and the expectations may take.
    pub within: Option<Span>,
    pub timeout: Option<Span>,
    pub hold: Option<HoldRole>,
    pub allow: Vec<Allow>,
    /// Quorum is lost during or after this step, and the runbook allows it: what the typed consent is about.
    pub outage: Option<String>,
    /// What else can be done where it fails and its cause cannot be put right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_stuck: Option<String>,
    /// The model before this step, for steps that change something.
    pub model_before: Option<Model>,
    pub model_after: Option<Model>,
}

/// One call of a step: on one host, or on the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedCall {
    pub host: Option<String>,
    pub action: Named,
    /// For people.
    pub describe: String,
    /// Its own part goes down while it is carried out.
    pub takes_member_down: bool,
    /// What will be lost (destroy steps).
    pub loses: Option<String>,
    pub guard: Vec<Named>,
    pub done_when: Vec<Named>,
    pub expect: Vec<Named>,
}

/// A step that takes or gives back a hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldRole {
    /// `hold` is the path of the group.
    Take {
        hold: String,
        give_back: GiveBack,
    },
    Give {
        hold: String,
        give_back: GiveBack,
    },
}

impl Plan {
    /// SHA-256 over the whole plan, without the run's name and what the requirements were measured to be (bytes free, clocks):
    /// the same door, parameters and cluster give the same hash.
    pub fn hash(&self) -> String {
        let mut plan = self.clone();
        for check in plan.requires.iter_mut().filter(|check| !check.accepted) {
            check.saw.clear();
        }
        let text = serde_json::to_string(&plan)
            .unwrap_or_default()
            .replace(self.run.as_str(), "RUN");
        crate::base::hash::sha256_hex(text.as_bytes())
    }

    /// Anything beyond looking?
    pub fn changes_anything(&self) -> bool {
        self.steps.iter().any(|step| step.risk > Risk::Look)
    }

    /// Whether the cluster or a host is changed, so that nobody else may be at work there. What only fills the library needs no lock: a
    /// backup that failed in the night must not stand in the way of the next one, nor of anything else.
    pub fn locks_hosts(&self) -> bool {
        let in_library =
            |call: &PlannedCall| registry::action_kind(&call.action.name).is_some_and(|kind| kind.in_library);
        let mut changes = self.steps.iter().filter(|step| step.risk > Risk::Look);
        changes.any(|step| !step.calls.iter().all(in_library))
    }

    /// The hosts that steps run on, in name order: the order in which locks are tried.
    pub fn hosts(&self) -> Vec<&str> {
        let mut hosts: Vec<&str> = self
            .steps
            .iter()
            .flat_map(|step| &step.calls)
            .filter_map(|call| call.host.as_deref())
            .collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }
}

impl PlannedCall {
    /// `add@etcd-4`, or the step's path alone.
    pub fn key(&self, step: &str) -> String {
        self.host
            .as_ref()
            .map_or_else(|| step.to_owned(), |host| format!("{step}@{host}"))
    }
}
