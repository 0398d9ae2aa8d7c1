//! A connection that remembers what came first and why it broke, plain or secure.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::dial::{DialError, SharedNotes, with_notes};
use super::tls;

/// The TLS error inside an input/output error.
pub(super) fn inner_tls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// A socket that remembers the first bytes that came.
pub struct Sniffed {
    socket: TcpStream,
    notes: SharedNotes,
    full: bool,
}

/// A connection, plain or secure.
pub enum Stream {
    Plain(Sniffed),
    Secure {
        stream: Box<TlsStream<Sniffed>>,
        name: String,
    },
}

impl Sniffed {
    pub(super) fn new(socket: TcpStream, notes: SharedNotes) -> Self {
        Self {
            socket,
            notes,
            full: false,
        }
    }

    /// What came before the connection broke and nobody has read: who closes at once has often said why.
    fn last_words(&self) {
        if with_notes(&self.notes, |notes| !notes.first_bytes.is_empty()) {
            return;
        }
        let Ok(copy) = self.socket.as_fd().try_clone_to_owned() else {
            return;
        };
        let mut bytes = [0; 8];
        if let Ok(count) = io::Read::read(&mut std::net::TcpStream::from(copy), &mut bytes) {
            with_notes(&self.notes, |notes| {
                notes.first_bytes.extend_from_slice(&bytes[..count]);
            });
        }
    }
}

impl AsyncRead for Sniffed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.socket).poll_read(cx, buf);
        if !self.full && buf.filled().len() > before {
            let full = with_notes(&self.notes, |notes| {
                let wanted = 8_usize.saturating_sub(notes.first_bytes.len());
                notes.first_bytes.extend(buf.filled()[before..].iter().take(wanted));
                notes.first_bytes.len() >= 8
            });
            self.full = full;
        }
        polled
    }
}

impl AsyncWrite for Sniffed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write(cx, buf);
        if matches!(polled, Poll::Ready(Err(_))) {
            self.last_words();
        }
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        if matches!(polled, Poll::Ready(Err(_))) {
            self.last_words();
        }
        polled
    }

    /// One packet for what TLS says at once, not one for each of its records: every packet wakes the other side.
    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => {
                let before = buf.filled().len();
                let polled = Pin::new(&mut *stream).poll_read(cx, buf);
                if buf.filled().len() > before {
                    serves(&stream.notes);
                }
                polled
            }
            Self::Secure { stream, name } => {
                let before = buf.filled().len();
                let polled = Pin::new(&mut *stream).poll_read(cx, buf);
                if let Poll::Ready(Err(error)) = &polled {
                    refused(&stream.get_ref().0.notes, error, name);
                } else if buf.filled().len() > before {
                    serves(&stream.get_ref().0.notes);
                }
                polled
            }
        }
    }
}

fn serves(notes: &SharedNotes) {
    with_notes(notes, |notes| {
        notes.served = true;
        notes.broke = None;
    });
}

/// With TLS 1.3 a refused client certificate shows only after the handshake.
fn refused(notes: &SharedNotes, error: &io::Error, name: &str) {
    if let Some(error) = inner_tls(error) {
        let (fault, message) = tls::explain(error, name);
        with_notes(notes, |notes| notes.broke = Some(DialError::new(fault, message)));
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Secure { stream, .. } => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Secure { stream, .. } => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Secure { stream, .. } => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Secure { stream, .. } => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Secure { stream, .. } => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
