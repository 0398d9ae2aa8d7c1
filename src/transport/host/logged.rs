//! The log of a host: what the journal and the files of a unit hold, each line with its time first, in order.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use super::frame::Frame;

/// Lines begin with their time in RFC 3339 where they tell one; the newest last. One without stays behind the line before it.
pub(super) fn lines(frame: &Frame) -> Vec<String> {
    let zone = frame.text("zone").and_then(|text| zone(&text));
    let mut found = Vec::new();
    for source in frame.all("log") {
        let mut last = None;
        for line in source.lines() {
            let (at, text) = dated(line, zone.as_ref());
            last = at.or(last);
            found.push((last, at.map_or_else(|| text.to_owned(), |at| format!("{at:.6} {text}"))));
        }
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, line)| line).collect()
}

/// When the line was written, and the rest of it: as the journal tells it, as zap does (JSON, or text), as capnslog does.
fn dated<'a>(line: &'a str, zone: Option<&TimeZone>) -> (Option<Timestamp>, &'a str) {
    let (first, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    if let Some(at) = unix(first).or_else(|| first.parse().ok()) {
        return (Some(at), rest);
    }
    if let Some(time) = line
        .split_once("\"ts\":\"")
        .and_then(|(_, rest)| rest.split('"').next())
    {
        return (time.parse().ok(), line);
    }
    // `2026-11-20 12:00:00.123456 I | text`, in the host's zone.
    let plain = || {
        let local: DateTime = line.get(..26)?.parse().ok()?;
        Some((local.to_zoned(zone?.clone()).ok()?.timestamp(), line.get(27..)?))
    };
    match plain() {
        Some((at, text)) => (Some(at), text),
        None => (None, line),
    }
}

/// `1763640000.123456`.
fn unix(word: &str) -> Option<Timestamp> {
    let (seconds, micros) = word.split_once('.')?;
    let micros: i32 = micros.parse().ok()?;
    Timestamp::new(seconds.parse().ok()?, micros.checked_mul(1000)?).ok()
}

/// `+0530`.
fn zone(text: &str) -> Option<TimeZone> {
    let number: i32 = text.trim().parse().ok()?;
    let seconds = number / 100 * 3600 + number % 100 * 60;
    Some(TimeZone::fixed(Offset::from_seconds(seconds).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(zone: &str, sources: &[&str]) -> Vec<String> {
        let mut output = format!("zone:{}\n{zone}\n", zone.len());
        for source in sources {
            output.push_str(&format!("log:{}\n{source}\n", source.len()));
        }
        output.push_str("end n 0\n");
        lines(&Frame::parse(output.as_bytes(), "n").unwrap())
    }

    #[test]
    fn each_form_of_a_time_comes_first_as_rfc3339() {
        assert_eq!(
            read("+0000", &["1763640000.123456 etcd[7]: ready"]),
            ["2025-11-20T12:00:00.123456Z etcd[7]: ready"]
        );
        let json = "{\"level\":\"info\",\"ts\":\"2025-11-20T13:00:00.123+0100\",\"msg\":\"ready\"}";
        assert_eq!(read("+0000", &[json]), [format!("2025-11-20T12:00:00.123000Z {json}")]);
        assert_eq!(
            read("+0000", &["2025-11-20T12:00:00.123Z\tinfo\tready"]),
            ["2025-11-20T12:00:00.123000Z info\tready"]
        );
        assert_eq!(
            read("-0330", &["2025-11-20 08:30:00.123456 I | etcdserver: ready"]),
            ["2025-11-20T12:00:00.123456Z I | etcdserver: ready"]
        );
        assert_eq!(read("+0000", &["goroutine 1 [running]:"]), ["goroutine 1 [running]:"]);
    }

    #[test]
    fn sources_are_merged_and_a_line_without_a_time_stays_where_it_was() {
        let journal = "1763640000.000000 a\n1763640003.000000 d";
        let file =
            "{\"ts\":\"2025-11-20T12:00:01.000Z\",\"b\":1}\npanic: b\n{\"ts\":\"2025-11-20T12:00:02.000Z\",\"c\":1}";
        let merged = read("+0000", &[journal, file]);
        let last: Vec<&str> = merged.iter().map(|line| line.split(' ').next_back().unwrap()).collect();
        let json = |second, name| format!("{{\"ts\":\"2025-11-20T12:00:0{second}.000Z\",\"{name}\":1}}");
        assert_eq!(last, ["a", &json(1, "b"), "b", &json(2, "c"), "d"]);
    }
}
