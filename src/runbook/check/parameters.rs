//! Parameters of a runbook.

use serde_json::{Value, json};

use super::Checker;
use super::texts::Texts;
use crate::runbook::place::child;
use crate::runbook::scope::Type;
use crate::runbook::types::{DefaultValue, Parameter, ParameterType};

impl Checker<'_> {
    pub(super) fn parameter(&mut self, name: &str, parameter: &Parameter) {
        let pointer = child("/parameters", name);
        self.new_name(&pointer, name, "parameter");
        let is_choice = parameter.kind == ParameterType::Choice;
        if is_choice && parameter.values.is_empty() {
            let one = self
                .place
                .at_key(&pointer, format!("the choice `{name}` has no values"));
            self.found.push(one.hint("name them: `values: [a, b]`"));
        }
        if !is_choice && !parameter.values.is_empty() {
            let one = self
                .place
                .at_key(&child(&pointer, "values"), "only a choice has values");
            self.found
                .push(one.hint("write `type: choice`, or leave `values` away"));
        }
        if name == "host" && (parameter.many || parameter.kind != ParameterType::Host) {
            let one = self
                .place
                .at_key(&pointer, "a parameter called `host` must be one host");
            self.found
                .push(one.hint("in a step on hosts `host` is that step's host: choose another name"));
        }
        match parameter.default_value() {
            None => {}
            Some(DefaultValue::Value(value)) => self.default_value(parameter, &value, &child(&pointer, "default")),
            Some(DefaultValue::Expression(text)) => self.computed(name, parameter, &text, &child(&pointer, "default")),
        }
        if let Some(text) = &parameter.suggest {
            self.computed(name, parameter, text, &child(&pointer, "suggest"));
        }
    }

    fn default_value(&mut self, parameter: &Parameter, value: &Value, pointer: &str) {
        let items: Vec<&Value> = match value {
            Value::Array(items) if parameter.many => items.iter().collect(),
            one => vec![one],
        };
        for item in items {
            let fits = match parameter.kind {
                ParameterType::Number => item.is_number(),
                ParameterType::Bool => item.is_boolean(),
                ParameterType::Choice => item
                    .as_str()
                    .is_some_and(|text| parameter.values.iter().any(|value| value == text)),
                _ => item.is_string(),
            };
            if !fits {
                let message = format!("{item} is no value of the type `{}`", parameter.kind.word());
                self.found.push(self.place.at_value(pointer, message));
            }
        }
    }

    fn computed(&mut self, name: &str, parameter: &Parameter, text: &str, pointer: &str) {
        let mut seen = self.seen();
        seen.facts = false;
        seen.names = false;
        let texts = Texts {
            place: &self.place,
            seen: &seen,
        };
        let before = self.found.len();
        let of = texts.bare(pointer, text, &mut self.found);
        if self.found.len() > before && parameter.kind.is_text() {
            for one in &mut self.found[before..] {
                if one.hint.as_ref().is_none_or(|hint| hint.starts_with("known here")) {
                    one.hint = Some(format!("it is an expression: for the text itself write \"'{text}'\""));
                }
            }
        }
        if crate::base::expr::Expr::parse(text).is_ok_and(|expr| reads(expr.references(), name)) {
            self.found.push(
                self.place
                    .at_value(pointer, format!("the default of `{name}` needs `{name}` itself")),
            );
        }
        let wanted = Type::of_parameter(parameter.kind, parameter.many);
        let fits = match (wanted, of) {
            (_, Type::Any) | (Type::Host | Type::Member | Type::Backup, Type::Text) => true,
            (Type::List(item), Type::List(given)) => {
                item == given || *given == Type::Any || *item == Type::Any || *given == Type::Text
            }
            (wanted, of) => wanted == of,
        };
        if !fits {
            let message = format!("this gives {}, but `{name}` is {}", of.words(), wanted.words());
            self.found.push(self.place.at_value(pointer, message));
        }
    }
}

fn reads(references: &[String], name: &str) -> bool {
    references.iter().any(|path| path.split('.').next() == Some(name))
}

/// The JSON Schema of what a parameter is given by an include.
pub(super) fn schema_of(parameter: &Parameter) -> Value {
    let one = match parameter.kind {
        ParameterType::Number => json!({"type": "number"}),
        ParameterType::Bool => json!({"type": "boolean"}),
        ParameterType::Choice => json!({"type": "string", "enum": parameter.values}),
        _ => json!({"type": "string"}),
    };
    if parameter.many {
        json!({"type": "array", "items": one})
    } else {
        one
    }
}
