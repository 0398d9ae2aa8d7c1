//! Completion in real interactive shells, each on a terminal of its own.

use std::time::{Duration, Instant};

use crate::support::cli::{Cli, program_path};
use crate::support::etcd::{Etcds, USUAL};
use crate::support::terminal::Terminal;

const PROMPT: &str = "READY> ";

const INVENTORY: &str = "\
clusters:
  tools-k8s:
    endpoints: ['https://tools-k8s-etcd-01:2379', 'https://tools-k8s-etcd-02:2379']
  paws:
    endpoints: ['https://paws-etcd-01:2379']
";

/// A runbook with parameters, as a file of the operator's own.
const RUNBOOK: &str = "\
title: Say something
parameters:
  greeting: {type: text, default: \"'hello'\"}
  host: {type: host}
  who: {type: member}
  loud: {type: bool, default: 'false'}
steps:
  - {id: say, do: {note: {text: hello}}}
";

/// What a look at the cluster leaves behind.
const RECORD: &str = r#"{"schema":"etcdops/record/v1","cluster":"tools-k8s","cluster_id":"cdf818c672c70bdf",
"at":"2026-11-20T13:04:05Z","revision":7,"hosts":[],"members":[{"id":"8211f1d0f64f3269","name":"first-member",
"peer_urls":[],"client_urls":[],"learner":false}]}"#;

fn world() -> Cli {
    let mut cli = Cli::new();
    cli.write("etcdops.yaml", INVENTORY);
    cli.write("say.yaml", RUNBOOK);
    cli.write("../config/etcdops/runbooks/own-say.yaml", RUNBOOK);
    cli.write("../cache/etcdops/tools-k8s.json", RECORD);
    cli.write("../state/etcdops/runs/2026-11-20-1304-k3f9/journal.jsonl", "");
    cli.write("bin/empty", "");
    let bin = cli.work().join("bin");
    std::os::unix::fs::symlink(program_path(), bin.join("etcdops")).unwrap();
    cli.set("PATH", &format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()));
    cli.set("TERM", "xterm");
    cli
}

struct Shell(Terminal);

impl Shell {
    /// Starts a shell without its own configuration, and loads the completion as the help says.
    #[expect(clippy::disallowed_methods, reason = "tests start the shells themselves")]
    fn start(cli: &Cli, name: &str) -> Self {
        let (arguments, prompt, load): (&[&str], &str, &str) = match name {
            "bash" => (
                &["--norc", "--noprofile", "-i"],
                "bind 'set enable-bracketed-paste off'; PS1='REA''DY> '",
                "source <(etcdops completions bash)",
            ),
            "zsh" => (
                &["-f", "-i"],
                "unset zle_bracketed_paste; PS1='REA''DY> '",
                "autoload -U compinit && compinit -u -D && source <(etcdops completions zsh)",
            ),
            _ => (
                &["--no-config", "-i"],
                "function fish_prompt; printf 'REA%s' 'DY> '; end; set fish_autosuggestion_enabled 0",
                "etcdops completions fish | source",
            ),
        };
        let mut command = std::process::Command::new(name);
        command
            .args(arguments)
            .env_clear()
            .envs(cli.environment())
            .current_dir(cli.work());
        let mut shell = Self(Terminal::of(command));
        shell.line(prompt);
        shell.line(load);
        shell
    }

    fn line(&mut self, text: &str) {
        self.0.types(&format!("{text}\r"));
        self.0.sees(PROMPT);
    }

    /// Types the beginning of a command, presses TAB, and tells the words of what then stands there.
    fn complete(&mut self, typed: &str) -> String {
        // The answer is known by its brackets; the typed text has none.
        self.0.types(&format!("{typed}\t"));
        self.0.types("\x01printf '<%s>' \x05 ; echo '|''E'\r");
        let shown = self.0.sees("|E");
        self.0.sees(PROMPT);
        let words = shown.lines().last().unwrap_or_default();
        let start = words
            .rfind("<etcdops")
            .unwrap_or_else(|| panic!("no words after `{typed}`:\n{shown}"));
        words[start..].replace("><", " ").trim_matches(['<', '>']).to_owned()
    }
}

fn completes_everything(name: &str) {
    let cli = world();
    let mut shell = Shell::start(&cli, name);
    let expected = [
        ("etcdops comple", "etcdops completions"),
        ("etcdops completions ba", "etcdops completions bash"),
        ("etcdops --clu", "etcdops --cluster"),
        (
            "etcdops config show --cluster too",
            "etcdops config show --cluster tools-k8s",
        ),
        ("etcdops config --cluster pa", "etcdops config --cluster paws"),
        // The colon and the slash break words in bash.
        (
            "etcdops config show --cluster paws --endpoints https://paws-etcd-01:2",
            "etcdops config show --cluster paws --endpoints https://paws-etcd-01:2379",
        ),
        (
            "etcdops restart --cluster paws paws",
            "etcdops restart --cluster paws paws-etcd-01",
        ),
        ("etcdops runs show 2026-11", "etcdops runs show 2026-11-20-1304-k3f9"),
        ("etcdops run own", "etcdops run own-say"),
        ("etcdops run say.y", "etcdops run say.yaml"),
        ("etcdops run own-say --set gr", "etcdops run own-say --set greeting="),
        (
            "etcdops run own-say --set loud=f",
            "etcdops run own-say --set loud=false",
        ),
        (
            "etcdops run own-say --cluster paws --set host=pa",
            "etcdops run own-say --cluster paws --set host=paws-etcd-01",
        ),
        (
            "etcdops run own-say --cluster tools-k8s --set who=fir",
            "etcdops run own-say --cluster tools-k8s --set who=first-member",
        ),
    ];
    for (typed, whole) in expected {
        assert_eq!(shell.complete(typed), whole, "{name}: {typed}");
    }
}

