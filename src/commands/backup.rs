//! `etcdops backup`: a door to the runbooks `backup` and `backup-offline`.

use serde_json::json;

use super::act::{ActOptions, Parameters, act};
use super::{Context, Exit, Failure};

#[derive(Clone, Debug, clap::Args)]
pub struct BackupArgs {
    /// Prove it also by starting a throw-away etcd from it
    #[arg(long)]
    pub boot: bool,
    /// Stop etcd on this host and copy its data directory, for what a snapshot does not hold
    #[arg(long, value_name = "HOST")]
    pub offline: Option<String>,
    #[command(flatten)]
    pub act: ActOptions,
}

pub async fn run(context: &Context, args: &BackupArgs) -> Result<Exit, Failure> {
    let (runbook, parameters) = door(args);
    act(context, &args.act, runbook, parameters).await
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
