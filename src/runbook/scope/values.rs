//! Values that stand for a name, and values held against the table.

use serde_json::{Map, Value};

use super::Type;

/// The hidden field of an object that stands for its name.
const STANDS_FOR: &str = "$is";

/// An object with fields that also stands for a text: a host or a backup for its name, a member for its ID (or host, before it has one).
pub fn entity(stands_for: &str, mut fields: Map<String, Value>) -> Value {
    fields.insert(STANDS_FOR.to_owned(), Value::String(stands_for.to_owned()));
    Value::Object(fields)
}

/// A computed value as a field gets it: each entity becomes the text that it stands for.
pub fn plain(value: Value) -> Value {
    match value {
        Value::Object(mut fields) => match fields.get_mut(STANDS_FOR).map(Value::take) {
            Some(text) => text,
            None => Value::Object(fields.into_iter().map(|(name, value)| (name, plain(value))).collect()),
        },
        Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        other => other,
    }
}

/// What a value lacks, or has too much of, to be of a type: for the tests of plan building.
pub fn differences(value: &Value, of: Type, path: &str) -> Vec<String> {
    if value.is_null() {
        return Vec::new();
    }
    if let Type::List(item) = of {
        let Some(items) = value.as_array() else {
            return vec![format!("{path} is no list")];
        };
        return items
            .iter()
            .flat_map(|value| differences(value, *item, &format!("{path}[]")))
            .collect();
    }
    let fields = match of.fields() {
        Some(fields) if !fields.is_empty() => fields,
        _ => {
            let fits = match of {
                Type::Text => value.is_string(),
                Type::Number => value.is_number(),
                Type::Bool => value.is_boolean(),
                _ => true,
            };
            return if fits {
                Vec::new()
            } else {
                vec![format!("{path} is not {}", of.words())]
            };
        }
    };
    let Some(object) = value.as_object() else {
        return vec![format!("{path} is no object")];
    };
    let mut found: Vec<String> = object
        .keys()
        .filter(|name| *name != STANDS_FOR && fields.iter().all(|field| field.name != name.as_str()))
        .map(|name| format!("{path}.{name} is not in the table"))
        .collect();
    for field in fields {
        let below = format!("{path}.{}", field.name);
        match object.get(field.name) {
            None => found.push(format!("{below} is missing")),
            Some(value) => found.extend(differences(value, field.of, &below)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tables::RUN;
    use super::{Type, differences, entity, plain};

    #[test]
    fn entities_stand_for_their_names() {
        let host = entity(
            "etcd-1",
            json!({"name": "etcd-1", "up": true}).as_object().unwrap().clone(),
        );
        assert_eq!(
            plain(json!({"of": [host, "etcd-2"]})),
            json!({"of": ["etcd-1", "etcd-2"]})
        );
    }

    #[test]
    fn differences_are_found_at_any_depth() {
        let run = json!({"id": 5, "who": "x"});
        assert_eq!(
            differences(&run, Type::Fields(RUN), "run"),
            [
                "run.who is not in the table",
                "run.id is not text",
                "run.dead is missing",
                "run.dead_quorum is missing"
            ]
        );
    }
}
