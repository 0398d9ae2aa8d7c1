//! What a monitoring plugin owes whoever runs it, also when it cannot do its work: one line on stdout, and the code 3.

use std::ffi::OsString;

use crate::commands::{Exit, Failure};
use crate::ui::{Manner, Ui};

/// The plugin's code where the state is not known.
const UNKNOWN: u8 = 3;

/// `health -o nagios`, in whatever way it is written; also where the rest of the line is wrong.
pub(super) fn is_asked(words: &[OsString]) -> bool {
    let words: Vec<&str> = words.iter().skip(1).filter_map(|word| word.to_str()).collect();
    let flag = |pair: &[&str]| matches!(pair, ["-o" | "--output", "nagios"]);
    let joined = |word: &&str| matches!(*word, "-onagios" | "-o=nagios" | "--output=nagios");
    words.contains(&"health") && (words.windows(2).any(flag) || words.iter().any(joined))
}

/// Says so.
pub(super) fn unknown(why: &str) -> Exit {
    // What follows a bar is performance data.
    let why = why.replace('|', " ");
    let words: Vec<&str> = why.split_whitespace().collect();
    Ui::new(Manner::default()).data(&format!("ETCD UNKNOWN - {}", words.join(" ")));
    Exit::Nagios(UNKNOWN)
}

/// A failure on one line.
pub(super) fn told(failure: &Failure) -> String {
    let parts = std::iter::once(&failure.what).chain(&failure.causes);
    let parts: Vec<&str> = parts.map(String::as_str).collect();
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_however_it_is_written() {
        let asked = |line: &str| is_asked(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        for line in [
            "etcdops health -o nagios",
            "etcdops health -onagios --cluster x",
            "etcdops --output nagios --bogus health",
            "etcdops health --output=nagios",
        ] {
            assert!(asked(line), "{line}");
        }
        for line in [
            "etcdops health -o json",
            "etcdops members -o nagios",
            "etcdops health nagios",
        ] {
            assert!(!asked(line), "{line}");
        }
    }
}
