//! The real world: etcd, HTTP, and hosts.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::dial::{DialError, Dialer, Forwarder};
use super::etcd::{Credentials, Etcd};
use super::http::Http;
use super::library::Library;
use super::process;
use super::scrub::Scrub;
use super::tls::{Tls, TlsError};
use super::{Answer, GLANCE, Transport};
use crate::base::clock;
use crate::call::host::RunOutput;
use crate::call::{Call, CallError, Fault, HostAnswer, HostOp, HttpAnswer, HttpRequest, Reply, Tag, To, Watch};
use crate::cluster::host::{ClusterConfig, Host, TlsFiles};

/// Added to the bound of a call on a host that does not end by itself.
const BACKSTOP: Duration = Duration::from_secs(2);

/// A host's answer to come.
pub type HostReply<'a> = Pin<Box<dyn Future<Output = Result<HostAnswer, CallError>> + Send + 'a>>;

/// So many connections are begun before they are needed.
const MOST_EXPECTED: usize = 16;

/// One thing on one host.
#[derive(Clone, Copy, Debug)]
pub struct HostCall<'a> {
    pub host: &'a str,
    pub op: &'a HostOp,
    pub tag: Option<&'a Tag>,
    pub bound: Duration,
}

/// Carries out what is asked of hosts, through ssh or on this machine.
pub trait Hosts: Send + Sync {
    fn perform<'a>(&'a self, call: HostCall<'a>, watch: &'a dyn Watch) -> HostReply<'a>;

    /// Makes the connection, if there is none.
    fn reach_out<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

    /// For how long etcd's port on the host has owed an answer: a host that is down is not waited for as long as a slow one.
    fn etcd_owes(&self, host: &str, lasted: Duration);
}

/// The transport of every command outside tests.
pub struct RealTransport {
    dialer: Arc<Dialer>,
    etcd: Etcd,
    http: Http,
    hosts: Option<Arc<dyn Hosts>>,
    /// By host.
    client_urls: HashMap<String, String>,
    library: Option<Library>,
    pub(super) scrub: Scrub,
}

impl RealTransport {
    /// Reads the certificate files; connects nothing yet. Without `hosts` every call to a host is `Unsupported`.
    pub fn new(
        cluster: &ClusterConfig,
        credentials: Option<Credentials>,
        hosts: Option<Arc<dyn Hosts>>,
        forwarder: Option<Arc<dyn Forwarder>>,
    ) -> Result<Self, TlsError> {
        let dialer = Arc::new(Dialer::of_cluster(cluster, forwarder.clone())?);
        let world = Arc::new(Dialer::new(Tls::load(&TlsFiles::default())?, cluster.route, forwarder));
        let mut scrub = Scrub::default();
        if let Some(credentials) = &credentials {
            scrub.add(&credentials.password);
        }
        let client_url = |host: &Host| Some((host.name.clone(), host.client_url.clone()?));
        Ok(Self {
            client_urls: cluster.hosts.iter().filter_map(client_url).collect(),
            etcd: Etcd::new(dialer.clone(), credentials),
            http: Http::new(dialer.clone(), world),
            dialer,
            hosts,
            scrub,
            library: cluster.library().map(|folder| Library::at(folder, &cluster.name)),
        })
    }

    /// From now on connections to this URL's host and port go to `address`; TLS names stay.
    pub fn set_route(&self, url: &str, address: SocketAddr) -> Result<(), DialError> {
        self.dialer.set_route(url, address)
    }

    async fn ask(&self, request: &HttpRequest, bound: Duration) -> Result<HttpAnswer, CallError> {
        let began = Instant::now();
        if let Some(answered) = self.etcd.get(request, bound).await {
            return answered;
        }
        let left = bound.saturating_sub(began.elapsed());
        self.http.perform(request, left).await
    }

    /// Tells what is waited for on this host, again and again, for how long its etcd has owed an answer.
    async fn tell_of_etcd(&self, hosts: &dyn Hosts, host: &str) -> Infallible {
        let url = self.client_urls.get(host);
        loop {
            hosts.etcd_owes(host, url.map_or(Duration::ZERO, |url| self.dialer.silent_for(url)));
            tokio::time::sleep(GLANCE).await;
        }
    }

    async fn carry_out(&self, call: &Call, watch: &dyn Watch) -> Result<Reply, CallError> {
        let bound = call.timeout.0;
        match &call.to {
            To::Etcd { endpoint, op } => self.etcd.perform(endpoint, op, bound, watch).await.map(Reply::Etcd),
            To::Http(request) => self.ask(request, bound).await.map(Reply::Http),
            To::Library(op) => match &self.library {
                Some(library) => {
                    let hosts = self.hosts.as_deref();
                    let done = library.perform(op, &self.etcd, hosts, bound, watch).await;
                    done.map(Reply::Library)
                }
                None => {
                    let why = "the cluster has no backup library: name one with `backups: {store: …}`";
                    Err(CallError::new(Fault::Missing, op.what(), "this machine", why))
                }
            },
            To::Bastion { command, .. } => here(command, bound).await.map(Reply::Ran),
            To::Host { host, op, tag } => match &self.hosts {
                Some(hosts) => {
                    let call = HostCall {
                        host,
                        op,
                        tag: tag.as_ref(),
                        bound,
                    };
                    let late = || CallError::new(Fault::Timeout, "use the shell", host, "no answer in time");
                    // Hosts keep the bound themselves, and know whether anything was sent.
                    let call = tokio::time::timeout(bound + BACKSTOP, hosts.perform(call, watch));
                    let ended = tokio::select! {
                        biased;
                        never = self.tell_of_etcd(hosts.as_ref(), host) => match never {},
                        ended = call => ended,
                    };
                    ended.unwrap_or_else(|_| Err(late())).map(Reply::Host)
                }
                None => Err(CallError::new(
                    Fault::Unsupported,
                    "use the shell",
                    host,
                    "hosts cannot be reached from here",
                )),
            },
        }
    }
}

/// A shell command on this machine.
async fn here(command: &str, bound: Duration) -> Result<RunOutput, CallError> {
    let wrong = |error: std::io::Error| {
        let fault = match error.kind() {
            std::io::ErrorKind::TimedOut => Fault::Timeout,
            _ => Fault::Unsupported,
        };
        CallError::new(fault, format!("run `{command}`"), "this machine", error.to_string())
    };
    let ended = process::run(&["sh", "-c", command], &[], bound).await.map_err(wrong)?;
    Ok(RunOutput {
        code: ended.code.unwrap_or(-1),
        stdout: ended.stdout,
        stderr: ended.stderr,
    })
}

impl Transport for RealTransport {
    fn perform<'a>(&'a self, call: &'a Call, watch: &'a dyn Watch) -> Answer<'a> {
        Box::pin(async move {
            let watch = self.scrub.watched(watch);
            let mut answer = self.carry_out(call, &watch).await;
            self.scrub.answer(&mut answer);
            answer
        })
    }

    fn expect(&self, names: &[&str]) {
        for name in names.iter().take(MOST_EXPECTED) {
            if let Some(hosts) = self.hosts.clone() {
                let name = (*name).to_owned();
                tokio::spawn(async move { hosts.reach_out(&name).await });
            }
        }
    }

    fn silent_for(&self, url: &str) -> Duration {
        self.dialer.silent_for(url)
    }

    fn now(&self) -> jiff::Timestamp {
        clock::now()
    }

    fn pause<'a>(&'a self, how_long: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(tokio::time::sleep(how_long))
    }
}
