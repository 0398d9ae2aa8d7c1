//! A plain HTTP question over the connection that gRPC uses: behind TLS etcd serves both on it, and another handshake would
//! take longer than the answer.

use std::time::Duration;

use tonic::body::Body;
use tonic::transport::Channel;
use tower::ServiceExt;
use tower_service::Service;

use super::Etcd;
use crate::call::{CallError, HttpAnswer, HttpRequest};
use crate::transport::dial::{Target, out_of_time};
use crate::transport::http::{body, path};

impl Etcd {
    /// Asks over the endpoint's own connection. `None`: there is none, or it is of no use for this; ask as HTTP is asked otherwise.
    pub async fn get(&self, request: &HttpRequest, bound: Duration) -> Option<Result<HttpAnswer, CallError>> {
        let is_plain = request.method == "GET" && request.body.is_none() && request.cluster_tls;
        let target = Target::parse(&request.url).ok()?;
        if !is_plain || !target.secure {
            return None;
        }
        let link = self.known(&target)?;
        let path = path(&request.url).ok()?;
        match tokio::time::timeout(bound, ask(link.channel.clone(), path)).await {
            Ok(answer) => answer.map(Ok),
            Err(_) => {
                let late = out_of_time(&link.notes, bound);
                Some(Err(CallError::new(
                    late.fault,
                    "GET request",
                    &request.url,
                    late.message,
                )))
            }
        }
    }
}

async fn ask(mut channel: Channel, path: String) -> Option<HttpAnswer> {
    let question = http::Request::get(path).body(Body::empty()).ok()?;
    let response = channel.ready().await.ok()?.call(question).await.ok()?;
    let kind = response.headers().get(http::header::CONTENT_TYPE);
    // A port of gRPC alone (`--listen-client-http-urls`) refuses in its own way.
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
        return None;
    }
    let status = response.status().as_u16();
    let body = body(response.into_body()).await.ok()?;
    Some(HttpAnswer { status, body })
}
