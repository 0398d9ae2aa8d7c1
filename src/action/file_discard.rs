//! `file.discard`: removes what the run itself has put into its own folder on the host, once it is no longer needed. Nothing else.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Late, Probe, Risk, Site, sight};
use crate::call::host::HostOp;
use crate::call::{Call, Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileDiscard {
    /// A file in `files` in the run's folder on the host.
    pub path: Late<String>,
}

impl Action for FileDiscard {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        format!("remove {}, which this run no longer needs", self.path.named("file"))
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let path = self.path.known();
        path.map(|path| Look::stat(site.host_name(), path))
            .into_iter()
            .collect()
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let Some(path) = self.path.known() else {
            return Probe::Unknown("the path is not known yet".to_owned());
        };
        let own = site.own_file("").unwrap_or_default();
        let name = path.strip_prefix(&own).unwrap_or_default();
        if own.is_empty() || name.is_empty() || name.contains('/') || name == ".." {
            return Probe::Conflict(format!(
                "{path} is not a file of this run: only those in {own} are ever removed"
            ));
        }
        match sight::stat(seen, 0) {
            Err(why) => Probe::Unknown(why),
            Ok(there) => match there.kind.as_deref() {
                None => Probe::Done(json!({ "path": path })),
                Some("file") => Probe::NotYet("still there".to_owned()),
                Some(other) => Probe::Conflict(format!("{path} is no file but: {other}")),
            },
        }
    }

    fn call(&self, site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
        let path = self.path.known()?.clone();
        Some(sight::on_host(site, HostOp::Discard { path }))
    }

    fn by_hand(&self, site: &Site<'_>) -> Vec<Call> {
        let path = self.path.to_string();
        vec![sight::on_host(site, HostOp::Discard { path })]
    }

    fn repeatable(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::membership::tests::site_of;
    use crate::call::host::{HostAnswer, StatSeen};
    use crate::cluster::host::Host;

    #[test]
    fn nothing_but_files_of_the_run_is_removed() {
        site_of(|site| {
            let host = Host::named("etcd-1");
            let site = &Site {
                host: Some(&host),
                ..*site
            };
            let probe = |path: &str, kind: Option<&str>| {
                let action = FileDiscard {
                    path: Late::Known(path.to_owned()),
                };
                let stat = StatSeen {
                    kind: kind.map(str::to_owned),
                    ..StatSeen::default()
                };
                action.probe(site, None, &[Sight::Host(HostAnswer::Stat(stat))])
            };
            let own = site.own_file("x.tar").unwrap();
            assert!(matches!(probe(&own, Some("file")), Probe::NotYet(_)));
            assert!(matches!(probe(&own, None), Probe::Done(_)));
            assert!(matches!(probe(&own, Some("dir")), Probe::Conflict(_)));
            let up = site.own_file("../../x").unwrap();
            let folder = site.own_file("").unwrap();
            for other in ["/var/lib/etcd/default", "/etc/passwd", &up, &folder] {
                assert!(matches!(probe(other, Some("file")), Probe::Conflict(_)), "{other}");
            }
        });
    }
}
