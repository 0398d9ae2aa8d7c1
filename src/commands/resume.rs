//! `resume RUN`: carry on after a crash, a stop or a failure; also from another bastion.

use super::act;
use super::adopt::{self, Adopted};
use super::{Context, Exit, Failure, inventory_change};
use crate::event::{CallEnd, RunOutcome};
use crate::run::begin::{self, Means};
use crate::run::journal::Record;
use crate::run::operator;
use crate::run::store::Stored;
use crate::ui::live;

#[derive(Clone, Debug, clap::Args)]
pub struct ResumeArgs {
    /// The run, or the beginning of its name; default: the newest that has not ended
    pub run: Option<String>,
    /// Adopt the run from the copy of its record on this host
    #[arg(long, value_name = "HOST", requires = "run")]
    pub from: Option<String>,
    /// Where members have changed: write the change of the list of endpoints into the inventory, also after a run that has ended
    #[arg(long)]
    pub write_inventory: bool,
    /// Agree to everything that remains, typed names included; overrides no refusal
    #[arg(long, short = 'y')]
    pub yes: bool,
}

pub async fn run(context: &Context, args: &ResumeArgs) -> Result<Exit, Failure> {
    let run = match &args.from {
        None => Adopted::own(own(context, args)?),
        Some(host) => {
            let settings = context.settings().await?;
            let transport = context.connect(&settings).await?;
            let which = (args.run.as_deref().unwrap_or_default(), host.as_str());
            adopt::adopted(context, which, &settings.cluster, &transport).await?
        }
    };
    let stored = &run.stored;
    if matches!(stored.state.ended, Some(RunOutcome::Done)) {
        context.ui.say(&format!(
            "Run {} has ended well; nothing remains to be done.",
            stored.id
        ));
        if args.write_inventory {
            let settings = context.settings_of(&stored.plan.cluster).await?;
            let transport = context.connect(&settings).await?;
            inventory_change::after(context, &settings, &transport, &stored.plan, true).await?;
        }
        return Ok(Exit::Done);
    }
    refuse_abandoned_or_living(stored)?;
    let settings = context.settings_of(&stored.plan.cluster).await?;
    let transport = context.connect(&settings).await?;
    let store = context.runs();
    if args.from.is_none() {
        adopt::refuse_what_went_on_elsewhere(&store, &run, &transport).await?;
    }
    if !context.ui.is_json() {
        context.ui.talk(&remains(stored));
        let is_done = |path: &&String| stored.state.is_done(path);
        let done: Vec<String> = stored
            .plan
            .steps
            .iter()
            .map(|step| &step.path)
            .filter(is_done)
            .cloned()
            .collect();
        act::tell(context, &stored.plan, &done);
    }
    let consent = act::agreed(context, args.yes, &stored.plan, &stored.state).await?;
    // The answer may have taken its time.
    adopt::refuse_what_went_on_elsewhere(&store, &run, &transport).await?;
    run.keep(&store)?;
    let journal = store
        .open(&stored.id)
        .map_err(|error| Failure::of(Exit::Refused, &error))?;
    super::touched::note(&stored.plan);
    let interrupt = super::signals::listen(&context.ui);
    let means = Means {
        transport: &transport,
        journal: Box::new(journal),
        renderer: live::renderer(&context.ui, &stored.events),
        interrupt: &interrupt,
        operator: operator::here(),
    };
    let records: Result<Vec<Record>, _> = stored.events.iter().cloned().map(Record::of).collect();
    let records = records.map_err(|error| Failure::of(Exit::Refused, &error))?;
    let ending = begin::resume(&consent, &records, args.from.clone(), means).await;
    let exit = act::ended(context, &stored.plan, &transport, ending).await?;
    inventory_change::after(context, &settings, &transport, &stored.plan, args.write_inventory).await?;
    Ok(exit)
}

fn own(context: &Context, args: &ResumeArgs) -> Result<Stored, Failure> {
    let store = context.runs();
    let wrong = |error: &dyn std::error::Error| {
        Failure::of(Exit::Usage, error)
            .hint("etcdops runs list; a run of another bastion: etcdops resume RUN --from HOST")
    };
    if let Some(prefix) = &args.run {
        let run = store.find(prefix).map_err(|error| wrong(&error))?;
        return store.load(&run).map_err(|error| wrong(&error));
    }
    for run in store.list().map_err(|error| wrong(&error))? {
        let stored = store.load(&run).map_err(|error| wrong(&error))?;
        let over = matches!(stored.state.ended, Some(RunOutcome::Done | RunOutcome::Refused));
        if !over && !stored.state.abandoned {
            return Ok(stored);
        }
    }
    Err(Failure::usage("there is no run that could go on").hint("etcdops runs list"))
}

fn refuse_abandoned_or_living(stored: &Stored) -> Result<(), Failure> {
    if stored.state.abandoned {
        return Err(Failure::refused(format!("run {} was abandoned", stored.id)).cause("nothing was changed"));
    }
    adopt::refuse_living(stored)
}

/// What remains, and what was in doubt.
fn remains(stored: &Stored) -> String {
    let open = crate::run::next::remaining(&stored.plan, &stored.state);
    let mut lines = vec![format!(
        "Run {} goes on; {} of {} steps remain.",
        stored.id,
        open.len(),
        stored.plan.steps.len()
    )];
    for ((step, host), call) in &stored.state.calls {
        let place = host.as_ref().map(|host| format!(" on {host}")).unwrap_or_default();
        if call.in_doubt() {
            lines.push(format!(
                "  in doubt: {step}{place}: begun, its end is not known; it is looked at first"
            ));
        } else if let Some(CallEnd::Failed { why, .. }) = &call.end {
            lines.push(format!("  failed: {step}{place}: {why}"));
        }
    }
    lines.join("\n")
}
