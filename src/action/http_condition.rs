//! `http`: what a URL answers.

use serde::{Deserialize, Serialize};

use super::http_request::good;
use super::{Condition, Site, Verdict};
use crate::call::http::HttpRequest;
use crate::call::{Look, Sight};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpAnswers {
    /// What is asked for, with GET.
    pub url: String,
    /// Good answers (default: 200 to 299).
    #[serde(default)]
    pub status: Vec<u16>,
    /// The body holds this text.
    #[serde(default)]
    pub contains: Option<String>,
    /// With the cluster's CA and client certificate (default).
    #[serde(default = "yes")]
    pub cluster_tls: bool,
}

fn yes() -> bool {
    true
}

impl Condition for HttpAnswers {
    fn text(&self, _site: &Site<'_>) -> String {
        let with = self
            .contains
            .as_ref()
            .map(|text| format!(" with `{text}`"))
            .unwrap_or_default();
        format!("{} answers well{with}", self.url)
    }

    fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
        vec![Look::Http(HttpRequest {
            method: "GET".to_owned(),
            url: self.url.clone(),
            body: None,
            cluster_tls: self.cluster_tls,
            change: false,
        })]
    }

    fn judge(&self, _site: &Site<'_>, seen: &[Sight], _earlier: Option<&[Sight]>) -> Verdict {
        match seen.first() {
            Some(Sight::Http(answer)) => {
                let found = self
                    .contains
                    .as_ref()
                    .is_none_or(|text| answer.body.contains(text.as_str()));
                let saw = format!("it answers {}", answer.status);
                if good(answer, &self.status) && found {
                    return Verdict::Holds(saw);
                }
                Verdict::Not { saw, hint: None }
            }
            // Nobody there is an answer too.
            Some(Sight::Blind(error)) => Verdict::Not {
                saw: error.to_string(),
                hint: None,
            },
            _ => Verdict::Unknown("it was not asked".to_owned()),
        }
    }
}
