//! `etcdops completions SHELL`: the script that makes a shell complete commands, flags, clusters, hosts, members and runs.

use clap_complete::env::EnvCompleter;

use super::{Context, Exit, Failure};

/// Shells that are completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Clone, Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

pub fn run(context: &Context, args: &CompletionsArgs) -> Result<Exit, Failure> {
    context.ui.data(&script(args.shell)?);
    Ok(Exit::Done)
}

/// The script for a shell; it asks this program at each TAB.
pub fn script(shell: Shell) -> Result<String, Failure> {
    let completer: &dyn EnvCompleter = match shell {
        Shell::Bash => &clap_complete::env::Bash,
        Shell::Zsh => &clap_complete::env::Zsh,
        Shell::Fish => &clap_complete::env::Fish,
    };
    let mut text = Vec::new();
    completer
        .write_registration("COMPLETE", "etcdops", "etcdops", "etcdops", &mut text)
        .map_err(|error| Failure::bug(format!("cannot write the completion script: {error}")))?;
    String::from_utf8(text).map_err(|_| Failure::bug("the completion script is not text"))
}
