//! What expressions can see: every name with its type, in one place. `check` proves references against it; plan building makes the values
//! with the same names.
//!
//! Besides the [`ROOTS`] an expression sees the runbook's parameters and `let` names, `facts.NAME.FIELD`, `steps.ID.FIELD`, inside
//! `for_each` the item, and in a step on hosts `host`.
//!
//! - `facts.NAME.FIELD` is what was found on the step's own host where the fact was looked at there, else on the one host that it was looked at;
//!   `facts.NAME.all` is the list of all that was found, each with the field `host` besides.
//! - `steps.ID.FIELD` likewise: of the same host, else of the one call that the step has.
//! - Hosts, members and backups are objects that also stand for their name ([`entity`], [`plain`]): `hosts: ${{ members }}`.

mod tables;
mod values;

use super::types::ParameterType;
use crate::action::Kind;

use tables::{ANY_LIST, BACKUPS, HOSTS, MEMBERS, TEXTS};
pub use tables::{BACKUP, HOST, MEMBER, ROOTS};
pub use values::{differences, entity, plain};

/// The type of a value that an expression can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Text,
    Number,
    Bool,
    List(&'static Type),
    Host,
    Member,
    Backup,
    /// Known fields.
    Fields(&'static [Field]),
    /// Not known before there is a plan.
    Any,
}

/// A name below a root or an object.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    pub name: &'static str,
    pub of: Type,
    /// For the reference. Says where it may be none.
    pub doc: &'static str,
}

/// Names that no parameter, `let` or item may have: they are taken. `host` may be a parameter; in a step on hosts it is that step's host.
pub const RESERVED: &[&str] = &[
    "cluster",
    "inventory",
    "backups",
    "run",
    "facts",
    "steps",
    "true",
    "false",
    "none",
    "not",
    "and",
    "or",
    "in",
    "is",
    "if",
    "else",
];

impl Type {
    /// The fields below it; `None` where nothing is known.
    pub fn fields(self) -> Option<&'static [Field]> {
        match self {
            Self::Host => Some(HOST),
            Self::Member => Some(MEMBER),
            Self::Backup => Some(BACKUP),
            Self::Fields(fields) => Some(fields),
            Self::Text | Self::Number | Self::Bool | Self::List(_) => Some(&[]),
            Self::Any => None,
        }
    }

    /// For people: `a list of hosts`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::List(Type::Host) => "a list of hosts",
            Self::List(Type::Member) => "a list of members",
            Self::List(Type::Backup) => "a list of backups",
            Self::List(_) => "a list",
            Self::Host => "a host",
            Self::Member => "a member",
            Self::Backup => "a backup",
            Self::Fields(_) => "an object",
            Self::Any => "a value",
        }
    }

    /// The JSON type of the value that a field gets ([`plain`]); `None` where nothing is known.
    pub fn json(self) -> Option<&'static str> {
        match self {
            Self::Text | Self::Host | Self::Member | Self::Backup => Some("string"),
            Self::Number => Some("number"),
            Self::Bool => Some("boolean"),
            Self::List(_) => Some("array"),
            Self::Fields(_) => Some("object"),
            Self::Any => None,
        }
    }

    /// The type of a parameter.
    pub fn of_parameter(kind: ParameterType, many: bool) -> Self {
        match (kind, many) {
            (ParameterType::Host, true) => HOSTS,
            (ParameterType::Member, true) => MEMBERS,
            (ParameterType::Backup, true) => BACKUPS,
            (ParameterType::Number | ParameterType::Bool, true) => ANY_LIST,
            (_, true) => TEXTS,
            (ParameterType::Number, false) => Self::Number,
            (ParameterType::Bool, false) => Self::Bool,
            (ParameterType::Host, false) => Self::Host,
            (ParameterType::Member, false) => Self::Member,
            (ParameterType::Backup, false) => Self::Backup,
            (
                ParameterType::Text
                | ParameterType::Duration
                | ParameterType::Choice
                | ParameterType::Url
                | ParameterType::Path,
                false,
            ) => Self::Text,
        }
    }

    /// The type of an output's field.
    pub fn of_output(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Number => Self::Number,
            Kind::Bool => Self::Bool,
            Kind::List => ANY_LIST,
            Kind::Object | Kind::Any => Self::Any,
        }
    }
}
