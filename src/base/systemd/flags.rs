//! Flags in a command line or in a variable that holds a part of one.

use std::ops::Range;

use super::{Word, words};

/// One flag as written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Flag {
    /// Its words.
    whole: Range<usize>,
    /// Its value as written, quotes and all; empty where it has none.
    value: Range<usize>,
    /// It has a value, in the same word or the next.
    valued: bool,
}

/// Where the value of the flag that counts, the last of its name, stands in `text`, and what to write there instead.
/// `None`: it is not there, or its word is written in a way that is not understood.
pub fn set(text: &str, key: &str, value: &str) -> Option<(Range<usize>, String)> {
    let flag = find(text, key)?.pop()?;
    if !flag.valued {
        return Some((flag.value, format!("={}", quoted(value, None)?)));
    }
    let open = text[flag.value.clone()].chars().next();
    Some((flag.value, quoted(value, open)?))
}

/// One more flag for the end of `text`.
pub fn add(text: &str, key: &str, value: &str) -> Option<String> {
    words(text)?;
    let blank = if text.is_empty() || text.ends_with(char::is_whitespace) {
        ""
    } else {
        " "
    };
    Some(format!("{blank}--{key}={}", quoted(value, None)?))
}

/// The places of a flag, with the blanks that part it from what follows; the last one first.
pub fn places(text: &str, key: &str) -> Option<Vec<Range<usize>>> {
    let mut found: Vec<Range<usize>> = find(text, key)?
        .into_iter()
        .map(|flag| {
            let rest = &text[flag.whole.end..];
            let blanks = rest.len() - rest.trim_start_matches(' ').len();
            if blanks > 0 && !rest.trim_start_matches(' ').is_empty() {
                return flag.whole.start..flag.whole.end + blanks;
            }
            let before = text[..flag.whole.start].trim_end_matches(' ').len();
            before..flag.whole.end + blanks
        })
        .collect();
    found.reverse();
    Some(found)
}

fn find(text: &str, key: &str) -> Option<Vec<Flag>> {
    let all = words(text)?;
    let mut found = Vec::new();
    for (index, word) in all.iter().enumerate() {
        let Some(flag) = word.text.strip_prefix("--").or_else(|| word.text.strip_prefix('-')) else {
            continue;
        };
        let (name, inside) = flag.split_once('=').map_or((flag, false), |(name, _)| (name, true));
        if name != key {
            continue;
        }
        found.push(if inside {
            Flag {
                whole: word.start..word.end,
                value: behind_equals(text, word)?,
                valued: true,
            }
        } else if text[word.start..word.end] != word.text {
            return None;
        } else if let Some(next) = all.get(index + 1).filter(|next| !next.text.starts_with('-')) {
            Flag {
                whole: word.start..next.end,
                value: next.start..next.end,
                valued: true,
            }
        } else {
            Flag {
                whole: word.start..word.end,
                value: word.end..word.end,
                valued: false,
            }
        });
    }
    Some(found)
}

/// The value of `--key=value`, where the quotes, if any, are about the value alone.
fn behind_equals(text: &str, word: &Word) -> Option<Range<usize>> {
    let written = &text[word.start..word.end];
    let equals = written.find('=')?;
    let plain = !written[..equals].contains(['"', '\'', '\\']);
    plain.then_some(word.start + equals + 1..word.end)
}

/// The value as one word, in the quotes that stand there already if it can be.
fn quoted(value: &str, open: Option<char>) -> Option<String> {
    if value.contains(['\n', '\r', '\0']) {
        return None;
    }
    let plain = !value.contains(|c: char| c.is_whitespace() || "'\"\\;".contains(c));
    match open {
        Some(quote @ ('"' | '\'')) if !value.contains([quote, '\\']) => Some(format!("{quote}{value}{quote}")),
        _ if plain && !value.is_empty() => Some(value.to_owned()),
        _ => Some(format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str, key: &str, value: &str) -> Option<String> {
        let (place, shown) = set(text, key, value)?;
        let mut text = text.to_owned();
        text.replace_range(place, &shown);
        Some(text)
    }

    #[test]
    fn a_value_changes_in_its_own_way_of_writing() {
        for (text, wanted) in [
            ("etcd --name a --x", "etcd --name b --x"),
            ("etcd --name=a --x", "etcd --name=b --x"),
            ("etcd -name 'a' --x", "etcd -name 'b' --x"),
            ("etcd --name=\"a\"", "etcd --name=\"b\""),
            ("--name=one --name  two", "--name=one --name  b"),
            ("--name --x", "--name=b --x"),
        ] {
            let once = changed(text, "name", "b").unwrap();
            assert_eq!(once, wanted);
            assert_eq!(changed(&once, "name", "b").unwrap(), wanted);
        }
        assert_eq!(changed("--name=a", "name", "b c").unwrap(), "--name=\"b c\"");
        assert_eq!(changed("--names=a", "name", "b"), None);
        assert_eq!(changed("'--name=a'", "name", "b"), None);
        assert_eq!(changed("--name='a", "name", "b"), None);
    }

    #[test]
    fn a_flag_goes_with_its_value_and_one_blank() {
        let gone = |text: &str| {
            let mut left = text.to_owned();
            for place in places(text, "discovery-srv").unwrap() {
                left.replace_range(place, "");
            }
            left
        };
        assert_eq!(gone("etcd --discovery-srv x --y"), "etcd --y");
        assert_eq!(gone("etcd --y --discovery-srv='x z'"), "etcd --y");
        assert_eq!(gone("--discovery-srv=x"), "");
        assert_eq!(gone("--discovery-srv=x --a --discovery-srv=y"), "--a");
        assert_eq!(gone("--discovery-srv-name=x"), "--discovery-srv-name=x");
    }
}
