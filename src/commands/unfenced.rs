//! Hosts that a recovery of this machine took for dead on the operator's word: they were not fenced. `health` repeats it until they are, or
//! until they carry a member of the cluster again (safety 10).

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::folders;
use crate::base::files::{create_private_dir, write_private};
use crate::base::quote::quote;
use crate::cluster::member::Member;
use crate::cluster::observed::Observed;
use crate::look::leftovers::Found;
use crate::look::verdict::{Problem, Severity};
use crate::plan::types::Plan;

/// Runbooks after which an old member that returns does harm: one that is replaced or removed is expelled by etcd itself.
const RECOVERIES: [&str; 3] = ["recover-from-backup", "recover-from-v2-backup", "recover-from-survivor"];

fn path(cluster: &str) -> PathBuf {
    let name = cluster.replace(['/', '\0'], "_");
    folders::state().join("unfenced").join(format!("{name}.json"))
}

/// The run by host.
fn read(cluster: &str) -> BTreeMap<String, String> {
    let text = std::fs::read(path(cluster)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Failing to keeps `health` from repeating it; the run has said it, and its record has it.
fn write(cluster: &str, hosts: &BTreeMap<String, String>) {
    let path = path(cluster);
    if hosts.is_empty() {
        let _ = std::fs::remove_file(path);
        return;
    }
    let text = serde_json::to_vec_pretty(hosts).unwrap_or_default();
    if path.parent().is_some_and(|folder| create_private_dir(folder).is_ok()) {
        let _ = write_private(&path, &text);
    }
}

/// This plan is about to be carried out.
pub(super) fn note(plan: &Plan) {
    if RECOVERIES.contains(&plan.runbook.as_str()) && !plan.dead.is_empty() {
        let mut hosts = read(&plan.cluster.name);
        hosts.extend(plan.dead.iter().map(|host| (host.clone(), plan.run.to_string())));
        write(&plan.cluster.name, &hosts);
    }
}

/// This run was refused before it changed anything.
pub(super) fn forget(plan: &Plan) {
    let mut hosts = read(&plan.cluster.name);
    hosts.retain(|_, run| run != plan.run.as_str());
    write(&plan.cluster.name, &hosts);
}

/// Hosts that are to be asked whether they are fenced by now.
pub(super) fn hosts(cluster: &str) -> Vec<String> {
    read(cluster).into_keys().collect()
}

/// What is still to be said; what is settled is forgotten.
pub(super) fn problems(cluster: &str, observed: &Observed, left: &[Found]) -> Vec<Problem> {
    let before = read(cluster);
    let settled = |host: &String| {
        let fenced = left
            .iter()
            .any(|(name, left)| name == host && left.as_ref().is_ok_and(|left| left.fenced));
        let member = observed
            .on_host(host)
            .is_some_and(|seen| seen.member.as_ref().is_some_and(Member::started));
        fenced || member && observed.quorum_proved
    };
    let open: BTreeMap<String, String> = before
        .iter()
        .filter(|(host, _)| !settled(host))
        .map(|(host, run)| (host.clone(), run.clone()))
        .collect();
    if open != before {
        write(cluster, &open);
    }
    open.iter().map(|(host, run)| told(host, run)).collect()
}

fn told(host: &str, run: &str) -> Problem {
    let word = quote(host);
    Problem {
        severity: Severity::Warning,
        text: format!(
            "{host} was declared dead in run {run} and is not fenced: with others of its kind it may serve clients with old data when it returns"
        ),
        hint: format!(
            "keep it off the network; when it is back: etcdops stop {word}, then etcdops add-member {word} (its old data is kept beside the new)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn what_is_to_be_done_is_said_with_the_host() {
        let problem = told("etcd 2", "2026-11-20-1304-k3f9");
        assert!(problem.text.contains("2026-11-20-1304-k3f9") && problem.text.contains("not fenced"));
        assert!(problem.hint.contains("add-member 'etcd 2'"), "{}", problem.hint);
    }
}
