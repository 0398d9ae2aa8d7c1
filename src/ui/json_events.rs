//! `-o json` for runs: one event per line.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Ui;
use crate::event::{Event, Renderer};

/// Names the form of each line.
pub const SCHEMA: &str = "etcdops/event/v1";

/// Prints each event as one JSON object on one line of stdout.
pub struct JsonEvents {
    ui: Arc<Ui>,
    run: Option<String>,
}

impl JsonEvents {
    pub fn new(ui: &Arc<Ui>) -> Self {
        Self {
            ui: Arc::clone(ui),
            run: None,
        }
    }

    /// For a run that goes on: its first events were shown before.
    #[must_use]
    pub fn of_run(mut self, run: &str) -> Self {
        self.run = Some(run.to_owned());
        self
    }
}

impl Renderer for JsonEvents {
    fn show(&mut self, event: &Event) {
        if let crate::event::EventKind::Created { plan, .. } = &event.kind {
            self.run = Some(plan.run.to_string());
        }
        self.ui.json_line(&document(event, self.run.as_deref()));
    }
}

/// The event as a flat object: `schema`, `run`, `seq`, `at`, `event` and what belongs to its kind.
pub fn document(event: &Event, run: Option<&str>) -> Value {
    let mut flat = Map::new();
    flat.insert("schema".to_owned(), json!(SCHEMA));
    flat.insert("run".to_owned(), json!(run));
    flat.insert("seq".to_owned(), json!(event.seq));
    flat.insert("at".to_owned(), json!(event.at));
    // Kinds are written as `{name: {fields}}`.
    let kind = serde_json::to_value(&event.kind).unwrap_or_default();
    if let Value::Object(kind) = kind {
        for (name, fields) in kind {
            flat.insert("event".to_owned(), Value::String(name));
            if let Value::Object(fields) = fields {
                // The first record names the journal's form; this is the form of the line.
                flat.extend(fields.into_iter().filter(|(name, _)| name != "schema"));
            }
        }
    }
    Value::Object(flat)
}

#[cfg(test)]
mod tests {
    use super::document;
    use crate::event::{CallEnd, Event, EventKind};

    #[test]
    fn each_line_names_its_own_form() {
        for event in crate::ui::sample::events() {
            assert_eq!(document(&event, None)["schema"], super::SCHEMA);
        }
    }

    #[test]
    fn an_event_is_one_flat_object() {
        let event = Event {
            seq: 7,
            at: "2026-11-20T13:04:05Z".parse().unwrap(),
            kind: EventKind::CallEnded {
                step: "restart[etcd-2]/stop".to_owned(),
                host: Some("etcd-2".to_owned()),
                end: CallEnd::InDoubt {
                    why: "the connection was lost".to_owned(),
                },
            },
        };
        assert_eq!(
            document(&event, Some("2026-11-20-1304-k3f9")).to_string(),
            concat!(
                r#"{"schema":"etcdops/event/v1","run":"2026-11-20-1304-k3f9","seq":7,"at":"2026-11-20T13:04:05Z","#,
                r#""event":"call-ended","step":"restart[etcd-2]/stop","host":"etcd-2","#,
                r#""end":{"in-doubt":{"why":"the connection was lost"}}}"#
            )
        );
    }
}
