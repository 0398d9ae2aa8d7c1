//! Quoting of words for a POSIX shell.

/// Words that a shell reads as its own when they stand first.
const RESERVED: [&str; 15] = [
    "!", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then", "until", "while", "function",
];

/// The word as a POSIX shell must read it, in single quotes only where they are needed.
///
/// A NUL byte cannot be said to any shell; callers refuse it before.
pub fn quote(word: &str) -> String {
    if is_plain(word) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// One command line from words, each quoted.
pub fn join<I, S>(words: I) -> String
where
    I: IntoIterator<Item = S>,
    S: AsRef<str>,
{
    let quoted: Vec<String> = words.into_iter().map(|word| quote(word.as_ref())).collect();
    quoted.join(" ")
}

fn is_plain(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+:,./-".contains(c);
    // `a=b` standing first would be an assignment; `--flag=b` cannot be one.
    let may_hold_equals = word.starts_with('-');
    !word.is_empty() && !RESERVED.contains(&word) && word.chars().all(|c| plain(c) || (c == '=' && may_hold_equals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_only_where_needed() {
        assert_eq!(quote("/var/lib/etcd"), "/var/lib/etcd");
        assert_eq!(quote("--name=a"), "--name=a");
        assert_eq!(quote("A=b"), "'A=b'");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("if"), "'if'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(join(["mv", "-T", "a b", "$(x)"]), "mv -T 'a b' '$(x)'");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test asks a real shell for its reading")]
    fn a_real_shell_gives_back_the_same_bytes() {
        let mut words: Vec<String> = [
            "",
            " ",
            "\n",
            "\n\n",
            "'",
            "''",
            "\"",
            "\\",
            "\\'",
            "$(reboot)",
            "`id`",
            "${HOME}",
            "~",
            "*",
            "a;b",
            "a&b",
            "-n",
            "--",
            "!",
            "#x",
            "a\tb",
            "é世🦀",
            "{a,b}",
            "[x]",
            "<>",
            "|",
            "A=b",
            "\r",
            "\u{1b}[2J",
            "%s",
            "if",
        ]
        .map(str::to_owned)
        .to_vec();
        words.extend((1..128_u8).map(|byte| char::from(byte).to_string()));
        let script = format!("printf '%s\\0' {}", join(&words));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        let expected: Vec<u8> = words.iter().flat_map(|word| word.bytes().chain([0])).collect();
        assert_eq!(output.stdout, expected);
    }
}
