//! What an expression sees at one place of a runbook, and the type of what it reads.

use std::collections::BTreeMap;

use crate::action::registry::ActionKind;
use crate::base::expr::{Expr, Template};
use crate::base::nearest::nearest;
use crate::runbook::scope::{Field, ROOTS, Type};
use crate::runbook::types::Runbook;

/// What an earlier step gives.
#[derive(Clone, Copy)]
pub(super) enum Gives {
    Output(&'static ActionKind),
    /// The action is unknown: told elsewhere.
    Unknown,
    /// A group or an include.
    Nothing,
}

/// The names at one place.
#[derive(Clone)]
pub(super) struct Seen<'a> {
    pub(super) runbook: &'a Runbook,
    /// The step has hosts: `host` is one of them.
    pub(super) on_hosts: bool,
    /// Items of `for_each` around.
    pub(super) items: Vec<(&'a str, Type)>,
    /// Steps that have ended when this place is reached.
    pub(super) steps: Vec<(&'a str, Gives)>,
    pub(super) facts: bool,
    pub(super) names: bool,
    /// Every step of the file, for words about steps that come later.
    pub(super) all_steps: &'a BTreeMap<&'a str, Gives>,
}

/// What a reference is.
pub(super) struct Resolved {
    pub(super) of: Type,
    /// An output of an earlier step.
    pub(super) late: bool,
}

/// Why a reference is none.
#[derive(Debug)]
pub(super) struct NoReference {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl NoReference {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn near(self, name: &str, known: &[&str]) -> Self {
        match nearest(name, known.iter().copied()) {
            Some(near) => self.hint(format!("did you mean `{near}`?")),
            None if known.is_empty() => self,
            None => self.hint(format!("known here: {}", known.join(", "))),
        }
    }
}

impl<'a> Seen<'a> {
    /// The place of the title: only what the whole runbook sees.
    pub(super) fn whole(runbook: &'a Runbook, all_steps: &'a BTreeMap<&'a str, Gives>) -> Self {
        Self {
            runbook,
            on_hosts: false,
            items: Vec::new(),
            steps: Vec::new(),
            facts: true,
            names: true,
            all_steps,
        }
    }

    /// A dotted path such as `steps.add.id`.
    pub(super) fn resolve(&self, path: &str) -> Result<Resolved, NoReference> {
        let parts: Vec<&str> = path.split('.').collect();
        let (root, below) = parts
            .split_first()
            .map_or((path, &[][..]), |(root, below)| (*root, below));
        match root {
            "steps" => self.output(below, path),
            "facts" => self.fact(below, path),
            _ => {
                let found = self.root(root)?;
                fields(found.of, below, root).map(|of| Resolved { of, late: found.late })
            }
        }
    }

    fn root(&self, name: &str) -> Result<Resolved, NoReference> {
        let early = |of| Ok(Resolved { of, late: false });
        if name == "host" && self.on_hosts {
            return early(Type::Host);
        }
        if let Some((_, of)) = self.items.iter().rev().find(|(item, _)| *item == name) {
            return early(*of);
        }
        if let Some(root) = ROOTS.iter().find(|root| root.name == name) {
            return early(root.of);
        }
        if let Some(parameter) = self.runbook.parameters.get(name) {
            return early(Type::of_parameter(parameter.kind, parameter.many));
        }
        if let Some(text) = self.runbook.names.get(name).filter(|_| self.names) {
            return self.named(name, text);
        }
        if name == "host" {
            return Err(NoReference::new("`host` is known only in a step on hosts")
                .hint("give the step, or a group around it, `hosts:`"));
        }
        let mut known: Vec<&str> = ROOTS.iter().map(|root| root.name).chain(["facts", "steps"]).collect();
        known.extend(self.runbook.parameters.keys().map(String::as_str));
        known.extend(self.items.iter().map(|(item, _)| *item));
        if self.names {
            known.extend(self.runbook.names.keys().map(String::as_str));
        }
        Err(NoReference::new(format!("there is no `{name}` here")).near(name, &known))
    }

    /// A `let` is evaluated where it is used: what it reads must be known here. Late, where it reads an output.
    fn named(&self, name: &str, text: &str) -> Result<Resolved, NoReference> {
        // A mistake in the text itself, or a cycle, is told at the `let`.
        let unknown = Resolved {
            of: Type::Any,
            late: false,
        };
        let Ok(template) = Template::parse(text) else {
            return Ok(unknown);
        };
        if reaches(self.runbook, name, name) {
            return Ok(unknown);
        }
        let mut late = false;
        for path in template.references() {
            let resolved = self.resolve(&path).map_err(|why| NoReference {
                message: format!("`{name}` cannot be used here: {}", why.message),
                hint: why.hint,
            })?;
            late |= resolved.late;
        }
        let of = single(&template).map_or(Type::Text, |expr| self.infer(expr.as_str()));
        Ok(Resolved { of, late })
    }

    fn output(&self, below: &[&str], path: &str) -> Result<Resolved, NoReference> {
        let [id, rest @ ..] = below else {
            return Err(NoReference::new("name a step and a field of its output").hint("write `steps.ID.FIELD`"));
        };
        let Some((_, gives)) = self.steps.iter().rev().find(|(known, _)| known == id) else {
            if self.all_steps.contains_key(id) {
                return Err(
                    NoReference::new(format!("the step `{id}` has not ended when this is reached"))
                        .hint("only steps that stand before this one can be read, and none within a `for_each` that has ended"),
                );
            }
            let known: Vec<&str> = self.steps.iter().map(|(id, _)| *id).collect();
            return Err(NoReference::new(format!("there is no step `{id}` before this one")).near(id, &known));
        };
        let kind = match gives {
            Gives::Unknown => {
                return Ok(Resolved {
                    of: Type::Any,
                    late: true,
                });
            }
            Gives::Nothing => {
                return Err(
                    NoReference::new(format!("`{id}` is no single action and has no output"))
                        .hint("name a step that does an action"),
                );
            }
            Gives::Output(kind) => *kind,
        };
        let of = output_field(kind, rest, path)?;
        Ok(Resolved { of, late: true })
    }

    fn fact(&self, below: &[&str], path: &str) -> Result<Resolved, NoReference> {
        if !self.facts {
            return Err(
                NoReference::new("facts are not known here").hint("they are looked at when the parameters are known")
            );
        }
        let known: Vec<&str> = self.runbook.facts.keys().map(String::as_str).collect();
        let [name, rest @ ..] = below else {
            return Err(NoReference::new("name a fact and a field of it").hint("write `facts.NAME.FIELD`"));
        };
        let Some(fact) = self.runbook.facts.get(*name) else {
            return Err(NoReference::new(format!("there is no fact `{name}`")).near(name, &known));
        };
        let kind = fact
            .action
            .keys()
            .next()
            .and_then(|name| crate::action::registry::action_kind(name));
        let of = match (rest, kind) {
            (["all"], _) => Type::List(&Type::Any),
            (_, Some(kind)) => output_field(kind, rest, path)?,
            (_, None) => Type::Any,
        };
        Ok(Resolved { of, late: false })
    }

    /// The type of an expression, where it is a path with filters that keep or tell the type.
    pub(super) fn infer(&self, text: &str) -> Type {
        let mut pieces = pipeline(text).into_iter();
        let first = pieces.next().unwrap_or_default().trim();
        if !is_path(first) {
            return Type::Any;
        }
        let Ok(start) = self.resolve(first) else {
            return Type::Any;
        };
        pieces.fold(start.of, |of, filter| filtered(of, filter.trim()))
    }

    /// Attributes named by filters such as `sort(attribute='leads')` that the items do not have.
    pub(super) fn attributes(&self, text: &str) -> Result<(), NoReference> {
        let mut pieces = pipeline(text).into_iter();
        let first = pieces.next().unwrap_or_default().trim();
        if !is_path(first) {
            return Ok(());
        }
        let Ok(start) = self.resolve(first) else { return Ok(()) };
        let mut of = start.of;
        for filter in pieces {
            if let Type::List(item) = of {
                for attribute in attributes_of(filter.trim()) {
                    let parts: Vec<&str> = attribute.split('.').collect();
                    fields_of(*item, &parts, item.words().to_owned())?;
                }
            }
            of = filtered(of, filter.trim());
        }
        Ok(())
    }
}

/// Whether a `let` leads to another one.
pub(super) fn reaches(runbook: &Runbook, from: &str, to: &str) -> bool {
    let mut open = vec![from.to_owned()];
    let mut known: Vec<String> = Vec::new();
    while let Some(name) = open.pop() {
        let Some(text) = runbook.names.get(&name) else { continue };
        let Ok(template) = Template::parse(text) else { continue };
        for path in template.references() {
            let next = path.split('.').next().unwrap_or_default().to_owned();
            if next == to {
                return true;
            }
            if !known.contains(&next) {
                known.push(next.clone());
                open.push(next);
            }
        }
    }
    false
}

/// The one expression that the text is, if it is nothing else.
pub(super) fn single(template: &Template) -> Option<&Expr> {
    let mut expressions = template.expressions();
    let (expr, _) = expressions.next()?;
    let text = template.as_str();
    (expressions.next().is_none()
        && text.starts_with("${{")
        && text.ends_with("}}")
        && expr.as_str().len() + 5 == text.len())
    .then_some(expr)
}

fn output_field(kind: &'static ActionKind, rest: &[&str], path: &str) -> Result<Type, NoReference> {
    let names: Vec<&str> = kind.output.iter().map(|(name, _)| *name).collect();
    let [field, below @ ..] = rest else {
        return Err(NoReference::new(format!("`{path}` names no field")).near("", &names));
    };
    let Some((_, of)) = kind.output.iter().find(|(name, _)| name == field) else {
        let message = if names.is_empty() {
            format!("`{}` has no output", kind.name)
        } else {
            format!("the output of `{}` has no `{field}`", kind.name)
        };
        return Err(NoReference::new(message).near(field, &names));
    };
    fields(Type::of_output(*of), below, field)
}

fn fields(of: Type, below: &[&str], start: &str) -> Result<Type, NoReference> {
    fields_of(of, below, format!("`{start}`"))
}

fn fields_of(mut of: Type, below: &[&str], mut owner: String) -> Result<Type, NoReference> {
    for name in below {
        let Some(known) = of.fields() else { return Ok(Type::Any) };
        let Some(field) = known.iter().find(|field: &&Field| field.name == *name) else {
            let names: Vec<&str> = known.iter().map(|field| field.name).collect();
            let message = if names.is_empty() {
                format!("{owner} is {} and has no `{name}`", of.words())
            } else {
                format!("{owner} has no `{name}`")
            };
            return Err(NoReference::new(message).near(name, &names));
        };
        owner = format!("`{name}`");
        of = field.of;
    }
    Ok(of)
}

pub(super) fn is_path(text: &str) -> bool {
    !text.is_empty()
        && text.split('.').all(|part| {
            part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
}

fn filtered(of: Type, filter: &str) -> Type {
    let name = filter.split('(').next().unwrap_or_default().trim();
    match (name, of) {
        ("length" | "count", _) => Type::Number,
        ("sort" | "select" | "reject" | "selectattr" | "rejectattr" | "list" | "reverse" | "unique", Type::List(_)) => {
            of
        }
        ("first" | "last", Type::List(item)) => *item,
        ("join" | "lower" | "upper" | "trim" | "string", _) => Type::Text,
        ("map", Type::List(_)) => Type::List(&Type::Any),
        _ => Type::Any,
    }
}

/// The attribute names that a filter is given as plain texts.
fn attributes_of(filter: &str) -> Vec<&str> {
    let Some((name, arguments)) = filter.split_once('(') else {
        return Vec::new();
    };
    let quoted = |text: &'_ str| -> Option<(usize, usize)> {
        let start = text.find(['\'', '"'])?;
        let mark = text[start..].chars().next()?;
        let length = text[start + 1..].find(mark)?;
        Some((start + 1, start + 1 + length))
    };
    let from = match name.trim() {
        "selectattr" | "rejectattr" => 0,
        "sort" | "map" | "min" | "max" | "sum" | "unique" => match arguments.find("attribute") {
            Some(start) => start,
            None => return Vec::new(),
        },
        _ => return Vec::new(),
    };
    match quoted(&arguments[from..]) {
        Some((start, end)) => arguments[from + start..from + end].split(',').map(str::trim).collect(),
        None => Vec::new(),
    }
}

/// The parts of an expression between its outermost `|`.
fn pipeline(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    let mut within: Option<char> = None;
    for (index, letter) in text.char_indices() {
        match (within, letter) {
            (Some(mark), _) => within = within.filter(|_| letter != mark),
            (None, '\'' | '"') => within = Some(letter),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, '|') if depth == 0 => {
                found.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    found.push(&text[start..]);
    // An operator after the last filter makes it more than a pipeline.
    let is_more = found.iter().skip(1).any(|part| {
        let after = part.rsplit_once(')').map_or(part.trim(), |(_, after)| after.trim());
        after.contains(' ') || (part.contains(')') && !after.is_empty())
    });
    if is_more { vec![""] } else { found }
}
