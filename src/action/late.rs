//! A field that may be known only when an earlier step has ended.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

/// The key under which a plan holds the expression of a late value.
pub const LATE: &str = "$late";

/// Known when the plan is made, or an output of an earlier step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Late<T> {
    Known(T),
    /// The expression, such as `steps.add.id`.
    Slot(String),
}

impl<T> Late<T> {
    /// The value. Before the run has reached the step this is `None`.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Slot(_) => None,
        }
    }
}

impl<T: std::fmt::Display> std::fmt::Display for Late<T> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(value) => value.fmt(out),
            Self::Slot(expression) => write!(
                out,
                "(known after {})",
                expression.split('.').nth(1).unwrap_or(expression)
            ),
        }
    }
}

impl<T: Serialize> Serialize for Late<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Slot(expression) => json!({ LATE: expression }).serialize(serializer),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Late<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match value.get(LATE).and_then(Value::as_str) {
            Some(expression) => Ok(Self::Slot(expression.to_owned())),
            None => serde_json::from_value(value)
                .map(Self::Known)
                .map_err(serde::de::Error::custom),
        }
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for Late<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Late_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut schema = T::json_schema(generator);
        schema.insert("x-late".to_owned(), Value::Bool(true));
        schema
    }

    fn inline_schema() -> bool {
        true
    }
}
