//! Which of several records of one run holds the others. Pure.

/// How two records of one run stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    Same,
    /// The other one goes on where this one ends.
    Lags,
    /// This one goes on where the other one ends.
    Leads,
    /// After this many common records each has others.
    Forks(usize),
}

/// Line by line; a torn last line is no record.
pub fn relation(own: &str, other: &str) -> Relation {
    let (own, other): (Vec<&str>, Vec<&str>) = (whole(own).lines().collect(), whole(other).lines().collect());
    let common = own.iter().zip(&other).take_while(|(one, two)| one == two).count();
    match (common == own.len(), common == other.len()) {
        (true, true) => Relation::Same,
        (true, false) => Relation::Lags,
        (false, true) => Relation::Leads,
        (false, false) => Relation::Forks(common),
    }
}

/// What is whole of a record: everything up to the end of its last line.
pub fn whole(text: &str) -> &str {
    text.rfind('\n').map_or("", |end| &text[..=end])
}

/// The copy of `host`, or the longest that goes on where it ends; and the hosts whose copies go another way.
pub fn longest<'t>(host: &str, copies: &'t [(String, String)]) -> Option<(&'t str, Vec<&'t str>)> {
    let named = copies.iter().find(|(name, _)| name == host)?;
    let mut best: &str = &named.1;
    for (_, copy) in copies {
        if relation(best, copy) == Relation::Lags {
            best = copy;
        }
    }
    let forks = |copy: &str| matches!(relation(best, copy), Relation::Forks(_));
    let others = copies.iter().filter(|(_, copy)| forks(copy));
    Some((whole(best), others.map(|(name, _)| name.as_str()).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_holds_another_one_that_it_begins_with() {
        assert_eq!(relation("a\nb\n", "a\nb\n"), Relation::Same);
        assert_eq!(relation("a\n", "a\nb\n"), Relation::Lags);
        assert_eq!(relation("", "a\n"), Relation::Lags);
        assert_eq!(relation("a\nb\n", "a\n"), Relation::Leads);
        assert_eq!(relation("a\nb\nc\n", "a\nx\n"), Relation::Forks(1));
        assert_eq!(relation("a\nb\n", "a\nb\nc"), Relation::Same, "a torn line is none");
        assert_eq!(relation("a\nbb\n", "a\nb\n"), Relation::Forks(1), "lines, not letters");
    }

    #[test]
    fn the_longest_copy_that_goes_on_from_the_named_hosts_is_taken() {
        let copies = |texts: [&str; 3]| -> Vec<(String, String)> {
            let named = ["x", "y", "z"].into_iter().zip(texts);
            named.map(|(host, text)| (host.to_owned(), text.to_owned())).collect()
        };
        let lagging = copies(["a\n", "a\nb\n", "a\nb\nc\n"]);
        assert_eq!(longest("x", &lagging), Some(("a\nb\nc\n", Vec::new())));
        let forked = copies(["a\nb\n", "a\nx\ny\n", "a\n"]);
        assert_eq!(
            longest("x", &forked),
            Some(("a\nb\n", vec!["y"])),
            "the named host counts"
        );
        assert_eq!(longest("w", &forked), None);
    }
}
