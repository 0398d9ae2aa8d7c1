//! The typed reader: serde's errors made into diagnostics.

use std::ops::Range;

use serde::de::DeserializeOwned;

use super::diagnostic::{Diagnostic, Source};
use super::positions::{Positions, syntax_error};
use crate::base::nearest::nearest;

/// How many mistakes are looked for in one file.
const MOST: usize = 20;

pub(super) fn parse<T: DeserializeOwned>(source: &Source) -> Result<T, Vec<Diagnostic>> {
    let positions = Positions::of(source).map_err(|found| vec![*found])?;
    let mut found = positions.duplicates().to_vec();
    // Serde stops at the first mistake. An unknown field is blanked out, which keeps every other
    // place as it is, and the rest is read again.
    let mut text = source.text.clone();
    while found.len() < MOST {
        let error = match serde_yaml::from_str::<T>(&text) {
            Ok(value) if found.is_empty() => return Ok(value),
            Ok(_) => break,
            Err(error) => error,
        };
        let one = diagnose(&error, source, &positions);
        let is_new = !found
            .iter()
            .any(|known| known.span == one.span || overlaps(known, &one));
        let blanked = is_new && blank(&error, &one, source, &positions, &mut text);
        if is_new {
            found.push(one);
        }
        if !blanked {
            break;
        }
    }
    found.sort_by_key(|one| one.span.start);
    Err(found)
}

/// A duplicate key makes serde complain about its whole mapping: not told twice.
fn overlaps(known: &Diagnostic, one: &Diagnostic) -> bool {
    one.message.starts_with("duplicate ") && known.message.contains("stands twice")
}

fn diagnose(error: &serde_yaml::Error, source: &Source, positions: &Positions) -> Diagnostic {
    let whole = error.to_string();
    let message = whole
        .rsplit_once(" at line ")
        .map_or(whole.as_str(), |(message, _)| message);
    let Some(location) = error.location() else {
        return Diagnostic::at(source, 0..0, plain(message));
    };
    let byte = source.byte_of(location.line(), location.column());
    let pointer = positions.pointer_at(byte);
    let (path, message) = split_path(message);
    let is_missing = message.starts_with("missing field");
    let is_unknown = message.starts_with("unknown field");
    let key = pointer.and_then(|pointer| positions.key(pointer));
    let value = pointer.and_then(|pointer| positions.value(pointer));
    let span = match (key, value) {
        (Some(key), _) if key.start == byte => key,
        (key, Some(_)) if is_missing => key.unwrap_or_else(|| first_line(source, byte)),
        (_, Some(value)) if !source.part(value.clone()).contains('\n') => value,
        _ => first_line(source, byte),
    };
    if message.contains("did not find expected") || message.contains("found character that cannot") {
        return syntax_error(source, byte, message);
    }
    let mut found = Diagnostic::at(source, span, plain(message));
    if !path.is_empty() && !is_unknown {
        found.label = Some(format!("in `{path}`"));
    }
    if let Some((wrong, known)) = expected_names(message) {
        let near = nearest(wrong, known.iter().copied());
        found.hint = Some(near.map_or_else(
            || format!("known here: {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        ));
    }
    found
}

/// serde's words, in ours.
fn plain(message: &str) -> String {
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let name = rest.split(',').next().unwrap_or(rest);
        return format!("unknown key {name}");
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        return format!("the key {rest} is missing");
    }
    if let Some(rest) = message.strip_prefix("invalid type: ") {
        return format!("wrong type: {rest}");
    }
    message.to_owned()
}

/// `steps[0].ssh: unknown field …` as its path and its message.
fn split_path(message: &str) -> (&str, &str) {
    match message.split_once(": ") {
        Some((path, rest)) if is_path(path) => (path, rest),
        _ => ("", message),
    }
}

fn is_path(text: &str) -> bool {
    !text.contains([' ', '`']) && !matches!(text, "invalid" | "unknown")
}

/// The wrong name and the right ones in serde's "unknown field, expected one of".
fn expected_names(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message
        .strip_prefix("unknown field ")
        .or_else(|| message.strip_prefix("unknown variant "))?;
    let names: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let (wrong, known) = names.split_first()?;
    (!known.is_empty()).then(|| (*wrong, known.to_vec()))
}

fn first_line(source: &Source, byte: usize) -> Range<usize> {
    let line = source.part(byte..source.text.len()).lines().next();
    byte..byte + line.unwrap_or_default().trim_end().len()
}

/// Takes an unknown key and its value out of the text, leaving spaces. False where that cannot be
/// done, or where the mistake is of another kind.
fn blank(
    error: &serde_yaml::Error,
    one: &Diagnostic,
    source: &Source,
    positions: &Positions,
    text: &mut String,
) -> bool {
    if !error.to_string().contains("unknown field `") {
        return false;
    }
    let entry = positions
        .pointer_at(one.span.start)
        .and_then(|pointer| Some((positions.key(pointer)?, positions.value(pointer)?)));
    let Some((key, value)) = entry else {
        return false;
    };
    let end = value.end.max(key.end);
    let mut end = end + usize::from(source.part(end..end + 1) == ":");
    if source
        .part(end..source.text.len())
        .trim_start_matches(' ')
        .starts_with(',')
    {
        end += source.part(end..source.text.len()).find(',').unwrap_or_default() + 1;
    }
    let Some(part) = text.get(key.start..end) else {
        return false;
    };
    let spaces: String = part
        .bytes()
        .map(|byte| if byte == b'\n' { '\n' } else { ' ' })
        .collect();
    text.replace_range(key.start..end, &spaces);
    true
}
