use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::base::systemd::words;

fn pairs(text: &str) -> Vec<(String, String)> {
    let values = read(text).values;
    values.into_iter().map(|one| (one.name, one.value)).collect()
}

fn one(text: &str) -> String {
    let values = pairs(text);
    assert_eq!(values.len(), 1, "{text}");
    values[0].1.clone()
}

#[test]
fn values_are_read_as_systemd_reads_them() {
    for (text, value) in [
        ("A=b", "b"),
        ("A = b \t", "b"),
        ("A=", ""),
        ("A='b c'", "b c"),
        ("A=\"b  \"  ", "b  "),
        ("A=\"b\\\"c\\$d\\n\"", "b\"c$d\\n"),
        ("A='b\\n'", "b\\n"),
        ("A=b\\ c", "b c"),
        ("A=one \\\n  two", "one   two"),
        ("A=\"one \\\ntwo\"", "one two"),
        ("A='one\ntwo'", "one\ntwo"),
        ("A='b''c'", "bc"),
        ("A='b' c", "bc"),
        ("A=b'c d'", "b'c d'"),
        ("A=b # no comment", "b # no comment"),
        ("A=b=c", "b=c"),
    ] {
        assert_eq!(one(text), value, "{text}");
    }
}

#[test]
fn a_quote_in_shell_fashion_is_not_what_it_looks_like() {
    // A shell reads `--token 'x'`; systemd keeps the quotes that follow the escape.
    assert_eq!(one(r"A='--token '\''x'\'' y'"), "--token ''x''' y'");
    assert_eq!(
        words("--token ''x'' y")
            .unwrap()
            .into_iter()
            .map(|word| word.text)
            .collect::<Vec<_>>(),
        ["--token", "x", "y"]
    );
}

#[test]
fn comments_and_what_is_no_variable() {
    let file = read("# A=1\n;B=2\n\nexport C=3\nD=4\nloose\n# x \\\nE=5\n");
    let found: Vec<(&str, &str)> = file.pairs();
    assert_eq!(found, [("D", "4"), ("E", "5")]);
    assert_eq!(file.doubtful.len(), 3, "{:?}", file.doubtful);
    assert_eq!(read("A='b").doubtful.len(), 1);
}

#[test]
fn a_line_of_ours_reads_back() {
    for value in [
        "",
        "a b",
        "--x='y z' \"q\" \\ `id` $(id) $HOME ${X}",
        "a\nb",
        " lead trail ",
        "é",
    ] {
        assert_eq!(one(&line("A", value)), value);
    }
}

/// As people write it: comments, continuations, every way to quote, no end of line at the end.
const FILE: &str = "# etcd\n\nETCD_NAME=a\nETCD_DATA_DIR='/var/lib/etcd'\n  ETCD_LOG = \"x\" \n;old\nDAEMON_ARGS=\"--token 'one' \\\n--state 'new' --x\"\nETCD_NAME=b\nLAST=1";

#[test]
fn a_value_changes_in_its_own_way_of_writing_and_nothing_else_does() {
    let cases = [
        ("ETCD_NAME", "c", "ETCD_NAME=b\n", "ETCD_NAME=c\n"),
        ("ETCD_DATA_DIR", "/srv", "'/var/lib/etcd'", "'/srv'"),
        ("ETCD_LOG", "y$", "\"x\" \n", "\"y\\$\"\n"),
        ("LAST", "a b", "LAST=1", "LAST=\"a b\""),
    ];
    for (name, value, old, new) in cases {
        let changed = set(FILE, name, value).unwrap();
        assert_eq!(changed, FILE.replace(old, new), "{name}");
        assert_eq!(
            set(&changed, name, value).unwrap(),
            changed,
            "a second time changes nothing"
        );
    }
    assert_eq!(set(FILE, "ABSENT", "x"), None);
}

#[test]
fn a_part_of_a_value_changes_where_it_stands() {
    let value = read(FILE).last("DAEMON_ARGS").unwrap().value.clone();
    let at = value.find("new").unwrap();
    let changed = replace(FILE, "DAEMON_ARGS", at..at + 3, "existing").unwrap();
    assert_eq!(changed, FILE.replace("'new'", "'existing'"));
    assert_eq!(replace(FILE, "DAEMON_ARGS", at..at + 300, ""), None);
}

#[test]
fn what_is_added_stands_beside_its_siblings() {
    assert_eq!(
        add(FILE, "ETCD_", "ETCD_X", "y").unwrap(),
        FILE.replace("ETCD_NAME=b\n", "ETCD_NAME=b\nETCD_X=y\n")
    );
    assert_eq!(add("A=1", "ETCD_", "B", "2").unwrap(), "A=1\nB=\"2\"\n");
    assert_eq!(add("", "ETCD_", "B", "2").unwrap(), "B=\"2\"\n");
    // The line would become the end of the value above.
    assert_eq!(add("A=\\\n", "ETCD_", "B", "2"), None);
    assert_eq!(
        read("A=\\\n").doubtful,
        ["the value of A goes on behind the end of the file"]
    );
}

#[test]
fn what_is_commented_out_is_still_there_to_be_read() {
    assert_eq!(
        comment_out(FILE, "ETCD_NAME").unwrap(),
        FILE.replace("ETCD_NAME=a", "# ETCD_NAME=a")
            .replace("ETCD_NAME=b", "# ETCD_NAME=b")
    );
    let several = comment_out(FILE, "DAEMON_ARGS").unwrap();
    assert!(
        several.contains("\n# DAEMON_ARGS=--token 'one' --state 'new' --x\nETCD_NAME=b"),
        "{several}"
    );
    assert_eq!(comment_out(FILE, "ABSENT").unwrap(), FILE);
}

fn any_file() -> impl Strategy<Value = String> {
    let pieces = select(vec![
        "A",
        "B",
        "ETCD_X",
        "=",
        "=",
        "\n",
        "\n",
        "\"",
        "'",
        "\\",
        " ",
        "\t",
        "#",
        ";",
        "$",
        "`",
        "x",
        "y z",
        "é",
        "\r\n",
        "A=1\n",
        "B='2 3'\n",
        "A=\"4 \\\n5\"\n",
    ]);
    vec(pieces, 0..14).prop_map(|pieces| pieces.concat())
}

fn any_value() -> impl Strategy<Value = String> {
    select(vec!["", "v", "a b", "it's", "\"q\" \\ $x `y`", "trail ", "é,=%[]"]).prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_file_an_edit_gives_the_value_and_leaves_the_rest(text in any_file(), value in any_value()) {
        let before = read(&text);
        for old in &before.values {
            let name = &old.name;
            if let Some(changed) = set(&text, name, &value) {
                let last = before.last(name).unwrap();
                let read_back = read(&changed);
                prop_assert_eq!(&read_back.last(name).unwrap().value, &value);
                prop_assert_eq!(set(&changed, name, &value), Some(changed.clone()));
                prop_assert!(changed.starts_with(&text[..last.behind.start]));
                prop_assert!(changed.ends_with(&text[last.behind.end..]));
            }
            if let Some(changed) = comment_out(&text, name) {
                prop_assert!(read(&changed).last(name).is_none());
                prop_assert_eq!(comment_out(&changed, name), Some(changed.clone()));
            }
        }
        let added = add(&text, "ETCD_", "NEW_ONE", &value);
        prop_assert!(added.is_some() || !before.doubtful.is_empty());
        if let Some(changed) = added {
            let after = read(&changed);
            prop_assert_eq!(&after.last("NEW_ONE").unwrap().value, &value);
            prop_assert_eq!(after.values.len(), before.values.len() + 1);
        }
    }
}
