//! One HTTP/1.1 request from the bastion, over the same connections as gRPC (TLS names, ssh ways, causes). Redirects are not followed.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes};
use hyper_util::rt::TokioIo;

use super::dial::{DialError, Dialer, SharedNotes, Target, out_of_time, with_notes};
use super::etcd::foreign;
use super::stream::Stream;
use super::tls::Protocol;
use crate::call::{CallError, Fault, HttpAnswer, HttpRequest};

/// Longer answers are cut.
const LONGEST_BODY: usize = 64 * 1024;

/// HTTP for one cluster: with its certificates, or with the machine's authorities only.
pub struct Http {
    cluster: Arc<Dialer>,
    world: Arc<Dialer>,
}

impl Http {
    /// `world` is for requests that do not ask for the cluster's TLS files.
    pub fn new(cluster: Arc<Dialer>, world: Arc<Dialer>) -> Self {
        Self { cluster, world }
    }

    /// Sends the request. Any status is an answer.
    pub async fn perform(&self, request: &HttpRequest, bound: Duration) -> Result<HttpAnswer, CallError> {
        let what = format!("{} request", request.method);
        let error = |found: DialError| CallError::new(found.fault, what.clone(), &request.url, found.message);
        let target = Target::parse(&request.url).map_err(error)?;
        let message = message(request, &target).map_err(error)?;
        let notes = SharedNotes::default();
        let dialer = if request.cluster_tls {
            &self.cluster
        } else {
            &self.world
        };
        let exchange = async {
            let stream = dialer.dial(&target, Protocol::Http1, &notes).await?;
            exchange(stream, message).await.map_err(|error| broken(&error, &notes))
        };
        let ended = tokio::time::timeout(bound, exchange).await;
        ended.unwrap_or_else(|_| Err(out_of_time(&notes, bound))).map_err(error)
    }
}

fn message(request: &HttpRequest, target: &Target) -> Result<http::Request<Full<Bytes>>, DialError> {
    let wrong = |why: String| DialError::new(Fault::Refused, format!("`{}` cannot be requested: {why}", request.url));
    let path = path(&request.url).map_err(|error| wrong(error.to_string()))?;
    let body = request.body.clone().unwrap_or_default();
    let mut builder = http::Request::builder()
        .method(request.method.as_str())
        .uri(path)
        .header("host", target.authority())
        .header("user-agent", "etcdops")
        .header("connection", "close");
    if !body.is_empty() {
        builder = builder.header("content-type", "application/json");
    }
    builder
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| wrong(error.to_string()))
}

/// What follows host and port.
pub(super) fn path(url: &str) -> Result<String, url::ParseError> {
    let url = url::Url::parse(url)?;
    let path = url.path();
    Ok(url
        .query()
        .map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
}

async fn exchange(stream: Stream, message: http::Request<Full<Bytes>>) -> Result<HttpAnswer, hyper::Error> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let answer = async move {
        let response = sender.send_request(message).await?;
        let status = response.status().as_u16();
        let body = body(response.into_body()).await?;
        Ok(HttpAnswer { status, body })
    };
    // Both are polled here, so that a dropped call takes its connection with it.
    let connection = async {
        // What went wrong is told by the answer's side.
        let _ = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answered = answer => answered,
        () = connection => unreachable!("the connection's side never ends"),
    }
}

/// What is said, as text; cut where it becomes too long.
pub(super) async fn body<B: Body<Data = Bytes> + Unpin>(mut incoming: B) -> Result<String, B::Error> {
    let mut bytes: Vec<u8> = Vec::new();
    while let Some(frame) = incoming.frame().await {
        if let Ok(data) = frame?.into_data() {
            let wanted = LONGEST_BODY - bytes.len();
            bytes.extend_from_slice(&data[..data.len().min(wanted)]);
            if bytes.len() == LONGEST_BODY {
                break;
            }
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn broken(error: &hyper::Error, notes: &SharedNotes) -> DialError {
    let (first, broke) = with_notes(notes, |notes| (notes.first_bytes.clone(), notes.broke.clone()));
    if let Some(broke) = broke {
        return broke;
    }
    if let [0x15 | 0x16, 0x03, ..] = first.as_slice()
        && let Some((fault, message)) = foreign(&first)
    {
        return DialError::new(fault, message);
    }
    if error.is_parse() || error.is_parse_status() {
        return DialError::new(Fault::Garbage, "what answers here is no HTTP server");
    }
    DialError::new(Fault::Lost, format!("the connection broke: {error}"))
}
