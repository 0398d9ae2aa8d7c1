//! `backup.fetch`: a cold copy comes from its host into the library.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::backup_take::{name, output};
use super::{Action, Kind, Late, Probe, Risk, Site, sight};
use crate::base::duration::Span;
use crate::call::library::Fetch;
use crate::call::{Call, CallError, Fault, LibraryOp, Look, Sight, To};
use crate::snapshot::{Form, Source};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupFetch {
    /// The copy on the host.
    pub path: Late<String>,
}

/// Fields of its output.
pub const OUTPUT: &[(&str, Kind)] = &[
    ("name", Kind::Text),
    ("path", Kind::Text),
    ("size", Kind::Number),
    ("sha256", Kind::Text),
];

impl BackupFetch {
    fn path(&self) -> &str {
        self.path.known().map_or("", String::as_str)
    }
}

impl Action for BackupFetch {
    fn risk(&self) -> Risk {
        Risk::Change
    }

    fn describe(&self, _site: &Site<'_>) -> String {
        match self.path.known() {
            Some(path) => format!("fetch {path} into the library"),
            None => format!("fetch {} into the library", self.path.named("copy")),
        }
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        vec![
            Look::stat(site.host_name(), self.path()),
            Look::backup(&name(site)),
            Look::service(site.host_name()),
            Look::Cluster,
        ]
    }

    fn probe(&self, site: &Site<'_>, _before: Option<&Value>, seen: &[Sight]) -> Probe {
        match sight::backup(seen) {
            Ok(Some(kept)) => return Probe::Done(output(kept)),
            Ok(None) => {}
            Err(why) => return Probe::Unknown(why),
        }
        match sight::stat(seen, 0) {
            Ok(stat) if stat.kind.as_deref() == Some("file") => Probe::NotYet("not fetched yet".to_owned()),
            Ok(_) => Probe::Conflict(format!("{} is not there on {}", self.path(), site.host_name())),
            Err(why) => Probe::Unknown(why),
        }
    }

    fn call(&self, site: &Site<'_>, seen: &[Sight]) -> Option<Call> {
        let stat = sight::stat(seen, 0).ok()?;
        let version = sight::service(seen).ok().and_then(|service| service.version);
        let observed = sight::cluster(seen).ok();
        let member = observed.and_then(|observed| observed.on_host(site.host_name()));
        let fetch = Fetch {
            name: name(site),
            host: site.host_name().to_owned(),
            path: self.path().to_owned(),
            sha256: stat.sha256.clone()?,
            form: Form::DataDir,
            source: Source {
                cluster_id: observed.and_then(|observed| observed.cluster_id),
                member_id: member.and_then(|seen| seen.member.as_ref()).map(|member| member.id),
                host: Some(site.host_name().to_owned()),
                version,
            },
            run: Some(site.run.clone()),
            step: Some(site.step.to_owned()),
        };
        Some(Call {
            to: To::Library(LibraryOp::Fetch(fetch)),
            timeout: site.timeout,
        })
    }

    fn by_hand(&self, _site: &Site<'_>) -> Vec<Call> {
        Vec::new()
    }

    fn passes_by_itself(&self, error: &CallError) -> bool {
        matches!(error.fault, Fault::Connect | Fault::Timeout | Fault::Lost)
    }

    fn patience(&self) -> Span {
        Span::seconds(60)
    }
}
