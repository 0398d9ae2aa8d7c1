//! What an operator should know about the backups of a cluster that keeps some, or says where they are kept.

use jiff::Timestamp;

use super::verdict::{Problem, Severity};
use crate::cluster::member::Id;
use crate::snapshot::Shelf;

/// From this age on, in hours, the newest verified backup counts as old: one that is taken each day is never that old.
const OLD: i64 = 25;

/// Nothing, or one warning: none there, or the newest verified one is old.
pub fn problems(shelf: &Shelf, cluster_id: Option<Id>, now: Timestamp) -> Vec<Problem> {
    let warning = |text: String| {
        vec![Problem {
            severity: Severity::Warning,
            text,
            hint: "etcdops backup".to_owned(),
        }]
    };
    let Some(newest) = shelf.newest_verified(cluster_id) else {
        return warning("the library has no verified backup of this cluster".to_owned());
    };
    let hours = now.duration_since(newest.manifest.taken).as_hours();
    if hours < OLD {
        return Vec::new();
    }
    let age = if hours < 48 {
        format!("{hours} hours")
    } else {
        format!("{} days", hours / 24)
    };
    warning(format!("the newest verified backup is {age} old"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::manifest::tests::sample;

    #[test]
    fn only_an_old_or_a_missing_backup_is_told() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let told = |hours: i64| {
            let taken = now - jiff::SignedDuration::from_hours(hours);
            let shelf = Shelf {
                backups: vec![sample("b", taken)],
                broken: Vec::new(),
            };
            let found = problems(&shelf, Some(Id(0x1a)), now);
            found.into_iter().next().map(|problem| problem.text)
        };
        assert_eq!(told(24), None);
        assert_eq!(told(30).unwrap(), "the newest verified backup is 30 hours old");
        assert_eq!(told(100).unwrap(), "the newest verified backup is 4 days old");
        let none = problems(&Shelf::default(), None, now);
        assert!(none[0].text.contains("no verified backup") && none[0].severity == Severity::Warning);
    }
}
