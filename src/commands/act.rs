//! What every command that acts does: look, plan, show, ask, carry out. A door gives only a runbook's name and its parameters.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::health::recalled;
use super::refusal::{refused, unknown_dead, unknown_guard};
use super::settings::Settings;
use super::{Context, Exit, Failure};
use crate::action::{Site, registry};
use crate::base::id::RunId;
use crate::base::yaml;
use crate::call::host::{HostAnswer, ServiceSeen};
use crate::call::{Look, Sight};
use crate::event::RunOutcome;
use crate::look;
use crate::plan::build::{CALL_BOUND, Request};
use crate::plan::types::{Plan, PlannedCall, PlannedStep};
use crate::run::begin::{Means, begin};
use crate::run::consent::{self, Consent, NoConsent};
use crate::run::driver::Ending;
use crate::run::operator;
use crate::run::prepare::prepare;
use crate::run::state::State;
use crate::run::store::Store;
use crate::runbook::catalogue::Catalogue;
use crate::runbook::check::check;
use crate::transport::Transport;
use crate::ui::live;
use crate::ui::plan_view::{self, View};
use crate::ui::prompt::Prompt;

/// Flags of every command that acts.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ActOptions {
    /// Print the plan and stop
    #[arg(long)]
    pub plan: bool,
    /// Write the plan to a file, for `etcdops apply`, and stop
    #[arg(long, value_name = "FILE")]
    pub plan_out: Option<PathBuf>,
    /// Print the plan as the shell commands that a person could type, and stop
    #[arg(long)]
    pub manual: bool,
    /// Agree to everything that the plan shows, typed names included; overrides no refusal
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// This host is gone for good: checked, then taken at your word (repeatable)
    #[arg(long, value_name = "HOST")]
    pub dead: Vec<String>,
    /// Turn the refusal of this guard into a typed consent (repeatable)
    #[arg(long, value_name = "GUARD")]
    pub accept: Vec<String>,
}

impl ActOptions {
    /// The plan is shown or kept, and nothing is carried out.
    pub fn only_shows(&self) -> bool {
        self.plan || self.manual || self.plan_out.is_some()
    }
}

/// Parameters as a door or `--set` gives them.
pub type Parameters = BTreeMap<String, Value>;

/// From a runbook's name to its end.
pub async fn act(
    context: &Context,
    options: &ActOptions,
    runbook: &str,
    parameters: Parameters,
) -> Result<Exit, Failure> {
    let settings = context.settings().await?;
    let transport = context.connect(&settings).await?;
    let carried_out = act_on(context, options, &settings, &transport, (runbook, &parameters)).await?;
    Ok(carried_out.map_or(Exit::Done, |(_, exit)| exit))
}

/// The same on a cluster that is known: the plan and how it ended; `None` where it was only shown.
pub(super) async fn act_on(
    context: &Context,
    options: &ActOptions,
    settings: &Settings,
    transport: &dyn Transport,
    what: (&str, &Parameters),
) -> Result<Option<(Box<Plan>, Exit)>, Failure> {
    let plan = planned(context, options, settings, transport, what).await?;
    let units = if options.manual {
        units(&plan, transport).await
    } else {
        Units::new()
    };
    if show(context, options, &plan, &units)? {
        return Ok(None);
    }
    let exit = carry_out(context, options.yes, &plan, transport).await?;
    Ok(Some((plan, exit)))
}

/// Makes the plan, or says why there is none.
pub(super) async fn planned(
    context: &Context,
    options: &ActOptions,
    settings: &Settings,
    transport: &dyn Transport,
    (runbook, parameters): (&str, &Parameters),
) -> Result<Box<Plan>, Failure> {
    let mut catalogue = catalogue(context)?;
    let name = catalogue
        .find(runbook)
        .map_err(|error| Failure::usage(error.to_string()))?
        .name
        .clone();
    let document = load(context, &catalogue, &name)?;
    let includes = |name: &str| {
        catalogue
            .load(name)
            .map(|found| found.runbook.clone())
            .map_err(|error| error.to_string())
    };
    let run = RunId::new(context.now());
    let remembered = recalled(&settings.cluster.name).map(|record| record.remembered());
    let remembered = remembered.unwrap_or_default();
    let request = Request {
        name: &name,
        runbook: &document,
        includes: &includes,
        cluster: &settings.cluster,
        parameters,
        run: &run,
        dead: &options.dead,
        remembered: &remembered,
        accept: &options.accept,
    };
    unknown_dead(options, settings)?;
    unknown_guard(options)?;
    prepare(&request, transport)
        .await
        .map_err(|refusals| refused(&refusals))
}

