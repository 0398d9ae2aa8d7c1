//! Connections to etcd's ports: name, TCP, TLS, each with its own word for what went wrong. Shared by gRPC and HTTP.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::select_ok;
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

mod own;
mod silent;

use self::own::Own;
use self::silent::Silent;
use super::stream::{Sniffed, Stream, inner_tls};
use super::tls::{self, Protocol, Tls};
use crate::base::duration::in_seconds;
use crate::call::{CallError, Fault};
use crate::cluster::host::Route;

/// A connection attempt ends after this, whatever the call's bound is: TCP has then knocked four times.
const ATTEMPT_BOUND: Duration = Duration::from_secs(8);
/// With `Route::Auto`: how long the direct way is tried before ssh.
const DIRECT_BOUND: Duration = Duration::from_secs(2);
/// How long a port may take to say why it closed a connection.
const LISTEN_BOUND: Duration = Duration::from_secs(1);
/// What a machine says where nothing listens.
const REFUSED: &str = "connection refused";
/// Head start of an address before the next one is tried beside it.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// Opens ways to a port through the ssh of the host that serves it, and keeps them open.
pub trait Forwarder: Send + Sync {
    /// A local address that leads to `port` of the machine that URLs call `name`.
    fn forward<'a>(
        &'a self,
        name: &'a str,
        port: u16,
    ) -> Pin<Box<dyn Future<Output = Result<SocketAddr, CallError>> + Send + 'a>>;
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DialError {
    pub fault: Fault,
    pub message: String,
}

impl DialError {
    pub fn new(fault: Fault, message: impl Into<String>) -> Self {
        Self {
            fault,
            message: message.into(),
        }
    }
}

/// What a URL says about where to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Without brackets.
    pub name: String,
    pub port: u16,
    pub secure: bool,
}

impl Target {
    pub fn parse(url: &str) -> Result<Self, DialError> {
        let wrong = |why: &str| DialError::new(Fault::Refused, format!("`{url}` is no endpoint: {why}"));
        let parsed = url::Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
        let secure = match parsed.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("it must begin with http:// or https://")),
        };
        let name = parsed.host_str().ok_or_else(|| wrong("no host in it"))?;
        let name = name.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        Ok(Self {
            name: name.to_owned(),
            port: parsed.port().unwrap_or(if secure { 443 } else { 80 }),
            secure,
        })
    }

    /// `name:port`, with brackets around IPv6.
    pub fn authority(&self) -> String {
        if self.name.contains(':') {
            format!("[{}]:{}", self.name, self.port)
        } else {
            format!("{}:{}", self.name, self.port)
        }
    }
}

/// How far the newest connection of an endpoint came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    #[default]
    Nothing,
    Resolving,
    Connecting,
    /// TCP is connected.
    Accepted,
    /// TLS is agreed.
    Secured,
}

/// What the newest connection of an endpoint showed; tells a mute port from a dead one, and TLS from plain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notes {
    pub stage: Stage,
    /// The first bytes that came, at most eight.
    pub first_bytes: Vec<u8>,
    pub certificate_not_after: Option<jiff::Timestamp>,
    /// Something came that the protocol above TLS can use.
    pub served: bool,
    /// Why the connection was refused or broke, where TLS knows.
    pub broke: Option<DialError>,
}

/// Notes as shared between a connection and the calls on it.
pub type SharedNotes = Arc<Mutex<Notes>>;

