//! The values that expressions see. Their names and types stand in `runbook::scope`; a test holds this file to that table.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::base::counted::length;
use crate::base::expr::Seen;
use crate::base::id::RunId;
use crate::call::CallError;
use crate::cluster::host::{ClusterConfig, Host, Keep, ServiceKind};
use crate::cluster::member::{Id, Member};
use crate::cluster::model::{Model, ModelMember};
use crate::cluster::observed::{Observed, Remembered};
use crate::cluster::version::Version;
use crate::runbook::scope::entity;
use crate::runbook::types::ParameterType;
use crate::snapshot::{Kept, Shelf};

/// What values are made from, all over the plan.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    pub config: &'a ClusterConfig,
    pub observed: &'a Observed,
    pub library: &'a Shelf,
    /// Why the library cannot be read.
    pub no_library: Option<&'a CallError>,
    pub run: &'a RunId,
    pub dead: &'a [String],
    /// What was known of the cluster before.
    pub remembered: &'a Remembered,
}

/// What values are made from, at one place in the plan.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    pub around: Around<'a>,
    pub model: &'a Model,
}

/// What expressions see of one model. Each value is made when it is first asked for.
pub struct Drawn<'a> {
    around: Around<'a>,
    model: Model,
    roots: RefCell<BTreeMap<String, Option<Seen>>>,
    hosts: RefCell<BTreeMap<String, Seen>>,
}

impl<'a> Drawn<'a> {
    pub fn new(around: Around<'a>, model: Model) -> Self {
        Self {
            around,
            model,
            roots: RefCell::default(),
            hosts: RefCell::default(),
        }
    }

    pub fn model(&self) -> &Model {
        &self.model
    }

    pub fn ground(&self) -> Ground<'_> {
        Ground {
            around: self.around,
            model: &self.model,
        }
    }

    pub fn root(&self, name: &str) -> Option<Seen> {
        let mut made = self.roots.borrow_mut();
        let value = || self.ground().root(name).map(Seen::from);
        made.entry(name.to_owned()).or_insert_with(value).clone()
    }

    pub fn host(&self, host: &Host) -> Seen {
        let mut made = self.hosts.borrow_mut();
        let value = || self.ground().host(host).into();
        made.entry(host.name.clone()).or_insert_with(value).clone()
    }
}

/// How a member is called in questions and messages: its host where the inventory knows it, else its name, else its ID.
pub fn word(member: &ModelMember) -> String {
    if let Some(host) = &member.host {
        return host.clone();
    }
    if member.name.is_empty() {
        return member.id.map(|id| id.to_string()).unwrap_or_default();
    }
    member.name.clone()
}