/// Embedded runbooks, and the user's own.
pub(super) fn catalogue(context: &Context) -> Result<Catalogue, Failure> {
    Catalogue::open(&context.runbooks_folder()).map_err(|error| Failure::usage(error.to_string()))
}

fn load(context: &Context, catalogue: &Catalogue, name: &str) -> Result<crate::runbook::types::Runbook, Failure> {
    let entry = catalogue
        .entry(name)
        .map_err(|error| Failure::usage(error.to_string()))?;
    if let Some(note) = entry.shadow_note() {
        context.ui.say(&note);
    }
    let (colour, columns) = (context.ui.screen.color_talk, context.ui.screen.talk_columns);
    let shown = |found: &[yaml::Diagnostic]| {
        Failure::usage(format!("runbook {name} has mistakes"))
            .exhibit(yaml::render(found, &entry.source, colour, columns))
            .hint(format!("etcdops runbooks check {name}"))
    };
    let document = entry.document.as_ref().map_err(|found| shown(found))?;
    let found = check(document, catalogue);
    if !found.is_empty() {
        return Err(shown(&found));
    }
    Ok(document.runbook.clone())
}

/// Shows or writes the plan; `true`: that was all that was asked.
fn show(context: &Context, options: &ActOptions, plan: &Plan, units: &Units) -> Result<bool, Failure> {
    if let Some(path) = &options.plan_out {
        let text = serde_json::to_string_pretty(plan).map_err(|error| Failure::bug(error.to_string()))?;
        crate::base::files::write_private(path, text.as_bytes()).map_err(|error| Failure::of(Exit::Usage, &error))?;
        context.ui.say(&format!(
            "The plan is in {}; carry it out with: etcdops apply {}",
            path.display(),
            path.display()
        ));
    }
    if options.manual {
        let commands = |step: &PlannedStep, call: &PlannedCall| manual(plan, step, call, units);
        let view = View {
            commands: Some(&commands),
            ..View::new(context.ui.screen.prose_width(), context.ui.paint())
        };
        context.ui.data(&plan_view::render(plan, &view));
        return Ok(true);
    }
    let only = options.plan || options.plan_out.is_some();
    if context.ui.is_json() {
        if only {
            let text = serde_json::to_string_pretty(plan).map_err(|error| Failure::bug(error.to_string()))?;
            context.ui.data(&text);
        }
        return Ok(only);
    }
    if options.plan {
        let view = View::new(context.ui.screen.prose_width(), context.ui.paint());
        context.ui.data(&plan_view::render(plan, &view));
    } else if plan.changes_anything() && !only {
        tell(context, plan, &[]);
    }
    Ok(only)
}

/// The units of hosts as they were seen.
pub(super) type Units = BTreeMap<String, ServiceSeen>;

/// The units whose settings are overridden: how that is typed depends on where they live.
async fn units(plan: &Plan, transport: &dyn Transport) -> Units {
    let calls = plan.steps.iter().flat_map(|step| &step.calls);
    let hosts = calls
        .filter(|call| call.action.name == "service.override")
        .filter_map(|call| call.host.clone());
    let asked = hosts.map(async |host| {
        let seen = look::see(&Look::service(&host), &plan.cluster, transport, CALL_BOUND).await;
        match seen {
            Sight::Host(HostAnswer::Service(seen)) => Some((host, *seen)),
            _ => None,
        }
    });
    let seen = futures_util::future::join_all(asked).await;
    seen.into_iter().flatten().collect()
}

