//! A data directory in a tar archive: where the database lies in it.

use super::source::ReadAt;

const BLOCK: u64 = 512;

/// Offset and size of the file with this path. `None`: it is not in there, or this is no archive.
pub fn find<S: ReadAt + ?Sized>(source: &S, path: &str) -> Option<(u64, u64)> {
    let mut offset = 0;
    let mut head = [0; 512];
    while offset + BLOCK <= source.size() {
        source.read_at(offset, &mut head).ok()?;
        if head.iter().all(|byte| *byte == 0) {
            return None;
        }
        let size = number(&head[124..136])?;
        let name = text(&head[..100])?;
        if name.trim_start_matches("./") == path && matches!(head[156], b'0' | 0) {
            return Some((offset + BLOCK, size));
        }
        offset = offset
            .checked_add(BLOCK)?
            .checked_add(size.checked_next_multiple_of(BLOCK)?)?;
    }
    None
}

fn text(field: &[u8]) -> Option<&str> {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    std::str::from_utf8(&field[..end]).ok()
}

/// Octal digits; of what is longer than 8 GiB a binary number with its first bit set.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let tail = field.get(field.len() - 8..)?;
        return Some(u64::from_be_bytes(tail.try_into().ok()?));
    }
    let digits = text(field)?.trim_matches([' ', '\0']);
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(digits, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(archive: &mut Vec<u8>, name: &str, content: &[u8]) {
        let mut head = [0; 512];
        head[..name.len()].copy_from_slice(name.as_bytes());
        head[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        head[156] = b'0';
        archive.extend_from_slice(&head);
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }

    #[test]
    fn a_file_is_found_and_nonsense_is_not() {
        let mut archive = Vec::new();
        entry(&mut archive, "./member/wal/0.wal", &[7; 700]);
        entry(&mut archive, "./member/snap/db", b"database");
        archive.resize(archive.len() + 1024, 0);
        let (offset, size) = find(archive.as_slice(), "member/snap/db").unwrap();
        let start = usize::try_from(offset).unwrap();
        assert_eq!((&archive[start..start + 8], size), (&b"database"[..], 8));
        assert_eq!(find(archive.as_slice(), "member/snap/other"), None);
        for junk in [vec![], vec![0xff; 4000], vec![b'x'; 511], archive[..900].to_vec()] {
            assert_eq!(find(junk.as_slice(), "member/snap/db"), None);
        }
    }
}
