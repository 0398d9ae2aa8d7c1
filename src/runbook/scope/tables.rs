//! The table.

use super::{Field, Type};

const fn field(name: &'static str, of: Type, doc: &'static str) -> Field {
    Field { name, of, doc }
}

pub(super) const TEXTS: Type = Type::List(&Type::Text);
pub(super) const HOSTS: Type = Type::List(&Type::Host);
pub(super) const MEMBERS: Type = Type::List(&Type::Member);
pub(super) const BACKUPS: Type = Type::List(&Type::Backup);
pub(super) const ANY_LIST: Type = Type::List(&Type::Any);

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

pub(super) static CLUSTER: &[Field] = &[
    field("name", Type::Text, "Its name in the inventory."),
    field("id", Type::Text, "The cluster ID in hex; none when no member answered."),
    field(
        "known_id",
        Type::Text,
        "The cluster ID in hex, as it was before anything that the plan does; where no member answers, as it was seen last; none when \
         it was never seen.",
    ),
    field(
        "known_peer_urls",
        TEXTS,
        "Those of all members; where no member answers, as they were seen last.",
    ),
    field(
        "login",
        Type::Text,
        "The user of etcd's auth that etcdops logs in as; none when it does not.",
    ),
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

pub(super) static INVENTORY: &[Field] = &[
    field("hosts", HOSTS, "All hosts of the cluster, in the inventory's order."),
    field("spare_hosts", HOSTS, "Those that carry no member."),
    field("has_retention", Type::Bool, "Rules say which backups are kept."),
    field(
        "has_clients",
        Type::Bool,
        "Commands that stop and start the clients are given.",
    ),
];

pub(super) static LIBRARY: &[Field] = &[
    field("all", BACKUPS, "All backups, the newest first."),
    field("newest", Type::Backup, "The newest; none when there is none."),
    field(
        "newest_verified",
        Type::Backup,
        "The newest verified one of this cluster ID; where there is none, the newest verified one that has no ID; none when there is none.",
    ),
    field(
        "newest_v2",
        Type::Backup,
        "The newest verified one of this cluster ID that holds v2 data, with what `etcdctl backup` made; none when there is none.",
    ),
];

pub(super) static RUN: &[Field] = &[
    field("id", Type::Text, "The name of the run."),
    field("dead", TEXTS, "The hosts that `--dead` named."),
    field(
        "dead_quorum",
        Type::Bool,
        "They carried most of the voters that were seen last: together they could serve again.",
    ),
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
        "v2_data",
        Type::Bool,
        "The member that it was taken from held data of the v2 API.",
    ),
    field(
        "fell",
        Type::Text,
        "How many keys fewer it holds than the one before it, if more than a fifth is gone; else empty.",
    ),
    field(
        "dead_quorum",
        Type::Bool,
        "The hosts that `--dead` named carried most of the voters that are recorded in it.",
    ),
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
