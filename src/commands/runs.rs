//! `etcdops runs list|show|abandon`: what happened, from the records.

use crate::event::{Event, EventKind, Renderer};
use crate::run::consent::{Answer, Ask, Question, QuestionKind};
use crate::run::journal::{Journal, Record};
use crate::run::store::{Store, StoreError, Stored};
use crate::run::{lock, operator};
use crate::ui::json_events::JsonEvents;
use crate::ui::lines::Lines;
use crate::ui::plan_view::{self, View};
use crate::ui::prompt::Prompt;
use crate::ui::runs_view::{self, Row, Standing};
use serde_json::json;

use super::adopt::{self, Adopted};
use super::{Context, Exit, Failure, act};

/// Names the form of `runs list -o json`.
pub const SCHEMA: &str = "etcdops/runs/v1";

#[derive(Clone, Debug, clap::Args)]
pub struct RunsArgs {
    #[command(subcommand)]
    pub what: RunsCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
pub enum RunsCommand {
    /// List the runs of this bastion, newest first
    List,
    /// Show what happened in a run
    Show {
        /// The run, the beginning of its name, or its last four characters (default: the newest)
        #[arg(value_name = "RUN")]
        run: Option<String>,
        /// Show its plan first
        #[arg(long)]
        plan: bool,
    },
    /// Give a run up: its markers on the hosts are cleared, it can never be resumed
    Abandon {
        /// The run, the beginning of its name, or its last four characters
        #[arg(value_name = "RUN")]
        run: String,
        /// Take the record from this host, where the run was begun on another bastion
        #[arg(long, value_name = "HOST")]
        from: Option<String>,
        /// Agree without being asked
        #[arg(long, short = 'y')]
        yes: bool,
    },
}

pub async fn run(context: &Context, args: &RunsArgs) -> Result<Exit, Failure> {
    match &args.what {
        RunsCommand::List => list(context),
        RunsCommand::Show { run, plan } => show(context, run.as_deref(), *plan),
        RunsCommand::Abandon { run, from, yes } => abandon(context, run, from.as_deref(), *yes).await,
    }
}

fn list(context: &Context) -> Result<Exit, Failure> {
    let store = context.runs();
    let runs = store.list().map_err(|error| wrong(&error))?;
    let rows: Vec<Row> = runs
        .iter()
        .map(|run| match store.load(run) {
            Ok(stored) => runs_view::row(&stored),
            Err(error) => runs_view::unreadable(run.as_str(), &error.to_string()),
        })
        .collect();
    let ui = &context.ui;
    if ui.is_json() {
        ui.json(&json!({"schema": SCHEMA, "runs": rows}));
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        ui.say("No run has been begun on this machine.");
        return Ok(Exit::Done);
    }
    ui.data(&runs_view::table(&rows).render(ui.paint(), ui.screen.data_columns));
    for row in rows.iter().filter(|row| row.state != Standing::Running) {
        for left in &row.left {
            ui.warn(&format!("run {} has left something behind: {left}", row.id));
        }
    }
    if let Some(row) = rows.iter().find(|row| row.resumable) {
        ui.hint(&format!(
            "`etcdops resume {}` carries on, `etcdops runs abandon {}` gives it up",
            row.id, row.id
        ));
    }
    Ok(Exit::Done)
}

fn show(context: &Context, run: Option<&str>, plan: bool) -> Result<Exit, Failure> {
    let stored = find(&context.runs(), run)?;
    let ui = &context.ui;
    if ui.is_json() {
        let mut renderer = JsonEvents::new(ui);
        stored.events.iter().for_each(|event| renderer.show(event));
        return Ok(Exit::Done);
    }
    if plan {
        let view = View::new(ui.screen.prose_width(), ui.paint());
        ui.data(&format!("{}\n", plan_view::render(&stored.plan, &view)));
    }
    let mut renderer = Lines::new(ui).from_record();
    stored.events.iter().for_each(|event| renderer.show(event));
    if runs_view::standing(&stored.state) == Standing::Running {
        ui.say("It is under way.");
        return Ok(Exit::Done);
    }
    tell_what_is_left(context, &stored);
    if runs_view::standing(&stored.state).resumable() {
        ui.hint(&format!("`etcdops resume {}` carries on", stored.id));
    }
    Ok(Exit::Done)
}

fn tell_what_is_left(context: &Context, stored: &Stored) {
    for call in runs_view::doubtful(stored) {
        context
            .ui
            .warn(&format!("in doubt: {call}: begun, its end is not known"));
    }
    for left in runs_view::left(&stored.plan, &stored.state) {
        context.ui.warn(&format!("not given back: {left}"));
    }
}

fn find(store: &Store, run: Option<&str>) -> Result<Stored, Failure> {
    let id = match run {
        Some(prefix) => store.find(prefix).map_err(|error| wrong(&error))?,
        None => {
            let newest = store.list().map_err(|error| wrong(&error))?.into_iter().next();
            newest.ok_or_else(|| Failure::usage("no run has been begun on this machine"))?
        }
    };
    store.load(&id).map_err(|error| wrong(&error))
}

fn wrong(error: &StoreError) -> Failure {
    Failure::of(Exit::Usage, error)
}

async fn abandon(context: &Context, run: &str, from: Option<&str>, yes: bool) -> Result<Exit, Failure> {
    let run = match from {
        None => Adopted::own(find(&context.runs(), Some(run)).map_err(|failure| {
            failure.hint("of a run begun on another bastion: `etcdops runs abandon RUN --from HOST`")
        })?),
        Some(host) => {
            let settings = context.settings().await?;
            let transport = context.connect(&settings).await?;
            adopt::adopted(context, (run, host), &settings.cluster, &transport).await?
        }
    };
    let stored = &run.stored;
    let state = runs_view::standing(&stored.state);
    if matches!(state, Standing::Done | Standing::Refused) {
        context
            .ui
            .say(&format!("Run {} has ended; there is nothing to give up.", stored.id));
        return Ok(Exit::Done);
    }
    if state == Standing::Running {
        return Err(
            Failure::refused(format!("run {} is under way on this machine", stored.id))
                .hint("interrupt it there with Ctrl-C first"),
        );
    }
    agree(context, stored, yes).await?;
    run.keep(&context.runs())?;
    give_up(context, stored, state).await
}

/// Typed: a run that is given up can never be resumed, and what it holds stays.
async fn agree(context: &Context, stored: &Stored, yes: bool) -> Result<(), Failure> {
    let name = &stored.plan.cluster.name;
    let mut detail: Vec<String> = runs_view::doubtful(stored)
        .into_iter()
        .map(|call| format!("in doubt: {call}"))
        .collect();
    let left = runs_view::left(&stored.plan, &stored.state);
    detail.extend(left.into_iter().map(|left| format!("stays as it is: {left}")));
    detail.push("it can never be resumed; the next run does not know how far it came".to_owned());
    let question = Question {
        text: format!(
            "Give up run {} ({}) on {name}? Type the cluster's name to agree",
            stored.id, stored.plan.title
        ),
        detail,
        kind: QuestionKind::Typed(name.clone()),
    };
    if yes {
        return Ok(());
    }
    match Prompt::new(&context.ui).ask(&question).await {
        Answer::Yes => Ok(()),
        Answer::No | Answer::Unanswered => Err(Failure::new(Exit::Declined, "declined; nothing was changed")),
        Answer::NoTerminal => Err(
            Failure::refused("this needs consent, and there is no terminal to ask at")
                .cause("nothing was changed")
                .hint("`--yes` agrees without being asked"),
        ),
    }
}

/// The record first, then the markers on the hosts.
async fn give_up(context: &Context, stored: &Stored, state: Standing) -> Result<Exit, Failure> {
    let settings = context.settings_of(&stored.plan.cluster).await?;
    let transport = context.connect(&settings).await?;
    if state != Standing::Abandoned {
        let mut journal = context
            .runs()
            .open(&stored.id)
            .map_err(|error| Failure::of(Exit::Refused, &error))?;
        let event = Event {
            seq: stored.state.last_seq + 1,
            at: context.now(),
            kind: EventKind::Abandoned {
                operator: operator::here(),
            },
        };
        Record::of(event)
            .and_then(|record| journal.append(&record))
            .map_err(|error| Failure::of(Exit::Refused, &error))?;
    }
    let mut hosts: Vec<String> = stored.plan.cluster.hosts.iter().map(|host| host.name.clone()).collect();
    hosts.sort_unstable();
    let left: Vec<lock::Left> = hosts.iter().map(|host| (host.clone(), None)).collect();
    lock::clear(&stored.plan, &transport, &left).await;
    let looks = hosts.iter().map(|host| lock::read(&stored.plan, &transport, host));
    let found = futures_util::future::join_all(looks).await;
    let mut uncleared = Vec::new();
    for (host, marker) in hosts.iter().zip(found) {
        match marker {
            Ok(Some(marker)) if marker.run == stored.plan.run => {
                uncleared.push(format!("{host}: its marker is still there"));
            }
            Ok(_) => {}
            Err(error) => uncleared.push(format!("{host}: {}", error.message)),
        }
    }
    context.ui.say(&format!("Run {} is given up.", stored.id));
    tell_how_to_give_back(context, stored);
    if uncleared.is_empty() {
        return Ok(Exit::Done);
    }
    let failure = Failure::new(Exit::Failed, "the run's marker could not be cleared everywhere");
    let failure = uncleared.into_iter().fold(failure, Failure::cause);
    Err(failure.hint(format!(
        "once they can be reached: `etcdops runs abandon {}`",
        stored.id
    )))
}

fn tell_how_to_give_back(context: &Context, stored: &Stored) {
    for step in runs_view::owed(&stored.plan, &stored.state) {
        for call in &step.calls {
            let place = call.host.as_ref().map_or_else(String::new, |host| format!("{host}: "));
            context
                .ui
                .warn(&format!("still to do by hand: {place}{}", call.describe));
            for command in act::manual(&stored.plan, step, call, &act::Units::new()) {
                context.ui.talk(&format!("    {}", command.replace('\n', "\n    ")));
            }
        }
    }
}
