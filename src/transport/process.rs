//! Starts processes on this machine. The only place that does.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// What is kept of each output stream, in bytes; the rest is read and dropped.
const KEPT: usize = 1024 * 1024;

/// A process that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// `None`: ended by a signal.
    pub code: Option<i32>,
    /// At most 1 MiB.
    pub stdout: String,
    /// At most 1 MiB.
    pub stderr: String,
}

/// Runs a program of this machine to its end, without input. Past the bound it is killed and the error is `TimedOut`.
pub async fn run(argv: &[&str], env: &[(&str, &str)], bound: Duration) -> io::Result<Finished> {
    let mut command = command(argv)?;
    command.envs(env.iter().copied()).stdin(Stdio::null());
    let mut child = command.spawn()?;
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    let work = async {
        let (stdout, stderr, status) = tokio::join!(read_all(stdout), read_all(stderr), child.wait());
        Ok(Finished {
            code: status?.code(),
            stdout: stdout?,
            stderr: stderr?,
        })
    };
    tokio::time::timeout(bound, work)
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "it did not end in time")))
}

/// Starts a program with all three streams piped.
pub(super) fn spawn(argv: &[&str]) -> io::Result<Child> {
    command(argv)?.stdin(Stdio::piped()).spawn()
}

/// In a process group of its own, so that a Ctrl-C at the terminal does not reach it.
#[expect(clippy::disallowed_methods, reason = "this is the one place that starts processes")]
fn command(argv: &[&str]) -> io::Result<Command> {
    let (program, arguments) = argv
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program to start"))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    Ok(command)
}

async fn read_all<R: AsyncRead + Unpin>(stream: Option<R>) -> io::Result<String> {
    let Some(mut stream) = stream else {
        return Ok(String::new());
    };
    let mut kept = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(String::from_utf8_lossy(&kept).into_owned());
        }
        let room = KEPT.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(&buffer[..room]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn status_and_streams_come_back() {
        let done = run(
            &["sh", "-c", "echo out; echo err >&2; exit $N"],
            &[("N", "7")],
            Duration::from_secs(10),
        )
        .await
        .unwrap();
        assert_eq!(
            (done.code, done.stdout.as_str(), done.stderr.as_str()),
            (Some(7), "out\n", "err\n")
        );
    }

    #[tokio::test]
    async fn what_hangs_is_ended() {
        let error = run(&["sleep", "60"], &[], Duration::from_millis(100))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(run(&[], &[], Duration::from_secs(1)).await.is_err());
    }
}
