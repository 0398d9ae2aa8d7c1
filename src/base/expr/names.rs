//! The names that an expression may use, and a look at which ones it does.

use std::ops::Range;

use super::{CLOSE, ExprError, unknown};

/// The functions that an expression may call.
pub const FUNCTIONS: &[&str] = &["range", "dict"];

/// The filters that may stand after `|`: the pure ones of the engine, and `quote` for a word of shell text.
pub const FILTERS: &[&str] = &[
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "quote",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// The tests that may stand after `is`.
pub const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "test",
    "true",
    "undefined",
    "upper",
];

/// Checks that each function, filter and test in a well-formed expression is known.
pub(super) fn check(text: &str) -> Result<(), ExprError> {
    let tokens = tokens(text);
    for (place, range) in tokens.iter().enumerate() {
        let word = &text[range.clone()];
        if !word.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            continue;
        }
        let before = |back: usize| place.checked_sub(back).map_or("", |index| &text[tokens[index].clone()]);
        let is_called = tokens.get(place + 1).is_some_and(|next| &text[next.clone()] == "(");
        let is_test = before(1) == "is" || (before(1) == "not" && before(2) == "is");
        if before(1) == "|" {
            known("filter", word, range, FILTERS)?;
        } else if is_test && word != "not" {
            known("test", word, range, TESTS)?;
        } else if is_called && before(1) != "." && !OPERATORS.contains(&word) {
            known("function", word, range, FUNCTIONS)?;
        }
    }
    Ok(())
}

/// Words after which a parenthesis calls nothing.
const OPERATORS: &[&str] = &["and", "or", "not", "in", "is", "if", "else"];

fn known(what: &str, name: &str, range: &Range<usize>, names: &'static [&'static str]) -> Result<(), ExprError> {
    if names.contains(&name) {
        return Ok(());
    }
    Err(unknown(what, name, range.clone(), names))
}

/// How many bytes stand before the `}}` that closes an expression; braces and strings within it
/// do not close it.
pub(super) fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for range in tokens(text) {
        match &text[range.clone()] {
            "{" => depth += 1,
            "}" if depth > 0 => depth -= 1,
            "}" if text[range.start..].starts_with(CLOSE) => return Some(range.start),
            _ => {}
        }
    }
    None
}

/// Where each word, string and mark of an expression stands.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut letters = text.char_indices().peekable();
    while let Some((start, letter)) = letters.next() {
        if letter.is_whitespace() {
            continue;
        }
        let mut end = start + letter.len_utf8();
        if letter == '"' || letter == '\'' {
            let mut escaped = false;
            for (index, inner) in letters.by_ref() {
                end = index + inner.len_utf8();
                if inner == letter && !escaped {
                    break;
                }
                escaped = inner == '\\' && !escaped;
            }
        } else if is_word(letter) {
            while let Some((index, inner)) = letters.next_if(|(_, inner)| is_word(*inner)) {
                end = index + inner.len_utf8();
            }
        }
        found.push(start..end);
    }
    found
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}
