//! `service.listen`: on which addresses etcd must listen for its peers before and after its peer URL changes (safety 33).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Kind, Probe, Risk, Site, sight};
use crate::call::{Call, Look, Sight};
use crate::cluster::inventory::address::{Address, located};

pub(super) const SETTING: &str = "listen-peer-urls";
/// etcd's own default.
const DEFAULT: &str = "http://localhost:2380";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceListen {
    /// The peer URL that the member will have.
    pub peer_url: String,
}

/// Fields of its output.
pub const OUTPUT: &[(&str, Kind)] = &[("changes", Kind::Bool), ("both", Kind::Text), ("after", Kind::Text)];

/// Where it listens while both URLs must work, and afterwards; `None`: it listens there already.
fn listening(now: &str, peer_url: &str) -> Result<Option<(String, String)>, String> {
    let wrong = |text: &str| format!("`{text}` is no URL");
    let wanted = located(peer_url).ok_or_else(|| wrong(peer_url))?;
    let mut places = Vec::new();
    for text in now.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        let place = located(text).ok_or_else(|| wrong(text))?;
        if place.is_https != wanted.is_https {
            return Err(format!(
                "it listens for its peers at {text}, and the new URL is {peer_url}: TLS comes first, member by member"
            ));
        }
        places.push(place);
    }
    let mut after = places.first().cloned().ok_or_else(|| wrong(now))?;
    if places.iter().any(|place| hears(place, &wanted)) {
        return Ok(None);
    }
    // etcd binds addresses, not names: the same address as now on the new port, unless the new URL has one of its own.
    if !reaches(&after, &wanted) {
        after.host = match wanted.host.parse::<IpAddr>() {
            Ok(_) => wanted.host,
            Err(_) => "0.0.0.0".to_owned(),
        };
    }
    after.port = wanted.port;
    // Who listens on all addresses of a port cannot listen on one of them besides.
    let all = after
        .host
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_unspecified());
    let kept = places.iter().filter(|place| !(all && place.port == after.port));
    let both: Vec<String> = kept.chain([&after]).map(Address::url).collect();
    Ok(Some((both.join(","), after.url())))
}

/// Whether who calls this URL reaches a listener on that one, as far as addresses tell.
pub(super) fn hears(listener: &Address, called: &Address) -> bool {
    listener.is_https == called.is_https && listener.port == called.port && reaches(listener, called)
}

/// Whether a listener on this address hears who calls that one. Of a name it cannot be told, but that other hosts do not reach a loopback
/// address by it; the listener stays as it is.
fn reaches(listener: &Address, called: &Address) -> bool {
    let local = |place: &Address| {
        let address = place.host.parse::<IpAddr>();
        place.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    };
    match (listener.host.parse::<IpAddr>(), called.host.parse::<IpAddr>()) {
        (Ok(listener), Ok(called)) => listener.is_unspecified() || listener == called,
        _ => !local(listener) || local(called),
    }
}

impl Action for ServiceListen {
    fn risk(&self) -> Risk {
        Risk::Look
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        format!("find out whether etcd listens for {}", self.peer_url)
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        vec![Look::service(site.host_name())]
    }

    fn probe(&self, _site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let service = match sight::service(seen) {
            Ok(service) => service,
            Err(why) => return Probe::Unknown(why),
        };
        let now = service
            .settings
            .get(SETTING)
            .map_or(DEFAULT, |setting| setting.value.as_str());
        match listening(now, &self.peer_url) {
            Ok(Some((both, after))) => Probe::Done(json!({ "changes": true, "both": both, "after": after })),
            Ok(None) => Probe::Done(json!({ "changes": false, "both": now, "after": now })),
            Err(why) => Probe::Conflict(why),
        }
    }

    fn call(&self, _site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::listening;

    #[test]
    fn it_listens_on_both_first_and_only_where_it_must() {
        let found = listening("https://0.0.0.0:2380", "https://etcd-3:2390").unwrap();
        assert_eq!(
            found,
            Some((
                "https://0.0.0.0:2380,https://0.0.0.0:2390".to_owned(),
                "https://0.0.0.0:2390".to_owned()
            ))
        );
        assert_eq!(
            listening("https://0.0.0.0:2380", "https://other-name:2380").unwrap(),
            None
        );
        assert!(
            listening("http://0.0.0.0:2380", "https://etcd-3:2380")
                .unwrap_err()
                .contains("TLS comes first")
        );
        assert!(listening("", "https://etcd-3:2380").is_err());
        let moved = listening("http://10.0.0.3:2380", "http://10.0.0.7:2380")
            .unwrap()
            .unwrap();
        assert_eq!(moved.0, "http://10.0.0.3:2380,http://10.0.0.7:2380");
        let six = listening("http://[::]:2380", "http://[2001:db8::1]:2381")
            .unwrap()
            .unwrap();
        assert_eq!(six.1, "http://[::]:2381");
        let usual = listening("https://0.0.0.0:2380", "https://etcd-3:443")
            .unwrap()
            .unwrap();
        assert_eq!(usual.1, "https://0.0.0.0:443", "etcd wants every port said");
        assert_eq!(listening("https://0.0.0.0:443", "https://etcd-3").unwrap(), None);
        let alone = listening("http://localhost:2380", "http://etcd-1:2380")
            .unwrap()
            .unwrap();
        assert_eq!(
            alone,
            ("http://0.0.0.0:2380".to_owned(), "http://0.0.0.0:2380".to_owned())
        );
        let alone = listening("http://127.0.0.1:2380", "http://etcd-1:2390")
            .unwrap()
            .unwrap();
        assert_eq!(alone.0, "http://127.0.0.1:2380,http://0.0.0.0:2390");
    }
}
