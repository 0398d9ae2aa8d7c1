//! A file of this machine into a pipe. Its bytes do not pass through this process: ssh finds the very pages in the pipe.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, splice};
use tokio::sync::watch::{Sender, channel};

use crate::call::Watch;

/// The most that is poured at once, in bytes.
const PORTION: usize = 1024 * 1024;
/// How long a full pipe is waited for before it is asked whether anybody still wants this.
const PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Pours all of it, saying how far it is. A reader that goes away ends it: whoever waits for its answer sees why.
pub(super) async fn file(path: &Path, size: u64, pipe: BorrowedFd<'_>, watch: &dyn Watch) -> io::Result<()> {
    let file = File::open(path)?;
    let pipe = pipe.try_clone_to_owned()?;
    let (tell, mut told) = channel(0);
    let pouring = tokio::task::spawn_blocking(move || pour(&file, &pipe, &tell));
    while told.changed().await.is_ok() {
        watch.bytes(*told.borrow_and_update(), Some(size));
    }
    pouring.await.map_err(io::Error::other)?
}

/// Until its end, or until nobody listens to `tell` any more.
fn pour(file: &File, pipe: &OwnedFd, tell: &Sender<u64>) -> io::Result<()> {
    let mut done = 0;
    while !tell.is_closed() {
        match splice(file, None, pipe, None, PORTION, SpliceFlags::NONBLOCK) {
            Ok(0) | Err(Errno::PIPE) => return Ok(()),
            Ok(count) => {
                done += count as u64;
                tell.send_replace(done);
            }
            Err(Errno::AGAIN) => wait_for_room(pipe)?,
            Err(Errno::INTR) => {}
            // Some file systems do not let go of their pages.
            Err(Errno::INVAL) => {
                let mut portion = Vec::new();
                file.take(PORTION as u64).read_to_end(&mut portion)?;
                if portion.is_empty() || !write(&portion, pipe, tell)? {
                    return Ok(());
                }
                done += portion.len() as u64;
                tell.send_replace(done);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whether all of it was wanted.
fn write(mut rest: &[u8], pipe: &OwnedFd, tell: &Sender<u64>) -> io::Result<bool> {
    while !rest.is_empty() {
        match rustix::io::write(pipe, rest) {
            Ok(count) => rest = &rest[count..],
            Err(Errno::AGAIN) => wait_for_room(pipe)?,
            Err(Errno::INTR) => {}
            Err(Errno::PIPE) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        if tell.is_closed() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn wait_for_room(pipe: &OwnedFd) -> io::Result<()> {
    match poll(&mut [PollFd::new(pipe, PollFlags::OUT)], Some(&PATIENCE)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::sync::Mutex;
    use std::sync::mpsc::{self, Receiver};
    use std::time::Duration;

    use rustix::fs::{OFlags, fcntl_setfl};
    use rustix::pipe::pipe;

    use super::*;

    /// Remembers how far it was.
    #[derive(Default)]
    struct Far(Mutex<Vec<u64>>);

    impl Watch for Far {
        fn line(&self, _text: &str) {}

        fn bytes(&self, done: u64, total: Option<u64>) {
            assert_eq!(total, Some(3_000_001));
            self.0.lock().unwrap().push(done);
        }
    }

    fn content() -> Vec<u8> {
        (0..3_000_001_u32).map(|number| (number % 251) as u8).collect()
    }

    fn made() -> (tempfile::NamedTempFile, OwnedFd, OwnedFd) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&content()).unwrap();
        let (read, write) = pipe().unwrap();
        fcntl_setfl(&write, OFlags::NONBLOCK).unwrap();
        (file, read, write)
    }

    /// What comes out of the pipe until nobody holds its other end.
    fn drained(read: OwnedFd) -> Receiver<Vec<u8>> {
        let (hand_on, handed) = mpsc::channel();
        std::thread::spawn(move || {
            let mut got = Vec::new();
            File::from(read).read_to_end(&mut got).unwrap();
            hand_on.send(got)
        });
        handed
    }

    fn got(drained: &Receiver<Vec<u8>>) -> Vec<u8> {
        let got = drained.recv_timeout(Duration::from_secs(20));
        got.expect("somebody still holds the pipe")
    }

    #[tokio::test]
    async fn all_of_it_arrives_through_a_pipe_that_is_much_smaller() {
        let (from, read, write) = made();
        let drained = drained(read);
        let far = Far::default();
        file(from.path(), 3_000_001, write.as_fd(), &far).await.unwrap();
        drop(write);
        assert!(got(&drained) == content(), "it is not what was sent");
        let far = far.0.lock().unwrap();
        assert!(far.is_sorted() && far.last() == Some(&3_000_001), "{far:?}");
    }

    #[test]
    fn what_must_be_copied_arrives_as_well() {
        let (_, read, pipe) = made();
        let (tell, _told) = channel(0);
        let drained = drained(read);
        assert!(write(&content(), &pipe, &tell).unwrap());
        drop(pipe);
        assert!(got(&drained) == content(), "it is not what was sent");
        let (_, read, pipe) = made();
        drop(read);
        assert!(!write(&content(), &pipe, &tell).unwrap(), "nobody reads");
    }

    #[tokio::test]
    async fn a_sender_that_gives_up_lets_go_of_the_pipe() {
        let (from, read, write) = made();
        let far = Far::default();
        let pouring = file(from.path(), 3_000_001, write.as_fd(), &far);
        let given_up = tokio::time::timeout(Duration::from_millis(50), pouring).await;
        assert!(given_up.is_err(), "the pipe is full and nobody reads");
        drop(write);
        assert!(got(&drained(read)).len() < 3_000_001);
    }

    #[tokio::test]
    async fn a_reader_that_goes_away_ends_it() {
        let (from, read, write) = made();
        drop(read);
        let pouring = file(from.path(), 3_000_001, write.as_fd(), &Far::default()).await;
        pouring.unwrap();
    }
}
