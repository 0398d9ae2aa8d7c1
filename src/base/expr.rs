//! Expressions of runbooks and inventories: pure, strict, bounded.
//!
//! In text they stand as `${{ … }}`; in some fields they stand bare. They only compute values: no
//! time, no chance, no environment, no files.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Expression, UndefinedBehavior, Value as Computed};
use serde_json::Value;

use crate::base::nearest::nearest;
use memory::Memory;

mod memory;
mod names;

pub use names::{FILTERS, FUNCTIONS, TESTS};

/// Steps of the engine that one evaluation may take.
const FUEL: u64 = 100_000;
/// The longest expression in bytes: the engine's own reader recurses on long chains.
const LONGEST: usize = 2000;
const OPEN: &str = "${{";
const CLOSE: &str = "}}";

/// What is wrong with an expression, and where in the text that was parsed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    /// What is wrong.
    pub message: String,
    /// The bytes of the parsed text that it is about.
    pub range: Range<usize>,
    /// What to write instead, where that is known.
    pub hint: Option<String>,
}

impl ExprError {
    fn new(message: impl Into<String>, range: Range<usize>) -> Self {
        Self {
            message: message.into(),
            range,
            hint: None,
        }
    }

    fn shifted(mut self, by: usize) -> Self {
        self.range = self.range.start + by..self.range.end + by;
        self
    }
}

/// A value as expressions read it: brought into the engine's form once. Clones share it.
#[derive(Clone, Debug)]
pub struct Seen(Arc<(Value, OnceLock<Computed>)>);

impl Seen {
    pub fn value(&self) -> &Value {
        &self.0.0
    }

    fn computed(&self) -> Computed {
        let (value, computed) = &*self.0;
        computed.get_or_init(|| Computed::from(Serde(value))).clone()
    }
}

impl From<Value> for Seen {
    fn from(value: Value) -> Self {
        Self(Arc::new((value, OnceLock::new())))
    }
}

/// A bare expression, parsed and with all its functions, filters and tests known. Clones share it.
#[derive(Clone)]
pub struct Expr(Arc<Parsed>);

struct Parsed {
    text: String,
    compiled: Expression<'static, 'static>,
    references: Vec<String>,
}

static EXPRESSIONS: Memory<Expr> = Memory::new();
static TEMPLATES: Memory<Template> = Memory::new();

