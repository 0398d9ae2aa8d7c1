//! systemd's own ways of writing things down: unit files, environment files, words of a command line.
//! Follows systemd 247 to 257 (`env-file.c`, `extract-word.c`); what differs between them is reported, not guessed.

use std::collections::BTreeMap;

pub mod env_file;
pub mod flags;
pub mod unit_file;
pub mod write;

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A word with its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    pub start: usize,
    pub end: usize,
    /// It holds quotes or backslashes.
    pub dressed: bool,
}

/// Splits at blanks; quotes of both sorts hold blanks together, a backslash takes the next character for itself.
/// `None`: a quote never ends.
pub fn words(text: &str) -> Option<Vec<Word>> {
    let mut found = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote = None;
    let mut escaped = false;
    for (place, c) in text.char_indices() {
        let blank = c.is_ascii_whitespace();
        if word.is_none() && blank {
            continue;
        }
        if quote.is_none() && !escaped && blank {
            found.extend(word.take().map(|word| Word { end: place, ..word }));
            continue;
        }
        let current = word.get_or_insert_with(|| Word {
            text: String::new(),
            start: place,
            end: text.len(),
            dressed: false,
        });
        if escaped {
            current.text.push(c);
            escaped = false;
        } else if c == '\\' {
            current.dressed = true;
            escaped = true;
        } else if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && (c == '\'' || c == '"') {
            current.dressed = true;
            quote = Some(c);
        } else {
            current.text.push(c);
        }
    }
    found.extend(word);
    (quote.is_none() && !escaped).then_some(found)
}

/// The lines of one section of a unit with its drop-ins, as `systemctl cat` prints them: key and value, continuations joined.
pub fn section(text: &str, name: &str) -> Vec<(String, String)> {
    let entries = unit_file::read(text).into_iter();
    entries
        .filter(|entry| entry.section == name)
        .map(|entry| (entry.key, entry.value))
        .collect()
}

/// The values of a key that is a list: an empty value forgets what came before.
pub fn list(lines: &[(String, String)], key: &str) -> Vec<String> {
    let mut values = Vec::new();
    for (_, value) in lines.iter().filter(|(name, _)| name == key) {
        if value.is_empty() {
            values.clear();
        } else {
            values.push(value.clone());
        }
    }
    values
}

/// `ExecStart=` without the characters that say how it is run, and whether variables are expanded in it.
pub fn command_of(exec: &str) -> (&str, bool) {
    let command = exec.trim_start_matches(['-', '@', ':', '+', '!']);
    let marks = &exec[..exec.len() - command.len()];
    (command, !marks.contains(':'))
}

/// A word of the command line, and the variable that it came through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    pub text: String,
    pub variable: Option<String>,
}

/// The command line as systemd makes it: `$NAME` alone is split into words, `${NAME}` inside a word is not, `$$` is a dollar.
/// `None`: a quote never ends.
pub fn arguments(command: &str, expand: bool, environment: &BTreeMap<String, String>) -> Option<Vec<Argument>> {
    let mut found = Vec::new();
    for word in words(command)? {
        let whole = word.text.strip_prefix('$').filter(|name| is_variable(name));
        match whole {
            Some(name) if expand => {
                let value = environment.get(name).map_or("", String::as_str);
                found.extend(words(value)?.into_iter().map(|word| Argument {
                    text: word.text,
                    variable: Some(name.to_owned()),
                }));
            }
            _ if expand => {
                let (text, variable) = replace_inside(&word.text, environment);
                found.push(Argument { text, variable });
            }
            _ => found.push(Argument {
                text: word.text,
                variable: None,
            }),
        }
    }
    Some(found)
}

fn replace_inside(word: &str, environment: &BTreeMap<String, String>) -> (String, Option<String>) {
    let mut out = String::new();
    let mut variable = None;
    let mut rest = word;
    while let Some(place) = rest.find('$') {
        out.push_str(&rest[..place]);
        let after = &rest[place + 1..];
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, tail)) = after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            out.push_str(environment.get(name).map_or("", String::as_str));
            variable = Some(name.to_owned());
            rest = tail;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    (out, variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_with_continuations_comments_and_resets() {
        let text = "# /lib/systemd/system/etcd.service\n[Unit]\nExecStart=no\n[Service]\nExecStart=/usr/bin/etcd \\\n# why\n  --name x \\\n  $ARGS\n\n# /etc/x.conf\n[Service]\nEnvironmentFile=-/etc/default/etcd\n[Install]\nAlias=e\n";
        let lines = section(text, "Service");
        let exec = list(&lines, "ExecStart");
        assert_eq!(exec.len(), 1);
        let texts: Vec<String> = words(&exec[0]).unwrap().into_iter().map(|word| word.text).collect();
        assert_eq!(texts, ["/usr/bin/etcd", "--name", "x", "$ARGS"]);
        let reset = [("E", "a"), ("E", ""), ("E", "b")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(list(&reset, "E"), ["b"]);
    }

    #[test]
    fn variables_of_a_command_line() {
        let environment: BTreeMap<String, String> = [("ARGS", "--a 'b c' --d"), ("N", "n m")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        let (command, expand) = command_of("-@/usr/bin/etcd --name=${N} $ARGS $NONE $$x");
        let found = arguments(command, expand, &environment).unwrap();
        let texts: Vec<&str> = found.iter().map(|argument| argument.text.as_str()).collect();
        assert_eq!(texts, ["/usr/bin/etcd", "--name=n m", "--a", "b c", "--d", "$x"]);
        assert_eq!(found[3].variable.as_deref(), Some("ARGS"));
        let (command, expand) = command_of(":/bin/x $ARGS");
        assert_eq!(arguments(command, expand, &environment).unwrap()[1].text, "$ARGS");
        assert!(arguments("/bin/x 'a", true, &environment).is_none());
    }
}
