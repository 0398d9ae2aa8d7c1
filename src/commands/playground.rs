//! `etcdops playground up|down|status`: a throw-away local cluster of real etcd processes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Context, Exit, Failure};
use crate::base::clock::rfc3339;
use crate::cluster::host::ClusterConfig;
use crate::cluster::observed::{Observed, Role};
use crate::playground::{
    self, Answer, Options, PlaygroundError, ProcessStatus, Status, Up, UpKind, default_root, layout,
};
use crate::transport::Transport;
use crate::transport::real::RealTransport;
use crate::ui::paint::Tone;
use crate::ui::table::{Cell, Column, Table};
use crate::ui::text::wrap;

/// The playground has no certificates, no passwords, no ssh.
fn connect(cluster: &ClusterConfig) -> Box<dyn Transport> {
    let transport = RealTransport::of_cluster(cluster, None, None);
    Box::new(transport.expect("without certificate files there is none that cannot be read"))
}

/// How long `up` waits for health where `--timeout` does not say.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct PlaygroundArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum What {
    /// Make the playground, or make it whole again; what runs is left alone
    Up(UpArgs),
    /// Stop its processes and remove its folder
    Down,
    /// Each host's process, and what its member answers
    Status,
}

#[derive(Clone, Debug, clap::Args)]
struct UpArgs {
    /// How many members, 1 to 9 (default: 3)
    #[arg(long, value_name = "N")]
    members: Option<usize>,

    /// Hosts without a member beside them, for `add-member` (default: 0)
    #[arg(long, value_name = "N")]
    spare: Option<usize>,

    /// The etcd program, or the folder that holds it (default: the `etcd` on PATH)
    #[arg(long, value_name = "PATH")]
    etcd: Option<PathBuf>,
}

pub async fn run(context: &Context, args: &PlaygroundArgs) -> Result<Exit, Failure> {
    let root = default_root()
        .ok_or_else(|| Failure::usage("neither $XDG_DATA_HOME nor $HOME says where the playground may be"))?;
    match &args.what {
        What::Up(args) => up(context, args, &root).await,
        What::Down => down(context, &root).await,
        What::Status => status(context, &root).await,
    }
}

async fn up(context: &Context, args: &UpArgs, root: &Path) -> Result<Exit, Failure> {
    let options = Options {
        members: args.members,
        spare: args.spare,
        etcd: args.etcd.clone(),
        patience: context.global.timeout.map_or(PATIENCE, |timeout| timeout.0),
    };
    let tell = |text: &str| context.ui.say(text);
    let done = playground::up(root, &options, &connect, &tell)
        .await
        .map_err(|error| failure(&error))?;
    if context.ui.is_json() {
        context.ui.json(&up_json(root, &done));
    } else {
        context.ui.data(&up_text(root, &done));
        if done.kind == UpKind::New {
            let width = context.ui.screen.talk_width();
            context.ui.say(&wrap("", DIFFERENCES, width));
        }
    }
    Ok(Exit::Done)
}

/// Said once, where the playground is made.
const DIFFERENCES: &str = "Not as on systemd hosts: members are plain processes of yours. Nothing starts them at boot or after they die, and \
    nothing is masked; what is to be undone later (`--for`) waits in a process, which a reboot ends.";

fn up_text(root: &Path, done: &Up) -> String {
    let members = done.state.members().count();
    let plural = if members == 1 { "" } else { "s" };
    let head = match &done.kind {
        UpKind::New => format!(
            "The playground is up: {members} member{plural}, etcd {}.",
            done.state.version
        ),
        UpKind::StartedAgain(hosts) => format!("The playground is whole again: started {}.", hosts.join(", ")),
        UpKind::Already => {
            return format!("The playground is up already: {members} member{plural}, all healthy; nothing was done.");
        }
    };
    format!(
        "{head}\nIts files, private to you: {}\n\nWhat to type next (`--cluster {}` where you have other clusters):\n  \
         etcdops health\n  etcdops members\n  etcdops playground down    # throw it away",
        root.display(),
        layout::CLUSTER
    )
}

fn up_json(root: &Path, done: &Up) -> Value {
    let (outcome, started) = match &done.kind {
        UpKind::New => (
            "new",
            done.state
                .hosts
                .iter()
                .filter(|host| !host.spare)
                .map(|host| host.name.clone())
                .collect(),
        ),
        UpKind::StartedAgain(hosts) => ("started-again", hosts.clone()),
        UpKind::Already => ("already", Vec::new()),
    };
    json!({
        "schema": "etcdops/playground-up/v1",
        "outcome": outcome,
        "started": started,
        "cluster": layout::CLUSTER,
        "version": done.state.version,
        "etcd": done.state.etcd,
        "folder": root,
        "inventory": layout::inventory_path(root),
        "endpoints": done.state.members().map(crate::playground::state::PlayHost::client_url).collect::<Vec<_>>(),
    })
}

