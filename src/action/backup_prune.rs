//! `backup.prune`: backups that the inventory's rules no longer keep are removed from the library.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Kind, Probe, Risk, SAYS, Site};
use crate::call::{Call, LibraryAnswer, LibraryOp, Look, Sight, To};
use crate::cluster::host::Keep;
use crate::snapshot::retention;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupPrune {}

/// Fields of its output.
pub const OUTPUT: &[(&str, Kind)] = &[("kept", Kind::Number)];

impl Action for BackupPrune {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, site: &Site<'_>) -> String {
        format!(
            "remove backups that the rules no longer keep ({})",
            rules(&site.cluster.backups.keep)
        )
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Library(LibraryOp::List)]
    }

    fn probe(&self, site: &Site<'_>, before: Option<&Value>, seen: &[Sight]) -> Probe {
        let found = match seen.first() {
            Some(Sight::Library(LibraryAnswer::Shelf(found))) => found,
            Some(Sight::Blind(error)) => return Probe::Unknown(error.to_string()),
            _ => return Probe::Unknown("the library was not looked at".to_owned()),
        };
        let leaving = retention::leaving(&found.backups, &site.cluster.backups.keep);
        if !leaving.is_empty() {
            return Probe::NotYet(format!("{} are kept by no rule", leaving.len()));
        }
        let kept = found.backups.len();
        let removed = before.and_then(Value::as_u64).unwrap_or(0);
        Probe::Done(json!({ "kept": kept, SAYS: format!("{kept} kept, {removed} removed") }))
    }

    fn before(&self, site: &Site<'_>, seen: &[Sight]) -> Value {
        json!(leaving(site, seen).len())
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let names = leaving(site, seen);
        Some(Call {
            to: To::Library(LibraryOp::Remove { names }),
            timeout: site.timeout,
        })
    }
}

fn leaving(site: &Site<'_>, seen: &[Sight]) -> Vec<String> {
    match seen.first() {
        Some(Sight::Library(LibraryAnswer::Shelf(shelf))) => {
            retention::leaving(&shelf.backups, &site.cluster.backups.keep)
        }
        _ => Vec::new(),
    }
}

/// `last 3, daily 7`.
fn rules(keep: &Keep) -> String {
    let rules = [
        ("last", keep.last),
        ("hourly", keep.hourly),
        ("daily", keep.daily),
        ("weekly", keep.weekly),
        ("monthly", keep.monthly),
    ];
    let given = rules
        .iter()
        .filter_map(|(name, count)| Some(format!("{name} {}", (*count)?)));
    given.collect::<Vec<_>>().join(", ")
}
