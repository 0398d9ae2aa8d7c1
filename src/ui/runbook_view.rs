//! Runbooks and the reference of their actions and conditions, for people.

use serde::Serialize;

use super::table::{Cell, Column, Table};
use super::{Ui, text};
use crate::action::reference::Page;
use crate::runbook::catalogue::{Entry, Origin};
use crate::runbook::types::{Parameter, Runbook};

/// One row of `runbooks list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    pub name: String,
    /// `built in`, or the file.
    pub from: String,
    pub built_in: bool,
    /// It stands before a built-in one.
    pub shadows: bool,
    /// With what stands for its expressions, such as `Restart etcd on HOSTS`; none of a broken one.
    pub title: Option<String>,
    pub parameters: Vec<String>,
}

impl Row {
    pub fn of(entry: &Entry) -> Self {
        let runbook = entry.document.as_ref().ok().map(|document| &document.runbook);
        Self {
            name: entry.name.clone(),
            from: entry.origin.to_string(),
            built_in: entry.origin == Origin::Embedded,
            shadows: entry.shadows,
            title: runbook.map(|runbook| short(&runbook.title)),
            parameters: runbook
                .map(|runbook| runbook.parameters.keys().cloned().collect())
                .unwrap_or_default(),
        }
    }
}

/// A text with each expression as one word: `${{ host.name }}` is `HOST`.
pub fn short(text: &str) -> String {
    let mut found = String::new();
    let mut rest = text;
    while let Some(open) = rest.find("${{") {
        let Some(length) = rest[open..].find("}}") else { break };
        found.push_str(&rest[..open]);
        let inner = rest[open + 3..open + length].trim();
        let root = inner
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
            .unwrap_or_default();
        found.push_str(&root.to_uppercase());
        rest = &rest[open + length + 2..];
    }
    found + rest
}

impl Ui {
    /// All runbooks, one per line.
    pub fn runbooks(&self, rows: &[Row]) {
        if self.is_json() {
            self.json(&serde_json::json!({"schema": "etcdops/runbooks/v1", "runbooks": rows}));
            return;
        }
        let mut table = Table::new([Column::Name("RUNBOOK"), Column::Name("FROM"), Column::Prose("DOES")]);
        for row in rows {
            let does = row
                .title
                .clone()
                .unwrap_or_else(|| "cannot be read: `etcdops runbooks check` tells why".to_owned());
            let from = match (row.built_in, row.shadows) {
                (true, _) => "built in",
                (false, false) => "yours",
                (false, true) => "yours, before the built-in one",
            };
            table.row([Cell::new(&row.name), Cell::new(from), Cell::new(does)]);
        }
        self.data(&table.render(self.paint(), self.screen.data_columns));
    }

    /// One runbook: what it is for, what it takes, then its text.
    pub fn runbook(&self, entry: &Entry, runbook: &Runbook) {
        if self.is_json() {
            self.json(&serde_json::json!({
                "schema": "etcdops/runbook/v1",
                "name": entry.name,
                "from": entry.origin.to_string(),
                "built_in": entry.origin == Origin::Embedded,
                "title": runbook.title,
                "description": runbook.description,
                "parameters": runbook.parameters,
                "text": entry.source.text,
            }));
            return;
        }
        let width = self.screen.talk_width();
        self.say(&text::wrap("", &format!("{} ({})", entry.name, entry.origin), width));
        self.say(&text::wrap("  ", runbook.description.trim(), width));
        for (name, parameter) in &runbook.parameters {
            self.say(&text::wrap(
                &format!("  --set {name}=… "),
                &parameter_words(parameter),
                width,
            ));
        }
        self.data(entry.source.text.trim_end());
    }

    /// Pages of the reference.
    pub fn reference(&self, pages: &[Page]) {
        if self.is_json() {
            self.json(&serde_json::json!({"schema": "etcdops/reference/v1", "pages": pages}));
            return;
        }
        let width = self.screen.data_width().min(100);
        let texts: Vec<String> = pages.iter().map(|page| self.page(page, width)).collect();
        self.data(&texts.join("\n\n"));
    }

    fn page(&self, page: &Page, width: usize) -> String {
        let paint = self.paint();
        let mut lines = vec![format!("{}  {}", paint.bold(page.name), page.sort)];
        lines.push(text::wrap("  ", page.doc, width));
        if page.on_hosts {
            lines.push("  Is done on hosts: the step needs `hosts:`.".to_owned());
        }
        if page.holds {
            lines.push("  May stand under `hold:`.".to_owned());
        }
        for parameter in &page.parameters {
            let mut said = parameter.takes.clone();
            said.push_str(if parameter.required { ", required" } else { "" });
            said.push_str(if parameter.late { ", may be known late" } else { "" });
            lines.push(text::wrap(
                "    ",
                &format!("{}: {said}. {}", parameter.name, parameter.doc),
                width,
            ));
        }
        if !page.output.is_empty() {
            let fields: Vec<String> = page
                .output
                .iter()
                .map(|field| format!("{} ({})", field.name, field.gives))
                .collect();
            lines.push(text::wrap("  ", &format!("Output: {}", fields.join(", ")), width));
        }
        lines.join("\n")
    }
}

fn parameter_words(parameter: &Parameter) -> String {
    let mut said = parameter.kind.word().to_owned();
    if parameter.many {
        said.push_str(", several separated by commas");
    }
    match &parameter.default {
        Some(serde_json::Value::String(default)) => {
            said.push_str(", default ");
            said.push_str(default);
        }
        Some(default) => {
            said.push_str(", default ");
            said.push_str(&default.to_string());
        }
        None => said.push_str(", required"),
    }
    if !parameter.help.is_empty() {
        said.push_str(". ");
        said.push_str(&parameter.help);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn titles_are_short() {
        assert_eq!(
            short("Restart etcd on ${{ hosts | map(attribute='name') }}, now"),
            "Restart etcd on HOSTS, now"
        );
        assert_eq!(
            short("Add ${{ host.name }} to ${{ cluster.name }}"),
            "Add HOST to CLUSTER"
        );
        assert_eq!(short("never closed ${{ x"), "never closed ${{ x");
    }
}
