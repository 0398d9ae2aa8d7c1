//! Unit files and drop-ins with the place of each line, and edits that leave every other byte as it is.

use std::ops::Range;

use super::{Word, words};

/// One `Key=value` of a unit file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub section: String,
    pub key: String,
    /// Continuation lines joined by a blank, as systemd does.
    pub value: String,
    /// Its lines, with the last one's end.
    pub lines: Range<usize>,
    /// What stands in the file for each byte of the value.
    places: Vec<Range<usize>>,
}

/// A logical line being put together.
#[derive(Default)]
struct Open {
    begin: usize,
    text: String,
    places: Vec<Range<usize>>,
}

impl Open {
    fn push(&mut self, letter: char, place: &Range<usize>) {
        self.text.push(letter);
        self.places
            .extend(std::iter::repeat_n(place.clone(), letter.len_utf8()));
    }
}

/// The entries in their order.
pub fn read(text: &str) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut section = String::new();
    let mut open: Option<Open> = None;
    let mut at = 0;
    for raw in text.split_inclusive('\n') {
        let (start, end) = (at, at + raw.len());
        at = end;
        let line = raw.trim_end_matches(['\n', '\r']);
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        let current = open.get_or_insert_with(|| Open {
            begin: start,
            ..Open::default()
        });
        let (body, goes_on) = line.strip_suffix('\\').map_or((line, false), |body| (body, true));
        for (offset, letter) in body.char_indices() {
            let place = start + offset..start + offset + letter.len_utf8();
            current.push(letter, &place);
        }
        if goes_on {
            current.push(' ', &(start + body.len()..end));
            continue;
        }
        if let Some(open) = open.take() {
            close(&open, end, &mut section, &mut found);
        }
    }
    if let Some(open) = open.take() {
        close(&open, text.len(), &mut section, &mut found);
    }
    found
}

fn close(open: &Open, end: usize, section: &mut String, found: &mut Vec<Entry>) {
    let whole = open.text.trim();
    if whole.starts_with('[') {
        whole.trim_matches(['[', ']']).clone_into(section);
        return;
    }
    let Some(equals) = open.text.find('=') else {
        return;
    };
    let behind = &open.text[equals + 1..];
    let start = equals + 1 + (behind.len() - behind.trim_start().len());
    let value = open.text[start.min(open.text.len())..].trim_end().to_owned();
    found.push(Entry {
        section: section.clone(),
        key: open.text[..equals].trim().to_owned(),
        places: open.places[start..start + value.len()].to_vec(),
        value,
        lines: open.begin..end,
    });
}

impl Entry {
    fn is(&self, key: &str) -> bool {
        self.section == "Service" && self.key == key
    }
}

/// The last entry of a key of `[Service]` that is not empty, in this file.
pub fn last(text: &str, key: &str) -> Option<Entry> {
    read(text)
        .into_iter()
        .rfind(|entry| entry.is(key) && !entry.value.is_empty())
}

/// The file with a part of an entry's value replaced, as it is written: `part` counts bytes of the value, `with` is the
/// unit's own way of writing. `None`: it cannot be done for sure.
pub fn replace(text: &str, entry: &Entry, part: Range<usize>, with: &str) -> Option<String> {
    let before = read(text);
    let nth = before.iter().position(|one| one.lines == entry.lines)?;
    let mut wanted = entry.value.clone();
    wanted.get(part.clone())?;
    wanted.replace_range(part.clone(), with);
    let end_of_value = || entry.places.last().map(|place| place.end);
    let start = match entry.places.get(part.start) {
        Some(place) => place.start,
        None => end_of_value()?,
    };
    let end = match part.end.checked_sub(1).filter(|_| !part.is_empty()) {
        Some(last) => entry.places.get(last)?.end,
        None => start,
    };
    let mut changed = text.to_owned();
    changed.replace_range(start..end, with);
    let mut expected = meaning(&before);
    wanted.trim().clone_into(&mut expected.get_mut(nth)?.2);
    (meaning(&read(&changed)) == expected).then_some(changed)
}

fn meaning(entries: &[Entry]) -> Vec<(String, String, String)> {
    let triples = entries.iter();
    triples
        .map(|entry| (entry.section.clone(), entry.key.clone(), entry.value.clone()))
        .collect()
}

