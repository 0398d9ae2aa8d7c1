//! The tables: one line of each action and condition.

use super::{ActionKind, ConditionKind};
use crate::action::alarm_disarm::AlarmDisarm;
use crate::action::backup_condition::BackupIs;
use crate::action::backup_copy::{self, BackupCopy};
use crate::action::backup_fetch::{self, BackupFetch};
use crate::action::backup_prune::{self, BackupPrune};
use crate::action::backup_take::{self, BackupTake};
use crate::action::backup_verify::{self, BackupVerify};
use crate::action::bootstrap::Bootstrap;
use crate::action::certificates::Certificates;
use crate::action::clients_stop::{ClientsStart, ClientsStop};
use crate::action::clock::Clock;
use crate::action::cluster_condition::ClusterIs;
use crate::action::cluster_report::{self, ClusterReport};
use crate::action::command_condition::CommandSays;
use crate::action::config_freeze::{ConfigFreeze, ConfigThaw};
use crate::action::configurable::Configurable;
use crate::action::content::Content;
use crate::action::disk::Disk;
use crate::action::etcd_configure::{self, EtcdConfigure};
use crate::action::etcd_force::EtcdForce;
use crate::action::etcd_log_level::EtcdLogLevel;
use crate::action::etcd_prove::EtcdProve;
use crate::action::etcd_restore::EtcdRestore;
use crate::action::etcd_restore_for::EtcdRestoreFor;
use crate::action::etcd_survey::{self, EtcdSurvey};
use crate::action::etcd_swap::EtcdSwap;
use crate::action::fenced::Fenced;
use crate::action::file_carry::FileCarry;
use crate::action::file_discard::FileDiscard;
use crate::action::file_move::FileMove;
use crate::action::file_move_aside::FileMoveAside;
use crate::action::file_own::FileOwn;
use crate::action::file_put::FilePut;
use crate::action::file_write::FileWrite;
use crate::action::host_run::HostRun;
use crate::action::http_condition::HttpAnswers;
use crate::action::http_request::HttpRequestAction;
use crate::action::leader_move::LeaderMove;
use crate::action::listens::Listens;
use crate::action::member_add::{self, MemberAdd};
use crate::action::member_condition::MemberIs;
use crate::action::member_order::{self, MemberOrder};
use crate::action::member_promote::{self, MemberPromote};
use crate::action::member_remove::{self, MemberRemove};
use crate::action::member_update::{self, MemberUpdate};
use crate::action::members::Members;
use crate::action::members_tell::{self, MembersTell};
use crate::action::newest::{Dead, Newest, Startable};
use crate::action::peers::Peers;
use crate::action::quorum::Quorum;
use crate::action::quota::Quota;
use crate::action::restorable::Restorable;
use crate::action::service_condition::ServiceIs;
use crate::action::service_inspect::{self, ServiceInspect};
use crate::action::service_listen::{self, ServiceListen};
use crate::action::service_override::ServiceOverride;
use crate::action::service_restart::ServiceRestart;
use crate::action::service_start::ServiceStart;
use crate::action::service_stop::ServiceStop;
use crate::action::talk::{Confirm, Note, Wait};
use crate::action::v2_data::V2Data;
use crate::action::version::VersionIs;
use crate::action::way_back::WayBack;
use crate::action::{Kind, SAYS};