impl Expr {
    /// Parses an expression such as `cluster.has_learners and not host.local`.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        EXPRESSIONS.or_make(text, || Self::read(text))
    }

    fn read(text: &str) -> Result<Self, ExprError> {
        if text.trim().is_empty() {
            return Err(ExprError::new("the expression is empty", 0..text.len()));
        }
        if text.len() > LONGEST {
            let message = format!("the expression is longer than {LONGEST} bytes");
            return Err(ExprError::new(message, 0..text.len()));
        }
        let compiled = engine()
            .compile_expression_owned(text.to_owned())
            .map_err(|error| explain(&error, text))?;
        names::check(text)?;
        let mut references: Vec<String> = compiled
            .undeclared_variables(true)
            .into_iter()
            .filter(|path| !FUNCTIONS.contains(&path.as_str()))
            .collect();
        references.sort();
        Ok(Self(Arc::new(Parsed {
            text: text.to_owned(),
            compiled,
            references,
        })))
    }

    /// The dotted paths that the expression reads, such as `steps.add.id`, sorted.
    pub fn references(&self) -> &[String] {
        &self.0.references
    }

    /// The names that these paths begin with.
    pub fn roots(&self) -> impl Iterator<Item = &str> {
        let first = |path: &String| path.find('.').unwrap_or(path.len());
        self.references().iter().map(move |path| &path[..first(path)])
    }

    /// The value in a context, which is an object of the top names. Reading what is not there is
    /// an error.
    pub fn eval(&self, context: &Value) -> Result<Value, ExprError> {
        self.computed(Computed::from(Serde(context)))
    }

    /// The value where these names are seen.
    pub fn eval_with<'n>(&self, names: impl IntoIterator<Item = (&'n str, &'n Seen)>) -> Result<Value, ExprError> {
        let names = names.into_iter().map(|(name, seen)| (name, seen.computed()));
        self.computed(Computed::from_pairs(names))
    }

    fn computed(&self, context: Computed) -> Result<Value, ExprError> {
        let Parsed { text, compiled, .. } = &*self.0;
        let computed = compiled.eval(context).map_err(|error| explain(&error, text))?;
        if holds_undefined(&computed, 0) {
            let message = format!("`{}` has no value here", text.trim());
            return Err(ExprError::new(message, 0..text.len()));
        }
        serde_json::to_value(&computed).map_err(|_| {
            let message = format!("`{}` is no plain value", text.trim());
            ExprError::new(message, 0..text.len())
        })
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expr({:?})", self.as_str())
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

#[derive(Clone, PartialEq, Debug)]
enum Piece {
    Literal(String),
    /// An expression, and where its text begins in the template.
    Expr(Expr, usize),
}

/// Text with `${{ … }}` in it. Clones share it.
#[derive(Clone, PartialEq, Debug)]
pub struct Template {
    text: Arc<str>,
    pieces: Arc<[Piece]>,
}

impl Template {
    /// Parses text; all outside of `${{ … }}` is kept to the letter.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        TEMPLATES.or_make(text, || Self::read(text))
    }

    fn read(text: &str) -> Result<Self, ExprError> {
        let mut pieces = Vec::new();
        let mut done = 0;
        while let Some(found) = text[done..].find(OPEN) {
            let open = done + found;
            let inner = open + OPEN.len();
            let length = names::closing(&text[inner..]).ok_or_else(|| ExprError {
                message: "`${{` is never closed".into(),
                range: open..inner,
                hint: Some("end the expression with `}}`".into()),
            })?;
            if open > done {
                pieces.push(Piece::Literal(text[done..open].to_owned()));
            }
            let expr = Expr::parse(&text[inner..inner + length]).map_err(|error| error.shifted(inner))?;
            pieces.push(Piece::Expr(expr, inner));
            done = inner + length + CLOSE.len();
        }
        if done < text.len() {
            pieces.push(Piece::Literal(text[done..].to_owned()));
        }
        Ok(Self {
            text: text.into(),
            pieces: pieces.into(),
        })
    }

    /// The dotted paths that its expressions read, sorted, each once.
    pub fn references(&self) -> Vec<String> {
        let mut paths: Vec<String> = self
            .expressions()
            .flat_map(|(expr, _)| expr.references())
            .cloned()
            .collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// Each expression with the place in the text where it begins.
    pub fn expressions(&self) -> impl Iterator<Item = (&Expr, usize)> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Expr(expr, start) => Some((expr, *start)),
            Piece::Literal(_) => None,
        })
    }

    /// Tells whether the text holds no expression.
    pub fn is_literal(&self) -> bool {
        self.expressions().next().is_none()
    }

    /// The text with all values put in. A text that is one expression and nothing else gives that
    /// expression's value with its type.
    pub fn eval(&self, context: &Value) -> Result<Value, ExprError> {
        if let [Piece::Expr(expr, start)] = &*self.pieces {
            return expr.eval(context).map_err(|error| error.shifted(*start));
        }
        let mut whole = String::new();
        for piece in self.pieces.iter() {
            match piece {
                Piece::Literal(text) => whole.push_str(text),
                Piece::Expr(expr, start) => {
                    let value = expr.eval(context).map_err(|error| error.shifted(*start))?;
                    let text = as_text(&value, expr).map_err(|error| error.shifted(*start))?;
                    whole.push_str(&text);
                }
            }
        }
        Ok(Value::String(whole))
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn as_text(value: &Value, expr: &Expr) -> Result<String, ExprError> {
    let refuse = |what, hint: &str| {
        Err(ExprError {
            message: format!("`{}` is {what}, which cannot stand in text", expr.as_str().trim()),
            range: 0..expr.as_str().len(),
            hint: Some(hint.to_owned()),
        })
    };
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null => refuse("none", "give it another value with `| default(…, true)`"),
        Value::Array(_) => refuse("a list", "join its items with `| join(' ')`"),
        Value::Object(_) => refuse("an object", "name one of its fields"),
    }
}

fn holds_undefined(value: &Computed, depth: usize) -> bool {
    match value.kind() {
        ValueKind::Undefined => true,
        ValueKind::Seq | ValueKind::Iterable if depth < 8 => value
            .try_iter()
            .is_ok_and(|mut items| items.any(|item| holds_undefined(&item, depth + 1))),
        ValueKind::Map if depth < 8 => value.try_iter().is_ok_and(|mut keys| {
            keys.any(|key| value.get_item(&key).is_ok_and(|item| holds_undefined(&item, depth + 1)))
        }),
        _ => false,
    }
}

fn engine() -> &'static Environment<'static> {
    static ENGINE: OnceLock<Environment<'static>> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut engine = Environment::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        engine.set_fuel(Some(FUEL));
        engine.set_debug(true);
        engine.set_recursion_limit(64);
        engine.add_filter("quote", |word: String| crate::base::quote::quote(&word));
        for name in ["debug", "namespace"] {
            engine.remove_global(name);
        }
        engine
    })
}

/// Turns the engine's error into ours, with the part of the text that it is about.
fn explain(error: &Error, text: &str) -> ExprError {
    let range = error
        .range()
        .filter(|range| range.start < range.end && text.get(range.clone()).is_some())
        .unwrap_or(0..text.len());
    let part = text[range.clone()].trim();
    let message = match (error.kind(), error.detail()) {
        (ErrorKind::UndefinedError, _) => format!("`{part}` has no value here"),
        (ErrorKind::OutOfFuel, _) => "the expression takes too long".to_owned(),
        (ErrorKind::SyntaxError, Some(detail)) => format!("not an expression: {detail}"),
        (_, Some(detail)) => format!("`{part}`: {detail}"),
        (kind, None) => format!("`{part}`: {kind}"),
    };
    ExprError::new(message, range)
}

fn unknown(what: &str, name: &str, range: Range<usize>, known: &[&'static str]) -> ExprError {
    ExprError {
        message: format!("there is no {what} `{name}`"),
        range,
        hint: nearest(name, known.iter().copied()).map(|near| format!("did you mean `{near}`?")),
    }
}

#[cfg(test)]
mod tests;
