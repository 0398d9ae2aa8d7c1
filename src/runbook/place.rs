//! A runbook's file: its text, where things stand in it, and mistakes told at their place.

use std::ops::Range;

use super::types::Runbook;
use crate::base::yaml::{Diagnostic, Positions, Source};

/// A runbook with the text that it was read from.
#[derive(Clone, Debug)]
pub struct Document {
    pub runbook: Runbook,
    pub source: Source,
    pub positions: Positions,
}

/// A JSON pointer one step further.
pub(super) fn child(pointer: &str, step: &str) -> String {
    format!("{pointer}/{}", step.replace('~', "~0").replace('/', "~1"))
}

/// A file in which mistakes are looked for.
pub(super) struct Place<'a> {
    pub(super) source: &'a Source,
    pub(super) positions: &'a Positions,
}

impl Place<'_> {
    /// A mistake in a value; of a long one its first line is shown.
    pub(super) fn at_value(&self, pointer: &str, message: impl Into<String>) -> Diagnostic {
        let span = self.first_line(self.positions.nearest(pointer));
        Diagnostic::at(self.source, span, message)
    }

    /// A mistake in a key, or in the value of what has none.
    pub(super) fn at_key(&self, pointer: &str, message: impl Into<String>) -> Diagnostic {
        match self.positions.key(pointer) {
            Some(span) => Diagnostic::at(self.source, span, message),
            None => self.at_value(pointer, message),
        }
    }

    /// A mistake in a part of a text value.
    pub(super) fn within(
        &self,
        pointer: &str,
        text: &str,
        part: Range<usize>,
        message: impl Into<String>,
    ) -> Diagnostic {
        let Some(value) = self.positions.value(pointer) else {
            return self.at_value(pointer, message);
        };
        let written = self.source.part(value.clone());
        let span = match written.find(text) {
            Some(start) if !text.is_empty() => value.start + start + part.start..value.start + start + part.end,
            // Escaped or folded: the part itself, where it stands once.
            _ => {
                let words = text.get(part).unwrap_or_default();
                match (words.is_empty(), written.find(words), written.rfind(words)) {
                    (false, Some(first), Some(last)) if first == last => {
                        value.start + first..value.start + first + words.len()
                    }
                    _ => self.first_line(value),
                }
            }
        };
        Diagnostic::at(self.source, span, message)
    }

    fn first_line(&self, span: Range<usize>) -> Range<usize> {
        let line = self.source.part(span.clone()).lines().next().unwrap_or_default();
        span.start..span.start + line.trim_end().len()
    }
}
