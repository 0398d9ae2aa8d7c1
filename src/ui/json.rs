//! JSON documents.

use serde::Serialize;

use super::Ui;

impl Ui {
    /// One document on stdout. A value that cannot be JSON is a bug, not an operator's problem.
    pub fn json(&self, document: &impl Serialize) {
        let text = serde_json::to_string_pretty(document).expect("documents have text keys");
        self.data(&text);
    }

    /// One document on one line.
    pub fn json_line(&self, document: &impl Serialize) {
        let text = serde_json::to_string(document).expect("documents have text keys");
        self.data(&text);
    }
}
