//! What is wrong with a file, and where; printed in rustc's style.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// The longest file that is read, in bytes.
const LONGEST: usize = 4 * 1024 * 1024;

/// A file's text and the name to show for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// The path, or what else the user knows the text by.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A source of known text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }

    /// A source of bytes that should be UTF-8 text.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, Box<Diagnostic>> {
        if bytes.len() > LONGEST {
            let empty = Self::new(name, "");
            return Err(Box::new(Diagnostic::at(&empty, 0..0, "the file is larger than 4 MiB")));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, text)),
            Err(error) => {
                let good = error.valid_up_to();
                let before = Self::new(name, String::from_utf8_lossy(&bytes[..good]));
                let message = format!("byte {good} is not UTF-8 text");
                let mut found = Diagnostic::at(&before, good..good, message);
                found.hint = Some("save the file as UTF-8".into());
                Err(Box::new(found))
            }
        }
    }

    /// The part of the text in a range, empty where the range is no part of it.
    pub fn part(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// Line and column (both from 1, columns in characters) of a byte.
    pub fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let before = &self.text[..floor(&self.text, byte)];
        let start = before.rfind('\n').map_or(0, |feed| feed + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[start..].chars().count() + 1)
    }

    /// The byte at which a line and column (from 1) stand, at most the text's end.
    pub fn byte_of(&self, line: usize, column: usize) -> usize {
        let start = match line {
            0 | 1 => 0,
            _ => match self.text.match_indices('\n').nth(line - 2) {
                Some((feed, _)) => feed + 1,
                None => return self.text.len(),
            },
        };
        let rest = &self.text[start..];
        let width = rest
            .char_indices()
            .take_while(|(_, letter)| *letter != '\n')
            .take(column.saturating_sub(1))
            .map(|(_, letter)| letter.len_utf8())
            .sum::<usize>();
        start + width
    }
}

/// The greatest place not behind `byte` where a character begins.
fn floor(text: &str, byte: usize) -> usize {
    text.floor_char_boundary(byte)
}

/// One mistake in a file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct Diagnostic {
    /// The source's name.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The bytes of the source that it is about.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do instead.
    pub hint: Option<String>,
    /// Words for the caret.
    pub label: Option<String>,
}

impl Diagnostic {
    /// A mistake in the bytes of `span`, which is cut to the source.
    pub fn at(source: &Source, span: Range<usize>, message: impl Into<String>) -> Self {
        let start = floor(&source.text, span.start);
        let end = floor(&source.text, span.end.max(start));
        let (line, column) = source.line_and_column(start);
        Self {
            file: source.name.clone(),
            line,
            column,
            span: start..end,
            message: message.into(),
            hint: None,
            label: None,
        }
    }

    /// Adds what to do instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds words for the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// All mistakes as text for a person: place, the line, a caret, a hint. Of lines longer than `columns` the part around the mistake.
pub fn render(found: &[Diagnostic], source: &Source, colour: bool, columns: Option<usize>) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = match columns {
        Some(columns) => renderer.term_width(columns),
        None => renderer,
    };
    let texts: Vec<String> = found.iter().map(|one| render_one(one, source, &renderer)).collect();
    texts.join("\n\n")
}

fn render_one(one: &Diagnostic, source: &Source, renderer: &Renderer) -> String {
    let start = floor(&source.text, one.span.start);
    let end = floor(&source.text, one.span.end).max(start);
    let mark = AnnotationKind::Primary.span(start..end).label(one.label.as_deref());
    let snippet = Snippet::source(source.text.as_str())
        .path(one.file.as_str())
        .annotation(mark);
    let mut report = Level::ERROR.primary_title(one.message.as_str()).element(snippet);
    if let Some(hint) = &one.hint {
        report = report.element(Level::HELP.message(hint.as_str()));
    }
    renderer.render(&[report])
}
