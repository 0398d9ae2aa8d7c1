//! `way_back`: hosts have the programs with which they take debug logging back by themselves (safety 28).

use serde::{Deserialize, Serialize};

use super::disk::hosts;
use super::{Condition, Site, Verdict};
use crate::call::host::{HostAnswer, ServiceSeen};
use crate::call::{Look, Sight};
use crate::cluster::host::Host;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WayBack {
    /// The hosts; default: the step's.
    #[serde(default)]
    #[schemars(extend("x-host" = true))]
    pub of: Vec<String>,
}

/// What is missing for a request to etcd from its own host; `None`: nothing.
fn missing(host: Option<&Host>, service: &ServiceSeen) -> Option<(&'static str, &'static str)> {
    let has = |program: &str| service.programs.iter().any(|found| found == program);
    let version = service.version?;
    if has("curl") {
        return None;
    }
    if version.log_level_needs_restart() {
        let found = service.tools.contains_key("etcdctl");
        return (!found).then_some(("neither curl nor etcdctl", "curl or etcdctl"));
    }
    let advertised = service.settings.get("advertise-client-urls");
    let url = advertised.map(|setting| setting.value.as_str());
    let url = url.or_else(|| host?.client_url.as_deref()).unwrap_or_default();
    let (other, lacks, wants) = if url.trim_start().starts_with("https:") {
        ("openssl", "neither curl nor openssl", "curl or openssl")
    } else {
        ("bash", "neither curl nor bash", "curl")
    };
    (!has(other)).then_some((lacks, wants))
}

impl Condition for WayBack {
    fn text(&self, site: &Site<'_>) -> String {
        let of = hosts(&self.of, site).join(", ");
        format!("{of} can take debug logging back without us")
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        hosts(&self.of, site).into_iter().map(Look::service).collect()
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        for (host, sight) in hosts(&self.of, site).into_iter().zip(seen) {
            let service = match sight {
                Sight::Host(HostAnswer::Service(service)) => service,
                Sight::Blind(error) => return Verdict::Unknown(error.to_string()),
                _ => return Verdict::Unknown(format!("{host} was not looked at")),
            };
            if let Some((lacks, wants)) = missing(site.cluster.host(host), service) {
                return Verdict::Not {
                    saw: format!(
                        "{host} has {lacks}: its timer could not set the level back, and etcd would log at debug level until somebody does"
                    ),
                    hint: Some(format!("install {wants} on {host}, then type the command again")),
                };
            }
        }
        Verdict::Holds("they have what that takes".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::host::{Setting, SettingFrom};
    use crate::cluster::version::Version;

    #[test]
    fn each_way_back_needs_a_program_that_speaks_to_etcd() {
        let lacks = |version: Version, scheme: &str, programs: &[&str], etcdctl: bool| {
            let url = Setting {
                value: format!("{scheme}://a:2379"),
                from: SettingFrom::Process,
            };
            let service = ServiceSeen {
                version: Some(version),
                programs: programs.iter().map(|name| (*name).to_owned()).collect(),
                tools: etcdctl.then(|| ("etcdctl".to_owned(), version)).into_iter().collect(),
                settings: [("advertise-client-urls".to_owned(), url)].into(),
                ..ServiceSeen::default()
            };
            missing(None, &service).is_some()
        };
        let (old, new) = (Version::new(3, 4, 23), Version::new(3, 5, 30));
        for version in [old, new] {
            assert!(!lacks(version, "https", &["curl"], false));
            assert!(lacks(version, "https", &[], false));
        }
        assert!(!lacks(old, "https", &["openssl"], true));
        assert!(!lacks(old, "http", &["bash"], true));
        assert!(lacks(old, "https", &["bash"], true), "etcdctl cannot set the level");
        assert!(lacks(old, "http", &["openssl"], true), "openssl speaks TLS only");
        assert!(!lacks(new, "https", &[], true));
        assert!(lacks(new, "https", &["openssl", "bash"], false));
    }
}
