//! `recover` on the playground: what it says of a cluster that is well, asks of one that is dead, and takes for a backup.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use expectrl::{Expect, Session};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::cli::{Cli, Ran, program_path};
use crate::support::etcd::{Etcds, USUAL, etcdctl, programs};
use crate::support::wait_until;

const MINUTE: Duration = Duration::from_mins(1);
const MEMBERS: [&str; 3] = ["etcd-1", "etcd-2", "etcd-3"];

/// A playground of three members, taken down at the end.
struct Play(Cli);

impl Play {
    fn up() -> Self {
        let mut cli = Cli::new();
        cli.set("TERM", "xterm");
        let system = std::env::var("PATH").unwrap_or_default();
        cli.set("PATH", &format!("{}:{system}", programs(USUAL).display()));
        let play = Self(cli);
        let etcd = programs(USUAL);
        let _ = play
            .run(&["playground", "up", "--etcd", etcd.to_str().unwrap()])
            .code(0);
        play
    }

    fn run(&self, words: &[&str]) -> Ran {
        self.0.run(words)
    }

    fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.run(&[words, &["-o", "json"]].concat()).stdout).unwrap()
    }

    /// etcd's own client, on the first member.
    fn control(&self, words: &[&str]) -> String {
        let health = self.json(&["health"]);
        let endpoint = health["members"][0]["endpoint"].as_str().unwrap();
        etcdctl(&programs(USUAL), endpoint, words)
    }

    fn folder(&self, host: &str) -> PathBuf {
        self.0.folder("data").join("etcdops/playground/hosts").join(host)
    }

    /// Every member ends as in a crash.
    fn crash(&self) {
        for host in MEMBERS {
            let pid = fs::read_to_string(self.folder(host).join("pid")).unwrap();
            let pid = pid.split_whitespace().next().unwrap().parse().unwrap();
            let _gone = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
        }
        wait_until("nothing answers", MINUTE, || {
            matches!(self.run(&["health"]).code, 11 | 12)
        });
    }

    fn runs(&self) -> usize {
        self.json(&["runs", "list"])["runs"].as_array().unwrap().len()
    }

    fn backups(&self) -> Vec<String> {
        let listed = self.json(&["backups", "list"]);
        let names = listed["backups"].as_array().unwrap().iter();
        names
            .map(|backup| backup["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Types the answers on a terminal; what was shown until the command ended with this code.
    #[track_caller]
    fn answering(&self, words: &str, answers: &[(&str, &str)], code: u8) -> String {
        #[expect(clippy::disallowed_methods, reason = "tests start programs themselves")]
        let mut command = std::process::Command::new("bash");
        let line = format!("{} {words}; echo \"code=$?.\"", program_path().display());
        command
            .args(["--norc", "-c", &line])
            .env_clear()
            .envs(self.0.environment())
            .current_dir(self.0.work());
        let mut session = Session::spawn(command).unwrap();
        session.set_expect_timeout(Some(MINUTE));
        session.get_process_mut().set_window_size(100, 40).unwrap();
        let mut shown = String::new();
        let end = format!("code={code}.");
        for (question, answer) in answers.iter().copied().chain([(end.as_str(), "")]) {
            match session.expect(question) {
                Ok(found) => shown.push_str(&String::from_utf8_lossy(found.before())),
                Err(error) => panic!("{words}: `{question}` never came: {error}\n{shown}"),
            }
            if question != end {
                session.send(format!("{answer}\r")).unwrap();
            }
        }
        shown.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        let _ = self.run(&["playground", "down"]);
    }
}

const WHICH: &str = "or nothing to stop: ";
const PLAN: &str = "Carry out this plan on cluster playground? [y/N] ";

#[test]
fn what_is_stopped_is_started_when_the_operator_says_so_and_nothing_else_is_done() {
    let play = Play::up();
    for number in 0..20 {
        play.control(&["put", &format!("key{number}"), "value"]);
    }
    let _ = play
        .run(&["recover"])
        .code(0)
        .says(&["The cluster is healthy: there is nothing to recover."]);
    let _ = play.run(&["recover", "--yes"]).code(0);
    assert_eq!(play.runs(), 0, "nothing was begun");

    let _ = play.run(&["backup", "--yes"]).code(0);
    let runs = play.runs();
    play.crash();
    let shown = play.answering("recover", &[(WHICH, "")], 4);
    for words in [
        "start what is stopped: etcd-1, etcd-2 and etcd-3 (recommended)",
        "loses: nothing",
        "etcdops recover --from-backup",
        "no later revision is known",
        "declined; nothing was changed",
    ] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
    let shown = play.answering("recover", &[(WHICH, "1"), (PLAN, "n")], 4);
    assert!(shown.contains("nothing was changed"), "{shown}");
    let asked = play.run(&["recover"]).code(3);
    let asked = asked.says(&["no terminal", "nothing was changed", "etcdops recover --start"]);
    assert!(asked.stdout.contains("start what is stopped"), "{}", asked.stdout);
    assert_eq!(play.runs(), runs, "nothing was begun");
    assert!(matches!(play.run(&["health"]).code, 11 | 12), "nobody was started");

    play.answering("recover", &[(WHICH, "1"), (PLAN, "y")], 0);
    let keys = || {
        let listed = play.control(&["get", "--prefix", "--keys-only", "key"]);
        listed.lines().filter(|line| !line.is_empty()).count()
    };
    assert_eq!((keys(), play.run(&["health"]).code), (20, 0));

    play.crash();
    let _ = play.run(&["recover", "--yes"]).code(0);
    assert_eq!((keys(), play.run(&["health"]).code), (20, 0));
}

/// A snapshot of a cluster that is another one.
fn foreign(play: &Play, name: &str) -> String {
    let etcds = Etcds::start(USUAL, 1, false, &[]);
    wait_until("etcd serves", MINUTE, || {
        etcds.etcdctl(0, &["put", "first", "1"]).status.success()
    });
    let path = play.0.work().join(name);
    etcds.control(0, &["snapshot", "save", &path.to_string_lossy()]);
    path.to_string_lossy().into_owned()
}

#[test]
fn a_file_is_a_backup_once_and_one_that_is_not_ours_is_never_taken_without_a_word() {
    let play = Play::up();
    play.control(&["put", "ours", "1"]);
    let _ = play.run(&["backup", "--yes"]).code(0);
    let own = play.backups().remove(0);
    let file = foreign(&play, "by-hand.db");
    let from_file = ["recover", "--from-backup", &file];
    let and = |more: &[&'static str]| -> Vec<String> {
        let words = from_file.iter().chain(more);
        words.map(ToString::to_string).collect()
    };

    // It is refused for whose it is, and a plan that is only shown leaves the library alone.
    let strange = "does not tell of which cluster it is";
    let refused = play.0.run(and(&["--plan"])).code(3);
    let flat = refused.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(strange) && flat.contains("--accept backup"), "{flat}");
    let accepted = play.0.run(and(&["--accept", "backup", "--plan"])).code(0);
    let _ = accepted.shows(&["by-hand"]).says(&["is not in the library yet"]);
    let _ = play.0.run(and(&["--accept", "backup", "--manual"])).code(0);
    let kept = play
        .0
        .run(and(&["--accept", "backup", "--plan-out", "plan.json"]))
        .code(3);
    let _ = kept.says(&["etcdops backups add", "nothing was changed"]);
    assert_eq!(play.backups(), std::slice::from_ref(&own));

    // Added once, the same command goes as far each time.
    for _ in 0..2 {
        let asked = play.0.run(and(&["--accept", "backup"])).code(3);
        let _ = asked.says(&["is in the library as by-hand", "no terminal"]);
        assert_eq!(play.backups().len(), 2);
    }
    let copy = play.0.work().join("another-name.db");
    fs::copy(&file, &copy).unwrap();
    let copy = copy.to_string_lossy().into_owned();
    let same = play.run(&["recover", "--from-backup", &copy, "--accept", "backup", "--plan"]);
    let _ = same.code(0).says(&["is in the library as by-hand"]);
    fs::remove_file(&file).unwrap();
    let other = foreign(&play, "by-hand.db");
    let _ = play
        .run(&["recover", "--from-backup", &other, "--plan"])
        .code(3)
        .says(&["another backup that is called by-hand", "--name OTHER"]);

    // Newer than ours, and never chosen by itself: neither while members answer nor when none does.
    let chosen = || {
        let _ = play
            .run(&["recover", "--from-backup", "--plan-out", "plan.json"])
            .code(0);
        let text = fs::read_to_string(play.0.work().join("plan.json")).unwrap();
        let made: Value = serde_json::from_str(&text).unwrap();
        made["parameters"]["backup"].as_str().unwrap().to_owned()
    };
    assert_eq!(play.backups()[0], "by-hand", "it is the newer one");
    assert_eq!(chosen(), own);
    play.crash();
    for host in MEMBERS {
        fs::remove_dir_all(play.folder(host).join("data")).unwrap();
    }
    assert_eq!(chosen(), own);
    let _ = play.run(&["recover", "--from-backup", "by-hand", "--plan"]).code(3);
}