/// The actions, in the order of the reference.
pub static ACTIONS: &[ActionKind] = &[
    ActionKind::of::<ServiceStop>(
        "service.stop",
        "Stops etcd on the host and proves it: unit inactive, nothing holds its directories, ports closed.",
        true,
        &[("data_dir", Kind::Text), ("fenced", Kind::Bool)],
    )
    .held(),
    ActionKind::of::<ServiceStart>(
        "service.start",
        "Starts etcd on the host, without waiting for quorum; state in `expect` what must hold afterwards.",
        true,
        &[("invocation", Kind::Text)],
    ),
    ActionKind::of::<ServiceRestart>(
        "service.restart",
        "Restarts etcd on the host once.",
        true,
        &[("invocation", Kind::Text)],
    ),
    ActionKind::of::<ServiceInspect>(
        "service.inspect",
        "Looks at the unit, its settings, its process and its data directory.",
        true,
        service_inspect::OUTPUT,
    ),
    ActionKind::of::<MemberAdd>(
        "member.add",
        "Adds a member, as a learner or as a voter. One with the same peer URLs that is there already counts only if it is a learner and a learner is wanted.",
        false,
        member_add::OUTPUT,
    ),
    ActionKind::of::<MemberRemove>(
        "member.remove",
        "Removes a member for good. One that is gone already is success.",
        false,
        member_remove::OUTPUT,
    ),
    ActionKind::of::<MemberPromote>(
        "member.promote",
        "Makes a learner that has caught up a voter.",
        false,
        member_promote::OUTPUT,
    ),
    ActionKind::of::<MemberUpdate>(
        "member.update",
        "Changes the peer URLs of a member; its host must listen on the new ones already.",
        false,
        member_update::OUTPUT,
    ),
    ActionKind::of::<MemberOrder>(
        "member.order",
        "Simulates a replacement both ways round and says which goes first, and why. A look: for `facts`.",
        false,
        member_order::OUTPUT,
    ),
    ActionKind::of::<MembersTell>(
        "members.tell",
        "Says what clients, load balancers, firewalls and discovery records must be told, with the exact new values.",
        false,
        members_tell::OUTPUT,
    ),
    ActionKind::of::<ServiceListen>(
        "service.listen",
        "Finds out where etcd must listen for its peers while its peer URL changes, and afterwards. A look: for `facts`.",
        true,
        service_listen::OUTPUT,
    ),
    ActionKind::of::<ServiceOverride>(
        "service.override",
        "Settings for etcd under /run that hold until they are taken away; restarts nothing. With `lease` the host takes them away by itself.",
        true,
        &[("lease_ends", Kind::Text)],
    )
    .held(),
    ActionKind::of::<EtcdLogLevel>(
        "etcd.log_level",
        "Sets the log level while etcd runs (up to 3.4), and proves it by what the unit logs.",
        true,
        &[("level", Kind::Text), ("lease_ends", Kind::Text)],
    ),
    ActionKind::of::<ConfigFreeze>(
        "config.freeze",
        "Stops configuration management from touching the host, with the inventory's command.",
        true,
        &[("frozen", Kind::Bool)],
    )
    .held(),
    ActionKind::of::<ConfigThaw>(
        "config.thaw",
        "Lets configuration management touch the host again, unless it was frozen before.",
        true,
        &[("frozen", Kind::Bool)],
    ),
    ActionKind::of::<FilePut>(
        "file.put",
        "Sends a file to the host; it gets its name there only when its digest is right.",
        true,
        &[("path", Kind::Text), ("sha256", Kind::Text)],
    ),
    ActionKind::of::<FileCarry>(
        "file.carry",
        "Brings a file of another host to this one, through the bastion, which keeps nothing of it; it gets its name only when its digest is right.",
        true,
        &[("path", Kind::Text), ("sha256", Kind::Text)],
    ),
    ActionKind::of::<FileDiscard>(
        "file.discard",
        "Removes a file that the run itself has put into its own folder on the host. Nothing else is ever removed.",
        true,
        &[("path", Kind::Text)],
    ),
    ActionKind::of::<FileWrite>(
        "file.write",
        "Writes a whole file; the old one is kept under the run's folder on the host.",
        true,
        &[("path", Kind::Text)],
    ),
    ActionKind::of::<FileMove>("file.move", "Renames a file or folder, never over another.", true, &[("path", Kind::Text)]),
    ActionKind::of::<FileMoveAside>(
        "file.move_aside",
        "Moves a folder out of the way; nothing is deleted. Of a mount point the contents go into a folder inside it.",
        true,
        &[("path", Kind::Text)],
    ),
    ActionKind::of::<FileOwn>("file.own", "Sets owner and mode.", true, &[("path", Kind::Text)]),
    ActionKind::of::<HostRun>(
        "host.run",
        "Runs a command on the host. State its risk, whether it is repeatable, and what it does to the member.",
        true,
        &[("code", Kind::Number), ("stdout", Kind::Text), ("stderr", Kind::Text)],
    ),
    ActionKind::of::<HttpRequestAction>(
        "http.request",
        "Sends one HTTP request from the bastion. What is no GET must bear being sent twice.",
        false,
        &[("status", Kind::Number), ("body", Kind::Text)],
    ),
    ActionKind::of::<LeaderMove>(
        "leader.move",
        "Moves leadership away from a member, if it leads.",
        false,
        &[("leader", Kind::Text), ("alone", Kind::Bool)],
    ),
    ActionKind::of::<AlarmDisarm>(
        "etcd.alarm_disarm",
        "Disarms an alarm, member by member, until no member shows it.",
        false,
        &[],
    ),
    ActionKind::of::<EtcdConfigure>(
        "etcd.configure",
        "Writes settings of etcd wherever each of them lives on the host, and keeps the old file. A member that joins also gets its URLs where the host sets none. It restarts nothing.",
        true,
        etcd_configure::OUTPUT,
    ),
    ActionKind::of::<EtcdRestore>(
        "etcd.restore",
        "Makes a data directory from a backup, beside the old one, with a fresh cluster token; nothing has to be stopped for it.",
        true,
        &[("path", Kind::Text), ("sha256", Kind::Text), (SAYS, Kind::Text)],
    ),
    ActionKind::of::<EtcdRestoreFor>(
        "etcd.restore_for",
        "Makes the data directory of another host, which lacks the tool, in an archive in the run's folder: carry it there with `file.carry`, and unpack it with `etcd.restore`.",
        true,
        &[("path", Kind::Text), ("sha256", Kind::Text), (SAYS, Kind::Text)],
    ),
    ActionKind::of::<EtcdSwap>(
        "etcd.swap",
        "Puts a restored data directory in the place of the old one, which is renamed; of mount points the contents. The cluster begins anew.",
        true,
        &[("path", Kind::Text), ("old", Kind::Text)],
    ),
    ActionKind::of::<EtcdProve>(
        "etcd.prove",
        "Writes and reads through the host's member: a transaction that goes through the log and changes no key, then a read through the quorum.",
        true,
        &[],
    ),
    ActionKind::of::<EtcdForce>(
        "etcd.force_new_cluster",
        "Starts etcd, with the override `force-new-cluster` in place, so that its member is alone in the cluster; learners that stay are removed.",
        true,
        &[("member_id", Kind::Text)],
    ),
    ActionKind::of::<EtcdSurvey>(
        "etcd.survey",
        "Reads the data directory of a host without changing it: whose it is, how far its log and database go.",
        true,
        etcd_survey::OUTPUT,
    ),
    ActionKind::of::<BackupTake>(
        "backup.take",
        "Takes a backup: a snapshot from a healthy member, verified before it gets its name.",
        false,
        backup_take::OUTPUT,
    )
    .in_library(),
    ActionKind::of::<BackupCopy>(
        "backup.copy",
        "Copies the data directory of a stopped member, with its log, into an archive on its host; `backup.fetch` brings it into the library.",
        true,
        backup_copy::OUTPUT,
    ),
    ActionKind::of::<BackupFetch>(
        "backup.fetch",
        "Fetches a cold copy from the host into the library, checks its digest and reads its database.",
        true,
        backup_fetch::OUTPUT,
    ),
    ActionKind::of::<BackupVerify>(
        "backup.verify",
        "Reads every page of a backup of the library again and records the proof.",
        false,
        backup_verify::OUTPUT,
    )
    .in_library(),
    ActionKind::of::<BackupPrune>(
        "backup.prune",
        "Removes live backups that the inventory's rules no longer keep; never the newest verified one.",
        false,
        backup_prune::OUTPUT,
    )
    .in_library(),
    ActionKind::of::<ClusterReport>(
        "cluster.report",
        "Says what the cluster comes to: its members, and the hash, revision and keys that they hold.",
        false,
        cluster_report::OUTPUT,
    ),
    ActionKind::of::<ClientsStop>(
        "clients.stop",
        "Stops the clients with the inventory's command, on the bastion; nothing where it names none.",
        false,
        &[],
    )
    .held(),
    ActionKind::of::<ClientsStart>(
        "clients.start",
        "Starts the clients with the inventory's command, on the bastion; nothing where it names none.",
        false,
        &[],
    ),
    ActionKind::of::<Wait>("wait", "Does nothing; the step's `expect` is waited for.", false, &[]),
    ActionKind::of::<Confirm>("confirm", "A question, asked before anything changes.", false, &[]),
    ActionKind::of::<Note>("note", "Tells the operator something, and the record.", false, &[]),
];

