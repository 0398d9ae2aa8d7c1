//! One set of hosts serves both: what is asked of a host's shell, and the ways to etcd's ports through its ssh.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::dial::{Forwarder, Target};
use super::etcd::Credentials;
use super::host;
use super::real::{HostCall, HostReply, Hosts, RealTransport};
use super::tls::TlsError;
use crate::base::duration::Span;
use crate::base::secret::Secret;
use crate::call::{CallError, Fault, Watch};
use crate::cluster::host::{ClusterConfig, Host, Shell};

/// How long ssh may take to open a way; the call that needs it has its own bound as well.
const OPENING: Span = Span::seconds(20);

struct Joined {
    cluster: Arc<ClusterConfig>,
    hosts: host::Hosts,
}

impl RealTransport {
    /// The real world of a cluster, hosts included. Reads the certificate files; connects nothing yet.
    ///
    /// `sudo_password`: given to sudo, on its input only, where it asks for one.
    pub fn of_cluster(
        cluster: &ClusterConfig,
        credentials: Option<Credentials>,
        sudo_password: Option<Secret<String>>,
    ) -> Result<Self, TlsError> {
        let shared = Arc::new(cluster.clone());
        let said = sudo_password.clone();
        let joined = Arc::new(Joined {
            cluster: shared.clone(),
            hosts: host::Hosts::new(shared, sudo_password),
        });
        let mut transport = Self::new(cluster, credentials, Some(joined.clone()), Some(joined))?;
        if let Some(password) = &said {
            transport.scrub.add(password);
        }
        Ok(transport)
    }
}

impl Hosts for Joined {
    fn perform<'a>(&'a self, call: HostCall<'a>, watch: &'a dyn Watch) -> HostReply<'a> {
        Box::pin(self.hosts.perform(call.host, call.op, call.tag, call.bound, watch))
    }

    fn reach_out<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.hosts.connect(host))
    }

    fn etcd_owes(&self, host: &str, lasted: Duration) {
        self.hosts.etcd_owes(host, lasted);
    }
}

impl Forwarder for Joined {
    fn forward<'a>(
        &'a self,
        name: &'a str,
        port: u16,
    ) -> Pin<Box<dyn Future<Output = Result<SocketAddr, CallError>> + Send + 'a>> {
        Box::pin(async move {
            let host = self.serving(name, port).ok_or_else(|| {
                let why = "no host of the inventory has this name or URL, so there is no ssh to go through";
                CallError::new(Fault::Missing, format!("reach {name}:{port} through ssh"), name, why)
            })?;
            self.hosts.forward(&host.name, name, port, OPENING.0).await
        })
    }
}

impl Joined {
    /// The host with this very URL; else the one that is called so.
    fn serving(&self, name: &str, port: u16) -> Option<&Host> {
        let hosts = &self.cluster.hosts;
        let has_url = |host: &&Host| {
            let urls = [&host.client_url, &host.peer_url].into_iter().flatten();
            urls.filter_map(|url| Target::parse(url).ok())
                .any(|target| target.name == name && target.port == port)
        };
        let is_called = |host: &&Host| {
            host.name == name || matches!(&host.shell, Shell::Ssh { destination, .. } if destination == name)
        };
        hosts.iter().find(has_url).or_else(|| hosts.iter().find(is_called))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::inventory::Entry;

    #[test]
    fn the_serving_host_is_found_by_url_then_by_name() {
        let mut cluster = Entry::empty("c").config;
        let with_url = |name: &str, url: &str| Host {
            client_url: Some(url.to_owned()),
            ..Host::named(name)
        };
        cluster.hosts = vec![
            with_url("a", "https://x:2379"),
            with_url("b", "https://x:12379"),
            Host::named("c"),
            with_url("d", "https://[2001:db8::4]:2379"),
        ];
        let cluster = Arc::new(cluster);
        let joined = Joined {
            hosts: host::Hosts::new(cluster.clone(), None),
            cluster,
        };
        let found = |name: &str, port: u16| joined.serving(name, port).map(|host| host.name.as_str());
        assert_eq!(found("x", 12379), Some("b"));
        assert_eq!(found("x", 2379), Some("a"));
        assert_eq!(found("c", 2380), Some("c"));
        assert_eq!(found("2001:db8::4", 2379), Some("d"));
        assert_eq!(found("elsewhere", 1), None);
    }
}