#[test]
fn bash_completes_words_names_and_urls() {
    completes_everything("bash");
}

#[test]
fn zsh_completes_words_names_and_urls() {
    completes_everything("zsh");
}

#[test]
fn fish_completes_words_names_and_urls() {
    completes_everything("fish");
}

#[test]
fn nothing_is_ever_printed_on_the_prompt() {
    for name in ["bash", "zsh", "fish"] {
        let cli = world();
        let mut shell = Shell::start(&cli, name);
        // A broken inventory, then no program at all.
        cli.write("etcdops.yaml", "clusters: [\t");
        assert_eq!(
            shell.complete("etcdops config show --cluster x"),
            "etcdops config show --cluster x",
            "{name}"
        );
        std::fs::remove_file(cli.work().join("bin/etcdops")).unwrap();
        assert_eq!(shell.complete("etcdops conf"), "etcdops conf", "{name}");
    }
}

/// What is offered for a line, as zsh and fish ask.
fn offered(cli: &Cli, words: &[&str]) -> Vec<String> {
    let output = cli
        .program()
        .env("ETCDOPS_COMPLETE", "fish")
        .args(["--", "etcdops"])
        .args(words)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| line.split('\t').next().unwrap().to_owned())
        .collect()
}

#[test]
fn names_come_from_the_inventory_and_the_folders() {
    let cli = world();
    assert_eq!(offered(&cli, &["config", "--cluster", ""]), ["tools-k8s", "paws"]);
    assert_eq!(offered(&cli, &["config", "--cluster", "zzz"]), [""; 0]);
    assert_eq!(offered(&cli, &["runs", "show", ""]), ["2026-11-20-1304-k3f9"]);
    let runbooks = offered(&cli, &["run", ""]);
    for name in ["own-say", "restart", "debug-log-on", "say.yaml"] {
        assert!(runbooks.contains(&name.to_owned()), "no {name} in {runbooks:?}");
    }
    assert_eq!(
        offered(&cli, &["run", "own-say", "--set", ""]),
        ["greeting=", "host=", "loud=", "who="]
    );
    assert_eq!(
        offered(&cli, &["run", "own-say", "--cluster", "tools-k8s", "--set", "who="]),
        [
            "who=first-member",
            "who=8211f1d0f64f3269",
            "who=tools-k8s-etcd-01",
            "who=tools-k8s-etcd-02"
        ]
    );
}

/// Nothing is known of the members, and what listens never answers.
#[test]
fn etcd_is_not_waited_for() {
    let cli = world();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    cli.write(
        "etcdops.yaml",
        &format!("clusters: {{silent: {{endpoints: ['{url}']}}}}\n"),
    );
    let mut tries = (0..5).map(|_| {
        let began = Instant::now();
        assert_eq!(offered(&cli, &["run", "own-say", "--set", "who="]), ["who=127.0.0.1"]);
        began.elapsed()
    });
    // Whoever waits for etcd waits each time; a busy machine does not.
    assert!(tries.any(|took| took < Duration::from_secs(1)));
}

/// Nothing is known of the members, and etcd answers.
#[test]
fn members_are_asked_for_where_nothing_is_known() {
    let cli = world();
    let etcd = Etcds::start(USUAL, 1, false, &[]);
    cli.write(
        "etcdops.yaml",
        &format!("clusters: {{here: {{endpoints: ['{}']}}}}\n", etcd.url(0)),
    );
    let deadline = Instant::now() + Duration::from_secs(30);
    let name = loop {
        let found = offered(&cli, &["run", "own-say", "--set", "who="]);
        // A busy machine may need a second TAB.
        if found.len() > 1 || Instant::now() > deadline {
            break found;
        }
    };
    assert!(name.len() >= 3, "{name:?}");
    drop(etcd);
    assert_eq!(
        offered(&cli, &["run", "own-say", "--set", "who="]),
        name,
        "kept for when etcd is away"
    );
}

#[test]
fn an_answer_takes_less_than_a_tenth_of_a_second() {
    let cli = world();
    let quickest = (0..5)
        .map(|_| {
            let began = Instant::now();
            let _ = offered(&cli, &["config", "--cluster", "t"]);
            began.elapsed()
        })
        .min()
        .unwrap();
    assert!(quickest < Duration::from_millis(100), "{quickest:?}");
}
