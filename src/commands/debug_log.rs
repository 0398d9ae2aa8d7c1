//! `debug-log on|off|status`: doors to `debug-log-on`, `debug-log-off` and `debug-log-status`.

use serde_json::json;

use super::act::{ActOptions, Parameters, act};
use super::{Context, Exit, Failure};

#[derive(Clone, Debug, clap::Args)]
pub struct DebugLogArgs {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Clone, Debug, clap::Subcommand)]
pub enum What {
    /// Debug logging on chosen members; ends by itself
    On {
        /// Hosts of the inventory; default: all that carry a member
        #[arg(value_name = "HOST")]
        hosts: Vec<String>,
        /// How long; the hosts themselves end it, also when this machine is gone
        #[arg(long = "for", value_name = "DURATION", default_value = "30m")]
        lasts: String,
        #[command(flatten)]
        act: ActOptions,
    },
    /// Back to the level that the unit configures, and prove it
    Off {
        /// Hosts of the inventory; default: all that carry a member
        #[arg(value_name = "HOST")]
        hosts: Vec<String>,
        #[command(flatten)]
        act: ActOptions,
    },
    /// What each member runs with, and when it reverts
    Status {
        /// Hosts of the inventory; default: all that carry a member
        #[arg(value_name = "HOST")]
        hosts: Vec<String>,
    },
}

pub async fn run(context: &Context, args: &DebugLogArgs) -> Result<Exit, Failure> {
    match &args.what {
        What::On {
            hosts,
            lasts,
            act: options,
        } => {
            let mut parameters = chosen(hosts);
            parameters.insert("for".to_owned(), json!(lasts));
            act(context, options, "debug-log-on", parameters).await
        }
        What::Off { hosts, act: options } => act(context, options, "debug-log-off", chosen(hosts)).await,
        What::Status { hosts } => act(context, &ActOptions::default(), "debug-log-status", chosen(hosts)).await,
    }
}

/// No host named: the runbook's default.
fn chosen(hosts: &[String]) -> Parameters {
    if hosts.is_empty() {
        return Parameters::new();
    }
    Parameters::from([("hosts".to_owned(), json!(hosts))])
}
