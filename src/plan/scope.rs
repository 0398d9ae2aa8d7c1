//! The values that expressions see: `cluster`, `host`, `run`, `inventory`, and the names of the runbook.

use serde_json::{Map, Value, json};

use crate::base::id::RunId;
use crate::cluster::host::{ClusterConfig, Host, ServiceKind};
use crate::cluster::model::{Model, ModelMember};
use crate::cluster::observed::Observed;

use super::known::Known;

/// How a member is called in expressions and questions: its host where the inventory knows it, else its name, else its ID.
pub fn word(member: &ModelMember) -> String {
    if let Some(host) = &member.host {
        return host.clone();
    }
    if member.name.is_empty() {
        return member.id.map(|id| id.to_string()).unwrap_or_default();
    }
    member.name.clone()
}

/// `cluster.*`, as the model is at this place in the plan.
pub fn cluster(config: &ClusterConfig, model: &Model, observed: &Observed) -> Value {
    let words = |wanted: &dyn Fn(&ModelMember) -> bool| -> Vec<String> {
        model.members.iter().filter(|member| wanted(member)).map(word).collect()
    };
    let version = model.lowest_version();
    let leader = observed
        .leader
        .and_then(|id| model.members.iter().find(|member| member.id == Some(id)))
        .map(word);
    json!({
        "name": config.name,
        "id": model.cluster_id,
        "version": version,
        "has_learners": version.is_none_or(crate::cluster::version::Version::has_learners),
        "log_level_needs_restart": version.is_none_or(crate::cluster::version::Version::log_level_needs_restart),
        "endpoints": config.endpoints,
        "members": words(&|_| true),
        "voters": words(&|member| !member.learner),
        "learners": words(&|member| member.learner),
        "healthy": words(&|member| member.up),
        "unhealthy": words(&|member| !member.up),
        "leader": leader,
        "leader_last": leader_last(model, leader.as_deref()),
        "quorum": model.has_quorum(),
        "initial_cluster": initial_cluster(model),
    })
}

/// All members, the leader at the end: the order for anything done one at a time.
fn leader_last(model: &Model, leader: Option<&str>) -> Vec<String> {
    let mut members: Vec<String> = model.members.iter().map(word).collect();
    members.sort_by_key(|member| (Some(member.as_str()) == leader, member.clone()));
    members
}

fn initial_cluster(model: &Model) -> String {
    let pairs: Vec<String> = model
        .members
        .iter()
        .flat_map(|member| member.peer_urls.iter().map(move |url| format!("{}={url}", member.name)))
        .collect();
    pairs.join(",")
}

/// `host.*`.
pub fn host(host: &Host, model: &Model, known: &Known) -> Value {
    let member = model.on_host(&host.name);
    let reachable = known.service(&host.name).is_some_and(|seen| seen.is_ok());
    let service = known.service(&host.name).and_then(Result::ok);
    let data_dir = host
        .data_dir
        .clone()
        .or_else(|| service.and_then(|service| service.data_dir.clone()));
    json!({
        "name": host.name,
        "unit": host.service.unit,
        "kind": if host.service.kind == ServiceKind::Systemd { "systemd" } else { "process" },
        "data_dir": data_dir,
        "wal_dir": host.wal_dir.clone().or_else(|| service.and_then(|service| service.wal_dir.clone())),
        "peer_url": host.peer_url,
        "client_url": host.client_url,
        "reachable": reachable,
        "version": service.and_then(|service| service.version),
        "member": member.and_then(|member| member.id),
        "is_member": member.is_some(),
        "is_voter": member.is_some_and(|member| !member.learner),
        "freezes": host.freeze.is_some(),
    })
}

/// `run.*`, `inventory.*`.
pub fn fixed(config: &ClusterConfig, run: &RunId, dead: &[String]) -> Map<String, Value> {
    let hosts: Vec<&str> = config.hosts.iter().map(|host| host.name.as_str()).collect();
    let mut roots = Map::new();
    roots.insert("run".to_owned(), json!({ "id": run.as_str(), "dead": dead }));
    roots.insert("inventory".to_owned(), json!({ "hosts": hosts }));
    roots.insert("backups".to_owned(), json!({ "newest_verified": null }));
    roots
}
