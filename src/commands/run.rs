//! `run RUNBOOK`, `plan RUNBOOK`, `apply PLANFILE`.

use std::path::PathBuf;

use serde_json::Value;

use super::act::{self, ActOptions, Parameters, act, act_on};
use super::{Context, Exit, Failure, inventory_change};
use crate::plan::types::{Plan, SCHEMA};

#[derive(Clone, Debug, clap::Args)]
pub struct RunArgs {
    /// A runbook of the catalogue, or the path of a file
    pub runbook: String,
    /// A parameter; a list as a,b,c (repeatable)
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,
    /// Where members have changed: write the change of the list of endpoints into the inventory; without it, it is only shown
    #[arg(long)]
    pub write_inventory: bool,
    #[command(flatten)]
    pub act: ActOptions,
}

#[derive(Clone, Debug, clap::Args)]
pub struct ApplyArgs {
    /// A file that `plan` or `--plan-out` wrote
    pub file: PathBuf,
    /// Where members have changed: write the change of the list of endpoints into the inventory; without it, it is only shown
    #[arg(long)]
    pub write_inventory: bool,
    /// Agree to everything that the plan shows, typed names included; overrides no refusal
    #[arg(long, short = 'y')]
    pub yes: bool,
}

pub async fn run(context: &Context, args: &RunArgs) -> Result<Exit, Failure> {
    let parameters = parameters(&args.parameters)?;
    let settings = context.settings().await?;
    let transport = context.connect(&settings).await?;
    let what = (args.runbook.as_str(), &parameters);
    let Some((plan, exit)) = act_on(context, &args.act, &settings, &transport, what).await? else {
        return Ok(Exit::Done);
    };
    inventory_change::after(context, &settings, &transport, &plan, args.write_inventory).await?;
    Ok(exit)
}

/// The same as `run --plan`.
pub async fn plan(context: &Context, args: &RunArgs) -> Result<Exit, Failure> {
    let options = ActOptions {
        plan: true,
        ..args.act.clone()
    };
    act(context, &options, &args.runbook, parameters(&args.parameters)?).await
}

fn parameters(given: &[String]) -> Result<Parameters, Failure> {
    given
        .iter()
        .map(|text| match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), Value::from(value))),
            _ => Err(Failure::usage(format!(
                "--set {text}: a parameter is given as NAME=VALUE"
            ))),
        })
        .collect()
}

/// Carries out exactly that plan, or refuses because the cluster has changed.
pub async fn apply(context: &Context, args: &ApplyArgs) -> Result<Exit, Failure> {
    let wrong = |why: String| Failure::usage(format!("{} is no plan", args.file.display())).cause(why);
    let text = std::fs::read_to_string(&args.file).map_err(|error| wrong(error.to_string()))?;
    let plan: Plan = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if plan.schema != SCHEMA {
        return Err(wrong(format!(
            "its format is {}, this etcdops knows {SCHEMA}",
            plan.schema
        )));
    }
    if context.runs().load(&plan.run).is_ok() {
        return Err(
            Failure::refused(format!("this plan was carried out already, as run {}", plan.run))
                .cause("nothing was changed")
                .hint(format!("etcdops runs show {}", plan.run)),
        );
    }
    let mut settings = context.settings().await?;
    if settings.cluster.name != plan.cluster.name {
        return Err(Failure::usage(format!("the plan is for cluster {}", plan.cluster.name))
            .hint(format!("--cluster {}", plan.cluster.name)));
    }
    settings.cluster = plan.cluster.clone();
    let transport = context.connect(&settings).await?;
    if !context.ui.is_json() {
        act::tell(context, &plan, &[]);
    }
    let exit = act::carry_out(context, args.yes, &plan, &transport).await?;
    inventory_change::after(context, &settings, &transport, &plan, args.write_inventory).await?;
    Ok(exit)
}
