//! Edits of the inventory's text: only the bytes that change, so that every comment and every line of others stays.

use std::ops::Range;

use crate::base::yaml::{Positions, Source};

/// What became of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    pub text: String,
    /// The lines that differ, as `diff -u` shows them.
    pub diff: String,
}

/// Takes URLs out of a cluster's list of endpoints and puts others in. `None`: the list is not written there, or already so.
///
/// # Errors
/// Why it cannot be edited safely.
pub fn endpoints(source: &Source, cluster: &str, gone: &[String], new: &[String]) -> Result<Option<Edited>, String> {
    let positions = Positions::of(source).map_err(|problem| problem.message)?;
    let list = List::of(source, &positions, &pointer(&["clusters", cluster, "endpoints"]));
    let Some(list) = list else { return Ok(None) };
    let leaving: Vec<usize> = (0..list.items.len())
        .filter(|item| gone.iter().any(|url| same(&list.url(*item), url)))
        .collect();
    let listed = |url: &&String| (0..list.items.len()).any(|item| same(&list.url(item), url));
    let mut coming = new.iter().filter(|url| !listed(url));
    let mut edits = Vec::new();
    for item in &leaving {
        match coming.next() {
            Some(url) => edits.push((list.inner(*item), url.clone())),
            None if leaving.len() >= list.items.len() => return Err("the list of endpoints would be empty".to_owned()),
            None => edits.push((list.whole(*item), String::new())),
        }
    }
    for url in coming {
        edits.push(list.after_last(url)?);
    }
    Ok(apply(source, edits))
}

/// Gives a host another peer URL, where the inventory says the old one.
///
/// # Errors
/// Why it cannot be edited safely.
pub fn peer_url(source: &Source, cluster: &str, host: &str, url: &str) -> Result<Option<Edited>, String> {
    let positions = Positions::of(source).map_err(|problem| problem.message)?;
    let Some(place) = positions.value(&pointer(&["clusters", cluster, "hosts", host, "peer_url"])) else {
        return Ok(None);
    };
    let inner = unquoted(source, place);
    if same(source.part(inner.clone()), url) {
        return Ok(None);
    }
    Ok(apply(source, vec![(inner, url.to_owned())]))
}

fn pointer(steps: &[&str]) -> String {
    let escaped = steps.iter().map(|step| step.replace('~', "~0").replace('/', "~1"));
    escaped.map(|step| format!("/{step}")).collect()
}

fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// A scalar without its quotes; a URL needs no escapes.
fn unquoted(source: &Source, range: Range<usize>) -> Range<usize> {
    if source.part(range.clone()).starts_with(['"', '\'']) {
        range.start + 1..range.end - 1
    } else {
        range
    }
}

/// A list in the file, in brackets or with dashes.
struct List<'a> {
    source: &'a Source,
    items: Vec<Range<usize>>,
    flow: bool,
}

impl<'a> List<'a> {
    fn of(source: &'a Source, positions: &Positions, pointer: &str) -> Option<Self> {
        let whole = positions.value(pointer)?;
        let items: Vec<Range<usize>> = (0..)
            .map_while(|index| positions.value(&format!("{pointer}/{index}")))
            .collect();
        let flow = source.part(whole).starts_with('[');
        (!items.is_empty()).then_some(Self { source, items, flow })
    }

    fn inner(&self, item: usize) -> Range<usize> {
        unquoted(self.source, self.items[item].clone())
    }

    fn url(&self, item: usize) -> String {
        self.source.part(self.inner(item)).to_owned()
    }

    /// The item with what separates it from its neighbour.
    fn whole(&self, item: usize) -> Range<usize> {
        let own = self.items[item].clone();
        if !self.flow {
            return self.line(&own);
        }
        match self.items.get(item + 1) {
            Some(next) => own.start..next.start,
            None => self.items[item - 1].end..own.end,
        }
    }

    /// The line that a place stands on, with its end.
    fn line(&self, place: &Range<usize>) -> Range<usize> {
        let text = &self.source.text;
        let start = text[..place.start].rfind('\n').map_or(0, |end| end + 1);
        let end = text[place.end..]
            .find('\n')
            .map_or(text.len(), |end| place.end + end + 1);
        start..end
    }

    /// One more item behind the last, written as that one is.
    fn after_last(&self, url: &str) -> Result<(Range<usize>, String), String> {
        let last = self.items.last().cloned().unwrap_or_default();
        let quote = match self.source.part(last.clone()).chars().next() {
            Some(quote @ ('"' | '\'')) => quote.to_string(),
            _ => String::new(),
        };
        let written = format!("{quote}{url}{quote}");
        if self.flow {
            return Ok((last.end..last.end, format!(", {written}")));
        }
        let line = self.line(&last);
        let lead = self.source.part(line.start..last.start);
        if lead.trim() != "-" {
            return Err(format!("`{}` is no line of its own", lead.trim()));
        }
        // A file may end without a line feed.
        let begin = if self.source.part(line.clone()).ends_with('\n') {
            ""
        } else {
            "\n"
        };
        Ok((line.end..line.end, format!("{begin}{lead}{written}\n")))
    }
}

