//! Aligned columns: fitted to the terminal by wrapping prose, never names or IDs; no trailing blanks.

use comfy_table::{
    Attribute, Cell as Comfy, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table as Inner, presets,
};

use super::paint::{Paint, Tone};
use super::text;

/// The room between two columns.
const GAP: u16 = 2;
/// Prose is not made narrower than this.
const NARROWEST_PROSE: usize = 16;

/// How a column behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Names, IDs, words: as wide as they need.
    Name(&'static str),
    /// Numbers: right-aligned, as wide as they need.
    Number(&'static str),
    /// Sentences: wrapped where the terminal is too narrow.
    Prose(&'static str),
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::Name(name) | Self::Number(name) | Self::Prose(name) => name,
        }
    }
}

/// One cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    pub text: String,
    pub tone: Tone,
}

impl Cell {
    pub fn new(text: impl Into<String>) -> Self {
        Self::toned(text, Tone::Plain)
    }

    pub fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// Rows under headings.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self {
            columns: columns.into(),
            rows: Vec::new(),
        }
    }

    pub fn row<T: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text without a line feed at its end. `columns`: the terminal's; `None`: nothing is fitted.
    pub fn render(&self, paint: Paint, columns: Option<usize>) -> String {
        let shown = self.shown();
        if columns.is_some_and(|columns| self.narrowest(&shown) > columns) {
            return self.blocks(&shown, paint, columns.unwrap_or_default());
        }
        let mut inner = Inner::new();
        inner.load_style(presets::NOTHING);
        inner.set_content_arrangement(ContentArrangement::Disabled);
        if paint.on {
            inner.enforce_styling();
        } else {
            inner.force_no_tty();
        }
        inner.set_header(shown.iter().map(|&index| self.heading(index, paint)));
        for row in &self.rows {
            inner.add_row(
                shown
                    .iter()
                    .map(|&index| cell(row.get(index), self.columns[index], paint)),
            );
        }
        if let Some(columns) = columns {
            self.fit(&mut inner, &shown, columns);
        }
        let last = shown.len().saturating_sub(1);
        for (place, column) in inner.column_iter_mut().enumerate() {
            column.set_padding((0, if place == last { 0 } else { GAP }));
        }
        inner.lines().map(|line| trim(&line)).collect::<Vec<_>>().join("\n")
    }

    /// Columns in which some row has something.
    fn shown(&self) -> Vec<usize> {
        (0..self.columns.len())
            .filter(|&index| {
                self.rows.is_empty()
                    || self
                        .rows
                        .iter()
                        .any(|row| row.get(index).is_some_and(|cell| !cell.text.is_empty()))
            })
            .collect()
    }

    /// The columns below which names would have to be broken.
    fn narrowest(&self, shown: &[usize]) -> usize {
        let widths = shown.iter().map(|&index| {
            let cells = self.rows.iter().filter_map(|row| row.get(index));
            let natural = cells.map(|cell| text::width(&cell.text)).max().unwrap_or(0);
            let natural = natural.max(text::width(self.columns[index].name()));
            let words = self.rows.iter().filter_map(|row| row.get(index));
            let words = words.flat_map(|cell| cell.text.split(' ').map(text::width));
            match self.columns[index] {
                // A URL or a path is not broken either.
                Column::Prose(_) => natural.min(NARROWEST_PROSE).max(words.max().unwrap_or(0)),
                Column::Name(_) | Column::Number(_) => natural,
            }
        });
        widths.sum::<usize>() + usize::from(GAP) * shown.len().saturating_sub(1)
    }

    /// Where no line has room for a row: its first cell, and the others below it.
    fn blocks(&self, shown: &[usize], paint: Paint, columns: usize) -> String {
        let (Some(&first), rest) = (shown.first(), shown.get(1..).unwrap_or_default()) else {
            return String::new();
        };
        let names = rest.iter().map(|&index| text::width(self.columns[index].name()));
        let room = names.max().unwrap_or(0);
        let mut lines = Vec::new();
        for row in &self.rows {
            let Some(head) = row.get(first) else { continue };
            lines.push(paint.tone(head.tone, &text::harmless(&head.text)));
            for &index in rest {
                let Some(cell) = row.get(index).filter(|cell| !cell.text.is_empty()) else {
                    continue;
                };
                let name = paint.dim(&text::pad(self.columns[index].name(), room));
                let value = paint.tone(cell.tone, &text::harmless(&cell.text));
                lines.push(text::wrap(&format!("  {name}  "), &value, columns));
            }
        }
        lines.join("\n")
    }

    fn heading(&self, index: usize, paint: Paint) -> Comfy {
        let heading = Comfy::new(self.columns[index].name()).set_alignment(alignment(self.columns[index]));
        if paint.on {
            heading.add_attribute(Attribute::Dim)
        } else {
            heading
        }
    }

    /// Shares what the other columns leave among the prose.
    fn fit(&self, inner: &mut Inner, shown: &[usize], columns: usize) {
        let natural: Vec<usize> = inner.column_max_content_widths().into_iter().map(usize::from).collect();
        let gaps = usize::from(GAP) * natural.len().saturating_sub(1);
        let total: usize = natural.iter().sum::<usize>() + gaps;
        if total <= columns {
            return;
        }
        let prose: Vec<usize> = (0..shown.len())
            .filter(|&place| matches!(self.columns[shown[place]], Column::Prose(_)))
            .collect();
        let fixed: usize = total - prose.iter().map(|&place| natural[place]).sum::<usize>();
        let mut left = columns.saturating_sub(fixed);
        let mut open = prose;
        // Columns that need less than their share leave the rest to the others.
        open.sort_by_key(|&place| natural[place]);
        let mut count = open.len();
        inner.set_content_arrangement(ContentArrangement::Dynamic);
        inner.set_width(u16::try_from(columns).unwrap_or(u16::MAX));
        for place in 0..shown.len() {
            if let Some(column) = inner.column_mut(place) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        for place in open {
            let share = (left / count.max(1)).max(NARROWEST_PROSE).min(natural[place]);
            left = left.saturating_sub(share);
            count -= 1;
            let gap = if place + 1 == shown.len() { 0 } else { usize::from(GAP) };
            let width = u16::try_from(share + gap).unwrap_or(u16::MAX);
            if let Some(column) = inner.column_mut(place) {
                column.set_constraint(ColumnConstraint::Absolute(comfy_table::Width::Fixed(width)));
            }
        }
    }
}

