//! Where this user's things are kept.

use std::path::PathBuf;

use etcetera::BaseStrategy;
use etcetera::base_strategy::Xdg;

/// `$XDG_STATE_HOME/etcdops`: runs and records.
pub fn state() -> PathBuf {
    below(|user| user.state_dir().or_else(|| Some(user.data_dir())))
}

/// `$XDG_CACHE_HOME/etcdops`: what may be lost.
pub fn cache() -> PathBuf {
    below(|user| Some(user.cache_dir()))
}

/// What was last known of each cluster.
pub fn records() -> PathBuf {
    state().join("clusters")
}

/// The user's own runbooks.
pub fn runbooks() -> PathBuf {
    below(|user| Some(user.config_dir())).join("runbooks")
}

/// Where backups are kept, unless the inventory says where.
pub fn backups() -> PathBuf {
    state().join("backups")
}

/// The folder of runs.
pub fn runs() -> PathBuf {
    state().join("runs")
}

fn below(choose: impl FnOnce(&Xdg) -> Option<PathBuf>) -> PathBuf {
    let user = etcetera::choose_base_strategy().ok();
    user.as_ref()
        .and_then(choose)
        .unwrap_or_else(|| PathBuf::from("."))
        .join("etcdops")
}
