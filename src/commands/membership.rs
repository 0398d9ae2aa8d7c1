//! `add-member`, `remove-member`, `replace-member`, `promote-member`, `update-member`: doors to the runbooks of the same names.

use serde_json::Value;

use super::act::{ActOptions, Parameters, act_on};
use super::{Context, Exit, Failure, inventory_change};
use crate::call::{Look, Sight};
use crate::cluster::called;
use crate::cluster::member::Id;
use crate::cluster::observed::{MemberSeen, Observed, Standing};
use crate::look;
use crate::ui::prompt::Prompt;

/// What the commands that take a backup first have besides.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ChangeOptions {
    /// Take no backup first; recorded with the run
    #[arg(long)]
    pub no_backup: bool,
    /// Write the change of the list of endpoints into the inventory; without it, it is only shown
    #[arg(long)]
    pub write_inventory: bool,
    #[command(flatten)]
    pub act: ActOptions,
}

#[derive(Clone, Debug, clap::Args)]
pub struct AddArgs {
    /// A host of the inventory where etcd is installed and stopped
    #[arg(value_name = "HOST")]
    pub host: String,
    #[command(flatten)]
    pub change: ChangeOptions,
}

#[derive(Clone, Debug, clap::Args)]
pub struct RemoveArgs {
    /// A member: name, host or hex ID
    #[arg(value_name = "MEMBER")]
    pub member: String,
    #[command(flatten)]
    pub change: ChangeOptions,
}

#[derive(Clone, Debug, clap::Args)]
pub struct ReplaceArgs {
    /// A member: name, host or hex ID; default: you choose, the dead one is proposed
    #[arg(value_name = "MEMBER")]
    pub member: Option<String>,
    /// Where the new member runs; default: on the old one's host
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    #[command(flatten)]
    pub change: ChangeOptions,
}

#[derive(Clone, Debug, clap::Args)]
pub struct PromoteArgs {
    /// A learner: name, host or hex ID; default: the only one
    #[arg(value_name = "MEMBER")]
    pub member: Option<String>,
    #[command(flatten)]
    pub change: ChangeOptions,
}

#[derive(Clone, Debug, clap::Args)]
pub struct UpdateArgs {
    /// A member: name, host or hex ID
    #[arg(value_name = "MEMBER")]
    pub member: String,
    /// Where the other members reach it from now on
    #[arg(long, value_name = "URL")]
    pub peer_url: String,
    #[command(flatten)]
    pub change: ChangeOptions,
}

pub async fn add(context: &Context, args: &AddArgs) -> Result<Exit, Failure> {
    change(context, &args.change, "add-member", [("host", &args.host)]).await
}

pub async fn remove(context: &Context, args: &RemoveArgs) -> Result<Exit, Failure> {
    change(context, &args.change, "remove-member", [("member", &args.member)]).await
}

pub async fn replace(context: &Context, args: &ReplaceArgs) -> Result<Exit, Failure> {
    let member = match &args.member {
        Some(member) => member.clone(),
        None => chosen(context, "Which member is replaced?", |_| true).await?,
    };
    let host = args.host.as_ref().map(|host| ("host", host));
    let given = [Some(("member", &member)), host].into_iter().flatten();
    change(context, &args.change, "replace-member", given).await
}

pub async fn promote(context: &Context, args: &PromoteArgs) -> Result<Exit, Failure> {
    let learner = |seen: &MemberSeen| seen.member.as_ref().is_some_and(|member| member.learner);
    let member = match &args.member {
        Some(member) => member.clone(),
        None => chosen(context, "Which learner becomes a voter?", learner).await?,
    };
    change(context, &args.change, "promote-member", [("member", &member)]).await
}

pub async fn update(context: &Context, args: &UpdateArgs) -> Result<Exit, Failure> {
    let given = [("member", &args.member), ("peer_url", &args.peer_url)];
    change(context, &args.change, "update-member", given).await
}