impl Ground<'_> {
    /// One of the names that every expression sees.
    pub fn root(&self, name: &str) -> Option<Value> {
        Some(match name {
            "cluster" => self.cluster(),
            "inventory" => self.inventory(),
            "backups" => self.backups(),
            "run" => json!({
                "id": self.around.run.as_str(),
                "dead": self.around.dead,
                "dead_quorum": self.dead_quorum(self.around.observed.members_or(self.around.remembered)),
            }),
            _ => return None,
        })
    }

    pub fn cluster(&self) -> Value {
        let known = self.around.observed.members_or(self.around.remembered);
        let version = self.model.lowest_version();
        let leader = self.model.members.iter().find(|member| self.leads(member));
        let tolerates = self
            .model
            .tolerates()
            .map_or(-1, |count| i64::try_from(count).unwrap_or(i64::MAX));
        json!({
            "name": self.around.config.name,
            "id": self.model.cluster_id,
            "known_id": self.known_id(),
            "known_peer_urls": known.iter().flat_map(|member| &member.peer_urls).collect::<Vec<_>>(),
            "login": self.around.config.auth.user,
            "endpoints": self.around.config.endpoints,
            "members": self.members(|_| true),
            "voters": self.members(|member| !member.learner),
            "learners": self.members(|member| member.learner),
            "hosts": self.hosts(|host| self.model.on_host(&host.name).is_some()),
            "leader": leader.map(|member| self.member(member)),
            "version": version,
            "has_learners": version.is_none_or(Version::has_learners),
            "has_quorum": self.model.has_quorum(),
            "size": self.model.voter_count(),
            "tolerates": tolerates,
            "client_urls": self.listed(|member| &member.client_urls),
            "peer_urls": self.listed(|member| &member.peer_urls),
            "revision": self.revision(),
            "db_size": self.around.observed.members.iter().filter_map(|seen| seen.db_size).max().unwrap_or(0),
        })
    }

    fn revision(&self) -> u64 {
        let told = self
            .around
            .observed
            .members
            .iter()
            .filter_map(|seen| seen.revision)
            .max();
        told.unwrap_or_default().max(self.around.remembered.revision)
    }

    /// The cluster's ID as it is before anything that the plan does, or was when somebody answered last.
    fn known_id(&self) -> Option<Id> {
        self.around.observed.cluster_id.or(self.around.remembered.cluster_id)
    }

    /// Whether the hosts that are called dead could serve by themselves.
    fn dead_quorum<'m>(&self, members: impl IntoIterator<Item = &'m Member>) -> bool {
        let voters = members.into_iter().filter(|member| !member.learner);
        self.around.config.quorum_on(voters, self.around.dead)
    }

    /// URLs of all members as they were seen, before anything that the plan does.
    fn listed(&self, urls: fn(&Member) -> &Vec<String>) -> Vec<&String> {
        let members = self
            .around
            .observed
            .members
            .iter()
            .filter_map(|seen| seen.member.as_ref());
        let mut found: Vec<&String> = members.flat_map(urls).collect();
        found.sort();
        found
    }

    fn inventory(&self) -> Value {
        json!({
            "hosts": self.hosts(|_| true),
            "spare_hosts": self.hosts(|host| self.model.on_host(&host.name).is_none()),
            "has_retention": self.around.config.backups.keep != Keep::default(),
            "has_clients": self.around.config.clients.is_some(),
        })
    }

    pub fn host(&self, host: &Host) -> Value {
        let member = self.model.on_host(&host.name);
        let first = |urls: Option<&Vec<String>>| urls.and_then(|urls| urls.first().cloned());
        let version = member.and_then(|member| member.version);
        let fields = json!({
            "name": host.name,
            "peer_url": host.peer_url.clone().or_else(|| first(member.map(|member| &member.peer_urls))),
            "client_url": host.client_url.clone().or_else(|| first(member.map(|member| &member.client_urls))),
            "data_dir": host.data_dir,
            "wal_dir": host.wal_dir,
            "unit": host.service.unit,
            "service_kind": if host.service.kind == ServiceKind::Systemd { "systemd" } else { "process" },
            "has_freeze": host.freeze.is_some(),
            "is_member": member.is_some(),
            "member": member.map(|member| self.member(member)),
            "member_id": member.and_then(|member| member.id).map(|id| id.to_string()).unwrap_or_default(),
            "voter": member.is_some_and(|member| !member.learner),
            "up": member.is_some_and(|member| member.up),
            "leads": member.is_some_and(|member| self.leads(member)),
            "version": version.map(|version| version.to_string()).unwrap_or_default(),
            "log_level_needs_restart": version.is_none_or(Version::log_level_needs_restart),
        });
        standing_for(&host.name, fields)
    }

    pub fn member(&self, member: &ModelMember) -> Value {
        let fields = json!({
            "is_member": true,
            "id": member.id,
            "name": member.name,
            "host": member.host,
            "peer_urls": member.peer_urls,
            "client_urls": member.client_urls,
            "learner": member.learner,
            "up": member.up,
            "leads": self.leads(member),
            "version": member.version,
        });
        let stands_for = member.id.map_or_else(|| word(member), |id| id.to_string());
        standing_for(&stands_for, fields)
    }

    /// A member that etcd does not list any more.
    fn gone(&self, word: &str) -> Value {
        let fields = json!({
            "is_member": false,
            "id": null,
            "name": word,
            "host": self.around.config.host(word).map(|host| &host.name),
            "peer_urls": [],
            "client_urls": [],
            "learner": false,
            "up": false,
            "leads": false,
            "version": null,
        });
        standing_for(word, fields)
    }

    fn backups(&self) -> Value {
        let all: Vec<Value> = self
            .around
            .library
            .backups
            .iter()
            .map(|kept| self.backup(kept))
            .collect();
        let verified = self.around.library.newest_verified(self.known_id());
        let v2 = self.around.library.newest_v2(self.known_id());
        json!({
            "newest": all.first(),
            "newest_verified": verified.map(|kept| self.backup(kept)),
            "newest_v2": v2.map(|kept| self.backup(kept)),
            "all": all,
        })
    }

    fn members(&self, wanted: impl Fn(&ModelMember) -> bool) -> Vec<Value> {
        let mut members: Vec<&ModelMember> = self.model.members.iter().filter(|member| wanted(member)).collect();
        members.sort_by(|one, other| one.name.cmp(&other.name));
        members.into_iter().map(|member| self.member(member)).collect()
    }

    fn hosts(&self, wanted: impl Fn(&Host) -> bool) -> Vec<Value> {
        self.around
            .config
            .hosts
            .iter()
            .filter(|host| wanted(host))
            .map(|host| self.host(host))
            .collect()
    }

    fn leads(&self, member: &ModelMember) -> bool {
        self.around.observed.leader.is_some() && member.id == self.around.observed.leader
    }

    /// A bound parameter as expressions see it: hosts, members and backups with their fields.
    pub fn parameter(&self, kind: ParameterType, value: &Value) -> Value {
        match (kind, value) {
            (_, Value::Array(items)) => Value::Array(items.iter().map(|item| self.parameter(kind, item)).collect()),
            (ParameterType::Host, Value::String(name)) => self
                .around
                .config
                .host(name)
                .map_or_else(|| value.clone(), |host| self.host(host)),
            (ParameterType::Member, Value::String(name)) => match self.model.find(name) {
                Ok(Some(member)) => self.member(member),
                Ok(None) => self.gone(name),
                Err(_) => value.clone(),
            },
            (ParameterType::Backup, Value::String(name)) => {
                let found = self.around.library.find(name);
                found.map_or_else(|| value.clone(), |kept| self.backup(kept))
            }
            _ => value.clone(),
        }
    }

    fn backup(&self, kept: &Kept) -> Value {
        let manifest = &kept.manifest;
        let fields = json!({
            "name": manifest.name,
            "path": kept.path,
            "size": manifest.size,
            "sha256": manifest.sha256,
            "revision": manifest.content.revision,
            "keys": manifest.content.readable_keys(),
            "cluster_id": manifest.source.cluster_id,
            "version": manifest.source.version,
            "taken": crate::base::clock::rfc3339(manifest.taken),
            "age": length(self.around.run.began().map_or(0, |began| began.duration_since(manifest.taken).as_secs().max(0))),
            "verified": manifest.is_good(),
            "peer_urls": manifest.content.members.iter().flat_map(|member| &member.peer_urls).collect::<Vec<_>>(),
            "alarms": manifest.content.alarms,
            "auth": manifest.content.auth,
            "v2_data": manifest.v2_data,
            "fell": self.around.library.fell(kept).unwrap_or_default(),
            "dead_quorum": self.dead_quorum(&manifest.content.members),
            "forced_member": manifest.forced.map(|forced| forced.member_id.to_string()).unwrap_or_default(),
            "forced_cluster": manifest.forced.map(|forced| forced.cluster_id.to_string()).unwrap_or_default(),
        });
        standing_for(&manifest.name, fields)
    }
}

