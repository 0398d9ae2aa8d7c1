//! The digests of a whole file, made on other threads while its content is read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, ScopedJoinHandle};

use blake3::hazmat::{ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root};
use sha2::{Digest, Sha256};

use crate::base::hash::hex;

/// Bytes of a piece of BLAKE3's tree, a power of two: small enough to stay in a core's own cache between reading and hashing.
const PIECE: usize = 256 << 10;
/// How much is read at a time where both digests are made of the same bytes, and how many such parts may wait for the second one.
const STRIDE: usize = 1 << 20;
const AHEAD: usize = 4;

/// Which digests of a file are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// SHA-256 and BLAKE3, of the very same bytes: what the one proves holds for the other.
    Both,
    /// BLAKE3 alone, shared by all threads.
    Blake3,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Digests {
    pub(super) sha256: Option<Sha>,
    /// Of the whole file, hex.
    pub(super) blake3: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sha {
    /// Of the whole file, hex.
    pub(super) whole: String,
    /// What stands behind the body is the digest of the body.
    pub(super) ends_with_its_own: bool,
}

/// Makes the digests of `size` bytes, of which `body` come before a trailer, beside `work` on this thread.
pub(super) fn beside<T>(
    file: &File,
    (body, size): (u64, u64),
    wanted: Wanted,
    work: impl FnOnce() -> T,
) -> io::Result<(Digests, T)> {
    if wanted == Wanted::Both {
        return thread::scope(|scope| {
            let hashing = scope.spawn(|| both(file, body, size));
            let done = work();
            Ok((ended(hashing)??, done))
        });
    }
    let tree = Tree::of(file, size)?;
    let done = thread::scope(|scope| {
        let other = scope.spawn(|| tree.hash());
        let done = work();
        tree.hash()?;
        ended(other)??;
        Ok::<T, io::Error>(done)
    })?;
    let blake3 = tree.whole();
    Ok((Digests { sha256: None, blake3 }, done))
}

fn ended<T>(thread: ScopedJoinHandle<'_, T>) -> io::Result<T> {
    thread.join().map_err(|_| io::Error::other("it could not be hashed"))
}

/// BLAKE3 of a file in pieces, which any number of threads take one after another.
struct Tree<'f> {
    file: &'f File,
    size: u64,
    next: AtomicUsize,
    pieces: Mutex<Vec<ChainingValue>>,
}

impl<'f> Tree<'f> {
    fn of(file: &'f File, size: u64) -> io::Result<Self> {
        let count = size.div_ceil(PIECE as u64).max(1);
        let count = usize::try_from(count).map_err(io::Error::other)?;
        Ok(Self {
            file,
            size,
            next: AtomicUsize::new(0),
            pieces: Mutex::new(vec![ChainingValue::default(); count]),
        })
    }

    /// Hashes pieces until none is left.
    fn hash(&self) -> io::Result<()> {
        let count = self.locked().len();
        let mut buffer = vec![0; PIECE];
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(());
            }
            let start = number as u64 * PIECE as u64;
            let length = usize::try_from(self.size - start).unwrap_or(PIECE).min(PIECE);
            let part = &mut buffer[..length];
            self.file.read_exact_at(part, start)?;
            let mut hasher = blake3::Hasher::new();
            let hasher = hasher.set_input_offset(start).update(part);
            let piece = if count == 1 {
                *hasher.finalize().as_bytes()
            } else {
                hasher.finalize_non_root()
            };
            self.locked()[number] = piece;
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Vec<ChainingValue>> {
        self.pieces.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Hex, once all pieces are hashed.
    fn whole(&self) -> String {
        let pieces = self.locked();
        if let [only] = pieces.as_slice() {
            return hex(only);
        }
        let (left, right) = halves(&pieces, self.size);
        hex(merge_subtrees_root(&left, &right, Mode::Hash).as_bytes())
    }
}

/// Both sides of the tree above these pieces, at least two, which stand for so many bytes.
fn halves(pieces: &[ChainingValue], size: u64) -> (ChainingValue, ChainingValue) {
    let left = left_subtree_len(size);
    let count = usize::try_from(left / PIECE as u64).unwrap_or(pieces.len());
    let (before, after) = pieces.split_at(count);
    (merged(before, left), merged(after, size - left))
}

fn merged(pieces: &[ChainingValue], size: u64) -> ChainingValue {
    if let [only] = pieces {
        return *only;
    }
    let (left, right) = halves(pieces, size);
    merge_subtrees_non_root(&left, &right, Mode::Hash)
}

/// SHA-256 on this thread, BLAKE3 on one more.
fn both(file: &File, body: u64, size: u64) -> io::Result<Digests> {
    thread::scope(|scope| {
        let (hand_on, handed) = mpsc::sync_channel::<Vec<u8>>(AHEAD);
        let (give_back, free) = mpsc::channel();
        let other = scope.spawn(move || {
            let mut digest = blake3::Hasher::new();
            for part in handed {
                digest.update(&part);
                // Nobody wants the last ones back.
                let _ = give_back.send(part);
            }
            hex(digest.finalize().as_bytes())
        });
        let mut digest = Sha256::new();
        let pass = Pass { file, hand_on, free };
        pass.read(0, body, &mut digest)?;
        let inner = digest.clone().finalize();
        let trailer = pass.read(body, size, &mut digest)?;
        drop(pass);
        Ok(Digests {
            sha256: Some(Sha {
                whole: hex(&digest.finalize()),
                ends_with_its_own: trailer == inner.as_slice(),
            }),
            blake3: ended(other)?,
        })
    })
}

/// One reading for two digests.
struct Pass<'f> {
    file: &'f File,
    hand_on: SyncSender<Vec<u8>>,
    free: Receiver<Vec<u8>>,
}

