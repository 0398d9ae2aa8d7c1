//! The one place where the time is read.

use jiff::Timestamp;

/// The present moment, by this machine's clock.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// A moment as RFC 3339 text in UTC with whole seconds, for example `2026-11-20T13:04:05Z`.
pub fn rfc3339(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_whole_seconds_in_utc() {
        let moment: Timestamp = "2026-11-20T14:04:05.999+01:00".parse().unwrap();
        assert_eq!(rfc3339(moment), "2026-11-20T13:04:05Z");
    }
}
