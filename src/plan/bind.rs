//! Texts to values: everything known now is computed, outputs of earlier steps become slots.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::action::late::{LATE, Slot};
use crate::base::expr::{Expr, Seen, Template};
use crate::runbook::scope::plain;

use super::scope::Drawn;

/// The steps that an expression may name, by their id here: path and hosts.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    steps: Arc<BTreeMap<String, (String, Vec<String>)>>,
}

impl Earlier {
    pub fn add(&mut self, id: &str, path: &str, hosts: Vec<String>) {
        Arc::make_mut(&mut self.steps).insert(id.to_owned(), (path.to_owned(), hosts));
    }

    /// The slot for `steps.ID.FIELD`, seen from a call on `host`.
    fn slot(&self, reference: &str, host: Option<&str>) -> Result<Slot, String> {
        let mut parts = reference.splitn(3, '.');
        let (Some("steps"), Some(id), Some(field)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(format!("`{reference}` names no output: write steps.ID.FIELD"));
        };
        let (path, hosts) = self
            .steps
            .get(id)
            .ok_or_else(|| format!("there is no earlier step `{id}`"))?;
        let on = match (hosts.as_slice(), host) {
            ([], _) => None,
            (hosts, Some(host)) if hosts.iter().any(|known| known == host) => Some(host.to_owned()),
            ([only], _) => Some(only.clone()),
            _ => {
                return Err(format!(
                    "step `{id}` has one output per host; use it in a step on the same hosts"
                ));
            }
        };
        Ok(Slot {
            step: path.clone(),
            host: on,
            field: field.to_owned(),
        })
    }
}

/// The values behind the first names of dotted paths.
pub type Roots = BTreeMap<String, Seen>;

/// What expressions see at one place: the roots, `let` names (evaluated when used), earlier steps. A plan has many scopes, and they
/// differ little: clones share what they can.
#[derive(Clone)]
pub struct Scope<'a> {
    /// What follows the model.
    pub drawn: Rc<Drawn<'a>>,
    /// Parameters, facts, items, the host.
    pub roots: Roots,
    pub names: Arc<BTreeMap<String, String>>,
    pub earlier: Earlier,
    /// `facts` as each host sees them, once it was asked for.
    facts_on: Rc<RefCell<BTreeMap<String, Seen>>>,
}

impl<'a> Scope<'a> {
    pub fn new(drawn: Rc<Drawn<'a>>, roots: Roots, names: &BTreeMap<String, String>) -> Self {
        Self {
            drawn,
            roots,
            names: Arc::new(names.clone()),
            earlier: Earlier::default(),
            facts_on: Rc::default(),
        }
    }

    /// A bare expression, decided now.
    pub fn decide(&self, text: &str) -> Result<Value, String> {
        let expression = Expr::parse(text).map_err(|error| format!("`{text}`: {error}"))?;
        self.eval(&expression, 0).map_err(|error| format!("`{text}`: {error}"))
    }

    /// The same scope where `facts.NAME.FIELD` is what was found on this host.
    #[must_use]
    pub fn with_facts_of(&self, host: &str) -> Self {
        let mut here = self.clone();
        if let Some(facts) = self.roots.get("facts") {
            let mut known = self.facts_on.borrow_mut();
            let own = known
                .entry(host.to_owned())
                .or_insert_with(|| facts_of(facts.value(), host).into());
            here.roots.insert("facts".to_owned(), own.clone());
        }
        here
    }

    /// A text that must be known now.
    pub fn text(&self, text: &str) -> Result<String, String> {
        match self.value(&Value::from(text), None)? {
            Value::String(text) => Ok(text),
            Value::Object(object) if object.contains_key(LATE) => Err(format!("`{text}` is not known yet")),
            other => Ok(other.to_string()),
        }
    }

    /// Any value: strings inside it are templates.
    pub fn value(&self, value: &Value, host: Option<&str>) -> Result<Value, String> {
        match value {
            Value::String(text) => self.template(text, host, 0),
            Value::Array(items) => items
                .iter()
                .map(|item| self.value(item, host))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            Value::Object(object) => object
                .iter()
                .map(|(key, inner)| Ok((key.clone(), self.value(inner, host)?)))
                .collect::<Result<_, String>>()
                .map(Value::Object),
            plain => Ok(plain.clone()),
        }
    }

    fn template(&self, text: &str, host: Option<&str>, depth: u8) -> Result<Value, String> {
        if !text.contains("${{") {
            return Ok(Value::from(text));
        }
        let template = Template::parse(text).map_err(|error| format!("`{text}`: {error}"))?;
        let references = template.references();
        if !references.iter().any(|reference| self.is_late(reference, depth)) {
            return self.now(&template, &references, depth);
        }
        let mut whole = String::new();
        let mut done = 0;
        for (expression, start) in template.expressions() {
            whole.push_str(&text[done..start - "${{".len()]);
            whole.push_str(&self.piece(expression, host, depth)?);
            done = start + expression.as_str().len() + "}}".len();
        }
        whole.push_str(&text[done..]);
        Ok(json!({ LATE: whole }))
    }

