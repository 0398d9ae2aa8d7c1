//! What the proof of a way between peers needs from the host's own configuration. Pure.

use super::shell::Details;
use crate::call::configured::ConfigSeen;
use crate::call::host::HostOp;

/// The shell variables of `peer.sh`.
pub(super) fn details(op: &HostOp, seen: &ConfigSeen) -> Details {
    let set = |flag: &str, key: &str| {
        let named = seen.settings.get(flag);
        let named = named.or_else(|| seen.settings.get(&format!("peer-transport-security.{key}")));
        named.map(|setting| setting.value.clone()).unwrap_or_default()
    };
    let tls = matches!(
        op,
        HostOp::PeerListen { tls: true, .. } | HostOp::PeerReach { tls: true, .. }
    );
    let mut variables = vec![("user", seen.user.clone().unwrap_or_default())];
    let (cert, auto) = (set("peer-cert-file", "cert-file"), set("peer-auto-tls", "auto-tls"));
    let way = match (tls, cert.is_empty(), auto == "true") {
        (false, ..) | (true, true, true) => "plain",
        (true, false, _) => "tls",
        (true, true, false) => "none",
    };
    let file = |value: String| if way == "tls" { value } else { String::new() };
    variables.push(("way", way.to_owned()));
    variables.push(("cert", file(cert)));
    variables.push(("key", file(set("peer-key-file", "key-file"))));
    variables.push(("ca", file(set("peer-trusted-ca-file", "trusted-ca-file"))));
    let asks = set("peer-client-cert-auth", "client-cert-auth") == "true";
    variables.push(("ask", if asks { "yes" } else { "no" }.to_owned()));
    Details { variables }
}
