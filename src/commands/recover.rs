//! `etcdops recover`: looks at everything that is left, shows what can be done and what each way would lose, and leads to it.

mod file;
mod guided;

use std::path::Path;

use serde_json::json;

use self::guided::guided;
use super::act::{ActOptions, Parameters, act, act_on};
use super::health::recalled;
use super::{Context, Exit, Failure};
use crate::base::duration::Span;
use crate::cluster::host::ClusterConfig;
use crate::look::recovery;
use crate::snapshot::Shelf;
use crate::transport::library::{With, list};

/// Bound of reading and verifying a file.
const ADDING: Span = Span::seconds(3600);

#[derive(Clone, Debug, clap::Args)]
pub struct RecoverArgs {
    /// Start what is stopped: loses nothing
    #[arg(long, conflicts_with = "from_survivor")]
    pub start: bool,
    /// Bring all members back from a backup: its name in the library, or a file, which is taken into the library first (default: the
    /// newest verified one of this cluster)
    #[arg(long, value_name = "NAME|FILE", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["start", "from_survivor"])]
    pub from_backup: Option<String>,
    /// With --from-backup: come back on these hosts (comma-separated), and grow later with `add-member`
    #[arg(long, value_name = "HOST", value_delimiter = ',', num_args = 1.., requires = "from_backup")]
    pub members: Vec<String>,
    /// With --from-backup: come back on NEW instead of on OLD (repeatable)
    #[arg(long, value_name = "OLD=NEW", requires = "from_backup", conflicts_with = "members")]
    pub host_map: Vec<String>,
    /// With --from-backup or --then-restore: raise the revision by so much, so that clients that watch (Kubernetes) start over (default:
    /// 1000000000, or twice the highest revision known if that is more)
    #[arg(long, visible_alias = "bump", value_name = "REVISIONS", num_args = 0..=1, default_missing_value = "0")]
    pub bump_revision: Option<u64>,
    /// Make a cluster of one from the copy on HOST (default: the newest copy), then let the others join it
    #[arg(long, value_name = "HOST", num_args = 0..=1, default_missing_value = "")]
    pub from_survivor: Option<String>,
    /// With --from-survivor: keep the survivor alone, back it up, and bring all members back from that backup with a new cluster ID
    #[arg(long, requires = "from_survivor")]
    pub then_restore: bool,
    #[command(flatten)]
    pub act: ActOptions,
}

pub async fn run(context: &Context, args: &RecoverArgs) -> Result<Exit, Failure> {
    if args.bump_revision.is_some() && args.from_backup.is_none() && !args.then_restore {
        return Err(Failure::usage("--bump-revision needs --from-backup or --then-restore"));
    }
    if args.start {
        return act(context, &args.act, "recover-start", Parameters::new()).await;
    }
    if let Some(backup) = &args.from_backup {
        return from_backup(context, args, backup).await;
    }
    if let Some(host) = &args.from_survivor {
        if args.then_restore {
            return restored_anew(context, args, host).await;
        }
        return act(context, &args.act, "recover-from-survivor", survivor(host)).await;
    }
    guided(context, &args.act).await
}

/// The way of a backup: a name, or a file, which comes into the library first unless the plan is only shown.
async fn from_backup(context: &Context, args: &RecoverArgs, backup: &str) -> Result<Exit, Failure> {
    let settings = context.settings().await?;
    let transport = context.connect(&settings).await?;
    let mut found = shelf(&settings.cluster)?;
    let mut parameters = Parameters::new();
    let mut shown = None;
    if backup.contains('/') || Path::new(backup).is_file() {
        let file = Path::new(backup);
        let name = match file::known(&found, file)? {
            Some(name) => {
                let text = format!("{} is in the library as {name}.", file.display());
                context.ui.say(&text);
                name
            }
            None if args.act.only_shows() => {
                let kept = file::preview(context, &settings.cluster, &args.act, file)?;
                let name = kept.manifest.name.clone();
                found.backups.insert(0, kept.clone());
                shown = Some(kept);
                name
            }
            None => {
                let name = file::taken_in(context, &transport, file).await?;
                found = shelf(&settings.cluster)?;
                name
            }
        };
        parameters.insert("backup".to_owned(), json!(name));
    } else if !backup.is_empty() {
        parameters.insert("backup".to_owned(), json!(backup));
    }
    let named = parameters.get("backup").and_then(serde_json::Value::as_str);
    let (runbook, parameters) = if of_v2(&settings.cluster.name, &found, named)? {
        v2_way(args, parameters)?
    } else {
        snapshot_way(&settings.cluster, args, parameters)?
    };
    let what = (runbook, &parameters);
    let done = match shown {
        Some(kept) => {
            let with = With::new(&transport, kept);
            act_on(context, &args.act, &settings, &with, what).await?
        }
        None => act_on(context, &args.act, &settings, &transport, what).await?,
    };
    Ok(done.map_or(Exit::Done, |(_, exit)| exit))
}

