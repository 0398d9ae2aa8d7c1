//! Holds a value against a JSON Schema and tells every mistake at once, each with its place. Knows the part of JSON Schema that our types make.

use serde_json::Value;

use super::place::child;
use super::scope::Type;
use crate::base::duration::Span;
use crate::base::nearest::nearest;

/// A mistake in a value.
#[derive(Debug)]
pub(super) struct Misfit {
    /// JSON pointer within the file.
    pub(super) pointer: String,
    /// About the key, not its value.
    pub(super) on_key: bool,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// What a text in the value gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// Itself.
    Literal,
    /// A value of a known type.
    Typed(Type),
    /// A value of a type that is known when there is a plan, or a mistake that was told already.
    Unknown,
}

/// Reads a text of the value: its pointer, the text, whether it may be known late.
pub(super) type ReadText<'a> = dyn FnMut(&str, &str, bool) -> Given + 'a;

/// A value against a schema.
pub(super) struct Shape<'a> {
    root: &'a Value,
    read: &'a mut ReadText<'a>,
    found: Vec<Misfit>,
    /// How a thing is called in messages: `key` or `parameter`.
    noun: &'a str,
}

/// All mistakes of a value that stands at a pointer.
pub(super) fn misfits<'a>(
    value: &Value,
    schema: &'a Value,
    pointer: &str,
    noun: &'a str,
    read: &'a mut ReadText<'a>,
) -> Vec<Misfit> {
    let mut shape = Shape {
        root: schema,
        read,
        found: Vec::new(),
        noun,
    };
    shape.value(value, schema, pointer);
    shape.found
}

impl<'a> Shape<'a> {
    fn value(&mut self, value: &Value, schema: &'a Value, pointer: &str) {
        let branches = self.branches(schema);
        if let Value::String(text) = value {
            let late = branches
                .iter()
                .any(|branch| branch.get("x-late") == Some(&Value::Bool(true)));
            match (self.read)(pointer, text, late) {
                Given::Literal => {}
                Given::Unknown => return,
                Given::Typed(of) => return self.typed(of, &branches, pointer),
            }
        }
        let fitting: Vec<&'a Value> = branches
            .iter()
            .copied()
            .filter(|branch| has_type(value, branch))
            .collect();
        match fitting.as_slice() {
            [] => self.wrong_type(value, &branches, pointer),
            [one] => self.branch(value, one, pointer),
            several => self.one_of(value, several, pointer),
        }
    }

    /// The alternatives that a schema offers, references followed.
    fn branches(&self, schema: &'a Value) -> Vec<&'a Value> {
        let mut found = Vec::new();
        let mut open = vec![schema];
        let mut steps = 0;
        while let Some(schema) = open.pop() {
            steps += 1;
            if steps > 100 {
                break;
            }
            let target = schema
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|to| self.root.pointer(to.trim_start_matches('#')));
            let alternatives = schema
                .get("anyOf")
                .or_else(|| schema.get("oneOf"))
                .and_then(Value::as_array);
            match (target, alternatives) {
                (Some(target), _) => open.push(target),
                (_, Some(alternatives)) => open.extend(alternatives.iter().rev()),
                _ => found.push(schema),
            }
        }
        found
    }

    fn branch(&mut self, value: &Value, schema: &'a Value, pointer: &str) {
        match value {
            Value::Object(_) => self.object(value, schema, pointer),
            Value::Array(items) => {
                if let Some(of) = schema.get("items") {
                    for (index, item) in items.iter().enumerate() {
                        self.value(item, of, &child(pointer, &index.to_string()));
                    }
                } else {
                    self.free(value, pointer);
                }
            }
            Value::String(text) => self.text(text, schema, pointer),
            Value::Number(number) => {
                let least = schema.get("minimum").and_then(Value::as_f64);
                if let (Some(least), Some(number)) = (least, number.as_f64())
                    && number < least
                {
                    self.misfit(pointer, format!("`{number}` is too small: at least {least}"));
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Nothing is said about what is inside, but its texts are read.
    fn free(&mut self, value: &Value, pointer: &str) {
        match value {
            Value::String(text) => {
                (self.read)(pointer, text, false);
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.free(item, &child(pointer, &index.to_string()));
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    self.free(field, &child(pointer, name));
                }
            }
            _ => {}
        }
    }

    fn object(&mut self, value: &Value, schema: &'a Value, pointer: &str) {
        let Value::Object(fields) = value else { return };
        let known = schema.get("properties").and_then(Value::as_object);
        let rest = schema.get("additionalProperties");
        for (name, field) in fields {
            let below = child(pointer, name);
            match (known.and_then(|known| known.get(name)), rest) {
                (Some(of), _) | (None, Some(of @ Value::Object(_))) => self.value(field, of, &below),
                (None, Some(Value::Bool(false))) => self.unknown_name(name, known, below),
                (None, _) => self.free(field, &below),
            }
        }
        let required = schema.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                let hint = known
                    .and_then(|known| known.get(name))
                    .and_then(|of| of.get("description"))
                    .and_then(Value::as_str)
                    .map(|doc| format!("`{name}`: {doc}"));
                self.found.push(Misfit {
                    pointer: pointer.to_owned(),
                    on_key: true,
                    message: format!("the {} `{name}` is missing", self.noun),
                    hint,
                });
            }
        }
    }

    fn unknown_name(&mut self, name: &str, known: Option<&serde_json::Map<String, Value>>, pointer: String) {
        let names: Vec<&str> = known
            .map(|known| known.keys().map(String::as_str).collect())
            .unwrap_or_default();
        let hint = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => format!("there are no {}s here", self.noun),
            None => format!("known here: {}", names.join(", ")),
        };
        self.found.push(Misfit {
            pointer,
            on_key: true,
            message: format!("unknown {} `{name}`", self.noun),
            hint: Some(hint),
        });
    }

