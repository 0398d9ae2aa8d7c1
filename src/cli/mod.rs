//! The command line: which commands there are, and the way from words to an exit code.
//!
//! A new command is three lines: its module in `commands/mod.rs`, its variant and its arm here.

mod candidates;
mod complete;
mod nagios;

use std::ffi::OsString;
use std::sync::Once;

use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::settings::GlobalOptions;
use crate::commands::{self, Context, Exit, Failure};
use crate::ui::error_view::ErrorView;
use crate::ui::{Manner, Ui};

const AFTER_HELP: &str = "\
Exit codes:
   0 done, healthy                   10 degraded
   1 a step failed after changes     11 no quorum
   2 usage or configuration          12 unknown: nothing could be asked
   3 refused, nothing changed        70 a bug in etcdops
   4 declined, nothing changed
   5 stopped after changes began
   6 in doubt: look before acting
After 1, 5 and 6 `etcdops resume RUN` carries on.";

/// Carries out whole etcd procedures across hosts: look, plan, ask, act, verify; with a record.
#[derive(Debug, Parser)]
#[command(name = "etcdops", version, after_help = AFTER_HELP, max_term_width = 110)]
#[command(
    propagate_version = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
struct Cli<C: Subcommand> {
    #[command(flatten)]
    global: GlobalOptions,
    #[command(subcommand)]
    command: C,
}

// They only ask and print.
#[derive(Debug, Subcommand)]
enum ShortLook {
    /// Show the state of every member and of the cluster, whatever is down
    Health(commands::health::HealthArgs),
    /// List the members, also without quorum
    Members(commands::members::MembersArgs),
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Look(ShortLook),
    /// Show the logs of all members, merged by time
    Logs(commands::logs::LogsArgs),
    /// Start etcd on hosts, one at a time
    Start(commands::service::ServiceArgs),
    /// Stop etcd on hosts, one at a time, the leader last
    Stop(commands::service::ServiceArgs),
    /// Restart etcd on hosts, one at a time, the leader last
    Restart(commands::service::ServiceArgs),
    /// Add a member on a host where etcd is installed and stopped
    AddMember(commands::membership::AddArgs),
    /// Remove a member, and fence its host
    RemoveMember(commands::membership::RemoveArgs),
    /// Replace a member, dead or not, on its own host or another
    ReplaceMember(commands::membership::ReplaceArgs),
    /// Make a learner that has caught up a voter
    PromoteMember(commands::membership::PromoteArgs),
    /// Change the peer URL of a member
    UpdateMember(commands::membership::UpdateArgs),
    /// Debug logging on chosen members, back by itself
    DebugLog(commands::debug_log::DebugLogArgs),
    /// Bring a cluster back: look at what is left, show what can be done and what it loses, ask
    Recover(commands::recover::RecoverArgs),
    /// Take a verified backup
    Backup(commands::backup::BackupArgs),
    /// The backup library: list, show, verify, prune, copy, add
    Backups(commands::backups::BackupsArgs),
    /// Carry out any runbook
    Run(commands::run::RunArgs),
    /// Show the plan of a runbook; with --plan-out, keep it for `apply`
    Plan(commands::run::RunArgs),
    /// Carry out exactly a kept plan, or refuse because the cluster has changed
    Apply(commands::run::ApplyArgs),
    /// Carry on with a run after a crash, a stop or a failure
    Resume(commands::resume::ResumeArgs),
    /// What happened: list runs, show one, give one up
    Runs(commands::runs::RunsArgs),
    /// Show every value of the configuration, or prove it on the hosts
    Config(commands::config::ConfigArgs),
    /// List, show, check and begin runbooks
    Runbooks(commands::runbooks::RunbooksArgs),
    /// Print the completion script of a shell
    Completions(commands::completions::CompletionsArgs),
    /// A throw-away local cluster of real etcd processes, to try every command on
    Playground(commands::playground::PlaygroundArgs),
    /// Write the files that are made from the program
    #[command(hide = true)]
    Generate(commands::generate::GenerateArgs),
}