    /// A text with nothing late in it. Hosts and members become what they stand for, also in the middle of a text.
    fn now(&self, template: &Template, references: &[String], depth: u8) -> Result<Value, String> {
        let text = template.as_str();
        let context = self.context(references.iter().map(String::as_str), depth)?;
        let seen = || context.iter().map(|(name, seen)| (name.as_str(), seen));
        let wrong = |error: crate::base::expr::ExprError| format!("`{text}`: {error}");
        let mut whole = String::new();
        let mut done = 0;
        for (expression, start) in template.expressions() {
            let value = plain(expression.eval_with(seen()).map_err(wrong)?);
            let (open, close) = (start - "${{".len(), start + expression.as_str().len() + "}}".len());
            if open == 0 && close == text.len() {
                return Ok(value);
            }
            whole.push_str(&text[done..open]);
            whole.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            done = close;
        }
        whole.push_str(&text[done..]);
        Ok(Value::String(whole))
    }

    /// One expression of a late text: a slot, or what it is known to be.
    fn piece(&self, expression: &Expr, host: Option<&str>, depth: u8) -> Result<String, String> {
        let written = expression.as_str().trim();
        if written.starts_with("steps.") {
            if expression.references() != [written] {
                return Err(format!(
                    "`{written}`: an output of a step can be used, not computed with"
                ));
            }
            return Ok(self.earlier.slot(written, host)?.text());
        }
        let value = match self.names.get(written) {
            Some(text) => match self.template(text, host, depth + 1)? {
                Value::Object(object) => object.get(LATE).cloned().unwrap_or_default(),
                known => known,
            },
            None => self
                .eval(expression, depth)
                .map_err(|error| format!("`{written}`: {error}"))?,
        };
        Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    fn is_late(&self, reference: &str, depth: u8) -> bool {
        if reference.starts_with("steps.") {
            return true;
        }
        let root = reference.split('.').next().unwrap_or(reference);
        depth < MOST_NAMES
            && self.names.get(root).is_some_and(|text| {
                Template::parse(text)
                    .is_ok_and(|inner| inner.references().iter().any(|inner| self.is_late(inner, depth + 1)))
            })
    }

    fn eval(&self, expression: &Expr, depth: u8) -> Result<Value, String> {
        let context = self.context(expression.roots(), depth)?;
        let seen = context.iter().map(|(name, seen)| (name.as_str(), seen));
        expression.eval_with(seen).map_err(|error| error.to_string())
    }

    /// The roots and the `let` names that are used.
    fn context<'n>(&self, references: impl Iterator<Item = &'n str>, depth: u8) -> Result<Roots, String> {
        let mut context = Roots::new();
        for reference in references {
            let root = reference.split('.').next().unwrap_or(reference);
            if context.contains_key(root) {
                continue;
            }
            if let Some(value) = self.roots.get(root).cloned().or_else(|| self.drawn.root(root)) {
                context.insert(root.to_owned(), value);
            } else if let Some(text) = self.names.get(root) {
                if depth >= MOST_NAMES {
                    return Err(format!("`let` names refer to each other in a circle: {root}"));
                }
                context.insert(root.to_owned(), self.template(text, None, depth + 1)?.into());
            }
        }
        Ok(context)
    }
}

/// Of each fact what was found on this host, where it was looked at there.
fn facts_of(facts: &Value, host: &str) -> Value {
    let mut facts = facts.clone();
    for fact in facts.as_object_mut().into_iter().flat_map(|facts| facts.values_mut()) {
        let all = fact.get("all").and_then(Value::as_array);
        let own = all.and_then(|all| {
            let own = |found: &&Value| found.get("host").and_then(Value::as_str) == Some(host);
            all.iter().find(own).cloned()
        });
        if let (Some(Value::Object(own)), Value::Object(fact)) = (own, fact) {
            fact.extend(own);
        }
    }
    facts
}

/// How deep `let` names may refer to each other.
const MOST_NAMES: u8 = 16;

/// A list of words from a value: a word, or a list of them.
pub fn words(value: Value) -> Result<Vec<String>, String> {
    match plain(value) {
        Value::String(word) => Ok(vec![word]),
        Value::Array(items) => items
            .iter()
            .map(|item| {
                item.as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| format!("`{item}` is no name"))
            })
            .collect(),
        other => Err(format!("`{other}` is neither a name nor a list of names")),
    }
}
