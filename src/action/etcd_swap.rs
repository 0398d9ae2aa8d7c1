//! `etcd.swap`: a restored data directory takes the place of the old one, which is renamed. The cluster begins anew with it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::etcd_restore::members;
use super::{Action, Probe, Risk, Site, sight};
use crate::base::duration::Span;
use crate::call::host::{HostOp, Restore, StatSeen};
use crate::call::{Call, Look, Sight};
use crate::cluster::model::{Model, ModelMember};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EtcdSwap {
    /// The data directory.
    pub data_dir: String,
    /// What `etcd.restore` made.
    pub new: String,
    /// The log's directory, where the unit has a separate one.
    #[serde(default)]
    pub wal_dir: Option<String>,
    /// What `etcd.restore` made of it.
    #[serde(default)]
    pub new_wal: Option<String>,
    /// The members of the new cluster, as given to `etcd.restore`.
    pub initial_cluster: String,
}

/// One directory that takes the place of another.
struct Place<'a> {
    path: &'a str,
    new: &'a str,
    old: String,
}

impl EtcdSwap {
    /// The log first: the data directory in its place is the end.
    fn places<'a>(&'a self, site: &Site<'_>) -> Vec<Place<'a>> {
        let wal = self.wal_dir.as_deref().zip(self.new_wal.as_deref());
        let data = (self.data_dir.as_str(), self.new.as_str());
        let place = |(path, new): (&'a str, &'a str)| Place {
            path,
            new,
            old: format!("{}.etcdops-{}.old", path.trim_end_matches('/'), site.run),
        };
        wal.into_iter().chain([data]).map(place).collect()
    }

    fn swap(place: &Place<'_>) -> HostOp {
        HostOp::Swap {
            path: place.path.to_owned(),
            new: place.new.to_owned(),
            old: place.old.clone(),
        }
    }
}

/// The last part of a path in the same folder; the whole path of any other.
fn beside<'a>(path: &str, other: &'a str) -> &'a str {
    let folder = |path: &str| path.rfind('/');
    match (folder(path), folder(other)) {
        (Some(own), Some(its)) if path[..own] == other[..its] => &other[its + 1..],
        _ => other,
    }
}

/// Where the contents of a mount point go, the name of the script.
fn going_in(new: &str) -> String {
    format!("{new}.in")
}

/// How far one place is. `Ok(true)`: the new directory is in it.
fn swapped(place: &Place<'_>, seen: &[&StatSeen]) -> Result<bool, String> {
    match seen {
        [new, going_in, path] if new.kind.is_none() && going_in.kind.is_none() => match path.kind {
            Some(_) => Ok(true),
            None => Err(format!("neither {} nor {} is there", place.new, place.path)),
        },
        _ => Ok(false),
    }
}

impl Action for EtcdSwap {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, site: &Site<'_>) -> String {
        let words: Vec<String> = self
            .places(site)
            .iter()
            .map(|place| {
                let (old, new) = (beside(place.path, &place.old), beside(place.path, place.new));
                format!("keep {} as {old}, put {new} in its place", place.path)
            })
            .collect();
        format!("{} (of a mount point: its contents)", words.join("; "))
    }

    /// From here on the hosts carry a new cluster.
    fn effect(&self, site: &Site<'_>, model: &mut Model) -> Result<(), String> {
        let versions: Vec<_> = model
            .members
            .iter()
            .map(|member| (member.host.clone(), member.version))
            .collect();
        model.cluster_id = None;
        model.members = members(&self.initial_cluster)?
            .into_iter()
            .map(|(name, peer_urls)| {
                let host = peer_urls.iter().find_map(|url| site.cluster.host_of_url(url));
                let host = host.or_else(|| site.cluster.host(&name)).map(|host| host.name.clone());
                let version = versions
                    .iter()
                    .find(|(known, _)| *known == host)
                    .and_then(|(_, version)| *version);
                ModelMember {
                    id: None,
                    name,
                    host,
                    peer_urls,
                    client_urls: Vec::new(),
                    learner: false,
                    up: false,
                    version,
                }
            })
            .collect();
        Ok(())
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        let host = site.host_name();
        let stat = |path: &str| Look::stat(host, path);
        let places = self.places(site);
        let places = places
            .iter()
            .flat_map(|place| [stat(place.new), stat(&going_in(place.new)), stat(place.path)]);
        std::iter::once(stat(&Restore::marker(&self.new)))
            .chain(places)
            .collect()
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        let places = self.places(site);
        let mut stats = Vec::new();
        for nth in 0..=places.len() * 3 {
            match sight::stat(seen, nth) {
                Ok(stat) => stats.push(stat),
                Err(why) => return Probe::Unknown(why),
            }
        }
        if stats[0].kind.is_none() {
            return Probe::Conflict(format!("{} was not made by a whole restore", self.new));
        }
        let swapped: Result<Vec<bool>, String> = places
            .iter()
            .zip(stats[1..].chunks(3))
            .map(|(place, stats)| swapped(place, stats))
            .collect();
        match swapped {
            Err(why) => Probe::Conflict(why),
            Ok(all) if all.iter().all(|done| *done) => Probe::Done(json!({
                "path": self.data_dir,
                "old": places.last().map(|place| place.old.clone()),
            })),
            Ok(_) => Probe::NotYet("the restored directory is not in its place yet".to_owned()),
        }
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let places = self.places(site);
        let open = places.iter().enumerate().find(|(nth, place)| {
            let stats: Option<Vec<&StatSeen>> = (1..=3).map(|stat| sight::stat(seen, nth * 3 + stat).ok()).collect();
            stats.is_some_and(|stats| swapped(place, &stats) == Ok(false))
        });
        open.map(|(_, place)| sight::on_host_within(site, Self::swap(place), site.timeout.max(Span::seconds(120))))
    }

    fn by_hand(&self, site: &Site<'_>) -> Vec<Call> {
        let places = self.places(site);
        places
            .iter()
            .map(|place| sight::on_host(site, Self::swap(place)))
            .collect()
    }

    fn repeatable(&self) -> bool {
        true
    }
}
