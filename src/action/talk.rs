//! `wait`, `confirm` and `note`: steps that only wait, ask or tell.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Action, Probe, Risk, Site};
use crate::call::{Call, Look, Sight};

/// Ends at once; the step's `expect` is what is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wait {}

/// A question, asked with the others before anything changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// What is asked; anything but yes stops before the first change.
    pub question: String,
    /// This must be typed instead of yes.
    #[serde(default)]
    pub typed: Option<String>,
}

/// Said when the run gets there, and in the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// What is said.
    pub text: String,
}

macro_rules! only_words {
    ($kind:ty, $describe:expr) => {
        impl Action for $kind {
            fn risk(&self) -> Risk {
                Risk::Look
            }

            fn describe(&self, _site: &Site<'_>) -> String {
                let words: fn(&$kind) -> String = $describe;
                words(self)
            }

            fn looks(&self, _site: &Site<'_>) -> Vec<Look> {
                Vec::new()
            }

            fn probe(&self, _site: &Site<'_>, _before: Option<&Value>, _seen: &[Sight]) -> Probe {
                Probe::Done(json!({}))
            }

            fn call(&self, _site: &Site<'_>, _seen: &[Sight]) -> Option<Call> {
                None
            }
        }
    };
}

only_words!(Wait, |_| "wait".to_owned());
only_words!(Confirm, |confirm| format!(
    "asked before the start: {}",
    confirm.question
));
only_words!(Note, |note| note.text.clone());
