//! The little of protocol buffers that is needed to read etcd's records.

/// One field: its number, and its value as far as it is of a kind that we read.
enum Field<'b> {
    Number(u64),
    Bytes(&'b [u8]),
    Other,
}

/// The first field of this number, as bytes; empty where the message has none. `None`: not a message.
pub(super) fn first_bytes(message: &[u8], wanted: u64) -> Option<&[u8]> {
    let mut rest = message;
    while !rest.is_empty() {
        let (number, field) = next(&mut rest)?;
        match field {
            Field::Bytes(bytes) if number == wanted => return Some(bytes),
            _ => {}
        }
    }
    Some(&[])
}

/// The last field of this number; 0 where the message has none. `None`: not a message.
pub(super) fn number(message: &[u8], wanted: u64) -> Option<u64> {
    let mut rest = message;
    let mut found = 0;
    while !rest.is_empty() {
        match next(&mut rest)? {
            (number, Field::Number(value)) if number == wanted => found = value,
            _ => {}
        }
    }
    Some(found)
}

fn next<'b>(rest: &mut &'b [u8]) -> Option<(u64, Field<'b>)> {
    let tag = varint(rest)?;
    let field = match tag & 7 {
        0 => Field::Number(varint(rest)?),
        1 => take(rest, 8).map(|_| Field::Other)?,
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Field::Bytes(take(rest, length)?)
        }
        5 => take(rest, 4).map(|_| Field::Other)?,
        _ => return None,
    };
    Some((tag >> 3, field)).filter(|(number, _)| *number > 0)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for place in 0..10 {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f).checked_shl(7 * place).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<'b>(rest: &mut &'b [u8], length: usize) -> Option<&'b [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_and_what_is_no_message_is_told() {
        assert_eq!(first_bytes(b"\x0a\x03abc\x10\x05", 1), Some(&b"abc"[..]));
        assert_eq!(first_bytes(b"\x10\x05", 1), Some(&b""[..]));
        assert_eq!(first_bytes(b"", 1), Some(&b""[..]));
        assert_eq!(number(b"\x08\x96\x01\x10\x02", 2), Some(2));
        for broken in [
            &b"\x0a\x05abc"[..],
            b"\x07",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x02\x00",
        ] {
            assert_eq!(first_bytes(broken, 1), None, "{broken:?}");
        }
    }
}
