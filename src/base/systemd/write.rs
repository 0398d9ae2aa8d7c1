//! How systemd must read what is written for it: words of a unit file, and names of units.

/// A word of `ExecStart=`, such that systemd passes on exactly these characters. `None`: no unit file can say it (line feed, NUL).
pub fn argument(word: &str) -> Option<String> {
    assignment(word).map(|word| word.replace('$', "$$"))
}

/// A word of `Environment=`: the same, without expansion of variables.
pub fn assignment(word: &str) -> Option<String> {
    if word.contains(['\n', '\r', '\0']) {
        return None;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@+=:,./-".contains(c);
    let text = word.replace('\\', r"\\").replace('"', "\\\"").replace('%', "%%");
    // A first word `-`, `@` or `;` would mean something; quotes make it a word.
    if !word.is_empty() && word.chars().all(plain) && !word.starts_with(['-', '@', '+', ':']) {
        return Some(text);
    }
    Some(format!("\"{text}\""))
}

/// Text after `Description=`: only `%` means something there.
pub fn prose(text: &str) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    clean.replace('%', "%%")
}

/// A part of a unit's name. Different texts give different names.
pub fn name_part(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::systemd::{Argument, arguments};
    use proptest::prelude::*;

    #[test]
    fn only_what_must_be_is_dressed() {
        assert_eq!(argument("/usr/bin/etcdops").unwrap(), "/usr/bin/etcdops");
        assert_eq!(argument("--yes").unwrap(), "\"--yes\"");
        assert_eq!(argument("a b%h$HOME\"\\").unwrap(), r#""a b%%h$$HOME\"\\""#);
        assert_eq!(assignment("X=$a").unwrap(), "\"X=$a\"");
        assert_eq!(argument("").unwrap(), "\"\"");
        assert_eq!(argument("a\nb"), None);
        assert_eq!(name_part("prod-1"), "prod-1");
        assert_eq!(name_part("a b/c%"), r"a\x20b\x2fc\x25");
    }

    proptest! {
        /// As our own reader of systemd's words has it, which follows systemd's; `%` is systemd's to undo.
        #[test]
        fn reads_back(words in proptest::collection::vec("[^\n\r\0]{0,20}", 0..4)) {
            let line: Vec<String> = words.iter().filter_map(|word| argument(word)).collect();
            let read = arguments(&line.join(" "), true, &std::collections::BTreeMap::new()).unwrap();
            let texts: Vec<String> = read.into_iter().map(|Argument { text, .. }| text.replace("%%", "%")).collect();
            prop_assert_eq!(texts, words);
        }
    }
}
