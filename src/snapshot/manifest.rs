//! What is known about a backup, as kept beside it in the library.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::id::RunId;
use crate::cluster::member::{Id, Member};
use crate::cluster::version::Version;

/// Format of manifests.
pub const SCHEMA: &str = "etcdops/backup/v1";

/// How a backup came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Streamed over etcd's API while the member served.
    Live,
    /// Copied from the disk of a member that was proved stopped.
    Cold,
    /// Made by others, taken in by `backups add`.
    Added,
}

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A snapshot with the digest at its end, as `etcdctl snapshot save` writes.
    Snapshot,
    /// A bare database: `member/snap/db` of a stopped member. A restore needs `--skip-hash-check`.
    Database,
    /// A tar archive of a whole data directory, with its log.
    DataDir,
    /// The same, with what `etcdctl backup` made of it under `v2/`: the only form from which v2 data comes back.
    V2Backup,
}

/// The member that a backup was taken from; unknown fields are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub cluster_id: Option<Id>,
    pub member_id: Option<Id>,
    /// The host of the inventory.
    pub host: Option<String>,
    /// Of the etcd that it was taken from.
    pub version: Option<Version>,
}

/// What the database holds, as our reader found it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The store's revision.
    pub revision: u64,
    /// The revision up to which the history was compacted.
    pub compacted: Option<u64>,
    /// The raft term of the last applied entry; not stored before 3.5.
    pub term: Option<u64>,
    /// The last applied raft index.
    pub applied_index: u64,
    /// Keys, as `etcdutl snapshot status` counts from 3.6 on.
    pub keys: u64,
    /// One of them has no name: `snapshot restore --bump-revision` leaves an empty entry, which no client can read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nameless: bool,
    /// Entries of all buckets, as `etcdctl snapshot status` counts up to 3.5.
    pub entries: u64,
    /// Bytes of the database, as `snapshot status` tells; less than the file's where that was grown ahead.
    pub database_size: u64,
    /// etcd's own hash of it, as `snapshot status` prints: hex, unpadded.
    pub hash: String,
    /// `3.6.0`; not stored before 3.6.
    pub storage_version: Option<String>,
    /// The cluster's version when it was taken.
    pub cluster_version: Option<String>,
    /// The members recorded in it.
    pub members: Vec<Member>,
    /// Alarms that it carries, such as `NOSPACE`.
    pub alarms: Vec<String>,
    /// Users of etcd's auth.
    pub users: u64,
    /// Auth is switched on in it.
    pub auth: bool,
}

impl Content {
    /// Keys that a client can read.
    pub fn readable_keys(&self) -> u64 {
        self.keys.saturating_sub(u64::from(self.nameless))
    }
}

/// The IDs that `etcdctl backup` gave: those of the cluster of one that a start with `force-new-cluster` makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forced {
    pub member_id: Id,
    pub cluster_id: Id,
}

/// When and how a backup was proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    pub at: Timestamp,
    pub run: Option<RunId>,
    /// What the file as a whole was held against; `None`: its SHA-256, by a version that did not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Compared>,
    /// By starting a throw-away etcd from it; `None`: nobody asked for that.
    pub boot: Option<Proof>,
}

/// The digest of the whole file that was found to be the known one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compared {
    Sha256,
    Blake3,
}

impl Compared {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Blake3 => "BLAKE3",
        }
    }
}

/// What the throw-away etcd said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// It served the same revision and as many keys.
    Booted { version: Version },
    /// It could not be tried, which is no failure: why.
    NotTried(String),
}

/// One backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub schema: String,
    /// In the library.
    pub name: String,
    /// The cluster's name in the inventory.
    pub cluster: String,
    pub taken: Timestamp,
    pub how: How,
    pub form: Form,
    pub run: Option<RunId>,
    pub step: Option<String>,
    /// The file, beside the manifest.
    pub file: String,
    /// Bytes of the file.
    pub size: u64,
    /// Of the whole file, hex.
    pub sha256: String,
    /// The same, which takes less time to compare; backups of older versions have it from their next check on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
    /// The version of our reader that read every page of it: the same bytes need not be read in that way again. `None`: an earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<u32>,
    #[serde(flatten)]
    pub source: Source,
    #[serde(flatten)]
    pub content: Content,
    /// It holds data of etcd's v2 API.
    pub v2_data: bool,
    /// Of a backup with a folder of `etcdctl backup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<Forced>,
    pub verified: Option<Verified>,
    /// The last check found it damaged: how.
    #[serde(default)]
    pub damage: Option<String>,
}

impl Manifest {
    /// Proved, and not found damaged since.
    pub fn is_good(&self) -> bool {
        self.verified.is_some() && self.damage.is_none()
    }

    /// What `etcdctl backup` made is in it: one host can be started from that, and the others join it.
    pub fn is_v2_backup(&self) -> bool {
        self.form == Form::V2Backup && self.forced.is_some()
    }

