//! Hosts that differ from their cluster: other certificates, another way.

use std::sync::Arc;

use super::{Dialer, Forwarder, Target};
use crate::cluster::host::{ClusterConfig, Route};
use crate::transport::tls::{Tls, TlsError};

/// How a host differs from its cluster.
pub(super) struct Own {
    tls: Option<Arc<Tls>>,
    route: Option<Route>,
}

impl Dialer {
    /// For a cluster, with what the inventory says of single hosts. Reads the certificate files.
    pub fn of_cluster(cluster: &ClusterConfig, forwarder: Option<Arc<dyn Forwarder>>) -> Result<Self, TlsError> {
        let mut dialer = Self::new(Tls::load(&cluster.tls)?, cluster.route, forwarder);
        for host in &cluster.hosts {
            let tls = host.tls.as_ref().map(Tls::load).transpose()?.map(Arc::new);
            if tls.is_none() && host.route.is_none() {
                continue;
            }
            let urls = [&host.client_url, &host.peer_url].into_iter().flatten();
            for target in urls.filter_map(|url| Target::parse(url).ok()) {
                let own = Own {
                    tls: tls.clone(),
                    route: host.route,
                };
                dialer.own.insert(target.authority(), own);
            }
        }
        Ok(dialer)
    }

    pub(super) fn tls_for(&self, target: &Target) -> &Tls {
        let own = self.own.get(&target.authority());
        own.and_then(|own| own.tls.as_deref()).unwrap_or(&self.tls)
    }

    pub(super) fn route_to(&self, target: &Target) -> Route {
        let own = self.own.get(&target.authority());
        own.and_then(|own| own.route).unwrap_or(self.route)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::host::{Host, TlsFiles};
    use crate::cluster::inventory::Entry;

    #[test]
    fn a_host_may_have_its_own_way_and_certificates() {
        let mut cluster = Entry::empty("c").config;
        cluster.hosts = vec![Host {
            client_url: Some("https://[::1]:2379".into()),
            route: Some(Route::Ssh),
            tls: Some(TlsFiles::default()),
            ..Host::named("a")
        }];
        let dialer = Dialer::of_cluster(&cluster, None).unwrap();
        let target = |url: &str| Target::parse(url).unwrap();
        assert_eq!(dialer.route_to(&target("https://[::1]:2379")), Route::Ssh);
        assert_eq!(dialer.route_to(&target("https://[::1]:2380")), Route::Direct);
        assert!(!std::ptr::eq(
            dialer.tls_for(&target("https://[::1]:2379")),
            &raw const dialer.tls
        ));
        assert!(std::ptr::eq(
            dialer.tls_for(&target("https://b:2379")),
            &raw const dialer.tls
        ));
    }
}
