//! One exchange with a shell, whatever carries it: sends the script, reads its answer.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use super::frame::{Frame, FrameError};
use super::pour;
use super::shell::{BOOTSTRAP, Feed, Script};
use crate::base::quote::{join, quote};
use crate::base::secret::Secret;
use crate::call::Watch;

/// The most that a script may answer, in bytes.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;
const LONGEST_ERROR: usize = 64 * 1024;

/// The three streams of a shell, and what must live as long as they do.
pub(super) struct Pipes {
    pub(super) stdin: Box<dyn Input>,
    pub(super) stdout: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) stderr: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) guard: Box<dyn std::any::Any + Send>,
}

/// A pipe that can be written to, and handed on as it is.
pub(super) trait Input: AsyncWrite + AsFd + Send + Unpin {}

impl<T: AsyncWrite + AsFd + Send + Unpin> Input for T {}

/// How the shell becomes root.
#[derive(Clone, Copy)]
pub(super) enum Sudo<'a> {
    /// Not at all.
    No,
    /// Where no password is wanted.
    Silent,
    Password(&'a Secret<String>),
}

/// One exchange, with a number of its own.
pub(super) struct Exchange<'a> {
    pub(super) script: &'a Script,
    pub(super) sudo: Sudo<'a>,
    pub(super) nonce: String,
    /// Seconds after which the host ends a look by itself.
    pub(super) limit: u64,
    /// Set once the script may have begun.
    pub(super) sent: &'a AtomicBool,
    pub(super) watch: &'a dyn Watch,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// sudo said no.
    Sudo(String),
    /// The shell never began; what it said.
    NotBegun(String),
    Torn,
    Malformed(String),
    /// The file to be sent cannot be read here.
    Local(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Quiet,
    /// sudo asked this many times.
    Asked(usize),
    Begun,
}

