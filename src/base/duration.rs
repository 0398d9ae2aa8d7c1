//! Lengths of time as people write them: `30s`, `1m30s`, `250ms`, `4h`, `2d`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

/// Units with their length in nanoseconds, longest first.
const UNITS: [(&str, u128); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// A length of time that reads and prints as text with units.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span(pub Duration);

/// A text that is no length of time.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{text}` is not a length of time: {why}; write for example `30s`, `1m30s` or `4h`")]
pub struct SpanError {
    text: String,
    why: &'static str,
}

impl Span {
    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// A span of whole milliseconds.
    pub const fn milliseconds(milliseconds: u64) -> Self {
        Self(Duration::from_millis(milliseconds))
    }
}

/// As it is said of time that has passed, to a tenth of a second: `8 s`, `0.3 s`.
pub fn in_seconds(length: Duration) -> String {
    let seconds = format!("{:.1}", length.as_secs_f64());
    format!("{} s", seconds.trim_end_matches(".0"))
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let fail = |why| SpanError {
            text: text.to_owned(),
            why,
        };
        let mut rest = text.trim();
        let mut total: u128 = 0;
        let mut shortest_so_far = u128::MAX;
        if rest.is_empty() {
            return Err(fail("it is empty"));
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (number, tail) = rest.split_at(digits);
            if number.is_empty() {
                return Err(fail("a whole number is expected before each unit"));
            }
            let letters = tail.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            if unit.is_empty() && tail.is_empty() {
                return Err(fail("it has no unit"));
            }
            let length = UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .map(|(_, length)| *length)
                .ok_or_else(|| fail("the units are d, h, m, s, ms, us and ns"))?;
            if length >= shortest_so_far {
                return Err(fail("each unit may stand once, the longest first"));
            }
            shortest_so_far = length;
            let number: u128 = number.parse().map_err(|_| fail("it is too long"))?;
            total = number
                .checked_mul(length)
                .and_then(|part| total.checked_add(part))
                .ok_or_else(|| fail("it is too long"))?;
            rest = tail;
        }
        let seconds = u64::try_from(total / 1_000_000_000).map_err(|_| fail("it is too long"))?;
        let nanoseconds = u32::try_from(total % 1_000_000_000).map_err(|_| fail("it is too long"))?;
        Ok(Self(Duration::new(seconds, nanoseconds)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_nanos();
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, length) in UNITS {
            if rest >= length {
                write!(f, "{}{unit}", rest / length)?;
                rest %= length;
            }
        }
        Ok(())
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Span {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "a length of time, for example 30s, 1m30s, 250ms, 4h or 2d",
            "pattern": "^([0-9]+(d|h|m|s|ms|us|ns))+$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        for (text, milliseconds) in [
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("250ms", 250),
            ("4h", 14_400_000),
            ("2d", 172_800_000),
            ("0s", 0),
        ] {
            assert_eq!(text.parse(), Ok(Span::milliseconds(milliseconds)), "{text}");
        }
        assert_eq!(Span::seconds(90).to_string(), "1m30s");
        assert_eq!(Span::seconds(0).to_string(), "0s");
    }

    #[test]
    fn refuses_the_rest_and_teaches() {
        for text in [
            "",
            "30",
            "s",
            "-3s",
            "1.5s",
            "1 s",
            "3x",
            "30s1m",
            "1s1s",
            "1S",
            "99999999999999999999999999d",
            "340282366920938463463374607431768211455d",
        ] {
            let error = text.parse::<Span>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
            assert!(error.contains("`1m30s`"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn prints_what_it_reads(nanoseconds in any::<u64>()) {
            let span = Span(Duration::from_nanos(nanoseconds));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }
    }
}
