//! `start`, `stop`, `restart` HOST…: doors to the runbooks of the same names.

use serde_json::json;

use super::act::{ActOptions, Parameters, act};
use super::{Context, Exit, Failure};

#[derive(Clone, Debug, clap::Args)]
pub struct ServiceArgs {
    /// Hosts of the inventory
    #[arg(required = true, value_name = "HOST")]
    pub hosts: Vec<String>,
    #[command(flatten)]
    pub act: ActOptions,
}

/// `runbook` is `start`, `stop` or `restart`.
pub async fn run(context: &Context, args: &ServiceArgs, runbook: &str) -> Result<Exit, Failure> {
    act(context, &args.act, runbook, parameters(args)).await
}

fn parameters(args: &ServiceArgs) -> Parameters {
    Parameters::from([("hosts".to_owned(), json!(args.hosts))])
}
