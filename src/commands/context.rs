//! What every command is given. Values, not behaviour.

use std::sync::Arc;

use super::settings::GlobalOptions;
use crate::base::clock;
use crate::ui::Ui;

/// What every command is given.
pub struct Context {
    pub ui: Arc<Ui>,
    pub global: GlobalOptions,
}

impl Context {
    pub fn new(global: GlobalOptions) -> Self {
        Self {
            ui: Ui::new(global.manner()),
            global,
        }
    }

    /// This machine's time.
    pub fn now(&self) -> jiff::Timestamp {
        clock::now()
    }
}
