//! systemd's own ways of writing things down: unit files, environment files, words of a command line.
//! Follows systemd 247 to 257 (`env-file.c`, `extract-word.c`); what differs between them is reported, not guessed.

use std::collections::BTreeMap;

/// What an environment file sets, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EnvFile {
    pub(super) values: Vec<(String, String)>,
    /// Lines that systemd reads differently from what they look like, or differently from version to version.
    pub(super) doubtful: Vec<String>,
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

/// Reads an environment file as `EnvironmentFile=` does. This is not a shell: within a value that did not begin with a quote,
/// quotes stand for themselves.
#[expect(clippy::too_many_lines, reason = "a state machine: one arm for each state")]
pub(super) fn env_file(text: &str) -> EnvFile {
    let mut file = EnvFile::default();
    let (mut key, mut value) = (String::new(), String::new());
    // Length up to which trailing blanks of an unquoted value are kept.
    let mut solid = 0;
    let mut state = In::PreKey;
    for c in text.chars().chain(['\n']) {
        let newline = c == '\n' || c == '\r';
        let blank = c == ' ' || c == '\t';
        state = match state {
            In::PreKey if c == '#' || c == ';' => In::Comment,
            In::PreKey if blank || newline => In::PreKey,
            In::PreKey => {
                key = c.to_string();
                value.clear();
                solid = 0;
                In::Key
            }
            In::Key if newline => {
                file.doubtful.push(format!("`{}` sets nothing", key.trim()));
                In::PreKey
            }
            In::Key if c == '=' => In::PreValue,
            In::Key => {
                key.push(c);
                In::Key
            }
            In::PreValue | In::Value if newline => {
                if state == In::Value {
                    value.truncate(solid);
                }
                file.add(&key, &value);
                In::PreKey
            }
            In::PreValue if c == '\'' => In::Single,
            In::PreValue if c == '"' => In::Double,
            In::PreValue | In::Value if c == '\\' => In::ValueEscape,
            In::PreValue if blank => In::PreValue,
            In::PreValue | In::Value => {
                value.push(c);
                if !blank {
                    solid = value.len();
                }
                In::Value
            }
            In::ValueEscape => {
                if !newline {
                    value.push(c);
                }
                solid = value.len();
                In::Value
            }
            In::Single if c == '\'' => In::PreValue,
            In::Double if c == '"' => In::PreValue,
            In::Double if c == '\\' => In::DoubleEscape,
            In::Single | In::Double => {
                value.push(c);
                solid = value.len();
                state
            }
            In::DoubleEscape => {
                if !"\"\\`$\n".contains(c) {
                    value.push('\\');
                }
                if c != '\n' {
                    value.push(c);
                }
                solid = value.len();
                In::Double
            }
            In::Comment if c == '\\' => In::CommentEscape,
            In::Comment if newline => In::PreKey,
            In::CommentEscape if newline => {
                let why =
                    "a comment ends with a backslash: older versions of systemd take the next line for a comment too";
                file.doubtful.push(why.to_owned());
                In::PreKey
            }
            In::Comment | In::CommentEscape => In::Comment,
        };
    }
    if matches!(state, In::Single | In::Double | In::DoubleEscape) {
        file.doubtful
            .push(format!("the quote after `{}=` never ends", key.trim()));
    }
    file
}