/// The conditions, in the order of the reference.
pub static CONDITIONS: &[ConditionKind] = &[
    ConditionKind::of::<ClusterIs>(
        "cluster",
        "The cluster as a whole: healthy, with quorum, with a leader.",
    ),
    ConditionKind::of::<MemberIs>("member", "One member: started, healthy, a voter, caught up, gone."),
    ConditionKind::of::<Members>(
        "members",
        "The member list as a whole: counts, names, peer URLs, agreement.",
    ),
    ConditionKind::of::<Peers>("peers", "Members reach a new host's peer port, and it theirs."),
    ConditionKind::of::<Listens>(
        "listens",
        "etcd on a host will listen where its peers call it, as it is configured.",
    ),
    ConditionKind::of::<Fenced>(
        "fenced",
        "Old members are stopped and cannot come back by themselves; what cannot be fenced is named.",
    ),
    ConditionKind::of::<Quorum>("quorum", "The cluster keeps its quorum through a change."),
    ConditionKind::of::<ServiceIs>(
        "service",
        "The unit on a host: there, running, proved stopped, fenced, without data.",
    ),
    ConditionKind::of::<BackupIs>("backup", "A backup of the library: there, verified, of this cluster."),
    ConditionKind::of::<Newest>(
        "newest",
        "No other copy of the data is newer than a survivor's, no quorum can come back without it, and nothing answers on the hosts that were declared dead.",
    ),
    ConditionKind::of::<Dead>(
        "dead",
        "Nothing answers on the hosts that were declared dead, neither the bastion nor other hosts.",
    ),
    ConditionKind::of::<Bootstrap>(
        "bootstrap",
        "Starting etcd on these hosts founds no new cluster: each has data, or is configured to join an existing one.",
    ),
    ConditionKind::of::<Startable>(
        "startable",
        "Enough voters have intact data on these hosts to make a quorum by being started.",
    ),
    ConditionKind::of::<Content>(
        "content",
        "Members hold the same keys and values, by etcd's own hash at one revision; as many as a backup has.",
    ),
    ConditionKind::of::<Configurable>(
        "configurable",
        "The settings with which etcd on hosts will join a cluster, begin one, or go on, can be written where they live; otherwise the lines to change by hand.",
    ),
    ConditionKind::of::<Disk>("disk", "Hosts have this much space free."),
    ConditionKind::of::<Quota>("quota", "Hosts let a database of this size take writes."),
    ConditionKind::of::<Restorable>(
        "restorable",
        "Hosts have the tool that restores a backup, and an etcd that can run on its data.",
    ),
    ConditionKind::of::<WayBack>(
        "way_back",
        "Hosts have the programs with which they take debug logging back by themselves: curl, or what does for this version of etcd.",
    ),
    ConditionKind::of::<V2Data>(
        "v2_data",
        "No data of the v2 API lies on hosts that a backup does not hold.",
    ),
    ConditionKind::of::<Clock>("clock", "The clocks of hosts agree with the bastion's."),
    ConditionKind::of::<Certificates>(
        "certificates",
        "The certificates that etcd on hosts is set to use are valid by the host's own clock.",
    ),
    ConditionKind::of::<VersionIs>("version", "The etcd that a host has: may it join, is it new enough."),
    ConditionKind::of::<HttpAnswers>("http", "What a URL answers."),
    ConditionKind::of::<CommandSays>("command", "What a command on a host says; it must change nothing."),
];
