use super::*;
use proptest::prelude::*;
use serde_json::json;

fn context() -> Value {
    json!({
        "host": {"name": "etcd-1", "peer_url": "https://[::1]:2380", "port": 2379, "user": null},
        "cluster": {"members": ["a", "b"], "has_learners": false},
        "big": u64::MAX,
        "text": "a 'b' $(c)",
    })
}

fn template(text: &str) -> Result<Value, ExprError> {
    Template::parse(text)?.eval(&context())
}

fn expr(text: &str) -> Result<Value, ExprError> {
    Expr::parse(text)?.eval(&context())
}

#[test]
fn literal_text_is_kept_to_the_letter() {
    for text in [
        "",
        "plain",
        "${HOME:-x} {{ x }} {% if %} {# c #}",
        " \n\t é }} ",
        "$",
        "${",
        "a\\nb\n",
    ] {
        assert_eq!(template(text), Ok(json!(text)));
        assert!(Template::parse(text).unwrap().is_literal());
    }
    assert_eq!(
        template("\n mv ${{ host.name }}.old\n"),
        Ok(json!("\n mv etcd-1.old\n"))
    );
    assert_eq!(template("${{ text }}!"), Ok(json!("a 'b' $(c)!")));
}

#[test]
fn a_single_expression_keeps_its_type() {
    assert_eq!(template("${{ cluster.members }}"), Ok(json!(["a", "b"])));
    assert_eq!(template("${{host.port}}"), Ok(json!(2379)));
    assert_eq!(template("${{ cluster.has_learners }}"), Ok(json!(false)));
    assert_eq!(template("${{ host.user }}"), Ok(Value::Null));
    assert_eq!(template("${{ big }}"), Ok(json!(u64::MAX)));
    assert_eq!(template(" ${{ host.port }}"), Ok(json!(" 2379")));
    assert_eq!(template("${{ {'a': {'b': '}}'}} }}"), Ok(json!({"a": {"b": "}}"}})));
}

#[test]
fn what_is_not_there_is_an_error_with_its_place() {
    let text = "name ${{ host.nmae }} end";
    let error = template(text).unwrap_err();
    assert!(error.message.contains("`host.nmae` has no value"), "{error}");
    assert!(text[error.range].contains("host.nmae"));
    for text in [
        "nothing",
        "nothing.x",
        "[host.nope]",
        "{'a': nothing}",
        "not nothing",
        "'a' ~ nope",
    ] {
        assert!(expr(text).is_err(), "{text}");
    }
    assert_eq!(expr("nothing | default('x')"), Ok(json!("x")));
    assert_eq!(expr("nothing is defined"), Ok(json!(false)));
}

#[test]
fn lists_and_none_cannot_stand_in_text() {
    for (text, what) in [
        ("a ${{ cluster.members }}", "a list"),
        ("a ${{ host.user }}", "none"),
        ("a ${{ host }}", "an object"),
    ] {
        let error = template(text).unwrap_err();
        assert!(error.message.contains(what), "{error}");
        assert!(error.hint.is_some());
    }
    assert_eq!(template("a ${{ cluster.members | join(' ') }}"), Ok(json!("a a b")));
}

#[test]
fn unknown_names_are_found_when_parsing() {
    for (text, name) in [
        ("a | lenght", "lenght"),
        ("a is defned", "defned"),
        ("a is not defned", "defned"),
        ("now()", "now"),
        ("env('HOME')", "env"),
        ("debug()", "debug"),
        ("a | urlencode", "urlencode"),
        ("x if rnage(3) else y", "rnage"),
    ] {
        let error = Expr::parse(text).unwrap_err();
        assert!(error.message.contains(&format!("`{name}`")), "{error}");
        assert_eq!(&text[error.range], name);
    }
    assert_eq!(
        Expr::parse("a | lenght").unwrap_err().hint.unwrap(),
        "did you mean `length`?"
    );
    for good in [
        "a and (b)",
        "not (a)",
        "a in (b)",
        "'x | nope' ~ a",
        "range(3)",
        "a | length > 1",
        "a if (b) else (c)",
        "x is not none",
        "a.b('c') if false else 1",
    ] {
        assert!(Expr::parse(good).is_ok(), "{good}");
    }
}

#[test]
fn every_listed_name_exists_in_the_engine() {
    for name in FILTERS {
        assert_eq!(expr(&format!("'{name}' is filter")), Ok(json!(true)), "{name}");
    }
    for name in TESTS {
        assert_eq!(expr(&format!("'{name}' is test")), Ok(json!(true)), "{name}");
    }
}

#[test]
fn syntax_errors_have_a_place_in_the_whole_text() {
    let text = "é ${{ host.name + }} x";
    let error = Template::parse(text).unwrap_err();
    assert!(error.range.start >= 6 && error.range.end <= text.len(), "{error:?}");
    let open = Template::parse("a ${{ b").unwrap_err();
    assert_eq!(open.range, 2..5);
    assert!(Template::parse("${{ }}").unwrap_err().message.contains("empty"));
}

#[test]
fn references_are_dotted_paths() {
    let template = Template::parse("${{ steps.add.id }}-${{ host.name | default(run.id) }}").unwrap();
    assert_eq!(template.references(), ["host.name", "run.id", "steps.add.id"]);
    assert_eq!(Expr::parse("range(3)").unwrap().references(), Vec::<String>::new());
}

#[test]
fn an_expression_without_end_is_stopped() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("not ", ""),
        ("-", ""),
        ("1+", ""),
        ("x.a if ", ""),
    ] {
        for times in [LONGEST / open.len() / 2 - 2, 100_000] {
            let text = format!("{}1{}", open.repeat(times), close.repeat(times));
            // What matters is that it comes back.
            let _ = Expr::parse(&text).and_then(|expr| expr.eval(&context()));
        }
    }
    assert!(Expr::parse(&format!("1{}", "+1".repeat(100_000))).is_err());
    assert!(expr("range(99999) | map('string') | join | length").is_ok());
}

proptest! {
    #[test]
    fn no_text_panics(text in "([${}|()'\"a-z. éis\\[\\],~*0-9]|\\$\\{\\{|\\}\\}){0,40}") {
        if let Err(error) = template(&text) {
            prop_assert!(text.get(error.range).is_some());
        }
        if let Err(error) = expr(&text) {
            prop_assert!(text.get(error.range).is_some());
        }
    }
}
