//! Environment files as `EnvironmentFile=` reads them.

mod edit;

use std::ops::Range;

pub use edit::{add, comment_above, comment_out, replace, set};

use super::is_variable;

/// What an environment file sets, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvFile {
    pub values: Vec<Assignment>,
    /// Lines that systemd reads differently from what they look like, or differently from version to version.
    pub doubtful: Vec<String>,
}

/// One assignment, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub name: String,
    pub value: String,
    /// Its lines, with the last one's end.
    lines: Range<usize>,
    /// Everything behind the `=`, without the end of the line.
    behind: Range<usize>,
    letters: Vec<Letter>,
}

/// A character of a value, and what stands for it in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Letter {
    value: char,
    place: Range<usize>,
    inside: Quote,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum In {
    PreKey,
    Key,
    PreValue,
    Value,
    ValueEscape,
    Single,
    Double,
    DoubleEscape,
    Comment,
    CommentEscape,
}

/// The assignment being read.
#[derive(Default)]
struct Open {
    name: String,
    begin: usize,
    behind: usize,
    letters: Vec<Letter>,
    /// Letters up to here stay when trailing blanks of an unquoted value go.
    solid: usize,
}

impl Open {
    fn push(&mut self, letter: char, place: Range<usize>, inside: Quote) {
        self.letters.push(Letter {
            value: letter,
            place,
            inside,
        });
        if inside != Quote::None || !matches!(letter, ' ' | '\t') {
            self.solid = self.letters.len();
        }
    }
}

/// Reads an environment file. This is not a shell: within a value that did not begin with a quote, quotes stand for themselves.
#[expect(clippy::too_many_lines, reason = "a state machine: one arm for each state")]
pub fn read(text: &str) -> EnvFile {
    let mut file = EnvFile::default();
    let mut open = Open::default();
    let mut line = 0;
    let mut escape = 0;
    let mut state = In::PreKey;
    for (at, c) in text.char_indices().chain([(text.len(), '\n')]) {
        let newline = c == '\n' || c == '\r';
        let blank = c == ' ' || c == '\t';
        let after = (at + c.len_utf8()).min(text.len());
        state = match state {
            In::PreKey if c == '#' || c == ';' => In::Comment,
            In::PreKey if blank || newline => {
                if newline {
                    line = after;
                }
                In::PreKey
            }
            In::PreKey => {
                open = Open {
                    name: c.to_string(),
                    begin: line,
                    ..Open::default()
                };
                In::Key
            }
            In::Key if newline => {
                file.doubtful.push(format!("`{}` sets nothing", open.name.trim()));
                line = after;
                In::PreKey
            }
            In::Key if c == '=' => {
                open.behind = after;
                In::PreValue
            }
            In::Key => {
                open.name.push(c);
                In::Key
            }
            In::PreValue | In::Value if newline => {
                if state == In::Value {
                    open.letters.truncate(open.solid);
                }
                if at == text.len() && text.ends_with(['\n', '\r']) {
                    let name = open.name.trim();
                    file.doubtful
                        .push(format!("the value of {name} goes on behind the end of the file"));
                }
                file.add(&open, at, after);
                line = after;
                In::PreKey
            }
            In::PreValue if c == '\'' => In::Single,
            In::PreValue if c == '"' => In::Double,
            In::PreValue | In::Value if c == '\\' => {
                escape = at;
                In::ValueEscape
            }
            In::PreValue if blank => In::PreValue,
            In::PreValue | In::Value => {
                open.push(c, at..after, Quote::None);
                In::Value
            }
            In::ValueEscape => {
                if !newline {
                    open.push(c, escape..after, Quote::None);
                }
                open.solid = open.letters.len();
                In::Value
            }
            In::Single if c == '\'' => In::PreValue,
            In::Double if c == '"' => In::PreValue,
            In::Double if c == '\\' => {
                escape = at;
                In::DoubleEscape
            }
            In::Single => {
                open.push(c, at..after, Quote::Single);
                state
            }
            In::Double => {
                open.push(c, at..after, Quote::Double);
                state
            }
            In::DoubleEscape => {
                if "\"\\`$".contains(c) {
                    open.push(c, escape..after, Quote::Double);
                } else if c != '\n' {
                    open.push('\\', escape..at, Quote::Double);
                    open.push(c, at..after, Quote::Double);
                }
                In::Double
            }
            In::Comment if c == '\\' => In::CommentEscape,
            In::Comment if newline => {
                line = after;
                In::PreKey
            }
            In::CommentEscape if newline => {
                let why =
                    "a comment ends with a backslash: older versions of systemd take the next line for a comment too";
                file.doubtful.push(why.to_owned());
                line = after;
                In::PreKey
            }
            In::Comment | In::CommentEscape => In::Comment,
        };
    }
    let name = open.name.trim();
    match state {
        In::Single | In::Double | In::DoubleEscape => {
            file.doubtful.push(format!("the quote after `{name}=` never ends"));
        }
        In::PreValue | In::Value | In::ValueEscape => {
            file.doubtful
                .push(format!("the value of {name} goes on behind the end of the file"));
        }
        _ => {}
    }
    file
}

impl EnvFile {
    fn add(&mut self, open: &Open, at: usize, after: usize) {
        let name = open.name.trim();
        if !is_variable(name) {
            self.doubtful
                .push(format!("`{name}` is no name of a variable and is ignored"));
            return;
        }
        self.values.push(Assignment {
            name: name.to_owned(),
            value: open.letters.iter().map(|letter| letter.value).collect(),
            lines: open.begin..after,
            behind: open.behind..at,
            letters: open.letters.clone(),
        });
    }

    /// The assignment that counts: the last one.
    fn last(&self, name: &str) -> Option<&Assignment> {
        self.values.iter().rev().find(|assignment| assignment.name == name)
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        let pairs = self.values.iter();
        pairs
            .map(|assignment| (assignment.name.as_str(), assignment.value.as_str()))
            .collect()
    }
}

/// One line that systemd reads back as this value.
pub fn line(name: &str, value: &str) -> String {
    format!("{name}={}\n", in_double_quotes(value))
}

fn in_double_quotes(value: &str) -> String {
    format!("\"{}\"", escaped(value))
}

fn escaped(value: &str) -> String {
    let mut text = String::new();
    for c in value.chars() {
        if "\"\\`$".contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// The value that counts, the last one.
pub fn value(text: &str, name: &str) -> Option<String> {
    read(text).last(name).map(|assignment| assignment.value.clone())
}

#[cfg(test)]
mod tests;
