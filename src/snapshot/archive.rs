//! A data directory in a tar archive: which files lie in it, and where.

use std::io;

use super::damage::Damage;
use super::source::ReadAt;

/// Archives are made of blocks of so many bytes.
pub const BLOCK: u64 = 512;

/// One regular file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Without `./` before it.
    pub path: String,
    /// Where its content begins, in bytes.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
}

/// Whether this begins as an archive does.
pub fn is_archive<S: ReadAt + ?Sized>(source: &S) -> bool {
    let mut mark = [0; 5];
    source.read_at(257, &mut mark).is_ok() && mark == *b"ustar"
}

/// The regular files, in the archive's order. What is no whole archive is told with its place.
pub fn entries<S: ReadAt + ?Sized>(source: &S) -> Result<Vec<Entry>, Damage> {
    let mut found = Vec::new();
    let mut offset = 0;
    let mut head = [0; 512];
    let at = |offset: u64, why: &str| Damage::file(format!("archive, byte {offset}: {why}"));
    loop {
        source.read_at(offset, &mut head).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => at(offset, "it is cut off"),
            _ => Damage::reading(None, &error),
        })?;
        if head.iter().all(|byte| *byte == 0) {
            return Ok(found);
        }
        let sum = number(&head[148..156]);
        if sum != Some(checksum(&head)) {
            return Err(at(offset, "what stands there begins no file"));
        }
        let size = number(&head[124..136]).ok_or_else(|| at(offset, "a file without a length"))?;
        let path = text(&head[..100]).ok_or_else(|| at(offset, "a file without a name"))?;
        let next = size
            .checked_next_multiple_of(BLOCK)
            .and_then(|size| (offset + BLOCK).checked_add(size))
            .filter(|next| *next <= source.size())
            .ok_or_else(|| at(offset, &format!("it is cut off in {path}")))?;
        if matches!(head[156], b'0' | 0) {
            found.push(Entry {
                path: path.trim_start_matches("./").to_owned(),
                offset: offset + BLOCK,
                size,
            });
        }
        offset = next;
    }
}

/// The head of a file, or of a folder, which has no size. `None`: the name is too long.
pub fn head(path: &str, size: Option<u64>, modified: u64) -> Option<[u8; 512]> {
    let mut head = [0; 512];
    let mut put = |at: usize, text: &[u8]| head[at..at + text.len()].copy_from_slice(text);
    if path.len() > 99 {
        return None;
    }
    put(0, path.as_bytes());
    put(100, if size.is_some() { b"0000600" } else { b"0000700" });
    put(108, b"0000000");
    put(116, b"0000000");
    let bytes = size.unwrap_or_default();
    if bytes < 1 << 33 {
        put(124, format!("{bytes:011o}").as_bytes());
    } else {
        put(124, &[0x80]);
        put(128, &bytes.to_be_bytes());
    }
    put(136, format!("{:011o}", modified.min((1 << 33) - 1)).as_bytes());
    put(156, if size.is_some() { b"0" } else { b"5" });
    put(257, b"ustar  ");
    let sum = checksum(&head);
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Some(head)
}

/// The sum of all bytes, its own counted as blanks.
fn checksum(head: &[u8; 512]) -> u64 {
    let sum = |part: &[u8]| part.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    sum(&head[..148]) + 8 * u64::from(b' ') + sum(&head[156..])
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

    fn add(archive: &mut Vec<u8>, name: &str, content: &[u8]) {
        archive.extend_from_slice(&head(name, Some(content.len() as u64), 7).unwrap());
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }

    #[test]
    fn files_are_found_and_what_is_cut_off_is_told() {
        let mut archive = head("./member/", None, 7).unwrap().to_vec();
        add(&mut archive, "./member/wal/0.wal", &[7; 700]);
        add(&mut archive, "./member/snap/db", b"database");
        let whole = [archive.clone(), vec![0; 1024]].concat();
        let found = entries(whole.as_slice()).unwrap();
        let names: Vec<&str> = found.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(names, ["member/wal/0.wal", "member/snap/db"]);
        let start = usize::try_from(found[1].offset).unwrap();
        assert_eq!((&whole[start..start + 8], found[1].size), (&b"database"[..], 8));
        assert!(is_archive(whole.as_slice()) && !is_archive(&[0_u8; 600][..]));

        let cut = |end: usize| entries(&archive[..end]).unwrap_err().to_string();
        assert_eq!(
            cut(archive.len()),
            format!("archive, byte {}: it is cut off", archive.len())
        );
        assert_eq!(cut(1500), "archive, byte 512: it is cut off in ./member/wal/0.wal");
        for junk in [vec![0xff; 4000], vec![b'x'; 511], vec![]] {
            assert!(entries(junk.as_slice()).is_err());
        }
        let mut changed = whole.clone();
        changed[600] ^= 1;
        assert_eq!(
            entries(changed.as_slice()).unwrap_err().to_string(),
            "archive, byte 512: what stands there begins no file"
        );
    }

    #[test]
    fn long_files_have_their_length() {
        let head = head("x", Some(9 << 30), 0).unwrap();
        assert_eq!(number(&head[124..136]), Some(9 << 30));
        assert!(super::head(&"x".repeat(100), None, 0).is_none());
    }
}
