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

use serde_json::{Map, Value};

use super::types::ParameterType;
use crate::action::Kind;

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

const fn field(name: &'static str, of: Type, doc: &'static str) -> Field {
    Field { name, of, doc }
}

const TEXTS: Type = Type::List(&Type::Text);
const HOSTS: Type = Type::List(&Type::Host);
const MEMBERS: Type = Type::List(&Type::Member);
const BACKUPS: Type = Type::List(&Type::Backup);
const ANY_LIST: Type = Type::List(&Type::Any);

/// The names that every expression sees.
pub static ROOTS: &[Field] = &[
    field(
        "cluster",
        Type::Fields(CLUSTER),
        "The cluster, as the plan expects it at this place.",
    ),
    field("inventory", Type::Fields(INVENTORY), "What the inventory says."),
    field("backups", Type::Fields(LIBRARY), "The backup library of this cluster."),
    field("run", Type::Fields(RUN), "This run."),
];

static CLUSTER: &[Field] = &[
    field("name", Type::Text, "Its name in the inventory."),
    field("id", Type::Text, "The cluster ID in hex; none when no member answered."),
    field("endpoints", TEXTS, "The client URLs of the inventory."),
    field(
        "members",
        MEMBERS,
        "All members that etcd lists, in the order of their names.",
    ),
    field("voters", MEMBERS, "The members that vote."),
    field("learners", MEMBERS, "The members that do not vote yet."),
    field("hosts", HOSTS, "The inventory's hosts that carry a member."),
    field("leader", Type::Member, "The member that leads; none without a leader."),
    field(
        "version",
        Type::Text,
        "The lowest version of a member that runs; none when none answers.",
    ),
    field(
        "has_learners",
        Type::Bool,
        "Every running member knows learners (3.4 and newer).",
    ),
    field("has_quorum", Type::Bool, "More than half of the voters are up."),
    field("size", Type::Number, "How many voters there are."),
    field(
        "tolerates",
        Type::Number,
        "How many more voters may fail; -1 without quorum.",
    ),
    field(
        "client_urls",
        TEXTS,
        "Those of all members before anything that the plan does.",
    ),
    field(
        "peer_urls",
        TEXTS,
        "Those of all members before anything that the plan does.",
    ),
    field(
        "revision",
        Type::Number,
        "The highest revision that a member tells or that was seen before; 0 when none is known.",
    ),
    field(
        "db_size",
        Type::Number,
        "Bytes of the largest database among the members that answer.",
    ),
];

static INVENTORY: &[Field] = &[
    field("hosts", HOSTS, "All hosts of the cluster, in the inventory's order."),
    field("spare_hosts", HOSTS, "Those that carry no member."),
    field("has_retention", Type::Bool, "Rules say which backups are kept."),
    field(
        "has_clients",
        Type::Bool,
        "Commands that stop and start the clients are given.",
    ),
];

static LIBRARY: &[Field] = &[
    field("all", BACKUPS, "All backups, the newest first."),
    field("newest", Type::Backup, "The newest; none when there is none."),
    field(
        "newest_verified",
        Type::Backup,
        "The newest one of this cluster ID that was verified; none when there is none.",
    ),
    field(
        "newest_v2",
        Type::Backup,
        "The newest verified one of this cluster ID that holds v2 data, with what `etcdctl backup` made; none when there is none.",
    ),
];

static RUN: &[Field] = &[
    field("id", Type::Text, "The name of the run."),
    field("dead", TEXTS, "The hosts that `--dead` named."),
];

/// Fields of a host.
pub static HOST: &[Field] = &[
    field("name", Type::Text, "Its name in the inventory."),
    field(
        "peer_url",
        Type::Text,
        "From the inventory, else as etcd lists it; none when neither knows.",
    ),
    field(
        "client_url",
        Type::Text,
        "From the inventory, else as etcd lists it; none when neither knows.",
    ),
    field(
        "data_dir",
        Type::Text,
        "From the inventory; none when it names none: look with `service.inspect`.",
    ),
    field("wal_dir", Type::Text, "From the inventory; none when it names none."),
    field("unit", Type::Text, "The unit that runs etcd, without `.service`."),
    field("service_kind", Type::Text, "`systemd` or `process`."),
    field(
        "has_freeze",
        Type::Bool,
        "Commands that freeze its configuration management are given.",
    ),
    field("is_member", Type::Bool, "It carries a member."),
    field("member", Type::Member, "That member; none when it carries none."),
    field(
        "member_id",
        Type::Text,
        "The member's ID in hex; empty when it carries none.",
    ),
    field("voter", Type::Bool, "Its member votes."),
    field("up", Type::Bool, "Its member runs and takes part."),
    field("leads", Type::Bool, "Its member led when the plan was made."),
    field(
        "version",
        Type::Text,
        "Of the etcd that runs there; empty when none does.",
    ),
    field(
        "log_level_needs_restart",
        Type::Bool,
        "etcd runs there in 3.5 or newer, which reads its log level only at start.",
    ),
];

