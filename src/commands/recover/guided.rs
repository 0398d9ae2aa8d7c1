//! `etcdops recover` without a way: look at everything, show what can be done and what it loses, ask.

use serde_json::json;

use super::super::act::{ActOptions, Parameters, act};
use super::super::health::{recalled, remember};
use super::super::{Context, Exit, Failure};
use super::{ADDING, survivor};
use crate::call::{Call, LibraryAnswer, LibraryOp, Reply, To, Unwatched};
use crate::cluster::host::ClusterConfig;
use crate::look::recovery::{self, BackupFound, Choice, Choices, Found, Way};
use crate::look::verdict::{Circumstances, Health, Verdict, verdict};
use crate::snapshot::Shelf;
use crate::transport::Transport;
use crate::ui::prompt::Prompt;
use crate::ui::{Format, recover_view};

/// Without a way: look, show, ask.
pub(super) async fn guided(context: &Context, options: &ActOptions) -> Result<Exit, Failure> {
    if context.ui.manner.format == Format::Nagios {
        return Err(Failure::usage("`recover` has no nagios output").hint("etcdops health -o nagios"));
    }
    let settings = context.settings().await?;
    let transport = context.connect(&settings).await?;
    let found = recovery::find(&settings.cluster, &transport, settings.look_timeout()).await;
    let around = Circumstances {
        now: context.now(),
        inventory: settings.file.is_some(),
    };
    let health = verdict(&found.evidence, &settings.cluster, around);
    let backups = backups(context, &settings.cluster, &found, &transport).await;
    let choices = found.choices(
        &settings.cluster,
        &backups,
        recalled(&settings.cluster.name).as_ref(),
        context.now(),
    );
    remember(context, &settings, &found.evidence.observed);
    if context.ui.is_json() {
        recover_view::json(
            &context.ui,
            &settings.cluster,
            (health.verdict, health.quorum),
            &found,
            &choices,
        );
    }
    if !lost(&health) {
        return Ok(standing(context, &health));
    }
    if context.ui.is_json() {
        return Ok(Exit::Refused);
    }
    context.ui.data(&recover_view::render(&context.ui, &found, &choices));
    drop(transport);
    match chosen(context, options, &choices).await? {
        Some(choice) => carry_out(context, options, choice).await,
        None => Ok(Exit::Refused),
    }
}

/// The newest proved backups that a recovery can use. A library that cannot be read is said, and is no reason to stop looking.
async fn backups(
    context: &Context,
    cluster: &ClusterConfig,
    found: &Found,
    transport: &dyn Transport,
) -> Vec<BackupFound> {
    let call = Call {
        to: To::Library(LibraryOp::List),
        timeout: ADDING,
    };
    let shelf = match transport.perform(&call, &Unwatched).await {
        Ok(Reply::Library(LibraryAnswer::Shelf(shelf))) => shelf,
        Ok(_) => Shelf::default(),
        Err(error) => {
            context.ui.warn(&error.to_string());
            Shelf::default()
        }
    };
    let mut known = recalled(&cluster.name)
        .map(|record| record.remembered())
        .unwrap_or_default();
    let observed = &found.evidence.observed;
    known.cluster_id = observed.cluster_id.or(known.cluster_id);
    known.members = observed.members_or(&known).into_iter().cloned().collect();
    BackupFound::of(&shelf, cluster, &known)
}

/// There is something to recover: no read went through a quorum, and no leader is known.
fn lost(health: &Health) -> bool {
    matches!(health.verdict, Verdict::NoQuorum | Verdict::Unknown)
}

fn standing(context: &Context, health: &Health) -> Exit {
    if health.verdict == Verdict::Healthy {
        context.ui.say("The cluster is healthy: there is nothing to recover.");
        return Exit::Done;
    }
    context
        .ui
        .say("The cluster has its quorum: there is nothing to recover.");
    context.ui.hint("etcdops health");
    Exit::Degraded
}

/// The way to go. Without a terminal only one that loses nothing is taken, and only with `--yes`.
async fn chosen<'a>(
    context: &Context,
    options: &ActOptions,
    choices: &'a Choices,
) -> Result<Option<&'a Choice>, Failure> {
    let open: Vec<&Choice> = choices.all.iter().filter(|choice| choice.refused.is_none()).collect();
    if open.is_empty() {
        return Ok(None);
    }
    if options.yes {
        if open[0].way == Way::Start {
            return Ok(Some(open[0]));
        }
        return Err(
            Failure::refused("every way loses something, and --yes does not choose one; nothing was changed")
                .hint(open[0].command.clone()),
        );
    }
    let listed: Vec<(String, String)> = open
        .iter()
        .map(|choice| (choice.what.clone(), format!("loses: {}", choice.loses)))
        .collect();
    match Prompt::new(&context.ui).choose("Which way?", &listed).await {
        Err(_) => {
            Err(Failure::refused("there is no terminal to ask at; nothing was changed").hint(open[0].command.clone()))
        }
        Ok(None) => Err(Failure::new(Exit::Declined, "declined; nothing was changed")),
        Ok(Some(at)) => Ok(Some(open[at])),
    }
}

async fn carry_out(context: &Context, options: &ActOptions, choice: &Choice) -> Result<Exit, Failure> {
    let mut options = options.clone();
    let more = |given: &mut Vec<String>, wanted: &[String]| {
        let new: Vec<String> = wanted.iter().filter(|word| !given.contains(word)).cloned().collect();
        given.extend(new);
    };
    more(&mut options.dead, &choice.dead);
    more(&mut options.accept, &choice.accept);
    let from = choice.from.clone().unwrap_or_default();
    match choice.way {
        Way::Start => act(context, &options, "recover-start", Parameters::new()).await,
        Way::FromSurvivor => act(context, &options, "recover-from-survivor", survivor(&from)).await,
        Way::FromBackup => {
            let parameters = Parameters::from([("backup".to_owned(), json!(from))]);
            let runbook = if choice.v2 {
                "recover-from-v2-backup"
            } else {
                "recover-from-backup"
            };
            act(context, &options, runbook, parameters).await
        }
    }
}
