//! Edits of one top-level value of a YAML file that leave every other byte as it is.

use super::diagnostic::Source;
use super::positions::{Positions, escape};

/// The file with this text for a top-level key, changed in place or added at the end.
/// `None`: it is no plain mapping in block style, the value is no scalar on one line, or the change cannot be proved.
pub fn set(text: &str, key: &str, value: &str) -> Option<String> {
    if mapping(text)?.get(key).and_then(scalar).as_deref() == Some(value) {
        return Some(text.to_owned());
    }
    replace(text, key, value.into(), |old| shown(value, old))
}

/// As `set`, with a number or a truth that is one for whoever reads the file by type.
pub fn set_plain(text: &str, key: &str, value: &str) -> Option<String> {
    let wanted = serde_yaml::from_str(value).ok()?;
    if mapping(text)?.get(key) == Some(&wanted) {
        return Some(text.to_owned());
    }
    replace(text, key, wanted, |_| value.to_owned())
}

fn replace(text: &str, key: &str, wanted: serde_yaml::Value, shown: impl Fn(Option<char>) -> String) -> Option<String> {
    let mut expected = mapping(text)?;
    expected.insert(key.into(), wanted);
    let mut changed = text.to_owned();
    match place(text, key)? {
        Some(place) => {
            let shown = shown(text[place.clone()].chars().next());
            let gap = if text[..place.start].ends_with(':') { " " } else { "" };
            changed.replace_range(place, &format!("{gap}{shown}"));
        }
        None => {
            if !changed.is_empty() && !changed.ends_with('\n') {
                changed.push('\n');
            }
            changed.push_str(&format!("{key}: {}\n", shown(None)));
        }
    }
    // Anything but exactly that change means that the file is not as simple as it looks.
    (mapping(&changed)? == expected).then_some(changed)
}

/// The file with a top-level key's line made a comment. `None`: as for `set`.
pub fn comment_out(text: &str, key: &str) -> Option<String> {
    let mut expected = mapping(text)?;
    if expected.remove(key).is_none() {
        return Some(text.to_owned());
    }
    let value = place(text, key)??;
    let line = text[..value.start].rfind('\n').map_or(0, |feed| feed + 1);
    let mut changed = text.to_owned();
    changed.insert_str(line, "# ");
    let after = mapping(&changed).unwrap_or_default();
    (after == expected).then_some(changed)
}

fn mapping(text: &str) -> Option<serde_yaml::Mapping> {
    match serde_yaml::from_str(text).ok()? {
        serde_yaml::Value::Mapping(mapping) => Some(mapping),
        serde_yaml::Value::Null => Some(serde_yaml::Mapping::new()),
        _ => None,
    }
}

