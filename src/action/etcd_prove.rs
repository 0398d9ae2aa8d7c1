//! `etcd.prove`: a write and a read through the member on the host. The write is a transaction whose condition cannot hold: it goes through
//! the log of all members and changes no key and no revision, so that nothing of ours stays in the data.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Probe, Risk, Site, sight};
use crate::call::{Call, CallError, EtcdAnswer, EtcdOp, Fault, Look, Reply, Sight, To};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EtcdProve {}

fn endpoint(site: &Site<'_>, seen: &[Sight]) -> Option<String> {
    let observed = sight::cluster(seen).ok();
    let seen = observed.and_then(|observed| observed.on_host(site.host_name()));
    seen.map(|seen| seen.endpoint.clone())
        .or_else(|| site.host.and_then(|host| host.client_url.clone()))
}

impl Action for EtcdProve {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        "write and read through this member: a transaction that changes no key, then a read through the quorum"
            .to_owned()
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Cluster]
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        match endpoint(site, seen) {
            Some(_) => Probe::NotYet("not tried yet".to_owned()),
            None => Probe::Unknown(format!("no client URL is known for {}", site.host_name())),
        }
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let to = To::Etcd {
            endpoint: endpoint(site, seen)?,
            op: EtcdOp::Prove,
        };
        Some(Call {
            to,
            timeout: site.timeout,
        })
    }

    fn settled_by(&self, reply: &Reply) -> Option<Value> {
        matches!(reply, Reply::Etcd(EtcdAnswer::Done)).then(|| json!({}))
    }

    fn repeatable(&self) -> bool {
        true
    }

    /// A leader may be elected just now.
    fn passes_by_itself(&self, error: &CallError) -> bool {
        !matches!(error.fault, Fault::Auth | Fault::Tls) && !error.message.contains("database space exceeded")
    }
}