/// Fields of a member.
pub static MEMBER: &[Field] = &[
    field(
        "is_member",
        Type::Bool,
        "etcd lists it; false where a parameter with `gone` names a member that is gone.",
    ),
    field(
        "id",
        Type::Text,
        "In hex. Known late for a member that the same plan adds.",
    ),
    field("name", Type::Text, "As etcd lists it; empty before its first start."),
    field(
        "host",
        Type::Text,
        "The inventory's host that carries it; none when the inventory does not know.",
    ),
    field("peer_urls", TEXTS, "As etcd lists them."),
    field("client_urls", TEXTS, "As etcd lists them."),
    field("learner", Type::Bool, "It does not vote yet."),
    field("up", Type::Bool, "It runs and takes part."),
    field("leads", Type::Bool, "It led when the plan was made."),
    field("version", Type::Text, "None when it did not say."),
];

/// Fields of a backup.
pub static BACKUP: &[Field] = &[
    field("name", Type::Text, "Its name in the library."),
    field("path", Type::Text, "Its file on the bastion."),
    field("size", Type::Number, "Bytes."),
    field("sha256", Type::Text, "Of the whole file, in hex."),
    field("revision", Type::Number, "The store's revision."),
    field("keys", Type::Number, "How many keys it holds."),
    field(
        "cluster_id",
        Type::Text,
        "Of the cluster that it was taken from, in hex.",
    ),
    field("version", Type::Text, "Of the etcd that it was taken from."),
    field("taken", Type::Text, "When, RFC 3339."),
    field(
        "age",
        Type::Text,
        "How old it is when the run begins, as in `41 minutes`.",
    ),
    field("verified", Type::Bool, "It was proved."),
    field("peer_urls", TEXTS, "Of the members recorded in it."),
    field("alarms", TEXTS, "The alarms that it carries."),
    field("auth", Type::Bool, "Auth was on when it was taken."),
    field(
        "forced_member",
        Type::Text,
        "The member ID that `etcdctl backup` gave it, in hex; empty where there is none.",
    ),
    field(
        "forced_cluster",
        Type::Text,
        "The cluster ID that `etcdctl backup` gave it, in hex.",
    ),
];

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

/// The hidden field of an object that stands for its name.
const STANDS_FOR: &str = "$is";

/// An object with fields that also stands for a text: a host or a backup for its name, a member for its ID (or host, before it has one).
pub fn entity(stands_for: &str, mut fields: Map<String, Value>) -> Value {
    fields.insert(STANDS_FOR.to_owned(), Value::String(stands_for.to_owned()));
    Value::Object(fields)
}

/// A computed value as a field gets it: each entity becomes the text that it stands for.
pub fn plain(value: Value) -> Value {
    match value {
        Value::Object(mut fields) => match fields.get_mut(STANDS_FOR).map(Value::take) {
            Some(text) => text,
            None => Value::Object(fields.into_iter().map(|(name, value)| (name, plain(value))).collect()),
        },
        Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        other => other,
    }
}

/// What a value lacks, or has too much of, to be of a type: for the tests of plan building.
pub fn differences(value: &Value, of: Type, path: &str) -> Vec<String> {
    if value.is_null() {
        return Vec::new();
    }
    if let Type::List(item) = of {
        let Some(items) = value.as_array() else {
            return vec![format!("{path} is no list")];
        };
        return items
            .iter()
            .flat_map(|value| differences(value, *item, &format!("{path}[]")))
            .collect();
    }
    let fields = match of.fields() {
        Some(fields) if !fields.is_empty() => fields,
        _ => {
            let fits = match of {
                Type::Text => value.is_string(),
                Type::Number => value.is_number(),
                Type::Bool => value.is_boolean(),
                _ => true,
            };
            return if fits {
                Vec::new()
            } else {
                vec![format!("{path} is not {}", of.words())]
            };
        }
    };
    let Some(object) = value.as_object() else {
        return vec![format!("{path} is no object")];
    };
    let mut found: Vec<String> = object
        .keys()
        .filter(|name| *name != STANDS_FOR && fields.iter().all(|field| field.name != name.as_str()))
        .map(|name| format!("{path}.{name} is not in the table"))
        .collect();
    for field in fields {
        let below = format!("{path}.{}", field.name);
        match object.get(field.name) {
            None => found.push(format!("{below} is missing")),
            Some(value) => found.extend(differences(value, field.of, &below)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn entities_stand_for_their_names() {
        let host = entity(
            "etcd-1",
            json!({"name": "etcd-1", "up": true}).as_object().unwrap().clone(),
        );
        assert_eq!(
            plain(json!({"of": [host, "etcd-2"]})),
            json!({"of": ["etcd-1", "etcd-2"]})
        );
    }

    #[test]
    fn differences_are_found_at_any_depth() {
        let run = json!({"id": 5, "who": "x"});
        assert_eq!(
            differences(&run, Type::Fields(RUN), "run"),
            [
                "run.who is not in the table",
                "run.id is not text",
                "run.dead is missing"
            ]
        );
    }
}
