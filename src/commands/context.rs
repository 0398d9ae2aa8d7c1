//! What every command is given. Values, not behaviour.

use std::path::PathBuf;
use std::sync::Arc;

use super::folders;
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

    /// `$XDG_STATE_HOME/etcdops`: runs.
    pub fn state_folder(&self) -> PathBuf {
        folders::state()
    }

    /// The user's own runbooks.
    pub fn runbooks_folder(&self) -> PathBuf {
        folders::runbooks()
    }

    /// This machine's time.
    pub fn now(&self) -> jiff::Timestamp {
        clock::now()
    }
}
