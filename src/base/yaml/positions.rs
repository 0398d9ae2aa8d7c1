//! Where each key and value of a document stands.

use std::collections::BTreeMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::diagnostic::{Diagnostic, Source};

/// How deep values may be nested.
const DEEPEST: usize = 64;

#[derive(Clone, PartialEq, Eq, Debug)]
struct Place {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

/// The places of all keys and values, by JSON pointer (`/hosts/etcd-1/ssh`; the root is empty).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Positions {
    places: BTreeMap<String, Place>,
    duplicates: Vec<Diagnostic>,
}

impl Positions {
    /// Walks over the source. The error is the first thing that is no YAML, or that no file of
    /// ours may be: empty, several documents, too deep.
    pub fn of(source: &Source) -> Result<Self, Box<Diagnostic>> {
        Walk::new(source).run()
    }

    /// Keys that stand twice in one mapping.
    pub fn duplicates(&self) -> &[Diagnostic] {
        &self.duplicates
    }

    /// The key's place, where the pointer names a mapping's entry.
    pub fn key(&self, pointer: &str) -> Option<Range<usize>> {
        self.places.get(pointer)?.key.clone()
    }

    /// The value's place.
    pub fn value(&self, pointer: &str) -> Option<Range<usize>> {
        Some(self.places.get(pointer)?.value.clone())
    }

    /// The place of the value or, where the pointer names nothing, of the nearest key around it.
    pub fn nearest(&self, pointer: &str) -> Range<usize> {
        if let Some(value) = self.value(pointer) {
            return value;
        }
        let mut rest = pointer;
        while let Some((parent, _)) = rest.rsplit_once('/') {
            if let Some(place) = self.places.get(parent) {
                return place.key.clone().unwrap_or_else(|| place.value.clone());
            }
            rest = parent;
        }
        0..0
    }

    /// The pointer of the key or value that begins at a byte, keys first.
    pub fn pointer_at(&self, byte: usize) -> Option<&str> {
        let begins = |range: &Range<usize>| range.start == byte;
        let by_key = self
            .places
            .iter()
            .find(|(_, place)| place.key.as_ref().is_some_and(begins));
        by_key
            .or_else(|| self.places.iter().find(|(_, place)| begins(&place.value)))
            .map(|(pointer, _)| pointer.as_str())
    }
}

/// One step of a JSON pointer, escaped.
pub(super) fn escape(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}

/// A mapping or sequence that has begun.
struct Open {
    pointer: String,
    key: Option<Range<usize>>,
    start: usize,
    /// The next index of a sequence; none for a mapping.
    index: Option<usize>,
    /// The key that waits for its value.
    pending: Option<(String, Range<usize>)>,
}

struct Walk<'a> {
    source: &'a Source,
    /// The byte at which each character begins.
    bytes: Vec<usize>,
    open: Vec<Open>,
    found: Positions,
    /// End of the last scalar or mark: where block collections truly end.
    last_end: usize,
}

impl<'a> Walk<'a> {
    fn new(source: &'a Source) -> Self {
        let mut bytes: Vec<usize> = source.text.char_indices().map(|(byte, _)| byte).collect();
        bytes.push(source.text.len());
        Self {
            source,
            bytes,
            open: Vec::new(),
            found: Positions::default(),
            last_end: 0,
        }
    }

