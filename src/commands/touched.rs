//! Hosts on which runs of this machine may have left something: noted before a run begins, so that a crash loses nothing, and
//! forgotten when `health` has found them clean. They make `health` look where it otherwise would not.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::folders;
use crate::base::files::{create_private_dir, write_private};
use crate::look::leftovers::{Found, is_clean};
use crate::plan::types::Plan;

fn path(cluster: &str) -> PathBuf {
    let name: String = cluster.replace(['/', '\0'], "_");
    folders::state().join("touched").join(name)
}

/// The hosts, in no order that matters.
pub(super) fn hosts(cluster: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(path(cluster)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// This plan is about to be carried out.
pub(super) fn note(plan: &Plan) {
    if plan.changes_anything() {
        let mut all = hosts(&plan.cluster.name);
        all.extend(plan.hosts().into_iter().map(str::to_owned));
        write(&plan.cluster.name, &all);
    }
}

/// These hosts were looked at.
pub(super) fn forget(cluster: &str, found: &[Found]) {
    let before = hosts(cluster);
    let clean = |name: &String| {
        let of = found.iter().find(|(host, _)| host == name);
        of.is_some_and(|(_, left)| left.as_ref().is_ok_and(is_clean))
    };
    let after: BTreeSet<String> = before.iter().filter(|host| !clean(host)).cloned().collect();
    if after != before {
        write(cluster, &after);
    }
}

/// Failing to only makes `health` look less: what stands on a host is not lost by that.
fn write(cluster: &str, hosts: &BTreeSet<String>) {
    let path = path(cluster);
    if hosts.is_empty() {
        let _ = std::fs::remove_file(path);
        return;
    }
    let text: String = hosts.iter().map(|host| format!("{host}\n")).collect();
    if path.parent().is_some_and(|folder| create_private_dir(folder).is_ok()) {
        let _ = write_private(&path, text.as_bytes());
    }
}