pub fn with_notes<T>(notes: &SharedNotes, change: impl FnOnce(&mut Notes) -> T) -> T {
    change(&mut notes.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Why an answer did not come within `bound`, from how far the connection came.
pub fn out_of_time(notes: &SharedNotes, bound: Duration) -> DialError {
    let length = in_seconds(bound);
    with_notes(notes, |notes| match notes.stage {
        Stage::Nothing | Stage::Resolving => {
            DialError::new(Fault::Name, format!("its name was not resolved within {length}"))
        }
        Stage::Connecting => DialError::new(
            Fault::Timeout,
            format!("no answer to the connection attempt within {length} (host down, or a firewall drops it)"),
        ),
        Stage::Accepted | Stage::Secured if notes.first_bytes.is_empty() => DialError::new(
            Fault::Silent,
            format!("the connection is accepted, then nothing comes within {length}"),
        ),
        Stage::Accepted | Stage::Secured => {
            DialError::new(Fault::Timeout, format!("connected, but no answer within {length}"))
        }
    })
}

/// Makes connections for one cluster.
pub struct Dialer {
    tls: Tls,
    route: Route,
    forwarder: Option<Arc<dyn Forwarder>>,
    /// `name:port` → where to connect instead; the names in TLS stay.
    routes: RwLock<HashMap<String, SocketAddr>>,
    /// `name:port` → how this one host differs from its cluster.
    own: HashMap<String, Own>,
    silent: Silent,
}

impl Dialer {
    pub fn new(tls: Tls, route: Route, forwarder: Option<Arc<dyn Forwarder>>) -> Self {
        Self {
            tls,
            route,
            forwarder,
            routes: RwLock::default(),
            own: HashMap::new(),
            silent: Silent::default(),
        }
    }

    /// For how long this URL's port has owed an answer. Where ssh is another way a firewall may be the reason: then it is not counted.
    pub fn silent_for(&self, url: &str) -> Duration {
        let target = Target::parse(url).ok();
        let target = target.filter(|target| self.route_to(target) == Route::Direct);
        target.map_or(Duration::ZERO, |target| self.silent.lasted(&target.authority()))
    }

    /// From now on connections to this URL's host and port go to `address`.
    pub fn set_route(&self, url: &str, address: SocketAddr) -> Result<(), DialError> {
        let authority = Target::parse(url)?.authority();
        self.routes
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(authority, address);
        Ok(())
    }

    /// Connects, with TLS where the URL says so.
    pub async fn dial(&self, target: &Target, protocol: Protocol, notes: &SharedNotes) -> Result<Stream, DialError> {
        // Why the last connection broke stays until one works: several calls at once learn of it at different times.
        with_notes(notes, |notes| {
            *notes = Notes {
                broke: notes.broke.take(),
                ..Notes::default()
            };
        });
        let attempt = tokio::time::timeout(ATTEMPT_BOUND, self.attempt(target, protocol, notes));
        let ended = attempt.await.unwrap_or_else(|_| Err(out_of_time(notes, ATTEMPT_BOUND)));
        if let Err(error) = &ended {
            with_notes(notes, |notes| notes.broke = Some(error.clone()));
        }
        ended
    }

    /// Why a connection broke before anything came over it, found out by a second one that only listens: who writes at
    /// once loses the other side's last words. `notes` are those of the connection that broke.
    pub async fn refusal(&self, target: &Target, notes: &SharedNotes) -> Option<DialError> {
        let (stage, served, first) = with_notes(notes, |notes| (notes.stage, notes.served, notes.first_bytes.clone()));
        let looks_plain = !target.secure && stage == Stage::Accepted && first.is_empty();
        let looks_refused = target.secure && stage == Stage::Secured && !served;
        if !looks_plain && !looks_refused {
            return None;
        }
        let secure = Target {
            secure: true,
            ..target.clone()
        };
        let notes = SharedNotes::default();
        // What it says is in the notes; whether its certificate is trusted does not matter here.
        let _ = tokio::time::timeout(LISTEN_BOUND, async {
            let mut stream = self.dial(&secure, Protocol::Grpc, &notes).await?;
            let _ = stream.read(&mut [0]).await;
            Ok::<(), DialError>(())
        })
        .await;
        with_notes(&notes, |notes| match notes.first_bytes.as_slice() {
            [0x15 | 0x16, 0x03, ..] if looks_plain => {
                Some(DialError::new(Fault::Tls, "this port speaks TLS: write https://"))
            }
            _ if looks_refused => notes.broke.clone().filter(|broke| broke.fault == Fault::Tls),
            _ => None,
        })
    }

    async fn attempt(&self, target: &Target, protocol: Protocol, notes: &SharedNotes) -> Result<Stream, DialError> {
        let socket = self.socket(target, notes).await?;
        with_notes(notes, |notes| notes.stage = Stage::Accepted);
        // Small answers should not wait for more; failing to set it harms nothing.
        let _ = socket.set_nodelay(true);
        let plain = Sniffed::new(socket, notes.clone());
        if !target.secure {
            return Ok(Stream::Plain(plain));
        }
        let config = self
            .tls_for(target)
            .config(protocol)
            .map_err(|error| DialError::new(Fault::Tls, error.to_string()))?;
        let name = ServerName::try_from(target.name.clone())
            .map_err(|_| DialError::new(Fault::Tls, format!("`{}` is no name that TLS can check", target.name)))?;
        let stream = TlsConnector::from(config)
            .connect(name, plain)
            .await
            .map_err(|error| tls_failure(&error, target, notes))?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        with_notes(notes, |notes| {
            notes.stage = Stage::Secured;
            notes.certificate_not_after = certificate.and_then(tls::not_after);
        });
        Ok(Stream::Secure {
            stream: Box::new(stream),
            name: target.name.clone(),
        })
    }

    async fn socket(&self, target: &Target, notes: &SharedNotes) -> Result<TcpStream, DialError> {
        let routed = self
            .routes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&target.authority())
            .copied();
        if let Some(address) = routed {
            with_notes(notes, |notes| notes.stage = Stage::Connecting);
            return connect(&[address]).await;
        }
        match (self.route_to(target), &self.forwarder) {
            (Route::Ssh, Some(forwarder)) => through(forwarder.as_ref(), target, notes).await,
            (Route::Auto, Some(forwarder)) => {
                match tokio::time::timeout(DIRECT_BOUND, self.direct(target, notes)).await {
                    Ok(Ok(socket)) => Ok(socket),
                    _ => through(forwarder.as_ref(), target, notes).await,
                }
            }
            _ => self.direct(target, notes).await,
        }
    }

    async fn direct(&self, target: &Target, notes: &SharedNotes) -> Result<TcpStream, DialError> {
        let addresses = resolved(target, notes).await?;
        let authority = target.authority();
        let bound = self.silent.patience(&authority, ATTEMPT_BOUND);
        let attempt = tokio::time::timeout(bound, connect(&addresses)).await;
        let ended = attempt.unwrap_or_else(|_| Err(out_of_time(notes, self.silent.lasted(&authority).max(bound))));
        match &ended {
            Err(error) if !error.message.starts_with(REFUSED) => self.silent.gave_none(&authority),
            _ => self.silent.answered(&authority),
        }
        ended
    }
}

async fn through(forwarder: &dyn Forwarder, target: &Target, notes: &SharedNotes) -> Result<TcpStream, DialError> {
    with_notes(notes, |notes| notes.stage = Stage::Connecting);
    let address = forwarder
        .forward(&target.name, target.port)
        .await
        .map_err(|error| DialError::new(error.fault, format!("through ssh: {}", error.message)))?;
    connect(&[address]).await
}

async fn resolved(target: &Target, notes: &SharedNotes) -> Result<Vec<SocketAddr>, DialError> {
    with_notes(notes, |notes| notes.stage = Stage::Resolving);
    let found = tokio::net::lookup_host((target.name.as_str(), target.port)).await;
    let addresses = found.map_err(|error| DialError::new(Fault::Name, name_problem(&target.name, &error)))?;
    with_notes(notes, |notes| notes.stage = Stage::Connecting);
    Ok(addresses.collect())
}

fn name_problem(name: &str, error: &io::Error) -> String {
    let text = error.to_string();
    let text = text
        .strip_prefix("failed to lookup address information: ")
        .unwrap_or(&text);
    format!("the name {name} does not resolve: {text}")
}

/// The first address that accepts; each later one starts a little after the one before it.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, DialError> {
    let attempts = addresses.iter().zip(0_u32..).map(|(address, place)| {
        let address = *address;
        Box::pin(async move {
            // A pause of nothing would still last until the timer's next tick.
            if place > 0 {
                tokio::time::sleep(NEXT_ADDRESS_AFTER * place).await;
            }
            TcpStream::connect(address)
                .await
                .map_err(|error| DialError::new(Fault::Connect, connect_problem(&address, &error)))
        })
    });
    let attempts: Vec<_> = attempts.collect();
    if attempts.is_empty() {
        return Err(DialError::new(Fault::Name, "the name has no address"));
    }
    select_ok(attempts).await.map(|(socket, _)| socket)
}

fn connect_problem(address: &SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("{REFUSED} ({address}): nothing listens there"),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            format!("no route to host ({address})")
        }
        io::ErrorKind::TimedOut => format!("no answer to the connection attempt ({address})"),
        _ => format!("cannot connect to {address}: {error}"),
    }
}

fn tls_failure(error: &io::Error, target: &Target, notes: &SharedNotes) -> DialError {
    if let Some(error) = inner_tls(error) {
        let (fault, message) = tls::explain(error, &target.name);
        return DialError::new(fault, message);
    }
    let nothing_came = with_notes(notes, |notes| notes.first_bytes.is_empty());
    if nothing_came {
        return DialError::new(
            Fault::Tls,
            format!("the connection was closed when TLS began ({error}); is this port plain http://?"),
        );
    }
    DialError::new(Fault::Tls, format!("the TLS handshake broke: {error}"))
}
