//! Actions and conditions: one file each. All pure: what to look at, what it means, which call to make. Nothing here touches the world.

pub mod alarm_disarm;
pub mod backup_condition;
pub mod backup_copy;
pub mod backup_fetch;
pub mod backup_prune;
pub mod backup_take;
pub mod backup_verify;
pub mod bootstrap;
pub mod certificates;
pub mod clients_stop;
pub mod clock;
pub mod cluster_condition;
pub mod cluster_report;
pub mod command_condition;
pub mod config_freeze;
pub mod configurable;
pub mod content;
pub mod disk;
pub mod etcd_configure;
pub mod etcd_force;
pub mod etcd_log_level;
pub mod etcd_prove;
pub mod etcd_restore;
pub mod etcd_restore_for;
pub mod etcd_survey;
pub mod etcd_swap;
pub mod explain;
pub mod fenced;
pub mod file_carry;
pub mod file_discard;
pub mod file_move;
pub mod file_move_aside;
pub mod file_own;
pub mod file_put;
pub mod file_write;
pub mod host_run;
pub mod http_condition;
pub mod http_request;
pub mod late;
pub mod leader_move;
pub mod listens;
pub mod member_add;
pub mod member_condition;
pub mod member_order;
pub mod member_promote;
pub mod member_remove;
pub mod member_update;
pub mod members;
pub mod members_tell;
mod membership;
pub mod newest;
pub mod peers;
mod progress;
pub mod quorum;
pub mod quota;
pub mod reference;
pub mod registry;
pub mod restorable;
pub mod service_condition;
pub mod service_inspect;
pub mod service_listen;
pub mod service_override;
pub mod service_restart;
pub mod service_start;
pub mod service_stop;
pub mod sight;
pub mod talk;
pub mod v2_data;
pub mod version;
pub mod way_back;

use serde_json::Value;

use crate::base::duration::Span;
use crate::base::id::RunId;
use crate::call::{Call, CallError, HostOp, Look, Reply, Sight, Tag};
use crate::cluster::host::{ClusterConfig, Host};
use crate::cluster::model::Model;

pub use late::Late;
pub use progress::Progress;

/// What a step may do to the cluster.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    Look,
    Change,
    /// Data, quorum or a member is at stake: asked on its own.
    Destroy,
}

/// Where an action or condition stands: everything it may know besides its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    pub cluster: &'a ClusterConfig,
    /// `None`: a step on the cluster as a whole.
    pub host: Option<&'a Host>,
    pub run: &'a RunId,
    /// The step's path.
    pub step: &'a str,
    /// Hosts that the operator declared dead.
    pub dead: &'a [String],
    /// The bound of each call.
    pub timeout: Span,
    /// How many calls have been started for this step and host since its hold was given back last.
    pub attempts: u32,
    /// The number of the last one in the whole run, by which `last_call` finds it again.
    pub last_attempt: u32,
}

impl Site<'_> {
    /// The host of this call. Steps with an action that needs one are refused by `runbooks check`.
    pub fn host_name(&self) -> &str {
        self.host.map_or("", |host| host.name.as_str())
    }

    /// A file of this name in the run's own folder on the host.
    pub fn own_file(&self, name: &str) -> Option<String> {
        Some(format!("{}/{}/files/{name}", self.host?.state_root(), self.run))
    }

    /// The look at how the last call on this host ended. `None`: none was started.
    pub fn last_call(&self) -> Option<Look> {
        let host = self.host?;
        let tag = (self.attempts > 0).then(|| Tag::of(self.run, self.step, Some(&host.name), self.last_attempt))?;
        Some(Look::Host {
            host: host.name.clone(),
            op: HostOp::Detached { tag },
        })
    }
}

/// What a probe found out.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// The action's end is true; this is its output.
    Done(Value),
    /// Not true, and it can be done. What was seen.
    NotYet(String),
    /// It must not be done: something else is there. Why.
    Conflict(String),
    /// Could not be found out. Why.
    Unknown(String),
}

/// When a hold is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GiveBack {
    /// Also after a failure: a service stopped for a copy, a one-shot override.
    Always,
    /// Only when all steps inside succeeded: freeze, fence.
    OnSuccess,
}