/// A scalar as etcd's flags would show it.
pub fn scalar(value: &serde_yaml::Value) -> Option<String> {
    match value {
        serde_yaml::Value::String(text) => Some(text.clone()),
        serde_yaml::Value::Number(number) => Some(number.to_string()),
        serde_yaml::Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Where the value stands; `Some(None)`: the key is not there; `None`: it is written in another way.
#[expect(clippy::option_option, reason = "absent and unreadable are told apart")]
fn place(text: &str, key: &str) -> Option<Option<std::ops::Range<usize>>> {
    if mapping(text)?.is_empty() {
        return Some(None);
    }
    let positions = Positions::of(&Source::new("", text)).ok()?;
    if !positions.duplicates().is_empty() {
        return None;
    }
    let pointer = format!("/{}", escape(key));
    let Some(name) = positions.key(&pointer) else {
        return Some(None);
    };
    let mut value = positions.value(&pointer)?;
    if value.is_empty() {
        // Nothing stands there: behind the colon it could.
        let colon = name.end + text.get(name.end..)?.find(':')?;
        value = colon + 1..colon + 1;
    }
    value.end = value.start + quoted_length(text.get(value.clone())?).unwrap_or(value.len());
    let one_line = !text.get(name.start..value.end)?.contains('\n');
    let at_margin = name.start == 0 || text[..name.start].ends_with('\n');
    (one_line && at_margin).then_some(Some(value))
}

/// How long a quoted scalar is; what the parser gives may hold the comment behind it.
fn quoted_length(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if quote == '"' && letter == '\\' {
            letters.next();
        } else if letter == quote {
            if quote == '\'' && letters.next_if(|(_, next)| *next == quote).is_some() {
                continue;
            }
            return Some(at + 1);
        }
    }
    None
}

/// Quoted as the old one was; without quotes a name such as `no` or `1` would be no text.
fn shown(value: &str, old: Option<char>) -> String {
    let simple = !value.contains(['\\', '"', '\n', '\t']);
    match old {
        Some('"') if simple => format!("\"{value}\""),
        _ if !value.contains(['\n', '\r', '\t']) => format!("'{}'", value.replace('\'', "''")),
        _ => serde_json::Value::from(value).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    #[test]
    fn one_value_changes_and_its_comment_stays() {
        for (text, wanted) in [
            ("name: a # mine\nx: 1\n", "name: 'b' # mine\nx: 1\n"),
            ("# top\nname:   \"a\"\r\nx: 1", "# top\nname:   \"b\"\r\nx: 1"),
            ("x: 1", "x: 1\nname: 'b'\n"),
            ("# nothing yet\n", "# nothing yet\nname: 'b'\n"),
            ("name:\nx: 1\n", "name: 'b'\nx: 1\n"),
            ("name: \"a\\\"\" # mine\n", "name: \"b\" # mine\n"),
            ("name: 'it''s' # mine\n", "name: 'b' # mine\n"),
        ] {
            let once = set(text, "name", "b").unwrap();
            assert_eq!(once, wanted);
            assert_eq!(set(&once, "name", "b").unwrap(), wanted);
        }
        for text in [
            "{\"name\": \"a\"}",
            "- a\n",
            "name: >\n  a\n",
            "name: a\nname: c\n",
            "name: [a]\n b",
            "x: &a 1\nname: *a",
        ] {
            if let Some(changed) = set(text, "name", "b") {
                assert!(changed.contains("name: 'b'"), "{text} {changed}");
            }
        }
        assert_eq!(set("{\"name\": \"a\"}", "log", "b"), None);
        assert_eq!(set("- a\n", "name", "b"), None);
        assert_eq!(set("name: >\n  a\n", "name", "b"), None);
        assert_eq!(set("name: a\nname: c\n", "name", "b"), None);
    }

    #[test]
    fn a_line_becomes_a_comment() {
        assert_eq!(
            comment_out("a: 1\nd: x # y\nb: 2\n", "d").unwrap(),
            "a: 1\n# d: x # y\nb: 2\n"
        );
        assert_eq!(comment_out("a: 1\n", "d").unwrap(), "a: 1\n");
        assert_eq!(comment_out("d: 1\n", "d").unwrap(), "# d: 1\n");
        assert_eq!(comment_out("{d: 1}\n", "d"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_the_file_an_edit_gives_the_value_and_leaves_the_rest(
            pieces in proptest::collection::vec(
                select(vec!["name: a\n", "name: \"q\" # c\n", "x: 1\n", "# c\n", "s:\n  name: z\n", "l:\n- name: k\n", "t: |\n  name: u\n", "\n", "é: ü\n", "name:\n"]),
                0..8,
            ),
            value in select(vec!["v", "no", "1", "it's", "a=http://[::1]:1,b=%x", "", "\"\\"]),
        ) {
            let text = pieces.concat();
            if let Some(changed) = set(&text, "name", value) {
                let after = mapping(&changed).unwrap();
                prop_assert_eq!(after.get("name").and_then(scalar).unwrap(), value);
                prop_assert_eq!(set(&changed, "name", value), Some(changed.clone()));
                let differing = text.lines().filter(|line| !changed.lines().any(|other| other == *line)).count();
                prop_assert!(differing <= 1, "{} {}", text, changed);
            }
        }
    }
}
