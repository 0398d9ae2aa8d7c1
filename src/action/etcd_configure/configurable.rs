//! `configurable`: the settings of a member that joins can be written where they live on a host; found out before anything changes.

use serde::{Deserialize, Serialize};

use super::{ClusterState, EtcdConfigure, seen_config};
use crate::action::{Condition, Late, Site, Verdict};
use crate::call::{Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Configurable {
    /// The host; default: the step's.
    #[serde(default)]
    #[schemars(extend("x-host" = true))]
    pub on: Option<String>,
    /// The peer URL that its member will have.
    pub peer_url: String,
}

impl Configurable {
    fn host<'a>(&'a self, site: &'a Site<'_>) -> &'a str {
        self.on.as_deref().unwrap_or_else(|| site.host_name())
    }
}

impl Condition for Configurable {
    fn text(&self, site: &Site<'_>) -> String {
        format!("etcd's settings on {} can be written where they live", self.host(site))
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        vec![Look::config(self.host(site))]
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let config = match seen_config(seen) {
            Ok(config) => config,
            Err(why) => return Verdict::Unknown(why),
        };
        let name = self.host(site);
        let there = Site {
            host: site.cluster.host(name),
            ..*site
        };
        // Who else is a member does not matter to where it is written.
        let joins = EtcdConfigure {
            initial_cluster: Some(Late::Known(format!("{name}={}", self.peer_url))),
            state: Some(ClusterState::Existing),
            name: None,
            token: None,
            settings: std::collections::BTreeMap::new(),
        };
        match joins.edits(&there, config) {
            Ok(edits) => {
                let paths: Vec<&str> = edits.iter().map(|edit| edit.path.as_str()).collect();
                Verdict::Holds(format!("in {}", paths.join(", ")))
            }
            Err(saw) => Verdict::Not { saw, hint: None },
        }
    }
}
