use super::*;
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

#[derive(Deserialize, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    #[serde(default)]
    steps: Vec<Step>,
    #[serde(default)]
    names: BTreeMap<String, u32>,
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
struct Step {
    id: String,
    timeout: Option<u32>,
}

fn problems(text: &str) -> Vec<Diagnostic> {
    parse::<File>(&Source::new("f.yaml", text)).unwrap_err()
}

fn only(text: &str) -> Diagnostic {
    let found = problems(text);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.into_iter().next().unwrap()
}

#[test]
fn good_text_is_read() {
    let source = Source::new("f.yaml", "title: a\nsteps: [{id: x, timeout: 3}]\nnames: {a: 1}\n");
    let file: File = parse(&source).unwrap();
    assert_eq!((file.title.as_str(), file.steps[0].timeout), ("a", Some(3)));
}

#[test]
fn positions_are_those_of_keys_and_values() {
    let text = "é: 1\nhosts:\n  a/b: {ssh: 'x y'}\n  list:\n    - one\n    - two: 2\nlast: >\n  folded\n";
    let source = Source::new("f", text);
    let positions = Positions::of(&source).unwrap();
    let key = |pointer: &str| source.part(positions.key(pointer).unwrap()).to_owned();
    let value = |pointer: &str| source.part(positions.value(pointer).unwrap()).to_owned();
    assert_eq!(key("/é"), "é");
    assert_eq!(key("/hosts/a~1b"), "a/b");
    assert_eq!(value("/hosts/a~1b"), "{ssh: 'x y'}");
    assert_eq!(value("/hosts/a~1b/ssh"), "'x y'");
    assert_eq!(value("/hosts/list"), "- one\n    - two: 2");
    assert_eq!(value("/hosts/list/1/two"), "2");
    assert_eq!(source.part(positions.nearest("/hosts/none/x")), "hosts");
}

#[test]
fn unknown_keys_are_told_all_at_once_with_the_right_name() {
    let text = "titel: x\ntitle: a\nsteps:\n  - {ids: 1, id: a}\n  - id: b\n    timeot: 3\n    \n";
    let found = problems(text);
    let told: Vec<(usize, usize, &str, Option<&str>)> = found
        .iter()
        .map(|one| (one.line, one.column, one.message.as_str(), one.hint.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            (1, 1, "unknown key `titel`", Some("did you mean `title`?")),
            (4, 6, "unknown key `ids`", Some("did you mean `id`?")),
            (6, 5, "unknown key `timeot`", Some("did you mean `timeout`?")),
        ]
    );
}

#[test]
fn duplicate_keys_are_told_in_structures_and_in_maps() {
    let found = problems("title: a\nnames:\n  x: 1\n  x: 2\ntitle: b\n");
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!((found[0].line, found[0].column), (4, 3));
    assert!(found[0].hint.as_ref().unwrap().contains("line 3"));
    assert_eq!(found[1].message, "the key `title` stands twice");
}

#[test]
fn wrong_types_and_missing_keys_have_their_place() {
    let one = only("title: a\nsteps:\n  - id: x\n    timeout: soon\n");
    assert_eq!((one.line, one.column), (4, 14));
    assert!(
        one.message.starts_with("wrong type: string \"soon\", expected u32"),
        "{one}"
    );
    let one = only("title: a\nsteps:\n  - timeout: 3\n");
    assert_eq!((one.line, one.message.as_str()), (3, "the key `id` is missing"));
}

#[test]
fn a_tab_is_named() {
    for text in [
        "title: a\nsteps:\n\t- id: x\n",
        "title: a\nnames:\n\ta: 1\n",
        "\ttitle: a\n",
    ] {
        let one = only(text);
        assert_eq!(one.message, "a tab stands where YAML wants spaces", "{text:?}");
        assert_eq!(&text[one.span], "\t");
    }
    let script = "title: |\n  a\n  \tb\n";
    let file: File = parse(&Source::new("f", script)).unwrap();
    assert_eq!(file.title, "a\n\tb\n");
}

#[test]
fn what_no_file_may_be_is_refused() {
    for text in ["", "\n\n", "# only a comment\n", "---\n", "\u{feff}"] {
        assert_eq!(only(text).message, "the file is empty", "{text:?}");
    }
    let one = only("title: a\n---\ntitle: b\n");
    assert_eq!((one.line, one.message.as_str()), (2, "a second document begins here"));
    assert!(only("title: {{ x }}\n").message.contains("key must be plain text"));
    assert!(only("title: [\n").message.contains("not YAML"));
    assert!(only("- 1\n").message.contains("wrong type"));
    let deep = format!("title: {}{}", "[".repeat(500), "]".repeat(500));
    assert!(problems(&deep).len() == 1);
    let bytes = Source::from_bytes("f", b"title: \xff\n").unwrap_err();
    assert_eq!((bytes.line, bytes.column), (1, 8));
    assert!(bytes.message.contains("UTF-8"));
}

#[test]
fn an_alias_bomb_is_an_error() {
    let mut text = String::from("title: a\nsteps:\n  - &a0 [x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 9].join(",");
        let _ = writeln!(text, "  - &a{level} [{items}]");
    }
    let started = std::time::Instant::now();
    assert!(!problems(&text).is_empty());
    assert!(parse::<serde_json::Value>(&Source::new("f", text.as_str())).is_err());
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn printed_like_rustc() {
    let source = Source::new("etcdops.yaml", "title: a\nstesp: []\n");
    let found = parse::<File>(&source).unwrap_err();
    assert_eq!(
        render(&found, &source, false, None),
        "error: unknown key `stesp`\n \
         --> etcdops.yaml:2:1\n  \
           |\n\
         2 | stesp: []\n  \
           | ^^^^^\n  \
           |\n  \
           = help: did you mean `steps`?"
    );
    assert!(render(&found, &source, true, None).contains('\u{1b}'));
    assert_eq!(
        found[0].to_string(),
        "etcdops.yaml:2:1: unknown key `stesp` (did you mean `steps`?)"
    );
}

fn survives(bytes: &[u8]) {
    let source = match Source::from_bytes("f", bytes) {
        Ok(source) => source,
        Err(found) => Source::new(found.file.clone(), String::from_utf8_lossy(bytes)),
    };
    for found in [parse::<File>(&source).err(), parse::<serde_json::Value>(&source).err()] {
        let _ = render(&found.unwrap_or_default(), &source, false, None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        survives(&bytes);
    }

    #[test]
    fn random_yaml_never_panics(text in "(title|steps|id|: |:|- |\n|  |\t|\\{|\\}|\\[|\\]|,|&a |\\*a|!!x |\\||>|'|\"|#|---|\\.\\.\\.|%|\\?|é|\r|\u{feff}|\u{0}|<<){0,60}") {
        survives(text.as_bytes());
    }
}