/// The file with lines added to `[Service]`: behind `entry`, else at the end of the file in a section of that name.
pub fn add(text: &str, entry: Option<&Entry>, lines: &str) -> String {
    let mut changed = text.to_owned();
    if let Some(entry) = entry {
        let gap = if text[..entry.lines.end].ends_with('\n') {
            ""
        } else {
            "\n"
        };
        changed.insert_str(entry.lines.end, &format!("{gap}{lines}"));
        return changed;
    }
    if !changed.is_empty() && !changed.ends_with('\n') {
        changed.push('\n');
    }
    let open = read(text).last().is_some_and(|entry| entry.section == "Service");
    if !open {
        changed.push_str("[Service]\n");
    }
    changed.push_str(lines);
    changed
}

/// The last assignment of a variable in `Environment=` of this file: its entry and its word.
pub fn variable(text: &str, name: &str) -> Option<(Entry, Word)> {
    let entries = read(text);
    let begin = entries
        .iter()
        .rposition(|entry| entry.is("Environment") && entry.value.is_empty())
        .map_or(0, |reset| reset + 1);
    let in_force = entries.into_iter().skip(begin).rev();
    in_force.filter(|entry| entry.is("Environment")).find_map(|entry| {
        let all = words(&entry.value)?;
        let word = all.into_iter().rfind(|word| assigned(word, name).is_some())?;
        Some((entry, word))
    })
}

/// The value that a word of `Environment=` gives to a variable.
pub fn assigned<'a>(word: &'a Word, name: &str) -> Option<&'a str> {
    word.text.strip_prefix(name)?.strip_prefix('=')
}

/// The file with another value for a variable of `Environment=`, in the quotes that stand there; `value` is in the unit's
/// own way of writing specifiers (`%%` for a percent sign). `None`: it is not set here, or cannot be changed for sure.
pub fn set_variable(text: &str, name: &str, value: &str) -> Option<String> {
    let (entry, word) = variable(text, name)?;
    let written = entry.value.get(word.start..word.end)?;
    let quote = written.chars().next().filter(|first| matches!(first, '"' | '\''));
    let bare = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || "\"'\\".contains(c));
    let with = match quote {
        Some('\'') if !value.contains(['\'', '\\']) => format!("'{name}={value}'"),
        None if bare => format!("{name}={value}"),
        _ => assignment(name, value),
    };
    replace(text, &entry, word.start..word.end, &with)
}

/// The same for a part of the value, which keeps continuation lines; `part` counts bytes of the variable's value.
pub fn replace_in_variable(text: &str, name: &str, part: Range<usize>, with: &str) -> Option<String> {
    let (entry, word) = variable(text, name)?;
    let old = assigned(&word, name)?;
    let written = entry.value.get(word.start..word.end)?;
    // Written as it reads, but for the quotes around it.
    if !written.contains('\\')
        && !with.contains(['"', '\'', '\\'])
        && let Some(start) = written.find(&word.text)
    {
        let begin = word.start + start + name.len() + 1;
        return replace(text, &entry, begin + part.start..begin + part.end, with);
    }
    let mut value = old.to_owned();
    value.get(part.clone())?;
    value.replace_range(part, with);
    set_variable(text, name, &value)
}

/// `"NAME=value"`, for `Environment=`.
pub fn assignment(name: &str, value: &str) -> String {
    format!("\"{name}={}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The file without a variable of `Environment=`, wherever it is set here; a comment above says what stood there.
pub fn take_variable_out(text: &str, name: &str) -> Option<String> {
    let mut changed = text.to_owned();
    while let Some((entry, word)) = variable(&changed, name) {
        let alone = words(&entry.value)?.len() == 1;
        let comment = format!(
            "# Environment={}\n",
            entry.value.get(word.start..word.end)?.replace('\\', " ")
        );
        changed = if alone {
            let mut text = changed.clone();
            text.replace_range(entry.lines.clone(), &comment);
            text
        } else {
            let rest = entry.value.get(word.end..)?;
            let blanks = rest.len() - rest.trim_start().len();
            let part = if blanks > 0 && !rest.trim().is_empty() {
                word.start..word.end + blanks
            } else {
                entry.value.get(..word.start)?.trim_end().len()..word.end
            };
            let mut text = replace(&changed, &entry, part, "")?;
            text.insert_str(entry.lines.start, &comment);
            text
        };
    }
    Some(changed)
}

#[cfg(test)]
mod tests;