fn shelf(cluster: &ClusterConfig) -> Result<Shelf, Failure> {
    let folder = cluster.library();
    let found = folder.map_or_else(|| Ok(Shelf::default()), |folder| list(&folder));
    found.map_err(|error| Failure::of(Exit::Refused, &error))
}

/// All members at once, from a snapshot.
fn snapshot_way(
    cluster: &ClusterConfig,
    args: &RecoverArgs,
    mut parameters: Parameters,
) -> Result<(&'static str, Parameters), Failure> {
    parameters.extend(bumped(args));
    let dead = &args.act.dead;
    if let Some(host) = args.members.iter().find(|host| dead.contains(host)) {
        return Err(Failure::usage(format!(
            "--members names {host}, and --dead says that it is gone"
        )));
    }
    let members = match args.host_map.as_slice() {
        [] => args.members.clone(),
        moves => {
            let mut hosts = moved(cluster, moves)?;
            hosts.retain(|host| !dead.contains(host));
            hosts
        }
    };
    if !members.is_empty() {
        parameters.insert("members".to_owned(), json!(members.join(",")));
    }
    Ok(("recover-from-backup", parameters))
}

/// Whether the backup comes back the way of v2 data. Where none is named and there is one with v2 data, the operator has to say.
fn of_v2(cluster: &str, shelf: &Shelf, named: Option<&str>) -> Result<bool, Failure> {
    if let Some(name) = named {
        return Ok(shelf.find(name).is_some_and(|kept| kept.manifest.is_v2_backup()));
    }
    let own = recalled(cluster).and_then(|record| record.cluster_id);
    let Some(v2) = shelf.newest_v2(own) else {
        return Ok(false);
    };
    let snapshot = shelf
        .newest_verified(own)
        .map_or_else(|| "NAME".to_owned(), |kept| kept.manifest.name.clone());
    Err(
        Failure::usage("the cluster had data of the v2 API, of which a snapshot holds nothing: which backup?")
            .cause(format!(
                "with v2 data: etcdops recover --from-backup {}",
                v2.manifest.name
            ))
            .cause(format!("without: etcdops recover --from-backup {snapshot}"))
            .cause("nothing was changed"),
    )
}

/// One host is brought back, the others join it: what concerns all of them at once cannot be asked for.
fn v2_way(args: &RecoverArgs, mut parameters: Parameters) -> Result<(&'static str, Parameters), Failure> {
    if args.bump_revision.is_some() || !args.host_map.is_empty() || args.members.len() > 1 {
        return Err(Failure::usage(
            "this backup holds what `etcdctl backup` made: it comes back on one host, which the others join",
        )
        .hint("of --members, --host-map and --bump-revision only `--members HOST`, with that one host"));
    }
    if let Some(host) = args.members.first() {
        parameters.insert("host".to_owned(), json!(host));
    }
    Ok(("recover-from-v2-backup", parameters))
}

