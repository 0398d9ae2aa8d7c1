//! `backup.take`: a live snapshot from a healthy member into the library.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Kind, Probe, Risk, SAYS, Site, sight};
use crate::base::duration::Span;
use crate::base::files::safe_name;
use crate::base::size::bytes;
use crate::call::library::Take;
use crate::call::{Call, CallError, Fault, LibraryOp, Look, Sight, To};
use crate::cluster::observed::{MemberSeen, Observed, Role, Standing};
use crate::snapshot::Kept;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupTake {}

/// Fields of its output.
pub const OUTPUT: &[(&str, Kind)] = &[
    ("name", Kind::Text),
    ("path", Kind::Text),
    ("size", Kind::Number),
    ("sha256", Kind::Text),
    ("revision", Kind::Number),
    ("keys", Kind::Number),
];

/// The name of a backup that a step makes: it includes run and step, so that a resumed run finds its own.
pub(super) fn name(site: &Site<'_>) -> String {
    format!("{}-{}", site.run, safe_name(site.step))
}

/// What a backup tells to later steps.
pub(super) fn output(kept: &Kept) -> Value {
    let manifest = &kept.manifest;
    json!({
        "name": manifest.name,
        "path": kept.path,
        "size": manifest.size,
        "sha256": manifest.sha256,
        "revision": manifest.content.revision,
        "keys": manifest.content.keys,
        SAYS: format!(
            "{}: {}, revision {}, keys {}",
            manifest.name,
            bytes(manifest.size),
            manifest.content.revision,
            manifest.content.keys
        ),
    })
}

impl Action for BackupTake {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        "take a snapshot from a healthy member into the library".to_owned()
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        vec![Look::backup(&name(site)), Look::Cluster]
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        match sight::backup(seen) {
            Ok(Some(kept)) => return Probe::Done(output(kept)),
            Ok(None) => {}
            Err(why) => return Probe::Unknown(why),
        }
        match sight::cluster(seen) {
            Ok(observed) if candidates(observed).is_empty() => {
                Probe::Unknown("no healthy member can be asked for a snapshot".to_owned())
            }
            Ok(_) => Probe::NotYet(format!("backup {} is not there", name(site))),
            Err(why) => Probe::Unknown(why),
        }
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let observed = sight::cluster(seen).ok()?;
        let candidates = candidates(observed);
        // Each attempt asks another one.
        let member = candidates.get(site.attempts as usize % candidates.len().max(1))?;
        Some(take(site, &member.endpoint, member.host.as_deref()))
    }

    fn by_hand(&self, site: &Site<'_>) -> Vec<Call> {
        let endpoint = site.cluster.endpoints.first().map_or("ENDPOINT", String::as_str);
        vec![take(site, endpoint, None)]
    }

    /// Whatever one member says, another may do better; a disk of ours does not.
    fn passes_by_itself(&self, error: &CallError) -> bool {
        error.fault != Fault::DiskFull && error.place != "this machine"
    }

    /// After each member was asked once: long enough for an election, too short for a storm of questions.
    fn patience(&self) -> Span {
        Span::seconds(10)
    }
}

fn take(site: &Site<'_>, endpoint: &str, host: Option<&str>) -> Call {
    let take = Take {
        name: name(site),
        endpoint: endpoint.to_owned(),
        host: host.map(str::to_owned),
        run: Some(site.run.clone()),
        step: Some(site.step.to_owned()),
    };
    Call {
        to: To::Library(LibraryOp::Take(take)),
        timeout: site.timeout.min(site.cluster.call_timeout),
    }
}

/// Healthy followers, the furthest first; then the leader, which has enough to do.
fn candidates(observed: &Observed) -> Vec<&MemberSeen> {
    let with = |role: Role| {
        let healthy = observed
            .members
            .iter()
            .filter(move |seen| seen.member.is_some() && seen.standing == Standing::Healthy && seen.role == Some(role));
        let mut found: Vec<&MemberSeen> = healthy.collect();
        found.sort_by(|one, other| one.endpoint.cmp(&other.endpoint));
        found
    };
    let mut found = with(Role::Follower);
    found.extend(with(Role::Leader));
    found
}
