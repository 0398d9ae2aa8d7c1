//! What `health` prints on 80 and on 200 columns, and where no terminal is.

use etcdops::cluster::observed::Observed;

use super::{cluster_of, until};
use crate::support::cli::{Cli, program_path};
use crate::support::etcd::{Etcds, USUAL};
use crate::support::terminal::Terminal;

const NAMES: [&str; 3] = [
    "tools-k8s-etcd-1.tools.eqiad1.cloud",
    "tools-k8s-etcd-2.tools.eqiad1.cloud",
    "tools-k8s-etcd-3.tools.eqiad1.cloud",
];

/// Two members that are well, and one that is gone; all with the names that hosts have.
async fn two_of_three() -> Etcds {
    let mut etcds = Etcds::start(USUAL, 0, false, &[]);
    for name in NAMES {
        etcds.prepare(name);
    }
    let members = etcds.initial_cluster();
    (0..NAMES.len()).for_each(|index| etcds.launch(index, &members, "new"));
    let cluster = cluster_of(&etcds);
    until(&cluster, "healthy", super::all_healthy).await;
    etcds.kill(2);
    let two = |seen: &Observed| seen.quorum_proved && seen.leader.is_some();
    until(&cluster, "two go on", two).await;
    etcds
}

/// What must be told at any width.
fn facts(etcds: &Etcds) -> Vec<String> {
    let mut facts: Vec<String> = NAMES.map(str::to_owned).to_vec();
    let words = [
        "degraded: 2 of 3 voters healthy",
        "leader",
        "follower",
        "healthy",
        "unreachable",
        "3.5.35",
        " ms",
        "connection refused",
    ];
    facts.extend(words.map(str::to_owned));
    facts.push(format!("127.0.0.1:{}", etcds.nodes[2].client.number));
    facts
}

fn told(text: &str, etcds: &Etcds, where_: &str) {
    // Sentences are wrapped at spaces, words are not.
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for fact in facts(etcds) {
        assert!(flat.contains(fact.trim()), "{where_}: no `{fact}` in\n{text}");
    }
    assert!(!text.contains('…'), "{where_}: something is cut\n{text}");
}

fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

#[tokio::test]
async fn the_same_facts_fit_into_80_columns_200_columns_and_no_terminal() {
    let etcds = two_of_three().await;
    let endpoints = etcds.urls().join(",");
    let arguments = ["health", "--endpoints", &endpoints];
    let piped = |columns: Option<&str>| {
        let cli = Cli::new();
        let mut program = cli.program();
        match columns {
            Some(columns) => program.env("COLUMNS", columns),
            None => program.env_remove("COLUMNS"),
        };
        let output = program.args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(10), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let narrow = piped(Some("80"));
    told(&narrow, &etcds, "80 columns");
    assert!(widest(&narrow) <= 80, "{narrow}");
    for (columns, least) in [(Some("200"), 130), (None, 130)] {
        let wide = piped(columns);
        told(&wide, &etcds, "wide");
        assert!(widest(&wide) > least, "the room is used\n{wide}");
        assert!(columns.is_none() || widest(&wide) <= 200, "{wide}");
        for (index, name) in NAMES.iter().enumerate() {
            let row = |line: &str| line.starts_with(name) && line.ends_with(&etcds.url(index));
            assert!(wide.lines().any(row), "one line for each member\n{wide}");
        }
    }
    told(&on_a_terminal(&arguments), &etcds, "a terminal of 80 columns");
}

/// As on a terminal that is 80 columns wide and says so itself.
fn on_a_terminal(arguments: &[&str]) -> String {
    let cli = Cli::new();
    #[expect(clippy::disallowed_methods, reason = "tests start the program themselves")]
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "stty cols 80; exec \"$@\"", "sh"])
        .arg(program_path())
        .args(arguments)
        .env_clear()
        .envs(cli.environment())
        .env_remove("COLUMNS")
        .env("TERM", "xterm")
        .current_dir(cli.work());
    let text = anstream::adapter::strip_str(&Terminal::of(command).rest()).to_string();
    assert!(widest(&text) <= 80, "{text}");
    text
}