/// The inventory's hosts that are not named as new, each old one replaced.
fn moved(cluster: &ClusterConfig, moves: &[String]) -> Result<Vec<String>, Failure> {
    let mut pairs = Vec::new();
    for text in moves {
        let pair = text
            .split_once('=')
            .filter(|(old, new)| !old.is_empty() && !new.is_empty());
        let (old, new) = pair.ok_or_else(|| Failure::usage(format!("--host-map {text}: it is given as OLD=NEW")))?;
        for host in [old, new] {
            if cluster.host(host).is_none() {
                return Err(
                    Failure::usage(format!("--host-map {text}: the inventory has no host {host}"))
                        .hint("etcdops config show"),
                );
            }
        }
        pairs.push((old, new));
    }
    let is_new = |name: &str| pairs.iter().any(|(_, new)| *new == name);
    let names = cluster
        .hosts
        .iter()
        .map(|host| host.name.as_str())
        .filter(|name| !is_new(name));
    Ok(names
        .map(|name| {
            let mapped = pairs.iter().find(|(old, _)| *old == name);
            mapped.map_or(name, |(_, new)| new).to_owned()
        })
        .collect())
}

/// How much the revision is raised; without a number the runbook finds one.
fn bumped(args: &RecoverArgs) -> Parameters {
    let parameter = match args.bump_revision {
        None => return Parameters::new(),
        Some(0) => ("raise".to_owned(), json!(true)),
        Some(by) => ("bump".to_owned(), json!(by)),
    };
    Parameters::from([parameter])
}

/// The survivor alone, a backup of it, and all members from that backup: three runs, each planned when the one before has ended.
async fn restored_anew(context: &Context, args: &RecoverArgs, host: &str) -> Result<Exit, Failure> {
    let mut parameters = bumped(args);
    let living = living(context, args, host).await?;
    parameters.insert("members".to_owned(), json!(living.join(",")));
    let mut alone = survivor(host);
    alone.insert("grow".to_owned(), json!(false));
    let exit = act(context, &args.act, "recover-from-survivor", alone).await?;
    if args.act.only_shows() {
        let bump = match args.bump_revision {
            None => String::new(),
            Some(0) => " --bump-revision".to_owned(),
            Some(by) => format!(" --bump-revision {by}"),
        };
        context.ui.say(&format!(
            "Afterwards, each with a plan of its own: etcdops backup; etcdops recover --from-backup --members {}{bump}",
            parameters["members"].as_str().unwrap_or_default()
        ));
        return Ok(exit);
    }
    if exit != Exit::Done {
        return Ok(exit);
    }
    let backup = act(context, &args.act, "backup", Parameters::new()).await?;
    if backup != Exit::Done {
        return Ok(backup);
    }
    act(context, &args.act, "recover-from-backup", parameters).await
}

/// The hosts of the members that the copy knows, apart from the dead. Refused where the way would lose data of the v2 API.
async fn living(context: &Context, args: &RecoverArgs, host: &str) -> Result<Vec<String>, Failure> {
    let settings = context.settings().await?;
    let transport = context.connect(&settings).await?;
    let found = recovery::find(&settings.cluster, &transport, settings.look_timeout()).await;
    let copies = found.copies();
    let copy = if host.is_empty() {
        copies.newest().map(|(_, copy)| copy)
    } else {
        copies.on(host)
    };
    if copy.is_some_and(|copy| copy.v2_data) && !args.act.accept.iter().any(|guard| guard == "v2_data") {
        return Err(Failure::refused(
            "refused; nothing was changed",
        )
        .cause("the copy holds data of the v2 API, of which a snapshot of the survivor holds nothing: all of it would be lost to clients (--accept v2_data asks for your typed consent instead)")
        .hint("without --then-restore it stays: etcdops recover --from-survivor"));
    }
    let members = copy.map(|copy| copy.members.as_slice()).unwrap_or_default();
    let hosts = members
        .iter()
        .filter_map(|member| settings.cluster.host_of_member(member));
    Ok(hosts
        .map(|host| host.name.clone())
        .filter(|host| !args.act.dead.contains(host))
        .collect())
}

fn survivor(host: &str) -> Parameters {
    if host.is_empty() {
        return Parameters::new();
    }
    Parameters::from([("survivor".to_owned(), json!(host))])
}
