//! `service`: the unit on a host.

use serde::{Deserialize, Serialize};

use super::{Condition, Site, Verdict, sight};
use crate::call::{Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceIs {
    /// The host; default: the step's.
    #[serde(default)]
    pub on: Option<String>,
    /// The unit is there (`false`: is not).
    #[serde(default)]
    pub exists: Option<bool>,
    /// It runs (`false`: it is proved stopped: inactive, nothing holds its directories, its ports are closed).
    #[serde(default)]
    pub running: Option<bool>,
    /// The data directory is absent or empty.
    #[serde(default)]
    pub data_dir_empty: Option<bool>,
    /// Our fence stands.
    #[serde(default)]
    pub fenced: Option<bool>,
}

impl ServiceIs {
    fn host<'a>(&'a self, site: &'a Site<'_>) -> &'a str {
        self.on.as_deref().unwrap_or_else(|| site.host_name())
    }
}

impl Condition for ServiceIs {
    fn text(&self, site: &Site<'_>) -> String {
        let mut parts = Vec::new();
        for (wanted, yes, no) in [
            (self.exists, "has the unit", "has no such unit"),
            (self.running, "runs etcd", "is proved stopped"),
            (self.data_dir_empty, "has an empty data directory", "has data"),
            (self.fenced, "is fenced", "is not fenced"),
        ] {
            parts.extend(wanted.map(|wanted| if wanted { yes } else { no }));
        }
        format!("{} {}", self.host(site), parts.join(", "))
    }

    fn looks(&self, site: &Site<'_>) -> Vec<Look> {
        vec![Look::service(self.host(site))]
    }

    fn judge(&self, site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        let service = match sight::service(seen) {
            Ok(service) => service,
            Err(why) => return Verdict::Unknown(why),
        };
        let not = |saw: String| Verdict::Not {
            saw: format!("{}: {saw}", self.host(site)),
            hint: None,
        };
        if let Some(wanted) = self.exists
            && service.exists != wanted
        {
            return not(if wanted {
                "there is no such unit".to_owned()
            } else {
                "the unit is there".to_owned()
            });
        }
        match self.running {
            Some(true) if !service.is_active() => return not(format!("unit is {}", service.active)),
            Some(false) if !service.proved_stopped() => {
                return not(format!("unit is {}, not proved stopped", service.active));
            }
            _ => {}
        }
        let empty = service.data_dir_empty || !service.data_dir_exists;
        if self.data_dir_empty.is_some_and(|wanted| wanted != empty) {
            let directory = service.data_dir.clone().unwrap_or_default();
            return not(format!("{directory} is {}", if empty { "empty" } else { "not empty" }));
        }
        if self.fenced.is_some_and(|wanted| wanted != service.fenced) {
            return not(if service.fenced {
                "it is fenced".to_owned()
            } else {
                "it is not fenced".to_owned()
            });
        }
        Verdict::Holds(format!("{}: unit is {}", self.host(site), service.active))
    }
}