    fn run(mut self) -> Result<Positions, Box<Diagnostic>> {
        let mut documents = 0;
        let mut parser = Parser::new_from_str(&self.source.text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                let at = self.byte(error.marker().index());
                syntax_error(self.source, at, error.info())
            })?;
            let range = self.range(span);
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        return Err(self
                            .at(range, "a second document begins here")
                            .hint("one file holds one document: take the rest to a file of its own")
                            .into());
                    }
                }
                Event::Scalar(text, style, ..) => self.scalar(&text, style, range)?,
                Event::Alias(_) => self.leaf(range),
                Event::MappingStart(..) => self.begin(range, None)?,
                Event::SequenceStart(..) => self.begin(range, Some(0))?,
                Event::MappingEnd | Event::SequenceEnd => self.end(range),
                _ => {}
            }
        }
        let whole = self.found.places.get("").map(|place| place.value.clone());
        let is_empty = whole.is_none_or(|range| self.source.part(range).trim().is_empty());
        if documents == 0 || is_empty {
            return Err(self.at(0..0, "the file is empty").into());
        }
        Ok(self.found)
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, range: Range<usize>) -> Result<(), Box<Diagnostic>> {
        self.last_end = range.end;
        let Some(top) = self.open.last_mut() else {
            self.leaf(range);
            return Ok(());
        };
        if top.index.is_some() || top.pending.is_some() {
            self.leaf(range);
            return Ok(());
        }
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            return Err(self.at(range, "a key must stand on one line").into());
        }
        let pointer = format!("{}/{}", top.pointer, escape(text));
        top.pending = Some((text.to_owned(), range.clone()));
        if let Some(first) = self.found.key(&pointer) {
            let (line, _) = self.source.line_and_column(first.start);
            let twice = self
                .at(range, format!("the key `{text}` stands twice"))
                .hint(format!("it stands first on line {line}: keep one of them"))
                .label("again here");
            self.found.duplicates.push(twice);
        }
        Ok(())
    }

    fn leaf(&mut self, range: Range<usize>) {
        self.last_end = range.end;
        if let Some(top) = self.open.last_mut()
            && top.index.is_none()
            && top.pending.is_none()
        {
            // An alias as a key: kept by its text, so that its value is not taken for a key.
            let text = self.source.part(range.clone()).to_owned();
            top.pending = Some((text, range));
            return;
        }
        let (pointer, key) = self.place();
        self.record(pointer, key, range);
    }

    fn begin(&mut self, range: Range<usize>, index: Option<usize>) -> Result<(), Box<Diagnostic>> {
        if self.open.len() >= DEEPEST {
            return Err(self
                .at(range, format!("values are nested deeper than {DEEPEST} levels"))
                .into());
        }
        let is_key = self
            .open
            .last()
            .is_some_and(|top| top.index.is_none() && top.pending.is_none());
        if is_key {
            return Err(self
                .at(range, "a key must be plain text")
                .hint("an expression such as `${{ x }}` must be quoted, a value such as `{a: b}` needs a key")
                .into());
        }
        let (pointer, key) = self.place();
        self.last_end = range.end;
        self.open.push(Open {
            pointer,
            key,
            start: range.start,
            index,
            pending: None,
        });
        Ok(())
    }

    fn end(&mut self, range: Range<usize>) {
        // Flow collections end with their bracket; block ones with their last value.
        let closed = matches!(self.source.part(range.clone()), "}" | "]");
        let end = if closed { range.end } else { self.last_end };
        self.last_end = end;
        if let Some(done) = self.open.pop() {
            let range = done.start..end.max(done.start);
            self.record(done.pointer, done.key, range);
        }
    }

    /// Where the value that comes now belongs.
    fn place(&mut self) -> (String, Option<Range<usize>>) {
        let Some(top) = self.open.last_mut() else {
            return (String::new(), None);
        };
        if let Some(index) = &mut top.index {
            let pointer = format!("{}/{index}", top.pointer);
            *index += 1;
            return (pointer, None);
        }
        match top.pending.take() {
            Some((text, range)) => (format!("{}/{}", top.pointer, escape(&text)), Some(range)),
            None => (top.pointer.clone(), None),
        }
    }

    fn record(&mut self, pointer: String, key: Option<Range<usize>>, value: Range<usize>) {
        // Of a key that stands twice the first place is kept.
        self.found.places.entry(pointer).or_insert(Place { key, value });
    }

    fn at(&self, range: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::at(self.source, range, message)
    }

    fn byte(&self, index: usize) -> usize {
        self.bytes.get(index).copied().unwrap_or(self.source.text.len())
    }

    fn range(&self, span: Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        let end = self.byte(span.end.index()).max(start);
        let kept = self.source.part(start..end).trim_end().len();
        start..start + kept
    }
}

/// Something that is no YAML. Tabs, the usual cause, are named.
pub(super) fn syntax_error(source: &Source, at: usize, info: &str) -> Diagnostic {
    if let Some(tab) = tab_in_indentation(source, at) {
        return Diagnostic::at(source, tab..tab + 1, "a tab stands where YAML wants spaces")
            .hint("indent with spaces only")
            .label("this is a tab");
    }
    let found = Diagnostic::at(source, at..at, format!("not YAML: {info}"));
    let line_start = source.byte_of(found.line, 1);
    let line = source.part(line_start..source.text.len());
    let line = line.lines().next().unwrap_or_default();
    if line.contains("{{") {
        return found.hint("quote text that holds `${{ … }}` within braces or brackets");
    }
    found
}

/// The first tab in the indentation of the line at `at`, or of the two lines before it.
fn tab_in_indentation(source: &Source, at: usize) -> Option<usize> {
    let (line, _) = source.line_and_column(at);
    (line.saturating_sub(2).max(1)..=line).find_map(|number| {
        let start = source.byte_of(number, 1);
        let indent = source
            .part(start..source.text.len())
            .bytes()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'-'))
            .position(|byte| byte == b'\t')?;
        Some(start + indent)
    })
}
