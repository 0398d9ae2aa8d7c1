//! A file of one host for another, piece by piece through the bastion, which keeps nothing of it.

use std::time::{Duration, Instant};

use super::Errand;
use crate::call::{CallError, Fault};

/// Bytes of a piece.
const PIECE: u64 = 8 << 20;
/// How long one piece may take, there and here.
const PIECE_BOUND: Duration = Duration::from_secs(120);

/// Brings `file` of one host beside its place on the other: it gets its name when its digest has been checked there.
pub(super) async fn over(from: &Errand<'_>, file: &str, to: &Errand<'_>, path: &str) -> Result<(), CallError> {
    let (mut bytes, size) = bounded(from).range(file, 0, PIECE).await?;
    let mut done = 0;
    loop {
        let behind = done + bytes.len() as u64;
        // The next piece is read while this one is sent.
        let (sender, reader) = (bounded(to), bounded(from));
        let ((), (next, now)) =
            tokio::try_join!(sender.send_piece(path, done, bytes), reader.range(file, behind, PIECE))?;
        if now != size {
            let why = format!("{file} has changed in the middle: it had {size} bytes, and has {now}");
            return Err(from.error(Fault::Refused, why));
        }
        to.watch.bytes(behind, Some(size));
        if next.is_empty() {
            return Ok(());
        }
        (bytes, done) = (next, behind);
    }
}

/// The same errand for one piece: what stalls is not waited for as long as the whole may take.
fn bounded<'a>(errand: &Errand<'a>) -> Errand<'a> {
    Errand {
        deadline: errand.deadline.min(Instant::now() + PIECE_BOUND),
        what: errand.what.clone(),
        ..*errand
    }
}

impl Errand<'_> {
    async fn send_piece(&self, path: &str, offset: u64, bytes: Vec<u8>) -> Result<(), CallError> {
        let script = self
            .place()
            .piece(path, offset, bytes)
            .map_err(|why| self.unsaid(why))?;
        let frame = self.exchange(&script).await?;
        self.checked(&frame)
    }
}
