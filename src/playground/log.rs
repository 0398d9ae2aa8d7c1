//! The end of a log, for errors.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// How much of the end is read, in bytes.
const WINDOW: u64 = 8 * 1024;

/// How much of a line is shown, in characters.
const WIDTH: usize = 240;

/// The last `count` lines, newest last; none where there is no log.
pub(super) fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(WINDOW)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines
        .iter()
        .skip(lines.len().saturating_sub(count))
        .map(|line| line.chars().filter(|c| !c.is_control()).take(WIDTH).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::files::write_private;

    #[test]
    fn only_the_end_is_shown_and_cleaned() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("log");
        assert_eq!(last_lines(&path, 3), Vec::<String>::new());
        let text: String = (0..2000).map(|number| format!("line {number}\u{1b}[31m\n")).collect();
        write_private(&path, text.as_bytes()).unwrap();
        assert_eq!(last_lines(&path, 2), ["line 1998[31m", "line 1999[31m"]);
    }
}
