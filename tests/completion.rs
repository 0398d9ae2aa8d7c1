//! Completion in real interactive shells, each on a terminal of its own.

use std::time::{Duration, Instant};

use expectrl::{Expect, Session};

use crate::support::cli::{Cli, program_path};

/// How long a shell may take for anything: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);
const PROMPT: &str = "READY> ";

const INVENTORY: &str = "\
clusters:
  tools-k8s:
    endpoints: ['https://tools-k8s-etcd-01:2379', 'https://tools-k8s-etcd-02:2379']
  paws:
    endpoints: ['https://paws-etcd-01:2379']
";

fn world() -> Cli {
    let mut cli = Cli::new();
    cli.write("etcdops.yaml", INVENTORY);
    cli.write("bin/empty", "");
    let bin = cli.work().join("bin");
    std::os::unix::fs::symlink(program_path(), bin.join("etcdops")).unwrap();
    cli.set("PATH", &format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()));
    cli.set("TERM", "xterm");
    cli
}

struct Shell {
    session: expectrl::session::OsSession,
}

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
        let mut session = Session::spawn(command).unwrap();
        session.set_expect_timeout(Some(PATIENCE));
        let mut shell = Self { session };
        shell.line(prompt);
        shell.line(load);
        shell
    }

    fn line(&mut self, text: &str) {
        self.session.send(format!("{text}\r")).unwrap();
        self.session.expect(PROMPT).unwrap();
    }

    /// Types the beginning of a command, presses TAB, and tells the words of what then stands there.
    fn complete(&mut self, typed: &str) -> String {
        // The answer is known by its brackets; the typed text has none.
        self.session.send(format!("{typed}\t")).unwrap();
        self.session.send("\x01printf '<%s>' \x05 ; echo '|''E'\r").unwrap();
        let found = self.session.expect("|E").unwrap();
        let shown = String::from_utf8_lossy(found.before()).into_owned();
        self.session.expect(PROMPT).unwrap();
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
