//! One file per command: its arguments, its help, and `async fn run(&Context, &Args) -> Result<Exit, Failure>`
//! (without `async` where nothing is waited for).

pub mod act;
mod adopt;
mod aftermath;
pub mod backup;
pub mod backup_timer;
pub mod backups;
pub mod completions;
pub mod config;
mod connect;
pub mod context;
pub mod debug_log;
pub mod failure;
pub mod folders;
pub mod generate;
pub mod health;
mod inventory_change;
pub mod logs;
pub mod members;
pub mod membership;
pub mod playground;
pub mod recover;
mod refusal;
pub mod resume;
pub mod run;
pub mod runbooks;
pub mod runs;
pub mod service;
pub mod settings;
mod signals;
mod touched;
mod unfenced;

pub use context::Context;
pub use failure::{Exit, Failure};