/// A kind of thing that a step does, with its parameters bound.
pub trait Action: Send + Sync {
    fn risk(&self) -> Risk;
    /// One line for the plan: what will be done. The host's name is shown beside it.
    fn describe(&self, site: &Site<'_>) -> String;
    /// For `Risk::Destroy`: what will be lost, for the question.
    fn loses(&self, _site: &Site<'_>) -> Option<String> {
        None
    }
    /// Why there is nothing to do here, however the world looks: a plan leaves such a hold out and says so once.
    fn nothing_to_do(&self, _site: &Site<'_>) -> Option<&'static str> {
        None
    }
    /// What should be known beforehand of doing this to such a cluster, although nothing is amiss now: said once in the plan.
    fn remark(&self, _model: &Model) -> Option<String> {
        None
    }
    /// What it does to the model; an error refuses the plan and says why.
    fn effect(&self, _site: &Site<'_>, _model: &mut Model) -> Result<(), String> {
        Ok(())
    }
    /// What the probe needs to see.
    fn looks(&self, site: &Site<'_>) -> Vec<Look>;
    /// Is the end already true? `before` is what `before()` gave when this call was first started, if it was.
    fn probe(&self, site: &Site<'_>, before: Option<&Value>, seen: &[Sight]) -> Probe;
    /// What "started" must hold for the probe to settle doubt later (an InvocationID).
    fn before(&self, _site: &Site<'_>, _seen: &[Sight]) -> Value {
        Value::Null
    }
    /// The one call to make, given what was just seen. `None`: nothing to do but look again.
    /// After a call the probe runs again; a different call is then made (stop, then fence), the same one is not repeated.
    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call>;
    /// The calls that a person would make for it, without having looked: for `--manual`.
    fn by_hand(&self, site: &Site<'_>) -> Vec<Call> {
        self.call(site, &[]).into_iter().collect()
    }
    /// What gives it back, when it is used as a hold.
    fn release(&self) -> Option<(GiveBack, Named)> {
        None
    }
    /// A good reply is the end: nothing can be looked at afterwards (`repeatable` settles doubt). Its output, from the reply.
    fn settled_by(&self, _reply: &Reply) -> Option<Value> {
        None
    }
    /// Doing it twice does no harm and the probe cannot tell: doubt is settled by doing it again.
    fn repeatable(&self) -> bool {
        false
    }
    /// Which members are down while it is carried out, for the implicit guard: true if the member on `site.host` goes down.
    fn takes_member_down(&self) -> bool {
        false
    }
    /// After a call whose end is unknown: how long "not yet" cannot be trusted (a proposal may still be in raft).
    fn doubt_lasts(&self) -> Span {
        Span(std::time::Duration::ZERO)
    }
    /// etcd's refusals that pass by themselves ("unhealthy cluster" within 5 s of a restart).
    fn passes_by_itself(&self, _error: &CallError) -> bool {
        false
    }
    /// How long to wait, by default, for the probe to say done after the call.
    fn patience(&self) -> Span {
        Span(std::time::Duration::from_secs(60))
    }
}

/// What a condition was found to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It holds; what was seen.
    Holds(String),
    /// It does not hold.
    Not { saw: String, hint: Option<String> },
    /// Could not be found out.
    Unknown(String),
}

/// A typed thing that can hold.
pub trait Condition: Send + Sync {
    /// For the plan: `etcd-2 is healthy and has caught up`.
    fn text(&self, site: &Site<'_>) -> String;
    fn looks(&self, site: &Site<'_>) -> Vec<Look>;
    /// `earlier` is what the poll before saw, while waiting; `None` on the first poll and in guards.
    fn judge(&self, site: &Site<'_>, seen: &[Sight], earlier: Option<&[Sight]>) -> Verdict;
    /// How many polls in a row must hold, while waiting.
    fn polls(&self) -> u32 {
        1
    }
    /// While it is waited for: what else to look at now and then, to tell how it gets on.
    fn watched(&self, _site: &Site<'_>) -> Vec<Look> {
        Vec::new()
    }
    /// How it gets on, from what a poll and the last watching saw. `None`: it tells nothing, and is waited for as long as the step says.
    fn progress(&self, _site: &Site<'_>, _seen: &[Sight], _watched: &[Sight]) -> Option<Progress> {
        None
    }
    /// What the model says, where it knows; `None`: must be measured.
    fn on_model(&self, _site: &Site<'_>, _model: &Model) -> Option<Verdict> {
        None
    }
    /// The name that `--accept` takes; `None`: never accepted.
    fn accept_name(&self) -> Option<&'static str> {
        None
    }
}

/// An action or condition by name, parameters as JSON: what plans and journals hold.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Named {
    pub name: String,
    pub with: Value,
}

/// The field of an output that is shown to people when its step has ended.
pub const SAYS: &str = "says";

/// The type of a value that an expression sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Bool,
    List,
    Object,
    Any,
}
