//! The answer of a script: records between a `ready` and an `end` line that carry a number drawn for this call,
//! so that what a login shell prints, or a torn connection, is never taken for an answer.
//!
//! A record is `KEY:LENGTH`, line feed, that many bytes, line feed; or `KEY!`, base64, line feed.

use std::collections::BTreeMap;

/// Records by key, in the order of the script; a key may come several times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    records: BTreeMap<String, Vec<Vec<u8>>>,
    /// Exit status as the script's own wrapper saw it.
    pub(super) status: i32,
}

/// The output is not in the form that the scripts write.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("the host's shell did not answer in the expected form: {0}")]
    Malformed(String),
    /// It began, and the rest never came.
    #[error("the connection ended before the answer was complete")]
    Torn,
}

impl Frame {
    /// Reads what came after the `ready` line, up to and including the `end` line.
    pub(super) fn parse(output: &[u8], nonce: &str) -> Result<Self, FrameError> {
        let mut frame = Self::default();
        let mut rest = output;
        let end = format!("end {nonce} ");
        loop {
            let (line, after) = split_line(rest).ok_or(FrameError::Torn)?;
            let text = String::from_utf8_lossy(line);
            if let Some(status) = text.strip_prefix(&end) {
                frame.status = status.trim().parse().map_err(|_| malformed(&text))?;
                return Ok(frame);
            }
            if text.is_empty() {
                rest = after;
            } else if let Some((key, data)) = text.split_once('!') {
                let value = decode_base64(data.as_bytes()).ok_or_else(|| malformed(&text))?;
                frame.add(key, value)?;
                rest = after;
            } else {
                let (key, length) = text.split_once(':').ok_or_else(|| malformed(&text))?;
                let length: usize = length.parse().map_err(|_| malformed(&text))?;
                if after.len() <= length {
                    return Err(FrameError::Torn);
                }
                if after[length] != b'\n' {
                    return Err(malformed(&text));
                }
                frame.add(key, after[..length].to_vec())?;
                rest = &after[length + 1..];
            }
        }
    }

    fn add(&mut self, key: &str, value: Vec<u8>) -> Result<(), FrameError> {
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(malformed(key));
        }
        self.records.entry(key.to_owned()).or_default().push(value);
        Ok(())
    }

    pub(super) fn bytes(&self, key: &str) -> Option<&[u8]> {
        self.records.get(key)?.first().map(Vec::as_slice)
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.bytes(key).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// The text, where it is there and not empty.
    pub(super) fn filled(&self, key: &str) -> Option<String> {
        self.text(key).filter(|text| !text.is_empty())
    }

    /// Every record of this key, byte for byte.
    pub(super) fn every(&self, key: &str) -> &[Vec<u8>] {
        self.records.get(key).map_or(&[], Vec::as_slice)
    }

    pub(super) fn all(&self, key: &str) -> Vec<String> {
        self.records.get(key).map_or_else(Vec::new, |values| {
            values
                .iter()
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
                .collect()
        })
    }

    pub(super) fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.text(key)?.trim().parse().ok()
    }

    pub(super) fn yes(&self, key: &str) -> bool {
        self.bytes(key) == Some(b"yes")
    }
}

fn malformed(line: &str) -> FrameError {
    FrameError::Malformed(line.chars().take(80).collect())
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// Standard base64 with padding, on one line.
pub(super) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    for (index, quad) in text.chunks_exact(4).enumerate() {
        let last = (index + 1) * 4 == text.len();
        let padding = quad.iter().rev().take_while(|byte| **byte == b'=').count();
        if padding > 2 || (padding > 0 && !last) {
            return None;
        }
        let mut bits = 0_u32;
        for byte in &quad[..4 - padding] {
            bits = bits << 6 | u32::from(sextet(*byte)?);
        }
        bits <<= 6 * padding;
        out.extend_from_slice(&bits.to_be_bytes()[1..4 - padding]);
    }
    Some(out)
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// Standard base64 with padding, on one line.
pub(super) fn encode_base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| u32::from(chunk.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place > chunk.len() {
                out.push('=');
            } else {
                let index = (bits >> (18 - 6 * place)) & 63;
                out.push(char::from(ALPHABET[index as usize]));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_goes_both_ways() {
        for text in ["", "f", "fo", "foo", "foob", "fooba", "foobar", "\0\u{ff}é\n"] {
            let encoded = encode_base64(text.as_bytes());
            assert_eq!(
                decode_base64(encoded.as_bytes()).as_deref(),
                Some(text.as_bytes()),
                "{encoded}"
            );
        }
        assert_eq!(encode_base64(b"foob"), "Zm9vYg==");
        for wrong in ["a", "ab=c", "a===", "ab==cdef", "a\nbc"] {
            assert_eq!(decode_base64(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn records_are_read_to_the_end_line() {
        let frame = Frame::parse(b"a:3\nx\ny\nb!Zm9v\na:0\n\n\nend N1 4\nnoise", "N1").unwrap();
        assert_eq!(frame.all("a"), ["x\ny", ""]);
        assert_eq!(frame.text("b").as_deref(), Some("foo"));
        assert_eq!(frame.status, 4);
    }

    #[test]
    fn what_is_torn_or_foreign_is_no_answer() {
        for torn in ["", "a:3\nxy", "a:3\nxyz\n", "a!Zm9v"] {
            assert_eq!(Frame::parse(torn.as_bytes(), "N"), Err(FrameError::Torn), "{torn}");
        }
        for wrong in [
            "hello\nend N 0\n",
            "a:x\nend N 0\n",
            "a:1\nxyz\nend N 0\n",
            "a-b:0\n\nend N 0\n",
        ] {
            assert!(
                matches!(Frame::parse(wrong.as_bytes(), "N"), Err(FrameError::Malformed(_))),
                "{wrong}"
            );
        }
        assert_eq!(Frame::parse(b"end M 0\n", "N").unwrap_err(), malformed("end M 0"));
    }
}
