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
    /// Text with slots such as `${{ joined/add@etcd-4#id }}`: the step's path, its host, the field of its output.
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

    /// For plans: the value after `noun`, or where the thing will come from: `backup b-1`, `the backup that step take makes`.
    pub fn named(&self, noun: &str) -> String
    where
        T: std::fmt::Display,
    {
        match self {
            Self::Known(value) => format!("{noun} {value}"),
            Self::Slot(text) => match pieces(text).as_slice() {
                [Ok(slot)] => format!("the {noun} that step {} makes", slot.name()),
                _ => format!("{noun} {}", show_slots(text)),
            },
        }
    }
}

impl<T: std::fmt::Display> std::fmt::Display for Late<T> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known(value) => value.fmt(out),
            Self::Slot(text) => out.write_str(&show_slots(text)),
        }
    }
}

/// One slot of a late text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    pub step: String,
    pub host: Option<String>,
    /// Dotted path into the output.
    pub field: String,
}

impl Slot {
    /// How it stands in the text.
    pub fn text(&self) -> String {
        let host = self.host.as_ref().map(|host| format!("@{host}")).unwrap_or_default();
        format!("${{{{ {}{host}#{} }}}}", self.step, self.field)
    }

    /// The step's own name, without those that it stands in.
    fn name(&self) -> &str {
        self.step.rsplit('/').next().unwrap_or(&self.step)
    }

    fn parse(inner: &str) -> Option<Self> {
        let (place, field) = inner.trim().split_once('#')?;
        let (step, host) = match place.rsplit_once('@') {
            Some((step, host)) => (step.to_owned(), Some(host.to_owned())),
            None => (place.to_owned(), None),
        };
        Some(Self {
            step,
            host,
            field: field.to_owned(),
        })
    }
}

/// A late text cut into literal pieces and slots.
fn pieces(text: &str) -> Vec<Result<Slot, String>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find("${{") {
        let Some(length) = rest[open..].find("}}") else { break };
        if open > 0 {
            found.push(Err(rest[..open].to_owned()));
        }
        let inner = &rest[open + 3..open + length];
        found.push(Slot::parse(inner).ok_or_else(|| rest[open..open + length + 2].to_owned()));
        rest = &rest[open + length + 2..];
    }
    if !rest.is_empty() {
        found.push(Err(rest.to_owned()));
    }
    found
}

fn show_slots(text: &str) -> String {
    let show = |piece: &Result<Slot, String>| match piece {
        Ok(slot) => format!("(the {} that step {} gives)", slot.field, slot.name()),
        Err(literal) => literal.clone(),
    };
    pieces(text).iter().map(show).collect()
}

/// Replaces every `{"$late": …}` inside `value` by the outputs that `output` gives.
///
/// # Errors
/// The text of a slot whose output is not there.
pub fn fill(value: &Value, output: &dyn Fn(&Slot) -> Option<Value>) -> Result<Value, String> {
    match value {
        Value::Object(object) => match object.get(LATE).and_then(Value::as_str) {
            Some(text) => fill_text(text, output),
            None => object
                .iter()
                .map(|(key, inner)| Ok((key.clone(), fill(inner, output)?)))
                .collect::<Result<_, _>>()
                .map(Value::Object),
        },
        Value::Array(items) => items
            .iter()
            .map(|item| fill(item, output))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        plain => Ok(plain.clone()),
    }
}

fn fill_text(text: &str, output: &dyn Fn(&Slot) -> Option<Value>) -> Result<Value, String> {
    let pieces = pieces(text);
    let get = |slot: &Slot| output(slot).ok_or_else(|| format!("step {} gave no `{}`", slot.step, slot.field));
    if let [Ok(slot)] = pieces.as_slice() {
        return get(slot);
    }
    let mut whole = String::new();
    for piece in &pieces {
        match piece {
            Err(literal) => whole.push_str(literal),
            Ok(slot) => match get(slot)? {
                Value::String(text) => whole.push_str(&text),
                other => whole.push_str(&other.to_string()),
            },
        }
    }
    Ok(Value::String(whole))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Late, Slot, fill};

    #[test]
    fn a_single_slot_keeps_its_type_and_text_around_slots_is_kept() {
        let slot = Slot {
            step: "a/add".to_owned(),
            host: Some("h1".to_owned()),
            field: "id".to_owned(),
        };
        let bound = json!({ "id": { "$late": slot.text() }, "path": { "$late": format!("/x/{}.db", slot.text()) } });
        let output = |wanted: &Slot| (wanted == &slot).then(|| json!("8e9e05c52164694d"));
        let filled = fill(&bound, &output).unwrap();
        assert_eq!(
            filled,
            json!({ "id": "8e9e05c52164694d", "path": "/x/8e9e05c52164694d.db" })
        );
        assert!(fill(&bound, &|_| None).unwrap_err().contains("a/add"));
    }

    #[test]
    fn a_late_value_says_when_it_is_known() {
        let slot = Slot {
            step: "grow[b]/add".to_owned(),
            host: None,
            field: "id".to_owned(),
        };
        let late: Late<String> = Late::Slot(slot.text());
        assert_eq!(late.to_string(), "(the id that step add gives)");
        assert_eq!(late.named("member"), "the member that step add makes");
        assert_eq!(Late::Known("b-1".to_owned()).named("backup"), "backup b-1");
    }
}
