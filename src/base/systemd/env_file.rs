//! Environment files as `EnvironmentFile=` reads them, and edits that leave every other byte as it is.

use std::ops::Range;

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

/// The file with this value for `name`, wherever it was set last; `None`: it is not set, or cannot be changed for sure.
pub fn set(text: &str, name: &str, value: &str) -> Option<String> {
    let file = read(text);
    let old = file.last(name)?;
    if old.value == value {
        return Some(text.to_owned());
    }
    let raw = text.get(old.behind.clone())?;
    let lead = raw.len() - raw.trim_start_matches([' ', '\t']).len();
    let plain = value.chars().all(is_plain) && !value.is_empty();
    let shown = match raw.trim().chars().next() {
        Some('\'') if !value.contains('\'') => format!("'{value}'"),
        Some(first) if first != '"' && first != '\'' && plain => value.to_owned(),
        None if plain => value.to_owned(),
        _ => in_double_quotes(value),
    };
    let place = old.behind.start + lead..old.behind.end;
    let nth = file.values.iter().rposition(|assignment| assignment.name == name)?;
    proved(text, place, &shown, &file, nth, value)
}

/// The file with a part of a value replaced, as it is written: `part` counts bytes of the value.
/// `None`: it is not set, or cannot be changed for sure.
pub fn replace(text: &str, name: &str, part: Range<usize>, with: &str) -> Option<String> {
    let file = read(text);
    let old = file.last(name)?;
    let mut wanted = old.value.clone();
    wanted.get(part.clone())?;
    wanted.replace_range(part.clone(), with);
    let count = |end: usize| old.value.get(..end).map(|before| before.chars().count());
    let (first, end) = (count(part.start)?, count(part.end)?);
    let nth = file.values.iter().rposition(|assignment| assignment.name == name)?;
    let (place, inside) = match old.letters.get(first..end)? {
        [] => {
            let before = first.checked_sub(1).and_then(|last| old.letters.get(last));
            let end = before.map(|letter| (letter.place.end..letter.place.end, letter.inside));
            end.unzip()
        }
        [one, rest @ ..] => {
            let last = rest.last().unwrap_or(one);
            let alike = rest.iter().all(|letter| letter.inside == one.inside);
            alike.then_some((one.place.start..last.place.end, one.inside)).unzip()
        }
    };
    let shown = match inside {
        Some(Quote::Double) => Some(escaped(with)),
        Some(Quote::Single) => (!with.contains('\'')).then(|| with.to_owned()),
        Some(Quote::None) => (!with.contains(['\\', '\n', '\r'])).then(|| with.to_owned()),
        None => None,
    };
    let in_place = place
        .zip(shown)
        .and_then(|(place, shown)| proved(text, place, &shown, &file, nth, &wanted));
    in_place.or_else(|| set(text, name, &wanted))
}

/// The value that counts, the last one.
pub fn value(text: &str, name: &str) -> Option<String> {
    read(text).last(name).map(|assignment| assignment.value.clone())
}

/// The file with a comment above the assignment that counts.
pub fn comment_above(text: &str, name: &str, comment: &str) -> Option<String> {
    let at = read(text).last(name)?.lines.start;
    let mut changed = text.to_owned();
    changed.insert_str(at, &format!("# {}\n", one_line(comment)));
    Some(changed)
}

/// A comment that ends with a backslash goes on, for some versions of systemd.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r', '\\'], " ").trim_end().to_owned()
}

/// The file with one more assignment, behind the last one whose name begins with `beside`, else at its end.
/// `None`: it cannot be done for sure.
pub fn add(text: &str, beside: &str, name: &str, value: &str) -> Option<String> {
    let file = read(text);
    let sibling = file
        .values
        .iter()
        .rev()
        .find(|assignment| assignment.name.starts_with(beside));
    let at = sibling.map_or(text.len(), |assignment| assignment.lines.end);
    let mut shown = sibling.map_or_else(
        || line(name, value),
        |sibling| {
            let bare = sibling.letters.iter().all(|letter| letter.inside == Quote::None);
            let plain = value.chars().all(is_plain) && !value.is_empty();
            if bare && plain {
                format!("{name}={value}\n")
            } else {
                line(name, value)
            }
        },
    );
    let mut changed = text.to_owned();
    if at > 0 && !text[..at].ends_with(['\n', '\r']) {
        shown.insert(0, '\n');
    }
    changed.insert_str(at, &shown);
    let mut expected = file.pairs();
    let nth = file.values.iter().filter(|other| other.lines.end <= at).count();
    expected.insert(nth, (name, value));
    let after = read(&changed);
    (after.pairs() == expected && after.doubtful == file.doubtful).then_some(changed)
}

/// The file with every assignment of `name` made a comment. `None`: it cannot be done for sure.
pub fn comment_out(text: &str, name: &str) -> Option<String> {
    let file = read(text);
    let mut changed = text.to_owned();
    for assignment in file.values.iter().rev().filter(|assignment| assignment.name == name) {
        let lines = text.get(assignment.lines.clone())?;
        let body = lines.trim_end_matches(['\n', '\r']);
        let end = &lines[body.len()..];
        let comment = if body.contains(['\n', '\r']) || body.ends_with('\\') {
            format!(
                "# {name}={}{end}",
                assignment.value.replace(['\n', '\r', '\\'], " ").trim_end()
            )
        } else {
            format!("# {body}{end}")
        };
        changed.replace_range(assignment.lines.clone(), &comment);
    }
    let mut expected = file.pairs();
    expected.retain(|(other, _)| *other != name);
    let after = read(&changed);
    (after.pairs() == expected && after.doubtful == file.doubtful).then_some(changed)
}

/// Characters that stand for themselves without quotes, for systemd and for a shell that reads the same file.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-./:,=@%+[]".contains(c)
}

/// The text with one place replaced, if reading it again gives exactly the wanted change.
fn proved(text: &str, place: Range<usize>, shown: &str, file: &EnvFile, nth: usize, value: &str) -> Option<String> {
    let mut changed = text.to_owned();
    changed.replace_range(place, shown);
    let mut expected = file.pairs();
    expected.get_mut(nth)?.1 = value;
    let after = read(&changed);
    (after.pairs() == expected && after.doubtful == file.doubtful).then_some(changed)
}

#[cfg(test)]
mod tests;