impl Exchange<'_> {
    /// The command line for the host's login shell.
    pub(super) fn command_line(&self) -> String {
        let mode = if self.script.feed == Feed::Lifeline {
            "look"
        } else {
            "plain"
        };
        let length = self.script.text.len().to_string();
        let limit = self.limit.to_string();
        let shell = join(["sh", "-c", BOOTSTRAP, "etcdops", &self.nonce, &length, mode, &limit]);
        match self.sudo {
            Sudo::No => shell,
            Sudo::Silent => format!("sudo -n -- {shell}"),
            Sudo::Password(_) => format!("sudo -S -p {} -- {shell}", quote(&self.prompt())),
        }
    }

    fn prompt(&self) -> String {
        format!("password-{}\n", self.nonce)
    }

    /// Sends the script and reads the answer.
    pub(super) async fn run(&self, mut pipes: Pipes) -> Result<Frame, Trouble> {
        let (tell, stage) = watch::channel(Stage::Quiet);
        let mut said = Vec::new();
        let mut stdin = Some(pipes.stdin);
        let result = {
            let talk = self.talk(&mut stdin, stage);
            let errors = self.read_errors(&mut pipes.stderr, &mut said, &tell);
            // A password that is not accepted ends it at once: sudo would wait for another one.
            let others = async { tokio::try_join!(talk, errors.map(Ok)).map(|_| ()) };
            tokio::pin!(others);
            let answer = self.read_answer(&mut pipes.stdout, &tell);
            tokio::pin!(answer);
            let mut others_done = false;
            loop {
                tokio::select! {
                    answer = &mut answer => {
                        if answer.is_err() && !others_done {
                            // What it said last explains why there is no answer.
                            let _ = tokio::time::timeout(std::time::Duration::from_millis(500), &mut others).await;
                        }
                        break answer;
                    }
                    sent = &mut others, if !others_done => {
                        others_done = true;
                        if let Err(trouble) = sent {
                            break Err(trouble);
                        }
                    }
                }
            }
        };
        drop((stdin, pipes.guard));
        result.map_err(|trouble| self.explain(trouble, &String::from_utf8_lossy(&said)))
    }

    fn explain(&self, trouble: Trouble, said: &str) -> Trouble {
        let said = said.replace(self.prompt().trim_end(), "").trim().to_owned();
        match trouble {
            Trouble::NotBegun(_) if said.contains("sudo:") || said.contains("sudoers") => Trouble::Sudo(said),
            Trouble::NotBegun(_) => Trouble::NotBegun(said),
            other => other,
        }
    }

    async fn talk(&self, open: &mut Option<Box<dyn Input>>, mut stage: watch::Receiver<Stage>) -> Result<(), Trouble> {
        let Some(stdin) = open.as_mut() else {
            return Ok(());
        };
        if let Sudo::Password(password) = self.sudo {
            let mut answered = 0;
            loop {
                let now = *stage.borrow_and_update();
                match now {
                    Stage::Begun => break,
                    Stage::Asked(times) if times > answered => {
                        if answered > 0 {
                            // Never sent twice: each wrong try counts against the account.
                            return Err(Trouble::Sudo("sudo does not accept the password".to_owned()));
                        }
                        answered = times;
                        let _ = stdin.write_all(format!("{}\n", password.expose()).as_bytes()).await;
                        let _ = stdin.flush().await;
                    }
                    _ => {}
                }
                if stage.changed().await.is_err() {
                    break;
                }
            }
        }
        self.sent.store(true, Ordering::Relaxed);
        let head = format!("{}\n{}", self.nonce, self.script.text);
        // A shell that went away is seen by whoever reads its answer.
        if stdin.write_all(head.as_bytes()).await.is_err() {
            return Ok(());
        }
        match &self.script.feed {
            Feed::Lifeline => {
                let _ = stdin.flush().await;
                return Ok(());
            }
            Feed::Bytes(bytes) => {
                let _ = stdin.write_all(bytes).await;
            }
            Feed::File(path, size) => pour::file(path, *size, stdin.as_fd(), self.watch)
                .await
                .map_err(|error| Trouble::Local(format!("cannot read {}: {error}", path.display())))?,
        }
        let _ = stdin.flush().await;
        // Only dropping it closes a pipe.
        *open = None;
        Ok(())
    }

    async fn read_errors(
        &self,
        stderr: &mut (dyn AsyncRead + Send + Unpin),
        said: &mut Vec<u8>,
        tell: &watch::Sender<Stage>,
    ) {
        let prompt = self.prompt();
        let mut buffer = vec![0; 4096];
        while let Ok(count) = stderr.read(&mut buffer).await {
            if count == 0 {
                return;
            }
            let room = LONGEST_ERROR.saturating_sub(said.len()).min(count);
            said.extend_from_slice(&buffer[..room]);
            let asked = String::from_utf8_lossy(said).matches(prompt.trim_end()).count();
            tell.send_if_modified(|stage| {
                let news = *stage != Stage::Begun && asked > 0 && *stage != Stage::Asked(asked);
                if news {
                    *stage = Stage::Asked(asked);
                }
                news
            });
        }
    }

    async fn read_answer(
        &self,
        stdout: &mut (dyn AsyncRead + Send + Unpin),
        tell: &watch::Sender<Stage>,
    ) -> Result<Frame, Trouble> {
        let hello = format!("\nhello {}\n", self.nonce);
        let ready = format!("\nready {}\n", self.nonce);
        let end = format!("\nend {} ", self.nonce);
        let mut output: Vec<u8> = b"\n".to_vec();
        let mut begun = false;
        let mut start = None;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = stdout.read(&mut buffer).await.unwrap_or(0);
            output.extend_from_slice(&buffer[..count]);
            if !begun && memmem::find(&output, hello.as_bytes()).is_some() {
                begun = true;
                tell.send_replace(Stage::Begun);
            }
            if start.is_none() {
                start = memmem::find(&output, ready.as_bytes()).map(|place| place + ready.len());
            }
            if let Some(start) = start {
                let from = output
                    .len()
                    .saturating_sub(count + end.len() + 8)
                    .max(start.saturating_sub(1));
                let ended = memmem::find(&output[from..], end.as_bytes())
                    .is_some_and(|place| output[from + place + end.len()..].contains(&b'\n'));
                if ended || count == 0 {
                    return Frame::parse(&output[start..], &self.nonce).map_err(|error| match error {
                        FrameError::Torn => Trouble::Torn,
                        FrameError::Malformed(_) => Trouble::Malformed(error.to_string()),
                    });
                }
            }
            if count == 0 {
                return Err(if begun {
                    Trouble::Torn
                } else {
                    Trouble::NotBegun(String::new())
                });
            }
            if output.len() > LONGEST_ANSWER {
                return Err(Trouble::Malformed("the answer is too long".to_owned()));
            }
        }
    }
}
