//! `etcdops config show|check`: the inventory with where each value came from; and the proof that it is right.

mod check;
mod show;

use super::{Context, Exit, Failure};

/// Show or prove the configuration
#[derive(Clone, Debug, clap::Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub what: ConfigCommand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum ConfigCommand {
    /// Print every value of the cluster with where it came from
    Show,
    /// Find what is wrong: in the files, then on every host (ssh, sudo, unit, data directory, etcd)
    Check,
}

pub async fn run(context: &Context, args: &ConfigArgs) -> Result<Exit, Failure> {
    match args.what {
        ConfigCommand::Show => {
            let settings = context.settings().await?;
            show::print(&context.ui, &settings);
            Ok(Exit::Done)
        }
        ConfigCommand::Check => check::run(context).await,
    }
}
