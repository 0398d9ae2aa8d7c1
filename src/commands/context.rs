//! What every command is given. Values, not behaviour.

use std::path::PathBuf;
use std::sync::Arc;

use etcetera::BaseStrategy;

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
        let folders = etcetera::choose_base_strategy().ok();
        let state = folders.and_then(|folders| folders.state_dir().or_else(|| Some(folders.data_dir())));
        state.unwrap_or_else(|| PathBuf::from(".")).join("etcdops")
    }

    /// The user's own runbooks.
    pub fn runbooks_folder(&self) -> PathBuf {
        let folders = etcetera::choose_base_strategy().ok();
        folders
            .map_or_else(|| PathBuf::from("."), |folders| folders.config_dir())
            .join("etcdops")
            .join("runbooks")
    }

    /// This machine's time.
    pub fn now(&self) -> jiff::Timestamp {
        clock::now()
    }
}
