//! What could stand at the cursor: asked for by the shells' scripts at each TAB. Quick, silent, and never an error.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use clap::Command;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use super::candidates::{Known, Wanted};
use crate::commands::completions::{Shell, VARIABLE};
use crate::ui::{Manner, Ui};

/// The shell that asks, if this is a question for completions.
pub(super) fn asked_by() -> Option<Shell> {
    let name = std::env::var_os(VARIABLE)?;
    Shell::ALL.into_iter().find(|shell| name == shell.name())
}

/// Prints the candidates. Whatever goes wrong: none.
pub(super) fn answer(shell: Shell, words: impl Iterator<Item = OsString>, command: Command) {
    std::panic::set_hook(Box::new(|_| {}));
    let lines = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match shell {
        Shell::Bash => for_bash(command),
        Shell::Zsh | Shell::Fish => for_words(words, command),
    }));
    match lines {
        Ok(Some(lines)) if !lines.is_empty() => Ui::new(Manner::default()).data(&lines.join("\n")),
        _ => {}
    }
}

/// zsh and fish give the words up to the cursor, behind `--`.
fn for_words(words: impl Iterator<Item = OsString>, command: Command) -> Option<Vec<String>> {
    let words: Vec<OsString> = words.skip_while(|word| word != "--").skip(1).collect();
    let found = candidates(words, command)?;
    let line = |candidate: &CompletionCandidate| {
        let value = candidate.get_value().to_string_lossy().into_owned();
        match candidate.get_help() {
            Some(help) => format!("{value}\t{}", help.to_string().lines().next().unwrap_or_default()),
            None => value,
        }
    };
    Some(found.iter().map(line).collect())
}

/// bash gives the line; what stands before the last `=` or `:` of the word at the cursor is not repeated.
fn for_bash(command: Command) -> Option<Vec<String>> {
    let line = std::env::var("COMP_LINE").ok()?;
    let point: usize = std::env::var("COMP_POINT").ok()?.parse().ok()?;
    let breaks = std::env::var("COMP_WORDBREAKS").unwrap_or_else(|_| "=:".to_owned());
    let words = split(line.get(..point)?);
    let current = words.last()?.clone();
    let found = candidates(words.into_iter().map(OsString::from).collect(), command)?;
    let kept = current
        .rfind(|letter| matches!(letter, '=' | ':') && breaks.contains(letter))
        .map_or(0, |place| place + 1);
    let value = |candidate: &CompletionCandidate| {
        let value = candidate.get_value().to_str()?;
        let rest = value.get(kept..).filter(|_| value.starts_with(&current[..kept]))?;
        Some(escaped(rest))
    };
    Some(found.iter().filter_map(value).collect())
}

/// A value as it can stand on a command line.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for letter in value.chars() {
        if !(letter.is_alphanumeric() || "-_./:=,@+%[]".contains(letter)) {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

/// The words of a line up to the cursor, quotes taken off; the last one is the word at the cursor.
fn split(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut letters = line.chars();
    let mut between = true;
    while let Some(letter) = letters.next() {
        let word = words.last_mut().expect("there is always a word");
        match (quote, letter) {
            (None, ' ' | '\t') => {
                if !between {
                    words.push(String::new());
                }
                between = true;
                continue;
            }
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), close) if open == close => quote = None,
            (None | Some('"'), '\\') => word.extend(letters.next()),
            _ => word.push(letter),
        }
        between = false;
    }
    words
}

fn candidates(words: Vec<OsString>, command: Command) -> Option<Vec<CompletionCandidate>> {
    let index = words.len().checked_sub(1)?;
    let known = Arc::new(Known::from_words(&words));
    let mut command = with_completers(command, &known);
    let folder = std::env::current_dir().ok();
    let mut found = clap_complete::engine::complete(&mut command, words, index, folder.as_deref()).ok()?;
    // Twenty flags hide the names that fit; they are offered where nothing else is.
    let is_flag = |candidate: &CompletionCandidate| candidate.get_value().to_string_lossy().starts_with('-');
    if !found.iter().all(is_flag) {
        found.retain(|candidate| !is_flag(candidate));
    }
    Some(found)
}

/// Every argument is completed by what its value is called.
fn with_completers(command: Command, known: &Arc<Known>) -> Command {
    let command = command.mut_args(|argument| {
        let names = argument.get_value_names().unwrap_or_default();
        let wanted = Wanted::of(
            argument.get_id().as_str(),
            names.first().map_or("", |name| name.as_str()),
        );
        match wanted {
            Some(wanted) => {
                let known = Arc::clone(known);
                argument.add(ArgValueCompleter::new(move |current: &OsStr| {
                    known.candidates(wanted, &current.to_string_lossy())
                }))
            }
            None => argument,
        }
    });
    command.mut_subcommands(|inner| with_completers(inner, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_as_a_shell_does() {
        assert_eq!(
            split("etcdops  run 'my book' --set host=et"),
            ["etcdops", "run", "my book", "--set", "host=et"]
        );
        assert_eq!(split("etcdops run "), ["etcdops", "run", ""]);
        assert_eq!(split(r#"etcdops "a\"b" c\ d"#), ["etcdops", "a\"b", "c d"]);
        assert_eq!(split("etcdops 'open "), ["etcdops", "open "]);
    }
}