fn standing_for(name: &str, fields: Value) -> Value {
    match fields {
        Value::Object(fields) => entity(name, fields),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{Around, Ground};
    use crate::base::duration::Span;
    use crate::cluster::host::{AuthUser, Backups, Become, ClusterConfig, Host, Route, Shell, TlsFiles};
    use crate::cluster::model::{Model, ModelMember};
    use crate::cluster::observed::{Observed, Remembered};
    use crate::runbook::scope::{ROOTS, differences};

    #[test]
    fn every_value_has_the_fields_and_types_of_the_table() {
        let host = Host {
            shell: Shell::Local,
            elevate: Become::None,
            ..Host::named("etcd-1")
        };
        let config = ClusterConfig {
            name: "c".to_owned(),
            endpoints: vec!["http://127.0.0.1:2379".to_owned()],
            route: Route::Direct,
            tls: TlsFiles::default(),
            auth: AuthUser::default(),
            clients: None,
            backups: Backups::default(),
            hosts: vec![host],
            discovery: None,
            call_timeout: Span(std::time::Duration::from_secs(5)),
        };
        let member = ModelMember {
            id: Some(crate::cluster::member::Id(0x1a)),
            name: "etcd-1".to_owned(),
            host: Some("etcd-1".to_owned()),
            peer_urls: vec!["http://127.0.0.1:2380".to_owned()],
            client_urls: Vec::new(),
            learner: false,
            up: true,
            version: "3.5.30".parse().ok(),
        };
        let model = Model {
            cluster_id: None,
            members: vec![member],
            ..Model::default()
        };
        let run = crate::base::id::RunId::from_parts(jiff::Timestamp::UNIX_EPOCH, 1);
        let observed = Observed::default();
        let around = Around {
            config: &config,
            observed: &observed,
            library: &crate::snapshot::Shelf::default(),
            no_library: None,
            run: &run,
            dead: &[],
            remembered: &Remembered::default(),
        };
        let ground = Ground { around, model: &model };
        let found: Vec<String> = ROOTS
            .iter()
            .flat_map(|root| differences(&ground.root(root.name).unwrap(), root.of, root.name))
            .collect();
        assert_eq!(found, Vec::<String>::new());
    }
}
