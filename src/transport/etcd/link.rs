//! One endpoint's channel, and the log-in on it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use etcd_client::{Channel, Client};
use hyper_util::rt::TokioIo;
use tokio::io::BufWriter;
use tokio::sync::Mutex;
use tonic::transport::Endpoint;
use tower::util::BoxCloneSyncService;
use tower_service::Service;

use super::Credentials;
use super::errors;
use crate::call::{CallError, Fault};
use crate::transport::dial::{DialError, Dialer, SharedNotes, Target};
use crate::transport::stream::Stream;
use crate::transport::tls::Protocol;

/// etcd disconnects clients that ping more often than every 5 s.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_PATIENCE: Duration = Duration::from_secs(5);
/// Longer writes are not gathered.
const GATHERED: usize = 2048;

/// A pinned channel to one endpoint.
pub(super) struct Link {
    pub(super) endpoint: String,
    pub(super) client: Client,
    pub(super) notes: SharedNotes,
    pub(super) target: Target,
    pub(super) channel: tonic::transport::Channel,
    /// Where log-ins go instead: a learner takes none, and knows the tokens that voters give.
    elsewhere: Elsewhere,
    /// Counts log-ins: which one a caller used, so that two callers with one dead token log in once.
    login: Mutex<Login>,
}

#[derive(Default)]
struct Login {
    count: u64,
    valid: bool,
}

impl Link {
    /// Connects nothing yet.
    pub(super) async fn open(endpoint: &str, dialer: Arc<Dialer>) -> Result<Self, DialError> {
        let target = Target::parse(endpoint)?;
        let notes = SharedNotes::default();
        let wrong = |error: &dyn std::fmt::Display| {
            DialError::new(Fault::Refused, format!("`{endpoint}` is no endpoint: {error}"))
        };
        let scheme = if target.secure { "https" } else { "http" };
        let authority = target.authority();
        let origin: http::Uri = format!("{scheme}://{authority}")
            .parse()
            .map_err(|error| wrong(&error))?;
        // TLS is ours (`dial`): tonic sees a plain connection, but must say https, or etcd ignores the certificate's user.
        let channel = Endpoint::from_shared(format!("http://{authority}"))
            .map_err(|error| wrong(&error))?
            .origin(origin)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_PATIENCE)
            .connect_with_connector_lazy(Connector {
                dialer,
                target: target.clone(),
                notes: notes.clone(),
                failed: Arc::default(),
            });
        let elsewhere = Elsewhere::default();
        let ways = Ways {
            own: channel.clone(),
            elsewhere: Arc::clone(&elsewhere),
        };
        let client = Client::from_channel(Channel::Custom(BoxCloneSyncService::new(ways)), None)
            .await
            .map_err(|error| wrong(&error))?;
        Ok(Self {
            endpoint: endpoint.to_owned(),
            client,
            notes,
            target,
            channel,
            elsewhere,
            login: Mutex::default(),
        })
    }

    pub(super) async fn logged_in(&self) -> bool {
        self.login.lock().await.valid
    }

    /// Logs in unless that is done; gives the number of the log-in. A cluster without auth needs none.
    pub(super) async fn log_in(&self, credentials: &Credentials, what: &str) -> Result<u64, CallError> {
        let mut login = self.login.lock().await;
        if !login.valid {
            let user = (credentials.user.clone(), credentials.password.expose().clone());
            if let Err(error) = self.client.clone().update_user(Some(user)).await
                && !errors::auth_is_off(&error)
            {
                // The other one may be gone by now, and this one a voter.
                *self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner) = None;
                return Err(errors::login_failure(&error, what, self));
            }
            login.valid = true;
            login.count += 1;
        }
        Ok(login.count)
    }

    /// From now on log-ins go to this other endpoint.
    pub(super) fn log_in_at(&self, other: &Self) {
        let mut elsewhere = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        *elsewhere = Some(other.channel.clone());
    }

    /// The token of this log-in is no longer accepted.
    pub(super) async fn forget(&self, count: u64) {
        let mut login = self.login.lock().await;
        if login.count == count {
            login.valid = false;
        }
    }
}

/// The channel of another endpoint, once it is needed.
type Elsewhere = Arc<std::sync::Mutex<Option<tonic::transport::Channel>>>;

const AUTHENTICATE: &str = "/etcdserverpb.Auth/Authenticate";

/// Everything to one endpoint, and log-ins to another one where there is one.
#[derive(Clone)]
struct Ways {
    own: tonic::transport::Channel,
    elsewhere: Elsewhere,
}

type Asked = http::Request<tonic::body::Body>;
type Told = Result<http::Response<tonic::body::Body>, BoxError>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Asked> for Ways {
    type Response = http::Response<tonic::body::Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Told> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.own.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Asked) -> Self::Future {
        let other = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(mut other) = other.filter(|_| request.uri().path() == AUTHENTICATE) else {
            let answer = self.own.call(request);
            return Box::pin(async move { answer.await.map_err(Into::into) });
        };
        Box::pin(async move {
            std::future::poll_fn(|cx| other.poll_ready(cx)).await?;
            other.call(request).await.map_err(Into::into)
        })
    }
}

/// What an attempt came to holds for who waited for it: each would make one more, one after another.
const SAME_ATTEMPT: Duration = Duration::from_millis(20);

/// Gives tonic our connections.
struct Connector {
    dialer: Arc<Dialer>,
    target: Target,
    notes: SharedNotes,
    failed: Arc<Failed>,
}

/// The last attempt that came to nothing.
#[derive(Default)]
struct Failed(std::sync::Mutex<Option<(Instant, DialError)>>);

impl Failed {
    fn keep(&self, error: &DialError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), error.clone()));
    }

    fn just_now(&self) -> Option<DialError> {
        let failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = failed.as_ref().filter(|(at, _)| at.elapsed() < SAME_ATTEMPT);
        recent.map(|(_, error)| error.clone())
    }
}

impl Service<http::Uri> for Connector {
    type Response = TokioIo<BufWriter<Stream>>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: http::Uri) -> Self::Future {
        let (dialer, target, notes) = (self.dialer.clone(), self.target.clone(), self.notes.clone());
        let failed = Arc::clone(&self.failed);
        Box::pin(async move {
            if let Some(error) = failed.just_now() {
                return Err(error);
            }
            let ended = dialer.dial(&target, Protocol::Grpc, &notes).await;
            if let Err(error) = &ended {
                failed.keep(error);
            }
            // HTTP/2 begins with several short writes before it flushes: one packet.
            ended.map(|stream| TokioIo::new(BufWriter::with_capacity(GATHERED, stream)))
        })
    }
}
