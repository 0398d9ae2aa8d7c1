//! A snapshot, streamed to a file that gets its name only when it is whole and checked. Whether it is on the disk is the caller's care.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::errors;
use super::link::Link;
use crate::base::hash::hex;
use crate::call::{CallError, EtcdAnswer, EtcdOp, Fault, Watch};

/// A stream that brings nothing for this long has stalled.
const STALL: Duration = Duration::from_secs(30);
/// Length of the digest that ends each snapshot.
const TRAILER: usize = 32;
const WHAT: &str = "take a snapshot";

/// A partial file, removed unless it is finished.
struct Partial {
    file: File,
    path: PathBuf,
    finished: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.finished {
            // Best effort: the error that ended the stream is the one to tell.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Two digests of one stream: of everything, and of everything but the last 32 bytes.
#[derive(Default)]
struct Digests {
    body: Sha256,
    held_back: Vec<u8>,
    bytes: u64,
}

impl Digests {
    fn take(&mut self, blob: &[u8]) {
        self.bytes += blob.len() as u64;
        self.held_back.extend_from_slice(blob);
        let sure = self.held_back.len().saturating_sub(TRAILER);
        self.body.update(&self.held_back[..sure]);
        self.held_back.drain(..sure);
    }

    /// The digest of the whole file, as hex, if it ends with the digest of what stands before.
    fn finish(self) -> Result<(String, u64), String> {
        if self.bytes % 512 != TRAILER as u64 {
            return Err(format!("{} bytes came, which is no whole snapshot", self.bytes));
        }
        let mut whole = self.body.clone();
        if self.body.finalize().as_slice() != self.held_back {
            return Err("the digest at its end does not match its content".to_owned());
        }
        whole.update(&self.held_back);
        Ok((hex(&whole.finalize()), self.bytes))
    }
}

/// The revision in the answer is a lower bound, asked right before: the stream itself tells none.
pub(super) async fn take(link: &Link, path: &Path, watch: &dyn Watch) -> Result<EtcdAnswer, CallError> {
    let disk = |error: &io::Error| {
        let fault = Fault::of_disk(error);
        CallError::new(fault, WHAT, "this machine", format!("{}: {error}", path.display()))
    };
    let mut partial = open(path).map_err(|error| disk(&error))?;
    let (digests, revision) = stream(link, &mut partial.file, watch, &disk).await?;
    let (sha256, bytes) = digests
        .finish()
        .map_err(|why| CallError::new(Fault::Garbage, WHAT, &link.endpoint, why))?;
    std::fs::rename(&partial.path, path).map_err(|error| disk(&error))?;
    partial.finished = true;
    Ok(EtcdAnswer::Snapshot {
        bytes,
        sha256,
        revision,
    })
}

fn open(path: &Path) -> io::Result<Partial> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)?;
    Ok(Partial {
        file,
        path: part,
        finished: false,
    })
}

async fn stream(
    link: &Link,
    file: &mut File,
    watch: &dyn Watch,
    disk: &(dyn Fn(&io::Error) -> CallError + Sync),
) -> Result<(Digests, u64), CallError> {
    let op = EtcdOp::Snapshot { path: String::new() };
    let failed = |error: &etcd_client::Error| match errors::classify(error, &op, WHAT, link) {
        Ok(_) => CallError::new(Fault::Garbage, WHAT, &link.endpoint, error.to_string()),
        Err(error) => error,
    };
    let stalled = || {
        let text = format!("the stream stalled: nothing came for {} s", STALL.as_secs());
        CallError::new(Fault::Timeout, WHAT, &link.endpoint, text)
    };
    let mut client = link.client.clone();
    let status = client.status().await.map_err(|error| failed(&error))?;
    let revision = status
        .header()
        .and_then(|header| u64::try_from(header.revision()).ok())
        .unwrap_or(0);
    let mut blobs = client.snapshot().await.map_err(|error| failed(&error))?;
    let mut digests = Digests::default();
    loop {
        let next = tokio::time::timeout(STALL, blobs.message()).await;
        let Some(blob) = next.map_err(|_| stalled())?.map_err(|error| failed(&error))? else {
            return Ok((digests, revision));
        };
        file.write_all(blob.blob()).map_err(|error| disk(&error))?;
        digests.take(blob.blob());
        watch.bytes(digests.bytes, Some(digests.bytes + blob.remaining_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(content: &[u8], trailer: &[u8], step: usize) -> Result<(String, u64), String> {
        let mut all = content.to_vec();
        all.extend_from_slice(trailer);
        let mut digests = Digests::default();
        for blob in all.chunks(step) {
            digests.take(blob);
        }
        digests.finish()
    }

    #[test]
    fn only_a_whole_snapshot_with_its_digest_is_taken() {
        let content = vec![7_u8; 1024];
        let trailer = Sha256::digest(&content);
        for step in [1, 31, 33, 512, 5000] {
            let (hex, bytes) = digests(&content, &trailer, step).unwrap();
            assert_eq!((hex.len(), bytes), (64, 1056));
        }
        assert!(digests(&content, &[0; 32], 100).unwrap_err().contains("does not match"));
        assert!(digests(&content, &trailer[..31], 100).unwrap_err().contains("no whole"));
        assert!(digests(&[], &[], 1).is_err());
    }
}
