//! `http.request`: one HTTP request from the bastion. A good answer is the end; what changes something must bear being sent twice.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Late, Probe, Risk, Site};
use crate::base::duration::Span;
use crate::call::http::HttpRequest;
use crate::call::{Call, HttpAnswer, Look, Reply, Sight, To};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpRequestAction {
    /// Where the request goes.
    pub url: Late<String>,
    /// Default GET. GET and HEAD are looks, all others changes.
    #[serde(default = "get")]
    pub method: String,
    /// Sent with it.
    #[serde(default)]
    pub body: Option<String>,
    /// Good answers (default: 200 to 299).
    #[serde(default)]
    pub status: Vec<u16>,
    /// With the cluster's CA and client certificate (default).
    #[serde(default = "yes")]
    pub cluster_tls: bool,
}

fn get() -> String {
    "GET".to_owned()
}

fn yes() -> bool {
    true
}

impl HttpRequestAction {
    fn changes(&self) -> bool {
        !["GET", "HEAD"].contains(&self.method.to_ascii_uppercase().as_str())
    }

    fn request(&self) -> Option<HttpRequest> {
        Some(HttpRequest {
            method: self.method.to_ascii_uppercase(),
            url: self.url.known()?.clone(),
            body: self.body.clone(),
            cluster_tls: self.cluster_tls,
            change: self.changes(),
        })
    }
}

/// Whether the status is one of those wanted, or any 2xx where none is named.
pub(super) fn good(answer: &HttpAnswer, wanted: &[u16]) -> bool {
    if wanted.is_empty() {
        return (200..300).contains(&answer.status);
    }
    wanted.contains(&answer.status)
}

impl Action for HttpRequestAction {
    fn risk(&self) -> Risk {
        if self.changes() { Risk::Change } else { Risk::Look }
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        format!("{} {}", self.method.to_ascii_uppercase(), self.url)
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        let request = self.request().filter(|request| !request.change);
        request.map(Look::Http).into_iter().collect()
    }

    fn probe(&self, _site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        match seen.first() {
            Some(Sight::Http(answer)) if good(answer, &self.status) => {
                Probe::Done(json!({ "status": answer.status, "body": answer.body }))
            }
            Some(Sight::Http(answer)) => Probe::NotYet(format!("it answers {}", answer.status)),
            Some(Sight::Blind(error)) => Probe::Unknown(error.to_string()),
            _ => Probe::NotYet("no good answer yet".to_owned()),
        }
    }

    fn call(&self, site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        let request = self.request().filter(|request| request.change)?;
        Some(Call {
            to: To::Http(request),
            timeout: site.timeout,
        })
    }

    fn settled_by(&self, reply: &Reply) -> Option<Value> {
        match reply {
            Reply::Http(answer) if good(answer, &self.status) => {
                Some(json!({ "status": answer.status, "body": answer.body }))
            }
            _ => None,
        }
    }

    fn repeatable(&self) -> bool {
        true
    }

    fn patience(&self) -> Span {
        Span::seconds(10)
    }
}
