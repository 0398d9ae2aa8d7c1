//! What differs between two texts, line by line.

/// Lines kept around a change.
const AROUND: usize = 1;

/// The lines that go (`-`), come (`+`) and stand around them (` `), in the manner of `diff -u` without its headers.
pub fn lines(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    // How many lines the rests of both have in common.
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let mut all = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            all.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[i + 1][j] >= common[i][j + 1]) {
            all.push(('-', old[i]));
            i += 1;
        } else {
            all.push(('+', new[j]));
            j += 1;
        }
    }
    let changed: Vec<usize> = (0..all.len()).filter(|at| all[*at].0 != ' ').collect();
    let near = |at: usize| changed.iter().any(|one| one.abs_diff(at) <= AROUND);
    let kept = all.iter().enumerate().filter(|(at, _)| near(*at));
    kept.map(|(_, (mark, line))| format!("{mark}{line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn what_goes_and_what_comes_with_a_line_around() {
        assert_eq!(lines("a\nb\nc\nd\ne\n", "a\nb\nX\nd\ne\n"), [" b", "-c", "+X", " d"]);
        assert_eq!(lines("", "a\n"), ["+a"]);
        assert!(lines("a\n", "a\n").is_empty());
    }
}
