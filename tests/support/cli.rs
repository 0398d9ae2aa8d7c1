//! etcdops run as a command, shut off from the machine: cleared environment, private home, fixed width, no colours.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A private world for commands; gone when dropped.
pub struct Cli {
    root: TempDir,
    environment: Vec<(String, String)>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Cli {
    pub fn new() -> Self {
        let root = tempfile::Builder::new().prefix("etcdops-cli-").tempdir().unwrap();
        for folder in ["home", "tmp", "work", "config", "data", "cache", "state", "runtime"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        Self {
            root,
            environment: Vec::new(),
        }
    }

    /// A folder of this world: `work` is where commands run.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn work(&self) -> PathBuf {
        self.folder("work")
    }

    /// One more variable for every command.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Writes a file below `work`.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.work().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(&path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, content.as_bytes()))
            .unwrap();
        path
    }

    /// The program with this world's environment, ready for arguments.
    #[expect(clippy::disallowed_methods, reason = "tests start the program itself")]
    pub fn program(&self) -> Command {
        let mut command = Command::new(program_path());
        command
            .env_clear()
            .envs(self.environment())
            .current_dir(self.work())
            .stdin(Stdio::null());
        command
    }

    /// Everything that a command sees of its environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        let place = |name: &str| self.folder(name).to_string_lossy().into_owned();
        let mut all = vec![
            (
                "PATH".to_owned(),
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            ),
            ("HOME".to_owned(), place("home")),
            ("TMPDIR".to_owned(), place("tmp")),
            ("XDG_CONFIG_HOME".to_owned(), place("config")),
            ("XDG_DATA_HOME".to_owned(), place("data")),
            ("XDG_CACHE_HOME".to_owned(), place("cache")),
            ("XDG_STATE_HOME".to_owned(), place("state")),
            ("XDG_RUNTIME_DIR".to_owned(), place("runtime")),
            ("COLUMNS".to_owned(), "100".to_owned()),
            ("NO_COLOR".to_owned(), "1".to_owned()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ];
        all.extend(self.environment.iter().cloned());
        all
    }

    /// Runs the program with these arguments.
    #[must_use = "say what is expected of it"]
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        let output = self.program().args(arguments).output().unwrap();
        self.seen(&output)
    }

    fn seen(&self, output: &Output) -> Ran {
        let text =
            |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(self.root.path().to_string_lossy().as_ref(), "$ROOT");
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

impl Ran {
    /// The exit code; everything is shown when it is another one.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(
            self.code, expected,
            "\nstdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// Exactly this on stdout. The private folder is written as `$ROOT`.
    #[track_caller]
    pub fn stdout(self, expected: &str) -> Self {
        assert_eq!(self.stdout, expected, "\nstderr:\n{}", self.stderr);
        self
    }

    /// Exactly this on stderr.
    #[track_caller]
    pub fn stderr(self, expected: &str) -> Self {
        assert_eq!(self.stderr, expected, "\nstdout:\n{}", self.stdout);
        self
    }

    /// stderr holds each of these.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "no `{part}` in stderr:\n{}", self.stderr);
        }
        self
    }

    /// stdout holds each of these.
    #[track_caller]
    pub fn shows(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stdout.contains(part), "no `{part}` in stdout:\n{}", self.stdout);
        }
        self
    }
}

/// The program that this test run has built.
pub fn program_path() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_etcdops"))
}
