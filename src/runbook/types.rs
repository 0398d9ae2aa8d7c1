//! A runbook as its author wrote it. Nothing is resolved here.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::Risk;
use crate::base::duration::Span;

/// One file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Runbook {
    /// One line; may hold `${{ … }}`.
    pub title: String,
    /// For people: when to use it, what it does.
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub parameters: BTreeMap<String, Parameter>,
    /// Names for texts, evaluated where they are used.
    #[serde(default, rename = "let")]
    pub names: BTreeMap<String, String>,
    /// Looks made before the plan: `facts.NAME.FIELD`.
    #[serde(default)]
    pub facts: BTreeMap<String, Fact>,
    /// Must hold before anything is changed; all told at once.
    #[serde(default)]
    pub requires: Vec<Keyed>,
    pub steps: Vec<Step>,
}

impl Runbook {
    /// Whether hosts are asked or worked on, as far as this file tells; what it includes may.
    pub fn works_on_hosts(&self) -> bool {
        fn any(steps: &[Step]) -> bool {
            let on_hosts = |step: &Step| step.hosts.is_some() || step.include.is_some() || any(&step.steps);
            steps.iter().any(on_hosts)
        }
        self.facts.values().any(|fact| fact.hosts.is_some()) || any(&self.steps)
    }
}

/// An input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// A list of them.
    #[serde(default)]
    pub many: bool,
    /// A bare expression; a length of time, a choice, a number, a bool or a list stands as it is.
    #[serde(default)]
    pub default: Option<Value>,
    /// A bare expression: proposed when asked.
    #[serde(default)]
    pub suggest: Option<String>,
    /// For `choice`.
    #[serde(default)]
    pub values: Vec<String>,
    /// For `member`: it may be gone already; then its field `is_member` is false.
    #[serde(default)]
    pub gone: bool,
    #[serde(default)]
    pub help: String,
}

/// A parameter's default, read by the parameter's type.
#[derive(Clone, Debug, PartialEq)]
pub enum DefaultValue {
    Value(Value),
    /// A bare expression over the roots and the other parameters.
    Expression(String),
}

impl Parameter {
    /// The default as it is meant: in a text an expression, save for a length of time and for one of the values of a choice.
    pub fn default_value(&self) -> Option<DefaultValue> {
        let Some(Value::String(text)) = &self.default else {
            return self.default.clone().map(DefaultValue::Value);
        };
        let is_itself = match self.kind {
            ParameterType::Duration => text.parse::<Span>().is_ok(),
            ParameterType::Choice => self.values.contains(text),
            _ => false,
        };
        Some(if is_itself {
            DefaultValue::Value(Value::String(text.clone()))
        } else {
            DefaultValue::Expression(text.clone())
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ParameterType {
    Text,
    Number,
    Bool,
    Duration,
    /// One of `values`.
    Choice,
    /// A host of the inventory.
    Host,
    /// A member by name, host or hex ID.
    Member,
    Backup,
    Url,
    Path,
}

impl ParameterType {
    /// As written in a runbook.
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Bool => "bool",
            Self::Duration => "duration",
            Self::Choice => "choice",
            Self::Host => "host",
            Self::Member => "member",
            Self::Backup => "backup",
            Self::Url => "url",
            Self::Path => "path",
        }
    }

    /// Its values are plain text.
    pub fn is_text(self) -> bool {
        matches!(
            self,
            Self::Text | Self::Duration | Self::Choice | Self::Url | Self::Path
        )
    }
}

/// A look made before the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    #[serde(default)]
    pub hosts: Option<Value>,
    /// What becomes of hosts that do not answer: `skip` leaves them out of `all`.
    #[serde(default)]
    pub unreachable: Unreachable,
    #[serde(rename = "do")]
    pub action: Keyed,
}

/// `{name: {parameters}}`: exactly one key.
pub type Keyed = BTreeMap<String, Value>;

/// A step: exactly one of `do`, `include`, `steps`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub id: String,
    #[serde(default)]
    pub title: Option<String>,
    /// A host, or a list of hosts; inherited by the steps inside.
    #[serde(default)]
    pub hosts: Option<Value>,
    /// A bare expression over a list: the group's steps once for each item, strictly one after another.
    #[serde(default)]
    pub for_each: Option<String>,
    /// The name of the item (default `item`).
    #[serde(default, rename = "as")]
    pub item: Option<String>,
    /// A bare expression, decided when the plan is made.
    #[serde(default)]
    pub when: Option<String>,
    #[serde(default, rename = "do")]
    pub action: Option<Keyed>,
    /// Another runbook.
    #[serde(default)]
    pub include: Option<String>,
    /// The included runbook's parameters.
    #[serde(default)]
    pub with: BTreeMap<String, Value>,
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Taken before the group's steps, given back after them.
    #[serde(default)]
    pub hold: Option<Keyed>,
    /// Must hold right before the call.
    #[serde(default)]
    pub guard: Vec<Keyed>,
    /// Already so: nothing to do.
    #[serde(default)]
    pub done_when: Vec<Keyed>,
    /// Must hold after the call, within `within`.
    #[serde(default)]
    pub expect: Vec<Keyed>,
    #[serde(default)]
    pub within: Option<Span>,
    /// Bound of the call itself.
    #[serde(default)]
    pub timeout: Option<Span>,
    /// How many hosts at once (default: all).
    #[serde(default)]
    pub at_once: Option<u32>,
    /// Raises the action's own risk, never lowers it.
    #[serde(default)]
    pub risk: Option<Risk>,
    /// `quorum_loss`: a refusal becomes a typed consent.
    #[serde(default)]
    pub allow: Vec<Allow>,
    /// For people: what else can be done where this step, or one inside it, fails and its cause cannot be put right.
    #[serde(default)]
    pub if_stuck: Option<String>,
    /// What becomes of hosts that do not answer when the plan is made; holds for the steps inside.
    #[serde(default)]
    pub unreachable: Unreachable,
}

/// A host that does not answer when the plan is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unreachable {
    /// There is no plan then, unless `--dead` names the host.
    #[default]
    Refuse,
    /// Its part is left out, and said to be still to do.
    Skip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Allow {
    QuorumLoss,
}