async fn down(context: &Context, root: &Path) -> Result<Exit, Failure> {
    let done = playground::down(root).await.map_err(|error| failure(&error))?;
    if context.ui.is_json() {
        let stopped = done.as_ref().map(|done| done.stopped.clone()).unwrap_or_default();
        context.ui.json(&json!({
            "schema": "etcdops/playground-down/v1",
            "stopped": stopped,
            "removed": done.as_ref().map(|done| done.removed.clone()),
        }));
        return Ok(Exit::Done);
    }
    let Some(done) = done else {
        context.ui.data("There is no playground; nothing was done.");
        return Ok(Exit::Done);
    };
    let stopped = match done.stopped.as_slice() {
        [] => "Nothing ran.".to_owned(),
        hosts => format!("Stopped {}.", hosts.join(", ")),
    };
    if !done.killed.is_empty() {
        context.ui.warn(&format!(
            "{} did not end when asked, and was killed",
            done.killed.join(", ")
        ));
    }
    context
        .ui
        .data(&format!("{stopped} Removed {}.", done.removed.display()));
    Ok(Exit::Done)
}

async fn status(context: &Context, root: &Path) -> Result<Exit, Failure> {
    let Some(status) = playground::status(root).map_err(|error| failure(&error))? else {
        return Err(Failure::refused("there is no playground").hint("type `etcdops playground up`"));
    };
    let transport = connect(&layout::cluster_config(root, &status.state));
    let observed = playground::look(root, &status.state, &*transport).await;
    let answers = playground::answers(root, &status.state, &observed);
    if context.ui.is_json() {
        context.ui.json(&status_json(root, &status, &answers));
    } else {
        let table = status_table(&status, &answers);
        let width = context.ui.screen.data_columns;
        context.ui.data(&table.render(context.ui.paint(), width));
    }
    let exit = verdict(&observed, &answers);
    if exit != Exit::Done {
        context
            .ui
            .hint("`etcdops playground up` starts what is dead; `etcdops health` explains the rest");
    }
    Ok(exit)
}

fn verdict(observed: &Observed, answers: &[(String, Answer)]) -> Exit {
    let whole = answers
        .iter()
        .all(|(_, answer)| matches!(answer, Answer::Healthy { .. } | Answer::NoMember));
    match (observed.quorum_proved, whole) {
        (true, true) => Exit::Done,
        (true, false) => Exit::Degraded,
        (false, _) => Exit::NoQuorum,
    }
}

fn status_table(status: &Status, answers: &[(String, Answer)]) -> Table {
    let mut table = Table::new([
        Column::Name("HOST"),
        Column::Name("PROCESS"),
        Column::Number("PID"),
        Column::Name("ENDPOINT"),
        Column::Name("VERSION"),
        Column::Prose("MEMBER"),
    ]);
    for (host, (_, answer)) in status.hosts.iter().zip(answers) {
        let (member, version) = described(answer);
        let tone = match answer {
            Answer::Healthy { .. } => Tone::Good,
            Answer::NoMember => Tone::Plain,
            Answer::Ill(_) | Answer::NoProcess => Tone::Bad,
        };
        table.row([
            Cell::new(&host.host),
            Cell::new(process_word(host.process)),
            Cell::new(host.pid.map_or_else(String::new, |pid| pid.to_string())),
            Cell::new(&host.client_url),
            Cell::new(version),
            Cell::toned(member, tone),
        ]);
    }
    table
}

fn process_word(process: ProcessStatus) -> &'static str {
    match process {
        ProcessStatus::Running => "running",
        ProcessStatus::Dead => "dead",
        ProcessStatus::Stopped => "stopped",
    }
}

fn described(answer: &Answer) -> (String, String) {
    match answer {
        Answer::Healthy { role, version } => (format!("healthy, {}", role_word(*role)), version.clone()),
        Answer::Ill(why) => (why.clone(), String::new()),
        Answer::NoProcess => ("does not run".to_owned(), String::new()),
        Answer::NoMember => ("none (spare)".to_owned(), String::new()),
    }
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Leader => "leader",
        Role::Follower => "follower",
        Role::Learner => "learner",
        Role::Unstarted => "unstarted",
    }
}

fn status_json(root: &Path, status: &Status, answers: &[(String, Answer)]) -> Value {
    let hosts = status.hosts.iter().zip(answers).map(|(host, (_, answer))| {
        let (healthy, role, cause) = match answer {
            Answer::Healthy { role, .. } => (Some(true), Some(role_word(*role)), None),
            Answer::Ill(why) => (Some(false), None, Some(why.as_str())),
            Answer::NoProcess => (Some(false), None, Some("its process does not run")),
            Answer::NoMember => (None, None, None),
        };
        json!({
            "host": host.host, "process": host.process, "pid": host.pid, "endpoint": host.client_url,
            "healthy": healthy, "role": role, "cause": cause,
        })
    });
    json!({
        "schema": "etcdops/playground-status/v1",
        "cluster": layout::CLUSTER,
        "folder": root,
        "etcd": status.state.etcd,
        "version": status.state.version,
        "created": rfc3339(status.state.created),
        "hosts": hosts.collect::<Vec<_>>(),
    })
}

fn failure(error: &PlaygroundError) -> Failure {
    let exit = match error {
        PlaygroundError::Members { .. }
        | PlaygroundError::NoProgram { .. }
        | PlaygroundError::NotEtcd { .. }
        | PlaygroundError::TooOld { .. } => Exit::Usage,
        error if error.after_changes() => Exit::Failed,
        _ => Exit::Refused,
    };
    let failure = Failure::of(exit, error);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
