//! `listens`: etcd on a host will listen where its peers call it, as it is configured. The proof of the way between peers cannot tell:
//! its listener is on every address.

use serde::{Deserialize, Serialize};

use super::etcd_configure::{seen_config, variable_of};
use super::service_listen::{SETTING, hears};
use super::{Condition, Site, Verdict};
use crate::call::configured::ConfigSeen;
use crate::call::{Look, Sight};
use crate::cluster::inventory::address::located;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listens {
    /// The host; default: the step's.
    #[serde(default)]
    #[schemars(extend("x-host" = true))]
    pub on: Option<String>,
    /// The peer URL at which the others will call it.
    pub at: String,
}

impl Listens {
    fn host<'a>(&'a self, site: &'a Site<'_>) -> &'a str {
        self.on.as_deref().unwrap_or_else(|| site.host_name())
    }

    /// Why nobody would be heard, and the line that changes it.
    fn why_not(&self, host: &str, config: &ConfigSeen) -> Option<(String, String)> {
        let called = located(&self.at)?;
        let set = config.settings.get(SETTING)?;
        let places = set.value.split(',').filter_map(located);
        if places.into_iter().any(|place| hears(&place, &called)) {
            return None;
        }
        let saw = format!(
            "{host}: {SETTING} is {}: nobody who calls {} would be heard there",
            set.value, self.at
        );
        let mut listener = called;
        if listener.host.parse::<std::net::IpAddr>().is_err() {
            "0.0.0.0".clone_into(&mut listener.host);
        }
        let line = format!("{}=\"{}\"", variable_of(SETTING), listener.url());
        Some((
            saw,
            format!(
                "on {host} set {line}, in whichever way {SETTING} is set there; if what listens there passes it on: --accept listens"
            ),
        ))
    }
}

impl Condition for Listens {
    fn text(&self, site: &Site<'_>) -> String {
        format!("etcd on {} listens for {}", self.host(site), self.at)
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        vec![Look::config(self.host(site))]
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let config = match seen_config(seen) {
            Ok(config) => config,
            Err(why) => return Verdict::Unknown(why),
        };
        if let Some((saw, hint)) = self.why_not(self.host(site), config) {
            return Verdict::Not { saw, hint: Some(hint) };
        }
        Verdict::Holds(match config.settings.get(SETTING) {
            Some(set) => format!("{SETTING} is {}", set.value),
            None => format!("{SETTING} is not set yet"),
        })
    }

    fn accept_name(&self) -> Option<&'static str> {
        Some("listens")
    }
}

#[cfg(test)]
mod tests {
    use super::Listens;
    use crate::action::membership::tests::site_of;
    use crate::action::{Condition, Verdict};
    use crate::call::Sight;
    use crate::call::configured::ConfigSeen;
    use crate::call::host::{HostAnswer, Setting, SettingFrom};

    fn judged(set: Option<&str>, at: &str) -> Verdict {
        let setting = |value: &str| Setting {
            value: value.to_owned(),
            from: SettingFrom::Flag,
        };
        let config = ConfigSeen {
            exists: true,
            settings: set
                .map(|value| ("listen-peer-urls".to_owned(), setting(value)))
                .into_iter()
                .collect(),
            ..ConfigSeen::default()
        };
        let mut verdict = None;
        site_of(|site| {
            let condition = Listens {
                on: Some("etcd-1".to_owned()),
                at: at.to_owned(),
            };
            let seen = [Sight::Host(HostAnswer::Config(Box::new(config.clone())))];
            verdict = Some(condition.judge(site, &seen, None));
        });
        verdict.unwrap()
    }

    #[test]
    fn a_listener_that_others_do_not_reach_is_told_with_the_line_to_change() {
        for (set, at) in [
            (None, "https://etcd-4:2380"),
            (Some("https://0.0.0.0:2380"), "https://etcd-4:2380"),
            (Some("https://10.0.0.4:2380"), "https://etcd-4:2380"),
            (Some("http://127.0.0.1:2380"), "http://127.0.0.1:2380"),
            (Some("http://10.0.0.9:1, https://[::]:2380"), "https://10.0.0.4:2380"),
        ] {
            assert!(matches!(judged(set, at), Verdict::Holds(_)), "{set:?} {at}");
        }
        for (set, at) in [
            ("http://localhost:2380", "http://etcd-4:2380"),
            ("http://0.0.0.0:2380", "https://etcd-4:2380"),
            ("https://127.0.0.1:2380", "https://etcd-4:2380"),
            ("https://0.0.0.0:2381", "https://etcd-4:2380"),
            ("https://10.0.0.9:2380", "https://10.0.0.4:2380"),
        ] {
            assert!(matches!(judged(Some(set), at), Verdict::Not { .. }), "{set} {at}");
        }
        let Verdict::Not { saw, hint } = judged(Some("http://localhost:2380"), "https://etcd-4:2380") else {
            panic!("nobody reaches it");
        };
        assert_eq!(
            saw,
            "etcd-1: listen-peer-urls is http://localhost:2380: nobody who calls https://etcd-4:2380 would be heard there"
        );
        assert!(hint.unwrap().contains("ETCD_LISTEN_PEER_URLS=\"https://0.0.0.0:2380\""));
    }
}
