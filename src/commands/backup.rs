//! `etcdops backup`: a door to the runbooks `backup` and `backup-offline`, and the timer that takes backups by itself.

use serde_json::json;

use super::act::{ActOptions, Parameters, act_on};
use super::health::remember;
use super::{Context, Exit, Failure, backup_timer};
use crate::base::duration::Span;
use crate::look::{Depth, investigate};

#[derive(Clone, Debug, clap::Args)]
pub struct BackupArgs {
    /// Prove it also by starting a throw-away etcd from it
    #[arg(long)]
    pub boot: bool,
    /// Stop etcd on this host and copy its data directory, for what a snapshot does not hold
    #[arg(long, value_name = "HOST")]
    pub offline: Option<String>,
    /// Let this machine's systemd take backups by itself, so often (6h, 1d): shows the units, asks, writes them; again: changes them
    #[arg(long, value_name = "TIME", conflicts_with = "offline")]
    pub install_timer: Option<Span>,
    /// Take that timer away again
    #[arg(long, conflicts_with_all = ["offline", "install_timer", "boot"])]
    pub remove_timer: bool,
    #[command(flatten)]
    pub act: ActOptions,
}

pub async fn run(context: &Context, args: &BackupArgs) -> Result<Exit, Failure> {
    if let Some(every) = args.install_timer {
        return backup_timer::install(context, every, args.boot, &args.act).await;
    }
    if args.remove_timer {
        return backup_timer::remove(context, &args.act).await;
    }
    let (runbook, parameters) = door(args);
    let settings = context.settings().await?;
    let transport = context.connect(&settings).await?;
    let ended = act_on(context, &args.act, &settings, &transport, (runbook, &parameters)).await?;
    let Some((_, exit)) = ended else {
        return Ok(Exit::Done);
    };
    // What a recovery would lose is told from it (safety 23).
    let evidence = investigate(&settings.cluster, &transport, settings.look_timeout(), Depth::Brief).await;
    remember(context, &settings, &evidence.observed);
    Ok(exit)
}

fn door(args: &BackupArgs) -> (&'static str, Parameters) {
    let mut parameters = Parameters::new();
    if args.boot {
        parameters.insert("boot".to_owned(), json!(true));
    }
    match &args.offline {
        Some(host) => {
            parameters.insert("host".to_owned(), json!(host));
            ("backup-offline", parameters)
        }
        None => ("backup", parameters),
    }
}
