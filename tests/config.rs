//! `etcdops config`, and what every command says about wrong settings.

use std::os::unix::fs::PermissionsExt;

use crate::support::cli::Cli;

const ONE: &str = "\
clusters:
  tools-k8s:
    endpoints: [http://127.0.0.1:1]
    ssh: {local: true, become: none}
    service: {kind: process, process_dir: nowhere}
";

#[test]
fn inventories_are_looked_for_in_order() {
    let mut cli = Cli::new();
    let named = |name: &str| ONE.replace("tools-k8s", name);
    cli.run(["config", "show"])
        .code(2)
        .says(&["no cluster is configured", "./etcdops.yaml", "--endpoints"]);
    cli.write("../config/etcdops/etcdops.yaml", &named("of-the-user"));
    cli.run(["config", "show"]).code(0).shows(&["cluster of-the-user"]);
    cli.write("etcdops.yaml", &named("of-the-folder"));
    cli.run(["config", "show"])
        .code(0)
        .shows(&["cluster of-the-folder (etcdops.yaml)"]);
    cli.write("variable.yaml", &named("of-the-variable"));
    cli.write("flag.yaml", &named("of-the-flag"));
    cli.set("ETCDOPS_CONFIG", "variable.yaml");
    cli.run(["config", "show"]).code(0).shows(&["cluster of-the-variable"]);
    cli.run(["config", "show", "--config", "flag.yaml"])
        .code(0)
        .shows(&["cluster of-the-flag"]);
    cli.run(["config", "show", "--config", "none.yaml"])
        .code(2)
        .says(&["cannot read the inventory none.yaml", "--config names it"]);
}

#[test]
fn every_mistake_of_a_file_is_shown_with_its_line_and_a_hint() {
    let cli = Cli::new();
    cli.write(
        "etcdops.yaml",
        "clusters:\n  c:\n    endpoints: [https://a]\n    datadir: /x\n    hosts:\n      b: {ssh: -oProxyCommand=x}\n",
    );
    cli.run(["config", "show"]).code(2).stdout("").says(&[
        "etcdops.yaml:3:17",
        "write for example `https://a:2379`",
        "etcdops.yaml:4:5",
        "did you mean `data_dir`?",
        "etcdops.yaml:6:16",
        "begins with `-`",
        "has 3 mistakes",
    ]);
    for (text, part) in [
        ("", "the file is empty"),
        ("clusters:\n\tc: {}\n", "a tab stands where YAML wants spaces"),
        ("clusters: {c: {api: ssh, api: direct}}", "the key `api` stands twice"),
    ] {
        cli.write("etcdops.yaml", text);
        cli.run(["config", "show"]).code(2).says(&[part]);
    }
}

#[test]
fn an_unknown_cluster_is_told_with_the_nearest_name() {
    let cli = Cli::new();
    cli.write("etcdops.yaml", ONE);
    cli.run(["config", "show", "--cluster", "tool-k8s"]).code(2).says(&[
        "there is no cluster `tool-k8s`",
        "the clusters of ./etcdops.yaml: tools-k8s",
        "did you mean `--cluster tools-k8s`?",
    ]);
}

#[test]
fn secrets_are_refused_where_others_can_read_them() {
    let cli = Cli::new();
    cli.write("etcdops.yaml", ONE);
    let refused = cli.run(["config", "show", "--user", "root:hunter2"]).code(2);
    assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
    let _ = refused.says(&["--user takes no password", "--password-file"]);
    let password = cli.write("password", "hunter2\n");
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o644)).unwrap();
    let words = ["--user", "root", "--password-file", "password", "--timeout", "2s"];
    cli.run(["config", "check"].into_iter().chain(words))
        .code(2)
        .shows(&["can be read by others", "`chmod 600"]);
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    let shown = cli.run(["config", "show"].into_iter().chain(words)).code(0);
    assert!(!shown.stdout.contains("hunter2"));
    let _ = shown.shows(&["auth.password_file", "--password-file"]);
}

#[test]
fn a_wrong_key_file_is_found_before_anything_is_asked() {
    let cli = Cli::new();
    cli.write("etcdops.yaml", ONE);
    cli.write("not-a-key", "hello\n");
    let words = [
        "config",
        "check",
        "--cert",
        "not-a-key",
        "--key",
        "none",
        "--timeout",
        "1s",
    ];
    cli.run(words)
        .code(2)
        .shows(&["the certificate not-a-key holds no certificate"]);
}

#[test]
fn documents_name_their_schema() {
    let cli = Cli::new();
    cli.write("etcdops.yaml", ONE);
    let shown = cli.run(["config", "show", "-o", "json"]).code(0);
    let document: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(document["schema"], "etcdops/config/v1");
    assert_eq!(document["cluster"], "tools-k8s");
    let checked = cli.run(["config", "check", "-o", "json", "--timeout", "2s"]).code(2);
    let document: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(
        (&document["schema"], &document["ok"]),
        (&"etcdops/config-check/v1".into(), &false.into())
    );
}
