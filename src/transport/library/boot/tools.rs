//! What this machine has to boot a backup with.

use std::time::Duration;

use crate::cluster::version::Version;
use crate::snapshot::{Form, Kept};
use crate::transport::process;

/// Older ones do not listen on sockets.
const OLDEST: Version = Version::new(3, 5, 0);
/// From here on etcdctl restores nothing, and etcd reads no v2 data.
const NEXT: Version = Version::new(3, 6, 0);

pub(super) struct Tools {
    pub(super) version: Version,
    pub(super) restore: Restore,
    /// Of the etcd that wrote a data directory; `None`: not known.
    pub(super) of_data: Option<(u16, u16)>,
    pub(super) v2_data: bool,
}

/// How the data directory comes to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Restore {
    /// By `snapshot restore` of this program.
    Program(&'static str),
    /// It is in the archive.
    Unpack,
}

impl Tools {
    /// Whether another version of etcd wrote the data than the one that is here.
    pub(super) fn is_foreign(&self) -> bool {
        self.of_data != Some((self.version.major, self.version.minor))
    }
}

/// What is needed, or why it cannot be tried.
pub(super) async fn at_hand(kept: &Kept) -> Result<Tools, String> {
    let manifest = &kept.manifest;
    if manifest.form == Form::V2Backup {
        return Err(
            "what `etcdctl backup` made starts for sure only with etcd 3.3 or 3.4, which cannot be shut off from others"
                .to_owned(),
        );
    }
    let version = version_of(&["etcd", "--version"]).await.ok_or("no etcd here")?;
    if version < OLDEST {
        return Err(format!("etcd {version} here is too old to be shut off from others"));
    }
    let minor = |version: Version| (version.major, version.minor);
    let stored = manifest.content.storage_version.as_deref();
    let stored = stored.and_then(|text| text.parse::<Version>().ok());
    if let Some(stored) = stored
        && minor(version) < minor(stored)
    {
        return Err(format!("etcd {version} here is older than the backup's data, {stored}"));
    }
    if manifest.form == Form::DataDir {
        let of_cluster = manifest.content.cluster_version.as_deref();
        let of_cluster = of_cluster.and_then(|text| text.parse::<Version>().ok());
        let of_data = manifest.source.version.or(stored).or(of_cluster);
        if let Some(of_data) = of_data
            && minor(version) < minor(of_data)
        {
            return Err(format!(
                "etcd {version} here is older than the backup's data, {of_data}"
            ));
        }
        if manifest.v2_data && version >= NEXT {
            return Err(format!("etcd {version} here reads no v2 data"));
        }
        return Ok(Tools {
            version,
            restore: Restore::Unpack,
            of_data: of_data.map(minor),
            v2_data: manifest.v2_data,
        });
    }
    Ok(Tools {
        version,
        restore: Restore::Program(program().await?),
        of_data: Some(minor(version)),
        v2_data: false,
    })
}

async fn program() -> Result<&'static str, String> {
    if version_of(&["etcdutl", "version"]).await.is_some() {
        return Ok("etcdutl");
    }
    match version_of(&["etcdctl", "version"]).await {
        Some(tool) if tool < NEXT => Ok("etcdctl"),
        _ => Err("no etcdutl here".to_owned()),
    }
}

/// The first version that a program prints.
async fn version_of(argv: &[&str]) -> Option<Version> {
    let ended = process::run(argv, &[("ETCDCTL_API", "3")], Duration::from_secs(10))
        .await
        .ok()?;
    let mut lines = ended.stdout.lines();
    lines.find_map(|line| line.rsplit(' ').next()?.trim().parse().ok())
}
