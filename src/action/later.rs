//! Actions that this version plans for and does not carry out yet: they refuse the plan, so that nothing is left out in silence.

/// The refusal.
pub(super) fn refuse(action: &str) -> String {
    format!("this version of etcdops knows `{action}` but does not carry it out: see CHANGELOG.md; nothing was changed")
}

/// An action that refuses every plan: its words, and nothing else.
macro_rules! planned_only {
    ($kind:ty, $name:literal, $risk:expr, $describe:expr) => {
        impl crate::action::Action for $kind {
            fn risk(&self) -> crate::action::Risk {
                $risk
            }

            fn describe(&self, _site: &crate::action::Site<'_>) -> String {
                let words: fn(&$kind) -> String = $describe;
                words(self)
            }

            fn effect(
                &self,
                _site: &crate::action::Site<'_>,
                _model: &mut crate::cluster::model::Model,
            ) -> Result<(), String> {
                Err(super::later::refuse($name))
            }

            fn looks(&self, _site: &crate::action::Site<'_>) -> Vec<crate::call::Look> {
                Vec::new()
            }

            fn probe(
                &self,
                _site: &crate::action::Site<'_>,
                _before: Option<&serde_json::Value>,
                _seen: &[crate::call::Sight],
            ) -> crate::action::Probe {
                crate::action::Probe::Conflict(super::later::refuse($name))
            }

            fn call(&self, _site: &crate::action::Site<'_>, _seen: &[crate::call::Sight]) -> Option<crate::call::Call> {
                None
            }
        }
    };
}

pub(super) use planned_only;
