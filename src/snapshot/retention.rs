//! Which backups are kept: a decision over values, each with its reason.

use super::manifest::{How, Kept};
use crate::cluster::host::Keep;

/// What becomes of a backup, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    pub name: String,
    pub keep: bool,
    pub why: String,
}

/// A rule: its name, how many, and the period that a moment falls into.
type Rule = (&'static str, Option<u32>, fn(jiff::Timestamp) -> String);

/// The fate of each backup, in the order given: the newest first.
///
/// Only live backups that were proved count and are ever removed: what was copied from a stopped member, made by others or found damaged
/// stays until somebody removes it. Of each period (in UTC) the newest backup counts. No rule at all: everything is kept.
pub fn decide(backups: &[Kept], keep: &Keep) -> Vec<Fate> {
    let mut reasons: Vec<Vec<String>> = vec![Vec::new(); backups.len()];
    let counted: Vec<usize> = (0..backups.len()).filter(|place| counts(&backups[*place])).collect();
    if let Some(newest) = (0..backups.len()).find(|place| backups[*place].manifest.is_good()) {
        reasons[newest].push("the newest verified one".to_owned());
    }
    for (rule, limit, period) in rules(keep) {
        let mut last = None;
        let mut number = 0;
        for place in &counted {
            let now = period(backups[*place].manifest.taken);
            if number < limit.unwrap_or(0) && last.as_ref() != Some(&now) {
                number += 1;
                reasons[*place].push(format!("{rule} {number} of {}", limit.unwrap_or(0)));
            }
            last = Some(now);
        }
    }
    let no_rules = *keep == Keep::default();
    let fate = |(kept, reasons): (&Kept, Vec<String>)| {
        let why = if no_rules {
            Some("no rule says what to keep".to_owned())
        } else if !reasons.is_empty() {
            Some(reasons.join(", "))
        } else {
            exempt(kept)
        };
        Fate {
            name: kept.manifest.name.clone(),
            keep: why.is_some(),
            why: why.unwrap_or_else(|| "no rule keeps it".to_owned()),
        }
    };
    backups.iter().zip(reasons).map(fate).collect()
}

/// The names of those that go.
pub fn leaving(backups: &[Kept], keep: &Keep) -> Vec<String> {
    let fates = decide(backups, keep).into_iter();
    fates.filter(|fate| !fate.keep).map(|fate| fate.name).collect()
}

fn rules(keep: &Keep) -> [Rule; 5] {
    [
        ("last", keep.last, |at| at.to_string()),
        ("hourly", keep.hourly, |at| at.strftime("%Y-%m-%d-%H").to_string()),
        ("daily", keep.daily, |at| at.strftime("%Y-%m-%d").to_string()),
        ("weekly", keep.weekly, |at| at.strftime("%G-%V").to_string()),
        ("monthly", keep.monthly, |at| at.strftime("%Y-%m").to_string()),
    ]
}

fn counts(kept: &Kept) -> bool {
    kept.manifest.how == How::Live && kept.manifest.is_good()
}

fn exempt(kept: &Kept) -> Option<String> {
    let why = match kept.manifest.how {
        _ if kept.manifest.damage.is_some() => "damaged: look at it before you remove it",
        How::Cold => "copied from a stopped member: no rule removes it",
        How::Added => "made by others: no rule removes it",
        How::Live if kept.manifest.verified.is_none() => "never verified: no rule removes it",
        How::Live => return None,
    };
    Some(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::manifest::tests::sample;

    /// One backup each hour, the newest first.
    fn hourly(count: i64) -> Vec<Kept> {
        let newest: jiff::Timestamp = "2026-11-20T12:30:00Z".parse().unwrap();
        let at = |hours: i64| newest - jiff::SignedDuration::from_hours(hours);
        (0..count)
            .map(|hours| sample(&format!("b{hours}"), at(hours)))
            .collect()
    }

    fn kept(backups: &[Kept], keep: &Keep) -> Vec<String> {
        let fates = decide(backups, keep).into_iter();
        fates.filter(|fate| fate.keep).map(|fate| fate.name).collect()
    }

    #[test]
    fn each_rule_keeps_the_newest_of_its_periods() {
        let backups = hourly(60);
        let keep = Keep {
            last: Some(2),
            daily: Some(3),
            ..Keep::default()
        };
        // 12:30 today; the days before end at 23:30.
        assert_eq!(kept(&backups, &keep), ["b0", "b1", "b13", "b37"]);
        let fates = decide(&backups, &keep);
        assert_eq!(fates[0].why, "the newest verified one, last 1 of 2, daily 1 of 3");
        assert_eq!(fates[2].why, "no rule keeps it");
        let monthly = Keep {
            monthly: Some(12),
            ..Keep::default()
        };
        assert_eq!(kept(&backups, &monthly), ["b0"]);
    }

    #[test]
    fn the_newest_verified_one_stays_whatever_the_rules_say() {
        let mut backups = hourly(4);
        backups[0].manifest.verified = None;
        backups[1].manifest.damage = Some("page 3".to_owned());
        let none = Keep {
            last: Some(0),
            ..Keep::default()
        };
        assert_eq!(kept(&backups, &none), ["b0", "b1", "b2"]);
        assert_eq!(leaving(&backups, &none), ["b3"]);
    }

    #[test]
    fn what_others_made_and_cold_copies_stay_and_without_rules_everything() {
        let mut backups = hourly(5);
        backups[2].manifest.how = How::Added;
        backups[3].manifest.how = How::Cold;
        let one = Keep {
            last: Some(1),
            ..Keep::default()
        };
        assert_eq!(kept(&backups, &one), ["b0", "b2", "b3"]);
        assert!(leaving(&backups, &Keep::default()).is_empty());
        assert!(decide(&[], &one).is_empty());
    }
}
