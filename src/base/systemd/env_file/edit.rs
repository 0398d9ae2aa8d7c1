//! Edits of environment files: each leaves every other byte as it is, and is read back before it counts.

use std::ops::Range;

use super::{EnvFile, Quote, escaped, in_double_quotes, line, read};

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
