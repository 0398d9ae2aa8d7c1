//! Widths of text: wrapping, cutting, filling.

pub use crate::base::size::bytes;

/// Columns that the text takes on a terminal; escape sequences take none.
pub fn width(text: &str) -> usize {
    console::measure_text_width(text)
}

/// `body` behind `head`, wrapped at spaces to `columns`; following lines stand under the start of the body.
/// A word that is too long (a host's name, a URL) is never cut.
pub fn wrap(head: &str, body: &str, columns: usize) -> String {
    let indent = " ".repeat(width(head));
    let room = columns.saturating_sub(width(head)).max(20);
    let mut lines = Vec::new();
    for paragraph in body.split('\n') {
        let inner = paragraph.len() - paragraph.trim_start().len();
        lines.extend(
            fill(paragraph.trim(), room.saturating_sub(inner))
                .into_iter()
                .map(|line| format!("{}{line}", " ".repeat(inner))),
        );
    }
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        if number == 0 {
            text.push_str(head);
        } else {
            text.push('\n');
            if !line.is_empty() {
                text.push_str(&indent);
            }
        }
        text.push_str(line);
    }
    text.trim_end().to_owned()
}

/// Lines of at most `room` columns, broken at spaces only.
pub fn fill(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let line = lines.last_mut().expect("it starts with one line");
        if line.is_empty() {
            line.push_str(word);
        } else if width(line) + 1 + width(word) <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// The text in at most `columns` columns; what is cut is shown as `…`.
pub fn cut(text: &str, columns: usize) -> String {
    console::truncate_str(text, columns, "…").into_owned()
}

/// The text followed by spaces up to `columns`.
pub fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Text that others wrote (a server, a command, a file name) without anything that a terminal would obey.
pub fn harmless(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '\n' | '\t' => letter,
            letter if letter.is_control() => '\u{fffd}',
            letter => letter,
        })
        .collect()
}

/// `1 host`, `3 hosts`.
pub fn count(number: usize, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {one}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_at_spaces_and_never_cuts_a_name() {
        let wrapped = wrap(
            "hint: ",
            "ask tools-k8s-etcd-01.tools.eqiad.wmflabs.example.org why it is so",
            40,
        );
        assert_eq!(
            wrapped,
            "hint: ask\n      tools-k8s-etcd-01.tools.eqiad.wmflabs.example.org\n      why it is so"
        );
    }

    #[test]
    fn keeps_paragraphs_and_their_indent() {
        assert_eq!(wrap("", "one\n  two three\nfour", 20), "one\n  two three\nfour");
    }

    #[test]
    fn escape_sequences_of_others_are_taken_out() {
        assert_eq!(harmless("a\x1b[2Jb\rc"), "a\u{fffd}[2Jb\u{fffd}c");
    }
}
