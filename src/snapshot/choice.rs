//! What speaks against a backup that would be chosen: it may be another cluster's, or be from after a mistake.

use crate::base::clock::rfc3339;
use crate::base::counted::counted;
use crate::cluster::host::ClusterConfig;
use crate::cluster::member::Id;

use super::manifest::{Kept, Manifest, Shelf};

/// Why it is not known that a backup is of this cluster: it tells another ID; or it tells none, and none of the members recorded in it is
/// known, neither to the inventory nor by these peer URLs.
pub fn doubt(manifest: &Manifest, cluster: &ClusterConfig, id: Option<Id>, peer_urls: &[String]) -> Option<String> {
    let name = &manifest.name;
    if let Some(own) = manifest.source.cluster_id {
        let wanted = id.filter(|wanted| *wanted != own)?;
        let of = &manifest.cluster;
        return Some(format!("backup {name} is of cluster {own} ({of}), not {wanted}"));
    }
    let members = &manifest.content.members;
    let fits = members.iter().any(|member| {
        let named = cluster.host(&member.name).is_some();
        let at_home = |url: &String| {
            let of_host = cluster.hosts.iter().any(|host| host.peer_url.as_ref() == Some(url));
            of_host || peer_urls.contains(url)
        };
        named || member.peer_urls.iter().any(at_home)
    });
    if fits {
        return None;
    }
    let mut known: Vec<String> = members
        .iter()
        .map(|member| format!("{} ({})", member.name, member.peer_urls.join(", ")))
        .collect();
    known.sort();
    let known = if known.is_empty() {
        "it names no member".to_owned()
    } else {
        format!("this cluster knows none of its members: {}", known.join(", "))
    };
    Some(format!(
        "backup {name} does not tell of which cluster it is, and {known}"
    ))
}

impl Shelf {
    /// What is to be said of a backup that holds more than a fifth fewer keys than the proved one before it (safety 22).
    pub fn fell(&self, kept: &Kept) -> Option<String> {
        let before = self.before(kept)?;
        let (now, then) = (kept.manifest.content.keys, before.manifest.content.keys);
        if u128::from(now) * 5 >= u128::from(then) * 4 {
            return None;
        }
        Some(format!(
            "it holds {}, and backup {} before it (taken {}) {}: more than a fifth is gone, as after a mistake",
            counted(now, "key", "keys"),
            before.manifest.name,
            rfc3339(before.manifest.taken),
            counted(then, "key", "keys")
        ))
    }

    /// The proved one of the same cluster that was taken last before this one.
    fn before(&self, kept: &Kept) -> Option<&Kept> {
        let own = kept.manifest.source.cluster_id;
        let earlier = self.backups.iter().filter(|other| {
            let same = own.is_none() || other.manifest.source.cluster_id == own;
            same && other.manifest.is_good() && other.manifest.taken < kept.manifest.taken
        });
        earlier.max_by_key(|other| other.manifest.taken)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::base::duration::Span;
    use crate::cluster::host::{AuthUser, Backups, Host, Route, TlsFiles};
    use crate::cluster::member::Member;
    use crate::snapshot::manifest::tests::sample;

    fn holding(name: &str, second: i64, keys: u64) -> Kept {
        let mut kept = sample(name, Timestamp::from_second(second).unwrap());
        kept.manifest.content.keys = keys;
        kept
    }

    fn cluster() -> ClusterConfig {
        let hosts = (1..=3).map(|number| Host {
            peer_url: Some(format!("http://etcd-{number}:2380")),
            ..Host::named(&format!("etcd-{number}"))
        });
        ClusterConfig {
            name: "c".to_owned(),
            endpoints: Vec::new(),
            discovery: None,
            route: Route::Direct,
            tls: TlsFiles::default(),
            auth: AuthUser::default(),
            clients: None,
            backups: Backups::default(),
            hosts: hosts.collect(),
            call_timeout: Span::seconds(5),
        }
    }

    #[test]
    fn a_loss_of_more_than_a_fifth_of_the_keys_is_told() {
        let told = |before: u64, now: u64| {
            let shelf = Shelf {
                backups: vec![holding("new", 9, now), holding("old", 7, before)],
                broken: Vec::new(),
            };
            assert_eq!(shelf.fell(&shelf.backups[1]), None, "nothing is before it");
            shelf.fell(&shelf.backups[0])
        };
        assert_eq!(told(100, 80), None);
        assert_eq!(told(0, 0), None);
        assert_eq!(told(80, 100), None);
        let said = told(1000, 799).unwrap();
        assert!(
            said.contains("799 keys, and backup old before it (taken 1970-01-01T00:00:07Z) 1,000 keys"),
            "{said}"
        );
    }

    #[test]
    fn only_a_good_one_of_the_same_cluster_is_before_it() {
        let mut other = holding("other", 8, 1000);
        other.manifest.source.cluster_id = Some(Id(0x2b));
        let mut damaged = holding("damaged", 7, 1000);
        damaged.manifest.damage = Some("page 3".to_owned());
        let shelf = Shelf {
            backups: vec![holding("new", 9, 10), other, damaged, holding("same", 6, 10)],
            broken: Vec::new(),
        };
        assert_eq!(shelf.fell(&shelf.backups[0]), None);
    }

    #[test]
    fn without_an_id_the_members_tell_whose_it_is() {
        let cluster = cluster();
        let backup = |id: Option<u64>, name: &str, url: &str| {
            let mut kept = holding("b", 9, 1);
            kept.manifest.source.cluster_id = id.map(Id);
            kept.manifest.content.members = vec![Member {
                id: Id(7),
                name: name.to_owned(),
                peer_urls: vec![url.to_owned()],
                client_urls: Vec::new(),
                learner: false,
            }];
            kept.manifest
        };
        let seen = ["http://10.9.9.9:2380".to_owned()];
        let doubted = |manifest: &Manifest, id: Option<u64>| doubt(manifest, &cluster, id.map(Id), &seen);
        for (name, url) in [
            ("etcd-2", "http://elsewhere:2380"),
            ("other", "http://etcd-3:2380"),
            ("other", "http://10.9.9.9:2380"),
        ] {
            assert_eq!(doubted(&backup(None, name, url), Some(1)), None, "{name} {url}");
        }
        let foreign = doubted(&backup(None, "other", "http://elsewhere:2380"), None).unwrap();
        assert!(
            foreign.contains("none of its members: other (http://elsewhere:2380)"),
            "{foreign}"
        );
        let mut empty = backup(None, "", "");
        empty.content.members.clear();
        assert!(doubted(&empty, None).unwrap().contains("it names no member"));
        // Its ID is what counts where it has one.
        let other = backup(Some(2), "etcd-2", "http://etcd-2:2380");
        assert!(doubted(&other, Some(1)).unwrap().contains("is of cluster 2 (c), not 1"));
        assert_eq!(doubted(&other, None), None);
        assert_eq!(
            doubted(&backup(Some(1), "other", "http://elsewhere:2380"), Some(1)),
            None
        );
    }
}