impl EnvFile {
    fn add(&mut self, key: &str, value: &str) {
        let key = key.trim();
        if is_variable(key) {
            self.values.push((key.to_owned(), value.to_owned()));
        } else {
            self.doubtful
                .push(format!("`{key}` is no name of a variable and is ignored"));
        }
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// One line for an environment file that systemd reads back as this value.
pub(super) fn env_line(name: &str, value: &str) -> String {
    let mut line = format!("{name}=\"");
    for c in value.chars() {
        if "\"\\`$".contains(c) {
            line.push('\\');
        }
        line.push(c);
    }
    line.push_str("\"\n");
    line
}

/// A word with its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) start: usize,
    pub(super) end: usize,
    /// It holds quotes or backslashes.
    pub(super) dressed: bool,
}

/// Splits at blanks; quotes of both sorts hold blanks together, a backslash takes the next character for itself.
/// `None`: a quote never ends.
pub(super) fn words(text: &str) -> Option<Vec<Word>> {
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
pub(super) fn section(text: &str, name: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut inside = false;
    let mut pending = String::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with('#') || trimmed.starts_with(';') {
            continue;
        }
        if let Some(part) = line.strip_suffix('\\') {
            pending.push_str(part);
            pending.push(' ');
            continue;
        }
        pending.push_str(line);
        let whole = std::mem::take(&mut pending);
        let whole = whole.trim();
        if whole.starts_with('[') {
            inside = whole == format!("[{name}]");
        } else if inside && let Some((key, value)) = whole.split_once('=') {
            found.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    found
}

/// The values of a key that is a list: an empty value forgets what came before.
pub(super) fn list(lines: &[(String, String)], key: &str) -> Vec<String> {
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
pub(super) fn command_of(exec: &str) -> (&str, bool) {
    let command = exec.trim_start_matches(['-', '@', ':', '+', '!']);
    let marks = &exec[..exec.len() - command.len()];
    (command, !marks.contains(':'))
}

/// A word of the command line, and the variable that it came through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    pub(super) text: String,
    pub(super) variable: Option<String>,
}

/// The command line as systemd makes it: `$NAME` alone is split into words, `${NAME}` inside a word is not, `$$` is a dollar.
/// `None`: a quote never ends.
pub(super) fn arguments(command: &str, expand: bool, environment: &BTreeMap<String, String>) -> Option<Vec<Argument>> {
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

    fn read(text: &str) -> Vec<(String, String)> {
        env_file(text).values
    }

    fn one(text: &str) -> String {
        let values = read(text);
        assert_eq!(values.len(), 1, "{text}");
        values[0].1.clone()
    }

    #[test]
    fn values_are_read_as_systemd_reads_them() {
        for (text, value) in [
            ("A=b", "b"),
            ("A = b \t", "b"),
            ("A=", ""),
            ("A='b c'", "b c"),
            ("A=\"b  \"  ", "b  "),
            ("A=\"b\\\"c\\$d\\n\"", "b\"c$d\\n"),
            ("A='b\\n'", "b\\n"),
            ("A=b\\ c", "b c"),
            ("A=one \\\n  two", "one   two"),
            ("A=\"one \\\ntwo\"", "one two"),
            ("A='one\ntwo'", "one\ntwo"),
            ("A='b''c'", "bc"),
            ("A='b' c", "bc"),
            ("A=b'c d'", "b'c d'"),
            ("A=b # no comment", "b # no comment"),
            ("A=b=c", "b=c"),
        ] {
            assert_eq!(one(text), value, "{text}");
        }
    }

    #[test]
    fn a_quote_in_shell_fashion_is_not_what_it_looks_like() {
        // A shell reads `--token 'x'`; systemd keeps the quotes that follow the escape.
        assert_eq!(one(r"A='--token '\''x'\'' y'"), "--token ''x''' y'");
        assert_eq!(
            words("--token ''x'' y")
                .unwrap()
                .into_iter()
                .map(|word| word.text)
                .collect::<Vec<_>>(),
            ["--token", "x", "y"]
        );
    }

    #[test]
    fn comments_and_what_is_no_variable() {
        let file = env_file("# A=1\n;B=2\n\nexport C=3\nD=4\nloose\n# x \\\nE=5\n");
        assert_eq!(
            file.values,
            [("D".to_owned(), "4".to_owned()), ("E".to_owned(), "5".to_owned())]
        );
        assert_eq!(file.doubtful.len(), 3, "{:?}", file.doubtful);
        assert_eq!(env_file("A='b").doubtful.len(), 1);
    }

    #[test]
    fn a_line_of_ours_reads_back() {
        for value in [
            "",
            "a b",
            "--x='y z' \"q\" \\ `id` $(id) $HOME ${X}",
            "a\nb",
            " lead trail ",
            "é",
        ] {
            assert_eq!(one(&env_line("A", value)), value);
        }
    }

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
