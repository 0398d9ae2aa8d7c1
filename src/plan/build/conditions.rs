//! `requires`: measured or answered from the model, all told at once.

use serde_json::Value;

use crate::action::{Named, Verdict, registry};
use crate::plan::bind::Scope;
use crate::plan::types::Checked;
use crate::runbook::types::Keyed;

use super::{Builder, Refusal};

/// The one entry of a `{name: {parameters}}`, with its texts computed.
pub(super) fn named(keyed: &Keyed, scope: &Scope, host: Option<&str>) -> Result<Named, String> {
    let mut entries = keyed.iter();
    let (Some((name, with)), None) = (entries.next(), entries.next()) else {
        return Err("exactly one name is expected here".to_owned());
    };
    let with = if with.is_null() {
        Value::Object(serde_json::Map::new())
    } else {
        with.clone()
    };
    Ok(Named {
        name: name.clone(),
        with: scope.value(&with, host)?,
    })
}

impl Builder<'_> {
    /// Checks what a runbook requires; `place` is the path of the include, empty at the top.
    pub(super) fn requires(&mut self, place: &str, wanted: &[Keyed], scope: &Scope) {
        for keyed in wanted {
            let at = keyed.keys().next().map_or(place.to_owned(), |name| {
                if place.is_empty() {
                    format!("requires {name}")
                } else {
                    format!("{place}: requires {name}")
                }
            });
            if let Err(why) = self.require(&at, keyed, scope) {
                self.refusals.push(Refusal::at(&at, why));
            }
        }
    }

    fn require(&mut self, at: &str, keyed: &Keyed, scope: &Scope) -> Result<(), String> {
        let named = named(keyed, scope, None)?;
        let condition = registry::condition(&named)?;
        let host = scope
            .roots
            .get("host")
            .and_then(|host| host.get("name"))
            .and_then(Value::as_str);
        let site = self.site(host, at);
        let text = condition.text(&site);
        let untouched = self.steps.iter().all(|step| step.model_before.is_none());
        let verdict = match condition.on_model(&site, &self.model) {
            Some(verdict) if !untouched => verdict,
            _ => {
                let Some(seen) = self.known.all(&condition.looks(&site)) else {
                    return Ok(());
                };
                condition.judge(&site, &seen, None)
            }
        };
        let (saw, hint) = match verdict {
            Verdict::Holds(saw) => {
                self.requires.push(Checked {
                    condition: named,
                    text,
                    saw,
                    accepted: false,
                });
                return Ok(());
            }
            Verdict::Not { saw, hint } => (saw, hint),
            Verdict::Unknown(why) => (format!("could not be found out: {why}"), None),
        };
        let accept = condition.accept_name().map(str::to_owned);
        if accept.as_ref().is_some_and(|name| self.request.accept.contains(name)) {
            self.accepted.extend(accept);
            self.requires.push(Checked {
                condition: named,
                text,
                saw,
                accepted: true,
            });
            return Ok(());
        }
        let why = format!("needed: {text}; found: {saw}");
        self.refusals.push(Refusal {
            hint,
            accept,
            ..Refusal::at(at, why)
        });
        Ok(())
    }
}