fn parameters<'a>(given: impl IntoIterator<Item = (&'static str, &'a String)>) -> Parameters {
    let given = given.into_iter();
    given
        .map(|(name, value)| (name.to_owned(), Value::from(value.as_str())))
        .collect()
}

async fn change<'a>(
    context: &Context,
    options: &ChangeOptions,
    runbook: &str,
    given: impl IntoIterator<Item = (&'static str, &'a String)>,
) -> Result<Exit, Failure> {
    let mut parameters = parameters(given);
    if options.no_backup {
        parameters.insert("take_backup".to_owned(), Value::Bool(false));
    }
    let settings = context.settings().await?;
    let transport = context.connect(&settings).await?;
    let ended = act_on(context, &options.act, &settings, &transport, (runbook, &parameters)).await?;
    let Some((plan, exit)) = ended else {
        return Ok(Exit::Done);
    };
    inventory_change::after(context, &settings, &transport, &plan, options.write_inventory).await?;
    Ok(exit)
}

/// Shows the members in question and asks for one, the sick ones first.
async fn chosen(context: &Context, question: &str, wanted: impl Fn(&MemberSeen) -> bool) -> Result<String, Failure> {
    let settings = context.settings().await?;
    let transport = context.connect(&settings).await?;
    let cluster = &settings.cluster;
    let seen = look::see(&Look::Cluster, cluster, &transport, cluster.call_timeout).await;
    let Sight::Cluster(observed) = seen else {
        return Err(Failure::refused("the members cannot be listed; nothing was changed").hint("etcdops health"));
    };
    let rows = rows(&observed, wanted);
    match rows.as_slice() {
        [] => return Err(Failure::usage("there is no such member").hint("etcdops members")),
        [(only, _)] => return Ok(only.to_string()),
        _ => {}
    }
    let shown: Vec<(String, String)> = rows.iter().map(|(_, row)| row.clone()).collect();
    match Prompt::new(&context.ui).choose(question, &shown).await {
        // By ID: another member may be called as this one is.
        Ok(Some(place)) => Ok(rows[place].0.to_string()),
        Ok(None) => Err(Failure::new(Exit::Declined, "declined; nothing was changed")),
        Err(_) => {
            Err(Failure::usage("a member must be named where there is no terminal to ask at").hint("etcdops members"))
        }
    }
}

/// ID, name and what is known of it; the sick first, the first of them proposed.
fn rows(observed: &Observed, wanted: impl Fn(&MemberSeen) -> bool) -> Vec<(Id, (String, String))> {
    let mut members: Vec<&MemberSeen> = observed
        .members
        .iter()
        .filter(|seen| seen.member.is_some() && wanted(seen))
        .collect();
    members.sort_by_key(|seen| seen.standing == Standing::Healthy);
    let mut rows: Vec<(Id, (String, String))> = members
        .iter()
        .filter_map(|seen| Some((seen.member.as_ref()?.id, (word(observed, seen)?, standing(seen)))))
        .collect();
    if let (Some(sick), Some(first)) = (members.first(), rows.first_mut())
        && sick.standing != Standing::Healthy
    {
        first.1.1.push_str(" (proposed)");
    }
    rows
}

/// Its host, else its name; its ID where that may mean somebody else, too.
fn word(observed: &Observed, seen: &MemberSeen) -> Option<String> {
    let member = seen.member.as_ref()?;
    let word = seen.host.as_ref().unwrap_or(&member.name);
    let alone = matches!(called::find(&observed.members, word), Ok(Some(_)));
    Some(if alone { word.clone() } else { member.id.to_string() })
}

fn standing(seen: &MemberSeen) -> String {
    let cause = seen
        .cause
        .as_ref()
        .map(|cause| format!(": {}", cause.message))
        .unwrap_or_default();
    match seen.standing {
        Standing::Healthy => "healthy".to_owned(),
        Standing::Unhealthy => format!("unhealthy{cause}"),
        Standing::Unreachable => format!("cannot be reached{cause}"),
    }
}
