//! One HTTP request from the bastion, with the cluster's TLS files.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// `GET`, `PUT`, …
    pub method: String,
    pub url: String,
    pub body: Option<String>,
    /// Use the cluster's CA and client certificate.
    pub cluster_tls: bool,
    /// Sending it changes something.
    pub change: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpAnswer {
    pub status: u16,
    /// At most 64 KiB.
    pub body: String,
}