/// What a person could type for a call.
pub(super) fn manual(plan: &Plan, step: &PlannedStep, call: &PlannedCall, units: &Units) -> Vec<String> {
    let Ok(action) = registry::action(&call.action) else {
        return Vec::new();
    };
    let site = Site {
        cluster: &plan.cluster,
        host: call.host.as_deref().and_then(|name| plan.cluster.host(name)),
        run: &plan.run,
        step: &step.path,
        dead: &plan.dead,
        timeout: step.timeout.unwrap_or(CALL_BOUND),
        attempts: 0,
        last_attempt: 0,
    };
    let unit = call.host.as_ref().and_then(|host| units.get(host));
    action
        .by_hand(&site)
        .iter()
        .map(|typed| crate::transport::host::manual(typed, &plan.cluster, unit))
        .collect()
}

/// Shows a plan on the talking side: what is about to be asked. `done`: paths of steps that need not be done again.
pub(super) fn tell(context: &Context, plan: &Plan, done: &[String]) {
    let view = View {
        done,
        ..View::new(context.ui.screen.talk_width(), context.ui.paint_talk())
    };
    context.ui.talk(&plan_view::render(plan, &view));
}

/// Asks, then runs.
pub(super) async fn carry_out(
    context: &Context,
    yes: bool,
    plan: &Plan,
    transport: &dyn Transport,
) -> Result<Exit, Failure> {
    let consent = agreed(context, yes, plan, &State::default()).await?;
    let store = context.runs();
    let journal = store
        .open(&plan.run)
        .map_err(|error| Failure::of(Exit::Refused, &error))?;
    super::touched::note(plan);
    super::unfenced::note(plan);
    let interrupt = super::signals::listen(&context.ui);
    let means = Means {
        transport,
        journal: Box::new(journal),
        renderer: live::renderer(&context.ui, &[]),
        interrupt: &interrupt,
        operator: operator::here(),
    };
    let ending = begin(&consent, means).await;
    if ending.outcome == RunOutcome::Refused {
        super::unfenced::forget(plan);
    }
    ended(context, plan, transport, ending).await
}

/// The exit code of a run that has ended, and a word where it is done and the cluster is not whole.
pub(super) async fn ended(
    context: &Context,
    plan: &Plan,
    transport: &dyn Transport,
    ending: Ending,
) -> Result<Exit, Failure> {
    if ending.outcome == RunOutcome::Done {
        super::aftermath::tell(context, plan, transport).await;
    }
    finish(ending)
}

/// The operator's consent for what remains.
pub(super) async fn agreed<'p>(
    context: &Context,
    yes: bool,
    plan: &'p Plan,
    state: &State,
) -> Result<Consent<'p>, Failure> {
    let asking = Prompt::new(&context.ui);
    consent::obtain(plan, state, &asking, yes)
        .await
        .map_err(|error| match error {
            NoConsent::Declined(_) => Failure::new(Exit::Declined, "declined; nothing was changed"),
            NoConsent::Unanswered(question) => {
                Failure::new(Exit::Declined, "no answer within ten minutes; nothing was changed").cause(question)
            }
            NoConsent::NoTerminal => Failure::refused("this needs consent, and there is no terminal to ask at")
                .cause("nothing was changed")
                .hint("read the plan with --plan, then give --yes"),
        })
}

/// The exit code of an ending; a bad one is told as a failure.
fn finish(ending: Ending) -> Result<Exit, Failure> {
    if ending.bug {
        return Err(Failure::bug(ending.text));
    }
    let exit = match ending.outcome {
        RunOutcome::Done => return Ok(Exit::Done),
        RunOutcome::DoneUncleanly | RunOutcome::Failed => Exit::Failed,
        RunOutcome::InDoubt => Exit::InDoubt,
        RunOutcome::Stopped => Exit::Stopped,
        RunOutcome::Refused => Exit::Refused,
    };
    Err(Failure::new(exit, ending.text))
}

impl Context {
    /// The folder of runs on this bastion.
    pub fn runs(&self) -> Store {
        Store::new(self.state_folder().join("runs"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_of_etcdops_ends_as_one() {
        let ending = Ending {
            bug: true,
            ..Ending::new(RunOutcome::Failed, "a mistake in etcdops: no such condition")
        };
        assert_eq!(finish(ending).unwrap_err().exit.code(), 70);
        let failed = Ending::new(RunOutcome::Failed, "a step failed");
        assert_eq!(finish(failed).unwrap_err().exit.code(), 1);
    }
}