fn apply(source: &Source, mut edits: Vec<(Range<usize>, String)>) -> Option<Edited> {
    // Insertions at one place keep their order.
    edits.sort_by_key(|(range, _)| range.start);
    let mut text = String::new();
    let mut done = 0;
    for (range, new) in edits {
        text.push_str(&source.text[done..range.start.max(done)]);
        text.push_str(&new);
        done = range.end.max(done);
    }
    text.push_str(&source.text[done..]);
    (text != source.text).then(|| Edited {
        diff: diff(&source.name, &source.text, &text),
        text,
    })
}

/// One hunk: from the first line that differs to the last, with three lines around it.
fn diff(name: &str, old: &str, new: &str) -> String {
    const AROUND: usize = 3;
    let (before, after): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let first = before
        .iter()
        .zip(&after)
        .take_while(|(one, other)| one == other)
        .count();
    let most = before.len().min(after.len()) - first;
    let pairs = before.iter().rev().zip(after.iter().rev());
    let last = pairs.take(most).take_while(|(one, other)| one == other).count();
    let from = first.saturating_sub(AROUND);
    let until = |count: usize| (count - last + AROUND).min(count);
    let mut lines = vec![
        format!("--- {name}"),
        format!("+++ {name}"),
        format!(
            "@@ -{},{} +{},{} @@",
            from + 1,
            until(before.len()) - from,
            from + 1,
            until(after.len()) - from
        ),
    ];
    let mut add = |sign: char, some: &[&str]| lines.extend(some.iter().map(|line| format!("{sign}{line}")));
    add(' ', &before[from..first]);
    add('-', &before[first..before.len() - last]);
    add('+', &after[first..after.len() - last]);
    add(' ', &before[before.len() - last..until(before.len())]);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{endpoints, peer_url};
    use crate::base::yaml::Source;

    fn url(host: &str) -> String {
        format!("https://{host}:2379")
    }

    fn edited(text: &str, gone: &[&str], new: &[&str]) -> String {
        let urls = |hosts: &[&str]| hosts.iter().map(|host| url(host)).collect::<Vec<_>>();
        let source = Source::new("etcdops.yaml", text);
        endpoints(&source, "c", &urls(gone), &urls(new)).unwrap().unwrap().text
    }

    const FLOW: &str =
        "clusters:\n  c: # ours\n    endpoints: [\"https://a:2379\", \"https://b:2379\"] # two\n    api: direct\n";
    const BLOCK: &str = "clusters:\n  c:\n    endpoints:\n      # first floor\n      - https://a:2379   # oldest\n      - 'https://b:2379/'\n    api: direct\n";

    #[test]
    fn only_the_bytes_that_change_change() {
        assert_eq!(edited(FLOW, &["b"], &["d"]), FLOW.replace("//b:", "//d:"));
        assert_eq!(
            edited(FLOW, &[], &["d"]),
            FLOW.replace("\"] #", "\", \"https://d:2379\"] #")
        );
        assert_eq!(edited(FLOW, &["b"], &[]), FLOW.replace(", \"https://b:2379\"", ""));
        assert_eq!(edited(FLOW, &["a"], &[]), FLOW.replace("\"https://a:2379\", ", ""));
        assert_eq!(edited(BLOCK, &["a"], &["d"]), BLOCK.replace("//a:", "//d:"));
        assert_eq!(
            edited(BLOCK, &["a"], &[]),
            BLOCK.replace("      - https://a:2379   # oldest\n", "")
        );
        let grown = BLOCK.replace("    api", "      - 'https://d:2379'\n      - 'https://e:2379'\n    api");
        assert_eq!(edited(BLOCK, &[], &["d", "e"]), grown);
    }

    #[test]
    fn what_is_so_already_or_not_written_there_is_left_alone() {
        let source = Source::new("x", FLOW);
        assert_eq!(endpoints(&source, "c", &[], &[url("a")]), Ok(None));
        assert_eq!(endpoints(&source, "other", &[url("a")], &[url("d")]), Ok(None));
        assert!(endpoints(&source, "c", &[url("a"), url("b")], &[]).is_err());
    }

    #[test]
    fn the_diff_can_be_read_and_the_peer_url_of_a_host_changes() {
        let text = "clusters:\n  c:\n    hosts:\n      a: {peer_url: \"https://a:2380\"}\n      b: {}\n";
        let source = Source::new("etcdops.yaml", text);
        let found = peer_url(&source, "c", "a", "https://a:2390").unwrap().unwrap();
        assert_eq!(found.text, text.replace("2380", "2390"));
        assert_eq!(
            found.diff,
            "--- etcdops.yaml\n+++ etcdops.yaml\n@@ -1,5 +1,5 @@\n clusters:\n   c:\n     hosts:\n-      a: {peer_url: \"https://a:2380\"}\n+      a: {peer_url: \"https://a:2390\"}\n       b: {}"
        );
        assert_eq!(peer_url(&source, "c", "b", "https://b:1"), Ok(None));
    }
}
