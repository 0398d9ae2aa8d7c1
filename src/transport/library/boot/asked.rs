//! What a throw-away etcd is asked, over its sockets: without credentials, also where the backup has auth on.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// One question to it.
const ANSWER_BOUND: Duration = Duration::from_secs(10);
/// Hashing reads the whole store.
const HASH_BOUND: Duration = Duration::from_secs(600);

/// Its sockets, in its folder.
pub(super) const CLIENT: &str = "client:0";
pub(super) const PEER: &str = "peer:0";

/// What it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) revision: u64,
    pub(super) keys: u64,
}

/// Its own hash of the store, as of one revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hashed {
    pub(super) hash: u32,
    pub(super) compacted: Option<u64>,
}

/// `None`: it does not serve yet.
pub(super) async fn served(folder: &Path) -> Option<Served> {
    let (_, text) = tokio::time::timeout(ANSWER_BOUND, get(&folder.join(CLIENT), "/metrics", ""))
        .await
        .ok()??;
    parsed(&text)
}

/// Asked as its peers do, who need no user: `Err` is what it said instead.
pub(super) async fn hashed(folder: &Path, revision: u64) -> Result<Hashed, String> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        hash: u32,
        #[serde(default)]
        compact_revision: i64,
    }
    let body = format!("{{\"revision\":{revision}}}");
    let socket = folder.join(PEER);
    let asked = tokio::time::timeout(HASH_BOUND, get(&socket, "/members/hashkv", &body)).await;
    let (status, text) = asked.ok().flatten().ok_or("it did not answer")?;
    if status != 200 {
        return Err(text.trim().to_owned());
    }
    let answer: Answer = serde_json::from_str(&text).map_err(|error| format!("no hash: {error}"))?;
    Ok(Hashed {
        hash: answer.hash,
        compacted: u64::try_from(answer.compact_revision).ok().filter(|at| *at > 0),
    })
}

/// Status and body.
async fn get(socket: &Path, path: &str, body: &str) -> Option<(u16, String)> {
    // The path may be longer than a socket's may be: its folder is opened, and named by its number.
    let folder = std::fs::File::open(socket.parent()?).ok()?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&folder);
    let short = format!("/proc/self/fd/{number}/{}", socket.file_name()?.to_str()?);
    let mut stream = UnixStream::connect(short).await.ok()?;
    let request = format!(
        "GET {path} HTTP/1.0\r\nHost: etcd\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

fn parsed(text: &str) -> Option<Served> {
    let leads = number(text, "etcd_server_has_leader ")?;
    let served = Served {
        revision: number(text, "etcd_debugging_mvcc_current_revision ")?,
        keys: number(text, "etcd_debugging_mvcc_keys_total ")?,
    };
    (leads == 1).then_some(served)
}

/// Prometheus writes large numbers as `1.234e+06`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts, exact as far as a metric can tell them"
)]
fn number(text: &str, name: &str) -> Option<u64> {
    let value: f64 = text
        .lines()
        .find_map(|line| line.strip_prefix(name))?
        .trim()
        .parse()
        .ok()?;
    (value >= 0.0).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_serves_is_read_once_it_leads() {
        let text = |leader: u8| {
            format!(
                "# HELP x\netcd_debugging_mvcc_current_revision 1.234567e+06\n\
                 etcd_debugging_mvcc_keys_total 42\netcd_server_has_leader {leader}\n"
            )
        };
        let served = Served {
            revision: 1_234_567,
            keys: 42,
        };
        assert_eq!(parsed(&text(1)), Some(served));
        assert_eq!(parsed(&text(0)), None);
        assert_eq!(parsed("404 page not found\n"), None);
    }
}
