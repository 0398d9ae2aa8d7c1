//! `etcdops runbooks list|show|check|new|schema|reference`: the runbooks, and what their authors need.

use serde_json::json;

use super::act::catalogue;
use super::{Context, Exit, Failure};
use crate::action::reference::{self, Page};
use crate::action::registry::{ACTIONS, CONDITIONS};
use crate::base::files::{create_private_dir, write_private};
use crate::base::nearest::nearest;
use crate::base::yaml::{Diagnostic, render};
use crate::runbook::catalogue::{CatalogueError, Entry};
use crate::runbook::check::check;
use crate::runbook::schema::json_schema;
use crate::ui::runbook_view::Row;
use crate::ui::text;

/// The runbooks, and what their authors need
#[derive(Clone, Debug, clap::Args)]
pub struct RunbooksArgs {
    #[command(subcommand)]
    pub what: RunbooksCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
pub enum RunbooksCommand {
    /// All runbooks: the built-in ones and yours
    List,
    /// One runbook: what it is for, its parameters, its text
    Show {
        /// Its name, or a file
        runbook: String,
    },
    /// Find every mistake without a cluster
    Check {
        /// Names or files (default: all runbooks)
        runbooks: Vec<String>,
    },
    /// Begin a runbook of your own
    New {
        /// Its name: lower-case letters, digits and `-`
        name: String,
        /// Begin with a copy of this runbook
        #[arg(long, value_name = "RUNBOOK")]
        from: Option<String>,
    },
    /// The JSON Schema of runbooks, for editors
    Schema,
    /// What actions and conditions do, take and give
    Reference {
        /// Names (default: all)
        names: Vec<String>,
    },
}

pub fn run(context: &Context, args: &RunbooksArgs) -> Result<Exit, Failure> {
    match &args.what {
        RunbooksCommand::List => {
            let rows: Vec<Row> = catalogue(context)?.entries().map(Row::of).collect();
            context.ui.runbooks(&rows);
            Ok(Exit::Done)
        }
        RunbooksCommand::Show { runbook } => show(context, runbook),
        RunbooksCommand::Check { runbooks } => check_all(context, runbooks),
        RunbooksCommand::New { name, from } => new(context, name, from.as_deref()),
        RunbooksCommand::Schema => {
            context.ui.json(&json_schema());
            Ok(Exit::Done)
        }
        RunbooksCommand::Reference { names } => {
            context.ui.reference(&pages(names)?);
            Ok(Exit::Done)
        }
    }
}

impl From<CatalogueError> for Failure {
    fn from(error: CatalogueError) -> Self {
        match error {
            CatalogueError::Unknown { name, near } => {
                let failure = Self::usage(format!("there is no runbook `{name}`"));
                match near {
                    Some(near) => failure.hint(format!("did you mean `{near}`? `etcdops runbooks list` shows all")),
                    None => failure.hint("`etcdops runbooks list` shows all"),
                }
            }
            CatalogueError::Broken { name, text } => {
                Self::usage(format!("the runbook `{name}` cannot be read")).exhibit(text)
            }
            CatalogueError::Unreadable { .. } => Self::usage(error.to_string()),
        }
    }
}

fn show(context: &Context, word: &str) -> Result<Exit, Failure> {
    let mut catalogue = catalogue(context)?;
    let name = catalogue.find(word)?.name.clone();
    let document = catalogue.load(&name)?;
    let entry = catalogue.entry(&name)?;
    if let Some(note) = entry.shadow_note() {
        context.ui.warn(&note);
    }
    context.ui.runbook(entry, &document.runbook);
    Ok(Exit::Done)
}

fn check_all(context: &Context, words: &[String]) -> Result<Exit, Failure> {
    let mut catalogue = catalogue(context)?;
    let mut names = Vec::new();
    for word in words {
        names.push(catalogue.find(word)?.name.clone());
    }
    if names.is_empty() {
        names = catalogue.names().map(str::to_owned).collect();
    }
    let mut checked = Vec::new();
    for name in &names {
        let entry = catalogue.entry(name)?;
        let found = match &entry.document {
            Ok(document) => check(document, &catalogue),
            Err(found) => found.clone(),
        };
        checked.push((entry, found));
    }
    report(context, &checked);
    let is_clean = checked.iter().all(|(_, found)| found.is_empty());
    Ok(if is_clean { Exit::Done } else { Exit::Usage })
}

fn report(context: &Context, checked: &[(&Entry, Vec<Diagnostic>)]) {
    let ui = &context.ui;
    if ui.is_json() {
        let runbooks: Vec<_> = checked
            .iter()
            .map(|(entry, found)| json!({"name": entry.name, "from": entry.origin.to_string(), "mistakes": found.iter().map(mistake).collect::<Vec<_>>()}))
            .collect();
        ui.json(&json!({"schema": "etcdops/runbooks-check/v1", "runbooks": runbooks}));
        return;
    }
    for (entry, found) in checked.iter().filter(|(_, found)| !found.is_empty()) {
        let shown = render(found, &entry.source, ui.screen.color_data, ui.screen.data_columns);
        ui.data(&format!("{shown}\n"));
    }
    let mistakes: usize = checked.iter().map(|(_, found)| found.len()).sum();
    let runbooks = text::count(checked.len(), "runbook");
    ui.data(&match mistakes {
        0 => format!("{runbooks} checked, no mistake"),
        count => format!("{runbooks} checked, {}", text::count(count, "mistake")),
    });
}

fn mistake(one: &Diagnostic) -> serde_json::Value {
    json!({
        "file": one.file,
        "line": one.line,
        "column": one.column,
        "message": one.message,
        "hint": one.hint,
    })
}

/// What a new runbook begins with.
const TEMPLATE: &str = "\
title: Look at ${{ host.name }}
description: |
  When to use it, and what it does.
parameters:
  host: {type: host, help: The host.}
requires:
  - cluster: {quorum: true}
steps:
  - id: look
    hosts: ${{ host }}
    do: {service.inspect: {}}
";

fn new(context: &Context, name: &str, from: Option<&str>) -> Result<Exit, Failure> {
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !is_name {
        return Err(Failure::usage(format!("`{name}` cannot be the name of a runbook"))
            .hint("write lower-case letters, digits and `-`"));
    }
    let folder = context.runbooks_folder();
    let path = folder.join(format!("{name}.yaml"));
    if path.exists() {
        return Err(
            Failure::usage(format!("{} is there already", path.display())).hint("edit it, or choose another name")
        );
    }
    let mut catalogue = catalogue(context)?;
    let body = match from {
        Some(word) => catalogue.find(word)?.source.text.clone(),
        None => TEMPLATE.to_owned(),
    };
    let schema = serde_json::to_string_pretty(&json_schema()).map_err(|error| Failure::bug(error.to_string()))?;
    let text = format!(
        "# yaml-language-server: $schema=./schema.json\n{}",
        without_schema(&body)
    );
    create_private_dir(&folder)
        .and_then(|()| write_private(&folder.join("schema.json"), schema.as_bytes()))
        .and_then(|()| write_private(&path, text.as_bytes()))
        .map_err(|error| Failure::of(Exit::Usage, &error))?;
    context.ui.data(&path.display().to_string());
    if crate::runbook::embedded::EMBEDDED
        .iter()
        .any(|(known, _)| *known == name)
    {
        context.ui.warn(&format!(
            "`{name}` is yours from now on and stands before the built-in one"
        ));
    }
    context.ui.hint(&format!(
        "edit it, then `etcdops runbooks check {name}` and `etcdops plan {name}`"
    ));
    Ok(Exit::Done)
}

/// A copied file's own line for editors is replaced.
fn without_schema(text: &str) -> String {
    let lines = text
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("# yaml-language-server:"));
    lines.collect()
}

fn pages(names: &[String]) -> Result<Vec<Page>, Failure> {
    let all: Vec<Page> = ACTIONS
        .iter()
        .map(reference::of_action)
        .chain(CONDITIONS.iter().map(reference::of_condition))
        .collect();
    if names.is_empty() {
        return Ok(all);
    }
    let mut found = Vec::new();
    for name in names {
        let before = found.len();
        found.extend(all.iter().filter(|page| page.name == name).cloned());
        if found.len() == before {
            let failure = Failure::usage(format!("there is no action or condition `{name}`"));
            return Err(match nearest(name, all.iter().map(|page| page.name)) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("`etcdops runbooks reference` shows all"),
            });
        }
    }
    Ok(found)
}