async fn dispatch(context: &Context, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Look(ShortLook::Health(args)) => commands::health::run(context, args).await,
        Command::Look(ShortLook::Members(args)) => commands::members::run(context, args).await,
        Command::Logs(args) => commands::logs::run(context, args).await,
        Command::Start(args) => commands::service::run(context, args, "start").await,
        Command::Stop(args) => commands::service::run(context, args, "stop").await,
        Command::Restart(args) => commands::service::run(context, args, "restart").await,
        Command::AddMember(args) => commands::membership::add(context, args).await,
        Command::RemoveMember(args) => commands::membership::remove(context, args).await,
        Command::ReplaceMember(args) => commands::membership::replace(context, args).await,
        Command::PromoteMember(args) => commands::membership::promote(context, args).await,
        Command::UpdateMember(args) => commands::membership::update(context, args).await,
        Command::DebugLog(args) => commands::debug_log::run(context, args).await,
        Command::Recover(args) => commands::recover::run(context, args).await,
        Command::Backup(args) => commands::backup::run(context, args).await,
        Command::Backups(args) => commands::backups::run(context, args).await,
        Command::Run(args) => commands::run::run(context, args).await,
        Command::Plan(args) => commands::run::plan(context, args).await,
        Command::Apply(args) => commands::run::apply(context, args).await,
        Command::Runs(args) => commands::runs::run(context, args).await,
        Command::Resume(args) => commands::resume::run(context, args).await,
        Command::Config(args) => commands::config::run(context, args).await,
        Command::Runbooks(args) => commands::runbooks::run(context, args),
        Command::Completions(args) => commands::completions::run(context, args),
        Command::Playground(args) => commands::playground::run(context, args).await,
        Command::Generate(args) => commands::generate::run(context, args),
    }
}

/// The whole command line as clap knows it: for completion, manuals and tests.
pub fn command() -> clap::Command {
    Cli::<Command>::command()
}

/// Runs the program with these words (the first is its own name) and gives the exit code. Never exits, never panics.
pub fn run(words: impl IntoIterator<Item = OsString>) -> u8 {
    if let Some(shell) = complete::asked_by() {
        complete::answer(shell, words.into_iter(), command());
        return Exit::Done.code();
    }
    catch_panics();
    let words: Vec<OsString> = words.into_iter().collect();
    let for_monitoring = nagios::is_asked(&words);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| parse_and_run(words, for_monitoring)));
    match outcome {
        Ok(exit) => exit.code(),
        Err(_) if for_monitoring => nagios::unknown("a bug in etcdops: stderr says which").code(),
        Err(_) => Exit::Bug.code(),
    }
}

/// A short look is tried alone first: clap takes as long to build all other commands as etcd to answer. Whatever is wrong is told by the whole.
fn parse(words: Vec<OsString>) -> Result<Cli<Command>, clap::Error> {
    if words
        .iter()
        .any(|word| ShortLook::has_subcommand(&word.to_string_lossy()))
        && let Ok(Cli { global, command }) = Cli::<ShortLook>::try_parse_from(&words)
    {
        let command = Command::Look(command);
        return Ok(Cli { global, command });
    }
    Cli::try_parse_from(words)
}

fn parse_and_run(words: Vec<OsString>, for_monitoring: bool) -> Exit {
    let cli = match parse(words) {
        Ok(cli) => cli,
        Err(error) => {
            let exit = explain(&error);
            return if for_monitoring && exit != Exit::Done {
                nagios::unknown(&error.to_string())
            } else {
                exit
            };
        }
    };
    let context = Context::new(cli.global);
    let mut builder = if matches!(cli.command, Command::Look(_)) {
        // Handing every answer from thread to thread would take longer than the answers do.
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    let runtime = builder.worker_threads(2).enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(dispatch(&context, &cli.command));
            // A look that hangs in a blocking call (name resolution) must not hold up the end.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(Failure::new(Exit::Refused, "cannot start").cause(error.to_string())),
    };
    context.ui.status(None);
    match result {
        Ok(exit) => exit,
        Err(failure) => {
            show(&context.ui, &failure);
            if for_monitoring {
                return nagios::unknown(&nagios::told(&failure));
            }
            failure.exit
        }
    }
}

/// Help, version, or what is wrong with the words.
fn explain(error: &clap::Error) -> Exit {
    let ui = Ui::new(Manner::default());
    let text = |coloured: bool| {
        let styled = error.render();
        let text = if coloured {
            styled.ansi().to_string()
        } else {
            styled.to_string()
        };
        let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
        lines.join("\n")
    };
    if error.use_stderr() {
        ui.talk(&text(ui.screen.color_talk));
        Exit::Usage
    } else {
        ui.data(&text(ui.screen.color_data));
        Exit::Done
    }
}

fn show(ui: &Ui, failure: &Failure) {
    if failure.exit == Exit::Bug {
        ui.bug(&failure.what);
        return;
    }
    ui.error(ErrorView {
        what: &failure.what,
        causes: &failure.causes,
        hint: failure.hint.as_deref(),
        exhibit: failure.exhibit.as_deref(),
    });
}

/// A panic is told as what it is, on one line, with its place.
fn catch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map_or_else(String::new, |place| format!(" at {place}"));
            let message = info.payload_as_str().unwrap_or("no message");
            Ui::new(Manner::default()).bug(&format!("{message}{place}"));
        }));
    });
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