impl Pass<'_> {
    /// Reads from here to there, and gives the last 32 bytes at most of what was read last.
    fn read(&self, from: u64, to: u64, digest: &mut Sha256) -> io::Result<Vec<u8>> {
        let mut done = from;
        let mut end = Vec::new();
        while done < to {
            let stride = usize::try_from(to - done).unwrap_or(STRIDE).min(STRIDE);
            let mut part = self.free.try_recv().unwrap_or_default();
            part.resize(stride, 0);
            self.file.read_exact_at(&mut part, done)?;
            digest.update(&part);
            end = part[stride.saturating_sub(32)..].to_vec();
            self.hand_on.send(part).map_err(io::Error::other)?;
            done += stride as u64;
        }
        Ok(end)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file_of(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    /// Whatever the shape of the tree, it is the digest that everybody else computes.
    #[test]
    fn pieces_come_to_the_blake3_of_the_whole() {
        let content: Vec<u8> = (0..7 * PIECE as u64 + 4096)
            .map(|number| u8::try_from(number * number % 251).unwrap())
            .collect();
        for size in [
            0,
            1,
            1024,
            1025,
            PIECE - 1,
            PIECE,
            PIECE + 1,
            2 * PIECE,
            3 * PIECE + 1024,
            4 * PIECE + 32,
            7 * PIECE + 1,
            content.len(),
        ] {
            let part = &content[..size];
            let expected = blake3::hash(part).to_hex().to_string();
            let file = file_of(part);
            for wanted in [Wanted::Blake3, Wanted::Both] {
                let (digests, worked) = beside(&file, (size as u64, size as u64), wanted, || 7).unwrap();
                assert_eq!(
                    (digests.blake3.as_str(), worked),
                    (expected.as_str(), 7),
                    "{size} {wanted:?}"
                );
                let sha256 = digests.sha256.map(|sha| sha.whole);
                let known = (wanted == Wanted::Both).then(|| hex(&Sha256::digest(part)));
                assert_eq!(sha256, known, "{size}");
            }
        }
    }

    #[test]
    fn a_trailer_is_told_from_something_else_and_a_file_that_ends_early_is_an_error() {
        let body = vec![7; STRIDE + 512];
        let size = body.len() as u64;
        let trailer = Sha256::digest(&body);
        let whole = [body.as_slice(), trailer.as_slice()].concat();
        let told = |content: &[u8]| {
            let found = beside(&file_of(content), (size, size + 32), Wanted::Both, || ());
            found.map(|(digests, ())| digests.sha256.unwrap().ends_with_its_own)
        };
        assert!(told(&whole).unwrap());
        let mut changed = whole.clone();
        changed[STRIDE] ^= 1;
        assert!(!told(&changed).unwrap());
        assert_eq!(told(&whole[..STRIDE]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let cut = beside(&file_of(&whole[..STRIDE]), (size, size), Wanted::Blake3, || ());
        assert_eq!(cut.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
