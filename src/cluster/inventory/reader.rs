//! A walk over a parsed file that collects every problem with its place.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::address::AddressError;
use super::origin::Origin;
use crate::base::nearest::nearest;
use crate::base::yaml::{Diagnostic, Positions, Source};

/// What the file says, and the problems found so far.
pub(super) struct Reader<'a> {
    source: &'a Source,
    positions: Positions,
    problems: RefCell<Vec<Diagnostic>>,
    /// The user's home folder, for paths with `~/`.
    home: Option<PathBuf>,
}

/// One value of the file.
#[derive(Clone)]
pub(super) struct Node<'a> {
    pub(super) value: &'a Value,
    pub(super) pointer: String,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self {
            value,
            pointer: String::new(),
        }
    }

    fn child(&self, step: &str, value: &'a Value) -> Self {
        Self {
            value,
            pointer: format!("{}/{}", self.pointer, step.replace('~', "~0").replace('/', "~1")),
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source, positions: Positions, home: Option<PathBuf>) -> Self {
        let problems = RefCell::new(positions.duplicates().to_vec());
        Self {
            source,
            positions,
            problems,
            home,
        }
    }

    /// All problems in the order of the file.
    pub(super) fn finish(self) -> Vec<Diagnostic> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.span.start);
        problems
    }

    pub(super) fn origin(&self, node: &Node) -> Origin {
        let span = self.key_or_value(node);
        Origin::File {
            file: self.source.name.clone(),
            line: self.source.line_and_column(span.start).0,
        }
    }

    /// Tells a problem with a value.
    pub(super) fn refuse(&self, node: &Node, message: impl Into<String>, hint: Option<String>) {
        let mut span = self.positions.nearest(&node.pointer);
        if self.source.part(span.clone()).contains('\n') {
            span = self.key_or_value(node);
        }
        self.push(span, message.into(), hint);
    }

    /// Tells a problem with a key.
    pub(super) fn refuse_key(&self, node: &Node, message: impl Into<String>, hint: Option<String>) {
        self.push(self.key_or_value(node), message.into(), hint);
    }

    fn push(&self, span: Range<usize>, message: String, hint: Option<String>) {
        let mut problem = Diagnostic::at(self.source, span, message);
        problem.hint = hint;
        self.problems.borrow_mut().push(problem);
    }

    fn key_or_value(&self, node: &Node) -> Range<usize> {
        self.positions
            .key(&node.pointer)
            .unwrap_or_else(|| self.positions.nearest(&node.pointer))
    }

    /// The entries of a mapping whose keys are free.
    pub(super) fn entries(&self, node: &Node<'a>) -> Vec<(String, Node<'a>)> {
        match node.value {
            Value::Object(map) => map
                .iter()
                .map(|(key, value)| (key.clone(), node.child(key, value)))
                .collect(),
            other => {
                self.wrong_type(node, "a mapping", other);
                Vec::new()
            }
        }
    }

    /// The entries of a mapping of which only these keys may stand; the others are told.
    pub(super) fn fields(&self, node: &Node<'a>, known: &[&str]) -> Fields<'a> {
        let mut entries = self.entries(node);
        entries.retain(|(key, entry)| {
            let is_known = known.contains(&key.as_str());
            if !is_known {
                let hint = nearest(key, known.iter().copied()).map_or_else(
                    || format!("known here: {}", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                self.refuse_key(entry, format!("unknown key `{key}`"), Some(hint));
            }
            is_known
        });
        Fields { entries }
    }

    pub(super) fn text(&self, node: &Node<'a>) -> Option<String> {
        match node.value {
            Value::String(text) if text.is_empty() => {
                self.refuse(node, "the text is empty", None);
                None
            }
            Value::String(text) => Some(text.clone()),
            other => {
                self.wrong_type(node, "text", other);
                None
            }
        }
    }

    pub(super) fn number(&self, node: &Node<'a>, most: u64) -> Option<u64> {
        match node.value.as_u64() {
            Some(number) if number <= most => Some(number),
            Some(_) => {
                self.refuse(node, format!("the number is larger than {most}"), None);
                None
            }
            None => {
                self.wrong_type(node, "a whole number", node.value);
                None
            }
        }
    }

    pub(super) fn truth(&self, node: &Node<'a>) -> Option<bool> {
        if !node.value.is_boolean() {
            self.wrong_type(node, "true or false", node.value);
        }
        node.value.as_bool()
    }

    pub(super) fn list(&self, node: &Node<'a>) -> Vec<Node<'a>> {
        match node.value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| node.child(&index.to_string(), item))
                .collect(),
            other => {
                self.wrong_type(node, "a list", other);
                Vec::new()
            }
        }
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(&self, node: &Node<'a>, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(node)?;
        let found = choices.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let hint = nearest(&text, words.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            self.refuse(node, format!("`{text}` is none of {}", words.join(", ")), hint);
        }
        found.map(|(_, value)| *value)
    }

    /// A text that a check accepts, as the check gives it.
    pub(super) fn checked<T>(&self, node: &Node<'a>, check: impl Fn(&str) -> Result<T, AddressError>) -> Option<T> {
        let text = self.text(node)?;
        match check(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(node, error.message, error.hint);
                None
            }
        }
    }

    /// A text that parses.
    pub(super) fn parsed<T: std::str::FromStr>(&self, node: &Node<'a>) -> Option<T>
    where
        T::Err: Display,
    {
        let text = self.text(node)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(node, error.to_string(), None);
                None
            }
        }
    }

    /// A file of this machine: `~/` is the home folder, and a relative path starts at the inventory's folder.
    pub(super) fn local_path(&self, node: &Node<'a>) -> Option<PathBuf> {
        let text = self.text(node)?;
        if text.contains(char::is_control) {
            self.refuse(node, "a path may not hold control characters", None);
            return None;
        }
        if let Some(rest) = text.strip_prefix("~/") {
            if self.home.is_none() {
                self.refuse(node, "`~` cannot be used: HOME is not set", None);
            }
            return self.home.as_ref().map(|home| home.join(rest));
        }
        let folder = Path::new(&self.source.name).parent().unwrap_or(Path::new(""));
        Some(folder.join(text))
    }

    /// A path on a host: absolute, without dots.
    pub(super) fn host_path(&self, node: &Node<'a>) -> Option<String> {
        let text = self.text(node)?;
        let path = text.trim_end_matches('/');
        let problem = if !text.starts_with('/') {
            "a path on a host must be absolute"
        } else if path.is_empty() {
            "the root folder cannot be used"
        } else if text.contains(char::is_control) {
            "a path may not hold control characters"
        } else if path.split('/').any(|part| matches!(part, "." | "..")) {
            "a path on a host may not hold `.` or `..`"
        } else {
            return Some(path.to_owned());
        };
        self.refuse(node, format!("{problem}: `{}`", text.escape_debug()), None);
        None
    }

    fn wrong_type(&self, node: &Node, expected: &str, found: &Value) {
        let (kind, hint) = match found {
            Value::Null => ("nothing", Some("take the key out, or give it a value".to_owned())),
            Value::Bool(_) => ("true or false", None),
            Value::Number(number) if expected == "text" => ("a number", Some(format!("write '{number}' in quotes"))),
            Value::Number(_) => ("a number", None),
            Value::String(_) => ("text", None),
            Value::Array(_) => ("a list", None),
            Value::Object(_) => ("a mapping", None),
        };
        let name = node.pointer.rsplit('/').next().unwrap_or_default();
        let subject = if name.is_empty() {
            "the file".to_owned()
        } else {
            format!("`{name}`")
        };
        self.refuse(node, format!("{subject} must be {expected}, here stands {kind}"), hint);
    }
}

/// The known entries of a mapping.
pub(super) struct Fields<'a> {
    entries: Vec<(String, Node<'a>)>,
}

impl<'a> Fields<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&Node<'a>> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }
}
