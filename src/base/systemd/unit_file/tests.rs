use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::base::systemd::{list, section};

const UNIT: &str = "[Unit]\nDescription=etcd\n\n[Service]\nEnvironment=A=1 \"ETCD_NAME=a b\"\n# why\nEnvironment=ETCD_X=x\nEnvironment=\"DAEMON_ARGS=--token one \\\n  --state new\"\nExecStart=-/usr/bin/etcd --name a \\\n# in between\n  --data-dir=/srv \\\n  $DAEMON_ARGS\nRestart=always\n[Install]\nWantedBy=multi-user.target";

#[test]
fn entries_are_those_that_systemd_reads() {
    let entries = read(UNIT);
    let exec = last(UNIT, "ExecStart").unwrap();
    assert_eq!(exec.value, list(&section(UNIT, "Service"), "ExecStart").pop().unwrap());
    let sections: Vec<&str> = entries.iter().map(|entry| entry.section.as_str()).collect();
    assert_eq!(
        sections,
        ["Unit", "Service", "Service", "Service", "Service", "Service", "Install"]
    );
    assert_eq!(entries.last().unwrap().value, "multi-user.target");
}

#[test]
fn a_part_of_a_command_changes_where_it_stands() {
    let exec = last(UNIT, "ExecStart").unwrap();
    let at = exec.value.find("/srv").unwrap();
    let changed = replace(UNIT, &exec, at..at + 4, "/var").unwrap();
    assert_eq!(changed, UNIT.replace("/srv", "/var"));
    let end = exec.value.len();
    let longer = replace(UNIT, &exec, end..end, " --x=1").unwrap();
    assert_eq!(longer, UNIT.replace("$DAEMON_ARGS\n", "$DAEMON_ARGS --x=1\n"));
    assert_eq!(
        replace(UNIT, &exec, end..end, " \\"),
        None,
        "what would swallow the next line is not written"
    );
}

#[test]
fn a_variable_changes_in_its_own_quotes() {
    assert_eq!(
        set_variable(UNIT, "ETCD_NAME", "c").unwrap(),
        UNIT.replace("=a b\"", "=c\"")
    );
    assert_eq!(
        set_variable(UNIT, "ETCD_X", "y").unwrap(),
        UNIT.replace("ETCD_X=x", "ETCD_X=y")
    );
    assert_eq!(
        set_variable(UNIT, "ETCD_X", "y z").unwrap(),
        UNIT.replace("ETCD_X=x", "\"ETCD_X=y z\"")
    );
    let (_, word) = variable(UNIT, "DAEMON_ARGS").unwrap();
    let at = assigned(&word, "DAEMON_ARGS").unwrap().find("new").unwrap();
    let changed = replace_in_variable(UNIT, "DAEMON_ARGS", at..at + 3, "existing").unwrap();
    assert_eq!(changed, UNIT.replace("--state new", "--state existing"));
    assert_eq!(set_variable(UNIT, "ABSENT", "y"), None);
    let reset = "[Service]\nEnvironment=ETCD_X=1\nEnvironment=\n";
    assert_eq!(
        set_variable(reset, "ETCD_X", "y"),
        None,
        "it is forgotten by the empty line"
    );
}

#[test]
fn what_is_added_stands_in_the_service() {
    let (entry, _) = variable(UNIT, "ETCD_X").unwrap();
    let line = "Environment=ETCD_Y=y\n";
    assert_eq!(
        add(UNIT, Some(&entry), line),
        UNIT.replace("ETCD_X=x\n", "ETCD_X=x\nEnvironment=ETCD_Y=y\n")
    );
    assert_eq!(add("", None, line), format!("[Service]\n{line}"));
    assert_eq!(add("[Service]\nA=b", None, line), format!("[Service]\nA=b\n{line}"));
    assert!(add(UNIT, None, line).ends_with(&format!("multi-user.target\n[Service]\n{line}")));
}

#[test]
fn a_variable_goes_and_leaves_a_comment() {
    let gone = take_variable_out(UNIT, "ETCD_X").unwrap();
    assert_eq!(gone, UNIT.replace("Environment=ETCD_X=x", "# Environment=ETCD_X=x"));
    let gone = take_variable_out(UNIT, "ETCD_NAME").unwrap();
    let line = "Environment=A=1 \"ETCD_NAME=a b\"";
    assert_eq!(
        gone,
        UNIT.replace(line, "# Environment=\"ETCD_NAME=a b\"\nEnvironment=A=1")
    );
    assert_eq!(
        take_variable_out(UNIT, "A").unwrap(),
        UNIT.replace(line, "# Environment=A=1\nEnvironment=\"ETCD_NAME=a b\"")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_file_an_edit_gives_the_value_and_leaves_the_rest(
        pieces in vec(select(vec![
            "[Service]\n", "[Unit]\n", "Environment=", "ETCD_X=1", "\"ETCD_X=2 3\"", "B='4'", " ", "\\\n", "\n", "\n", "#", ";",
            "ExecStart=/etcd --x", "é", "\"", "'", "=", "\r\n", "Environment=\n",
        ]), 0..14),
        value in select(vec!["", "v", "a b", "it's", "\"q\" \\", "%%é"]),
    ) {
        let text = format!("[Service]\n{}", pieces.concat());
        if let Some(changed) = set_variable(&text, "ETCD_X", value) {
            let (_, word) = variable(&changed, "ETCD_X").unwrap();
            prop_assert_eq!(assigned(&word, "ETCD_X").unwrap(), value);
            prop_assert_eq!(set_variable(&changed, "ETCD_X", value), Some(changed.clone()));
            let (entry, _) = variable(&text, "ETCD_X").unwrap();
            prop_assert!(changed.starts_with(&text[..entry.lines.start]));
            prop_assert!(changed.ends_with(&text[entry.lines.end..]));
        }
        if let Some(changed) = take_variable_out(&text, "ETCD_X") {
            prop_assert!(variable(&changed, "ETCD_X").is_none());
        }
    }
}