    fn text(&mut self, text: &str, schema: &'a Value, pointer: &str) {
        let allowed: Vec<&str> = match (schema.get("enum"), schema.get("const")) {
            (Some(Value::Array(values)), _) => values.iter().filter_map(Value::as_str).collect(),
            (_, Some(Value::String(only))) => vec![only],
            _ => Vec::new(),
        };
        if !allowed.is_empty() {
            if !allowed.contains(&text) {
                self.not_allowed(text, &allowed, pointer);
            }
            return;
        }
        let is_span = schema
            .get("pattern")
            .and_then(Value::as_str)
            .is_some_and(|pattern| pattern.contains("ms|us|ns"));
        if is_span && let Err(error) = text.parse::<Span>() {
            self.misfit(pointer, error.to_string());
        }
    }

    fn not_allowed(&mut self, text: &str, allowed: &[&str], pointer: &str) {
        let hint = nearest(text, allowed.iter().copied()).map_or_else(
            || format!("one of: {}", allowed.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        self.found.push(Misfit {
            pointer: pointer.to_owned(),
            on_key: false,
            message: format!("`{text}` is not known here"),
            hint: Some(hint),
        });
    }

    /// Several alternatives have the value's type: texts with a fixed value, or objects that differ in their keys.
    fn one_of(&mut self, value: &Value, branches: &[&'a Value], pointer: &str) {
        if let Value::String(text) = value {
            let fixed: Vec<&str> = branches.iter().flat_map(|branch| fixed_texts(branch)).collect();
            let is_open = branches.iter().any(|branch| fixed_texts(branch).is_empty());
            if !is_open && !fixed.contains(&text.as_str()) {
                self.not_allowed(text, &fixed, pointer);
            }
            return;
        }
        // The alternative with the fewest mistakes is the one that was meant.
        let before = std::mem::take(&mut self.found);
        let mut best: Option<Vec<Misfit>> = None;
        for branch in branches {
            self.branch(value, branch, pointer);
            let found = std::mem::take(&mut self.found);
            if best.as_ref().is_none_or(|best| found.len() < best.len()) {
                best = Some(found);
            }
        }
        self.found = before;
        self.found.extend(best.unwrap_or_default());
    }

    fn typed(&mut self, of: Type, branches: &[&'a Value], pointer: &str) {
        let Some(given) = of.json() else { return };
        let fits = |branch: &&Value| match json_types(branch).as_slice() {
            [] => true,
            names => names
                .iter()
                .any(|name| *name == given || (*name == "integer" && given == "number")),
        };
        if !branches.iter().any(fits) {
            let wanted = words(branches);
            self.misfit(
                pointer,
                format!("this gives {}, but {wanted} is wanted here", of.words()),
            );
        }
    }

    fn wrong_type(&mut self, value: &Value, branches: &[&'a Value], pointer: &str) {
        let wanted = words(branches);
        let is_text_wanted = branches.iter().any(|branch| json_types(branch).contains(&"string"));
        let hint = match value {
            Value::Number(_) | Value::Bool(_) if is_text_wanted => Some("put it in quotes".to_owned()),
            Value::String(text) if matches!(text.as_str(), "yes" | "no" | "on" | "off") => {
                Some("write `true` or `false`".to_owned())
            }
            Value::Null => Some("the value is empty".to_owned()),
            _ => None,
        };
        self.found.push(Misfit {
            pointer: pointer.to_owned(),
            on_key: value.is_null(),
            message: format!("wrong type: {}, but {wanted} is wanted here", name_of(value)),
            hint,
        });
    }

    fn misfit(&mut self, pointer: &str, message: String) {
        self.found.push(Misfit {
            pointer: pointer.to_owned(),
            on_key: false,
            message,
            hint: None,
        });
    }
}

fn fixed_texts(schema: &Value) -> Vec<&str> {
    match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(values)), _) => values.iter().filter_map(Value::as_str).collect(),
        (_, Some(Value::String(only))) => vec![only],
        _ => Vec::new(),
    }
}

/// The JSON types that a schema without alternatives allows; empty: any.
fn json_types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ if !fixed_texts(schema).is_empty() => vec!["string"],
        _ => Vec::new(),
    }
}

fn has_type(value: &Value, schema: &Value) -> bool {
    let names = json_types(schema);
    let is = |name: &&str| match *name {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    };
    schema != &Value::Bool(false) && (names.is_empty() || names.iter().any(is))
}

fn words(branches: &[&Value]) -> String {
    let mut found: Vec<&str> = Vec::new();
    for name in branches.iter().flat_map(|branch| json_types(branch)) {
        let word = match name {
            "string" => "text",
            "boolean" => "true or false",
            "integer" => "a whole number",
            "number" => "a number",
            "array" => "a list",
            "object" => "an object",
            _ => continue,
        };
        if !found.contains(&word) {
            found.push(word);
        }
    }
    if found.is_empty() {
        "another value".to_owned()
    } else {
        found.join(" or ")
    }
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "a whole number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
