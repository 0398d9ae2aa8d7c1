//! `etcd.restore_for`: makes the data directory of another host, which lacks the tool, and puts it into an archive to be carried there.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::etcd_restore::{carried_out, fitting, looks_at, members, probed, raised, token};
use super::{Action, Late, Probe, Risk, Site, sight};
use crate::base::duration::Span;
use crate::base::files::safe_name;
use crate::call::host::{HostOp, Restore, ServiceSeen};
use crate::call::{Call, Look, Sight};
use crate::cluster::model::Model;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EtcdRestoreFor {
    /// The host that lacks the tool.
    #[schemars(extend("x-host" = true))]
    pub host: String,
    /// The backup's file on the host that has the tool.
    pub file: Late<String>,
    /// Its digest, 64 hex digits.
    pub sha256: Late<String>,
    /// The members of the new cluster, as `name=peer-url,…`; the same for every host.
    pub initial_cluster: String,
    /// The name in it of the member on the host that lacks the tool.
    pub name: String,
    /// Raise the revision by this much and mark what is older as compacted, for clients that watch (Kubernetes).
    #[serde(default)]
    pub bump: Option<u64>,
}

impl EtcdRestoreFor {
    fn into(&self, site: &Site<'_>) -> String {
        let name = format!("{}.etcdops-data.tar", safe_name(&self.host));
        site.own_file(&name).unwrap_or_default()
    }

    fn with(&self, site: &Site<'_>, tool: &str) -> Result<Restore, String> {
        let members = members(&self.initial_cluster)?;
        let Some((_, urls)) = members.iter().find(|(member, _)| *member == self.name) else {
            return Err(format!(
                "{} of {} is not among {}",
                self.name, self.host, self.initial_cluster
            ));
        };
        Ok(Restore {
            tool: tool.to_owned(),
            file: self.file.to_string(),
            sha256: self.sha256.to_string(),
            into: self.into(site),
            wal_into: None,
            data_dir: String::new(),
            user: None,
            name: self.name.clone(),
            initial_cluster: self.initial_cluster.clone(),
            peer_urls: urls.join(","),
            token: token(site),
            bump: self.bump.unwrap_or(0),
            pack: true,
            inside: None,
        })
    }

    fn restore(&self, site: &Site<'_>, service: &ServiceSeen) -> Result<Restore, String> {
        let (tool, _) = fitting(service, site.host_name(), self.bump.unwrap_or(0))?;
        if self.file.known().is_none() || self.sha256.known().is_none() {
            return Err("the file is not known yet".to_owned());
        }
        self.with(site, tool)
    }
}

impl Action for EtcdRestoreFor {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, site: &Site<'_>) -> String {
        format!(
            "restore {} for {}, which lacks the tool, into {}, for the new cluster {} with the token {}{}; nothing is stopped for it",
            self.file,
            self.host,
            self.into(site),
            self.initial_cluster,
            token(site),
            raised(self.bump.unwrap_or(0))
        )
    }

    fn effect(&self, site: &Site<'_>, _model: &mut Model) -> Result<(), String> {
        self.with(site, "").map(|_| ())
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        looks_at(site, &self.into(site))
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        probed(seen, |service| self.restore(site, service))
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let restore = self.restore(site, sight::service(seen).ok()?).ok()?;
        Some(carried_out(site, restore))
    }

    fn by_hand(&self, site: &Site<'_>) -> Vec<Call> {
        let restore = self.with(site, "etcdutl").ok();
        let op = restore.map(|restore| HostOp::Restore(Box::new(restore)));
        op.into_iter().map(|op| sight::on_host(site, op)).collect()
    }

    fn repeatable(&self) -> bool {
        true
    }

    fn patience(&self) -> Span {
        Span::seconds(3600)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::membership::tests::site_of;
    use crate::call::To;
    use crate::call::host::{HostAnswer, StatSeen};
    use crate::cluster::host::Host;

    fn for_two() -> EtcdRestoreFor {
        EtcdRestoreFor {
            host: "etcd-2".to_owned(),
            file: Late::Known("/b.db".to_owned()),
            sha256: Late::Known("ab".to_owned()),
            initial_cluster: "one=http://etcd-1:2380,two=http://etcd-2:2380".to_owned(),
            name: "two".to_owned(),
            bump: None,
        }
    }

    fn seen(made: StatSeen, marker: StatSeen) -> Vec<Sight> {
        let service = ServiceSeen {
            tools: [("etcdutl".to_owned(), "3.5.30".parse().unwrap())].into(),
            ..ServiceSeen::default()
        };
        vec![
            Sight::Host(HostAnswer::Service(Box::new(service))),
            Sight::Host(HostAnswer::Stat(made)),
            Sight::Host(HostAnswer::Stat(marker)),
        ]
    }

    #[test]
    fn it_is_made_under_the_name_of_the_host_that_lacks_the_tool_and_told_with_its_own_digest() {
        site_of(|site| {
            let host = Host::named("etcd-1");
            let site = &Site {
                host: Some(&host),
                ..*site
            };
            let action = for_two();
            let nothing = seen(StatSeen::default(), StatSeen::default());
            assert!(matches!(action.probe(site, None, &nothing), Probe::NotYet(_)));
            let Some(Call {
                to:
                    To::Host {
                        op: HostOp::Restore(restore),
                        ..
                    },
                ..
            }) = action.call(site, &nothing)
            else {
                panic!("nothing is restored");
            };
            assert!(restore.pack && restore.wal_into.is_none());
            assert_eq!(
                (restore.name.as_str(), restore.peer_urls.as_str()),
                ("two", "http://etcd-2:2380")
            );
            assert!(
                restore.into.ends_with("/files/etcd-2.etcdops-data.tar"),
                "{}",
                restore.into
            );
            let file = StatSeen {
                kind: Some("file".to_owned()),
                sha256: Some("cd".to_owned()),
                ..StatSeen::default()
            };
            let marker = StatSeen {
                content: Some(format!("{}\n", restore.stamp())),
                ..file.clone()
            };
            let Probe::Done(output) = action.probe(site, None, &seen(file.clone(), marker)) else {
                panic!("it is there");
            };
            assert_eq!(output["sha256"], "cd");
            let foreign = action.probe(site, None, &seen(file, StatSeen::default()));
            assert!(matches!(foreign, Probe::Conflict(_)), "{foreign:?}");
        });
    }

    #[test]
    fn a_name_that_the_new_cluster_lacks_is_refused_before_anything_changes() {
        site_of(|site| {
            let action = EtcdRestoreFor {
                name: "three".to_owned(),
                ..for_two()
            };
            let why = action.effect(site, &mut Model::default()).unwrap_err();
            assert!(why.contains("three of etcd-2 is not among"), "{why}");
        });
    }
}