fn alignment(column: Column) -> CellAlignment {
    match column {
        Column::Number(_) => CellAlignment::Right,
        Column::Name(_) | Column::Prose(_) => CellAlignment::Left,
    }
}

fn cell(cell: Option<&Cell>, column: Column, paint: Paint) -> Comfy {
    let Some(cell) = cell else {
        return Comfy::new("");
    };
    let shown = Comfy::new(text::harmless(&cell.text)).set_alignment(alignment(column));
    if !paint.on {
        return shown;
    }
    match cell.tone {
        Tone::Plain => shown,
        Tone::Good => shown.fg(Color::Green),
        Tone::Warning => shown.fg(Color::Yellow),
        Tone::Bad => shown.fg(Color::Red).add_attribute(Attribute::Bold),
        Tone::Faint => shown.add_attribute(Attribute::Dim),
        Tone::Strong => shown.add_attribute(Attribute::Bold),
    }
}

/// Without blanks at the end, also not before a colour is switched off.
fn trim(line: &str) -> String {
    const OFF: &str = "\x1b[0m";
    let bare = line.trim_end();
    match bare.strip_suffix(OFF) {
        Some(text) => format!("{}{OFF}", text.trim_end()),
        None => bare.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new([
            Column::Name("MEMBER"),
            Column::Name("HOST"),
            Column::Number("SIZE"),
            Column::Name("NEVER"),
            Column::Prose("CAUSE"),
        ]);
        table.row([
            "8211f1d0f64f3269",
            "tools-k8s-etcd-01.tools.eqiad.wmflabs",
            "20 KiB",
            "",
            "",
        ]);
        table.row([
            "91bc3c398fb3c146",
            "tools-k8s-etcd-02.tools.eqiad.wmflabs",
            "1.5 GiB",
            "",
            "connection refused: nothing listens on port 2379 there",
        ]);
        table
    }

    #[test]
    fn is_aligned_without_blanks_at_the_end_and_without_empty_columns() {
        let text = sample().render(Paint::PLAIN, None);
        assert_eq!(
            text,
            "\
MEMBER            HOST                                      SIZE  CAUSE
8211f1d0f64f3269  tools-k8s-etcd-01.tools.eqiad.wmflabs   20 KiB
91bc3c398fb3c146  tools-k8s-etcd-02.tools.eqiad.wmflabs  1.5 GiB  connection refused: nothing listens on port 2379 there"
        );
    }

    #[test]
    fn prose_is_wrapped_and_names_are_not() {
        let text = sample().render(Paint::PLAIN, Some(90));
        assert_eq!(
            text,
            "\
MEMBER            HOST                                      SIZE  CAUSE
8211f1d0f64f3269  tools-k8s-etcd-01.tools.eqiad.wmflabs   20 KiB
91bc3c398fb3c146  tools-k8s-etcd-02.tools.eqiad.wmflabs  1.5 GiB  connection refused:
                                                                  nothing listens on port
                                                                  2379 there"
        );
    }

    #[test]
    fn a_row_that_no_line_has_room_for_stands_in_lines_of_its_own() {
        let text = sample().render(Paint::PLAIN, Some(60));
        assert_eq!(
            text,
            "\
8211f1d0f64f3269
  HOST   tools-k8s-etcd-01.tools.eqiad.wmflabs
  SIZE   20 KiB
91bc3c398fb3c146
  HOST   tools-k8s-etcd-02.tools.eqiad.wmflabs
  SIZE   1.5 GiB
  CAUSE  connection refused: nothing listens on port 2379
         there"
        );
    }

    #[test]
    fn names_are_whole_even_where_they_do_not_fit() {
        let text = sample().render(Paint::PLAIN, Some(20));
        assert!(text.contains("  tools-k8s-etcd-02.tools.eqiad.wmflabs\n"), "{text}");
    }
}
