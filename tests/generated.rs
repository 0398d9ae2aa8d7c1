//! Files of the repository that are made from the program are current.

use std::path::Path;

use crate::support::cli::Cli;

#[test]
fn the_completion_scripts_are_current() {
    let cli = Cli::new();
    let _ = cli
        .run(["generate", "completions", "made"])
        .code(0)
        .stdout("")
        .stderr("");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    for (shell, file) in [("bash", "etcdops.bash"), ("zsh", "_etcdops"), ("fish", "etcdops.fish")] {
        let made = std::fs::read_to_string(cli.work().join("made").join(file)).unwrap();
        let current = std::fs::read_to_string(kept.join(file)).unwrap_or_default();
        assert_eq!(made, current, "run `etcdops generate completions completions`");
        let _ = cli.run(["completions", shell]).code(0).stdout(&made);
    }
}