    /// A file that `snapshot restore` takes; archives of data directories are put back by hand.
    pub fn is_restorable(&self) -> bool {
        matches!(self.form, Form::Snapshot | Form::Database)
    }
}

/// A backup where it lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    #[serde(flatten)]
    pub manifest: Manifest,
    /// The file on the bastion.
    pub path: String,
}

/// Everything that the library has of one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelf {
    /// The newest first.
    pub backups: Vec<Kept>,
    /// Folders whose manifest cannot be read: name and why.
    pub broken: Vec<(String, String)>,
}

impl Shelf {
    pub fn find(&self, name: &str) -> Option<&Kept> {
        self.backups.iter().find(|kept| kept.manifest.name == name)
    }

    /// The newest proved backup of this cluster ID that can be restored; of any where the ID is not known (no member answers). One that
    /// does not tell its cluster only where no other fits.
    pub fn newest_verified(&self, cluster_id: Option<Id>) -> Option<&Kept> {
        self.newest(cluster_id, Manifest::is_restorable)
    }

    /// The newest proved one of this cluster ID that holds v2 data, of which a snapshot has none.
    pub fn newest_v2(&self, cluster_id: Option<Id>) -> Option<&Kept> {
        self.newest(cluster_id, |manifest| manifest.is_v2_backup() && manifest.v2_data)
    }

    fn newest(&self, cluster_id: Option<Id>, fits: impl Fn(&Manifest) -> bool) -> Option<&Kept> {
        let good = || {
            self.backups
                .iter()
                .filter(|kept| kept.manifest.is_good() && fits(&kept.manifest))
        };
        let own = |kept: &&Kept| kept.manifest.source.cluster_id;
        let ours = |kept: &&Kept| own(kept).is_some() && (cluster_id.is_none() || own(kept) == cluster_id);
        good().find(ours).or_else(|| good().find(|kept| own(kept).is_none()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A proved live backup.
    pub(crate) fn sample(name: &str, taken: Timestamp) -> Kept {
        let manifest = Manifest {
            schema: SCHEMA.to_owned(),
            name: name.to_owned(),
            cluster: "c".to_owned(),
            taken,
            how: How::Live,
            form: Form::Snapshot,
            run: None,
            step: None,
            file: "snapshot.db".to_owned(),
            size: 20_512,
            sha256: "ab".repeat(32),
            blake3: None,
            reader: None,
            source: Source {
                cluster_id: Some(Id(0x1a)),
                ..Source::default()
            },
            content: Content::default(),
            v2_data: false,
            forced: None,
            verified: Some(Verified {
                at: taken,
                run: None,
                digest: None,
                boot: None,
            }),
            damage: None,
        };
        let path = format!("/library/{name}/snapshot.db");
        Kept { manifest, path }
    }

    #[test]
    fn a_manifest_is_one_flat_object_and_reads_back() {
        let kept = sample("b", Timestamp::UNIX_EPOCH);
        let text = serde_json::to_string(&kept.manifest).unwrap();
        assert!(
            text.contains("\"cluster_id\":\"1a\"") && text.contains("\"revision\":0"),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), kept.manifest);
    }

    #[test]
    fn the_newest_verified_one_of_the_cluster_is_found() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut other = sample("other", at(9));
        other.manifest.source.cluster_id = Some(Id(0x2b));
        let mut damaged = sample("damaged", at(8));
        damaged.manifest.damage = Some("page 3: …".to_owned());
        let mut cold = sample("cold", at(10));
        cold.manifest.form = Form::DataDir;
        let own = sample("own", at(7));
        let shelf = Shelf {
            backups: vec![cold, other, damaged, own],
            broken: Vec::new(),
        };
        let found = |id| shelf.newest_verified(id).map(|kept| kept.manifest.name.as_str());
        assert_eq!(found(Some(Id(0x1a))), Some("own"));
        assert_eq!(found(None), Some("other"));
        assert_eq!(found(Some(Id(0x3c))), None);
    }

    #[test]
    fn one_that_does_not_tell_its_cluster_is_chosen_only_where_no_other_is_ours() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut foreign = sample("foreign", at(9));
        foreign.manifest.source.cluster_id = None;
        let own = sample("own", at(7));
        let mut shelf = Shelf {
            backups: vec![foreign, own],
            broken: Vec::new(),
        };
        let found = |shelf: &Shelf, id| shelf.newest_verified(id).map(|kept| kept.manifest.name.clone());
        assert_eq!(found(&shelf, Some(Id(0x1a))).as_deref(), Some("own"));
        assert_eq!(found(&shelf, None).as_deref(), Some("own"));
        assert_eq!(found(&shelf, Some(Id(0x2b))).as_deref(), Some("foreign"));
        shelf.backups.pop();
        assert_eq!(found(&shelf, Some(Id(0x1a))).as_deref(), Some("foreign"));
    }
}
