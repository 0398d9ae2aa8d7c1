//! What is done in the backup library, as commands on this machine.

use super::etcdctl_words;
use crate::base::quote::{join, quote};
use crate::call::LibraryOp;
use crate::cluster::host::ClusterConfig;

pub(super) fn manual(cluster: &ClusterConfig, op: &LibraryOp) -> String {
    let folder = cluster
        .library()
        .map_or_else(String::new, |path| path.display().to_string());
    let LibraryOp::Take(take) = op else {
        return format!("# {} in {}", op.what(), quote(&folder));
    };
    let own = format!("{folder}/{}", take.name);
    let file = format!("{own}/snapshot.db");
    let save = ["snapshot".to_owned(), "save".to_owned(), file.clone()];
    [
        join(["mkdir", "-p", "-m", "0700", &own]),
        etcdctl_words(cluster, &take.endpoint, &save),
        join(["sha256sum", &file]),
        format!(
            "{}  # etcdctl up to 3.4",
            join(["etcdutl", "snapshot", "status", &file])
        ),
    ]
    .join("\n")
}
