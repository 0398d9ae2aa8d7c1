//! Endpoints from DNS: the SRV records that etcdctl reads too.
//!
//! etcdctl joins the records of `_etcd-client-ssl` and `_etcd-client`. Here the ssl ones are used where they exist; only
//! where DNS says that they do not exist the plain ones are, with a note. A resolver that fails is no such answer: then
//! nothing is used, lest a broken DNS turns TLS off.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ProtocolConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};

use super::inventory::Discovery;
use super::inventory::address::{Address, host_name};

/// What the records say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// URLs, best priority first.
    pub endpoints: Vec<String>,
    /// The name of the records used.
    pub records: String,
    /// What the operator should know.
    pub note: Option<String>,
}

/// Why no endpoint was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// DNS says that there are none.
    #[error(
        "{domain} has no SRV records for etcd clients: neither {ssl} nor {plain} exists; \
         check the domain and the name (`--discovery-srv-name`)"
    )]
    NoRecords { domain: String, ssl: String, plain: String },
    /// DNS could not be asked.
    #[error("cannot ask DNS for {records}: {why}")]
    Unanswered { records: String, why: String },
    /// A record names no host.
    #[error("the SRV record {records} is unusable: {why}")]
    Unusable { records: String, why: String },
    /// The resolver could not be set up.
    #[error("cannot set up the resolver: {0}")]
    Resolver(String),
}

/// Asks DNS for the endpoints of a domain, through `resolver` or else the system's resolvers, within `bound`.
pub async fn endpoints(
    discovery: &Discovery,
    resolver: Option<SocketAddr>,
    bound: Duration,
) -> Result<Found, DiscoveryError> {
    let [ssl, plain] = [true, false].map(|is_ssl| discovery.record_name("client", is_ssl));
    let resolver = make_resolver(resolver, bound)?;
    let ask = async {
        let secure = ask(&resolver, &ssl, true).await?;
        if !secure.is_empty() {
            return Ok(Found {
                endpoints: secure,
                records: ssl.clone(),
                note: None,
            });
        }
        let insecure = ask(&resolver, &plain, false).await?;
        if insecure.is_empty() {
            return Err(DiscoveryError::NoRecords {
                domain: discovery.domain.clone(),
                ssl: ssl.clone(),
                plain: plain.clone(),
            });
        }
        Ok(Found {
            endpoints: insecure,
            records: plain.clone(),
            note: Some(format!(
                "{ssl} does not exist: the records of {plain} are used, without TLS"
            )),
        })
    };
    let in_time = tokio::time::timeout(bound, ask).await;
    in_time.unwrap_or_else(|_| {
        Err(DiscoveryError::Unanswered {
            records: ssl.clone(),
            why: format!("no answer within {}", crate::base::duration::Span(bound)),
        })
    })
}

fn make_resolver(address: Option<SocketAddr>, bound: Duration) -> Result<TokioResolver, DiscoveryError> {
    let failed = |error: NetError| DiscoveryError::Resolver(error.to_string());
    let mut builder = match address {
        None => TokioResolver::builder_tokio().map_err(failed)?,
        Some(address) => {
            let connection = |protocol| {
                let mut connection = ConnectionConfig::new(protocol);
                connection.port = address.port();
                connection
            };
            let connections = vec![connection(ProtocolConfig::Udp), connection(ProtocolConfig::Tcp)];
            let server = NameServerConfig::new(address.ip(), true, connections);
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    let options = builder.options_mut();
    options.attempts = 2;
    options.timeout = (bound / 3).min(options.timeout);
    builder.build().map_err(failed)
}

/// The URLs of one name; none where DNS says that the name has no such records.
async fn ask(resolver: &TokioResolver, records: &str, is_https: bool) -> Result<Vec<String>, DiscoveryError> {
    // With the dot at the end no search domain is tried.
    let answer = match resolver.lookup(format!("{records}."), RecordType::SRV).await {
        Ok(answer) => answer,
        Err(error) if does_not_exist(&error) => return Ok(Vec::new()),
        Err(error) => {
            return Err(DiscoveryError::Unanswered {
                records: records.to_owned(),
                why: error.to_string(),
            });
        }
    };
    let mut found = Vec::new();
    for record in answer.answers() {
        let RData::SRV(srv) = &record.data else {
            continue;
        };
        let host = srv.target.to_ascii();
        let host = host.trim_end_matches('.');
        if host.is_empty() {
            // A lone dot says that the service is not there (RFC 2782).
            continue;
        }
        let unusable = |why: String| DiscoveryError::Unusable {
            records: records.to_owned(),
            why,
        };
        host_name(host).map_err(|error| unusable(error.message))?;
        if srv.port == 0 {
            return Err(unusable(format!("it gives port 0 for {host}")));
        }
        let address = Address {
            is_https,
            host: host.to_owned(),
            port: srv.port,
        };
        found.push((srv.priority, u16::MAX - srv.weight, address.url()));
    }
    found.sort();
    let mut urls: Vec<String> = Vec::new();
    for (_, _, url) in found {
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    Ok(urls)
}

fn does_not_exist(error: &NetError) -> bool {
    matches!(error, NetError::Dns(DnsError::NoRecordsFound(none))
        if matches!(none.response_code, ResponseCode::NXDomain | ResponseCode::NoError))
}

#[cfg(test)]
mod tests;
