//! One file per command: its arguments, its help, and `async fn run(&Context, &Args) -> Result<Exit, Failure>`
//! (without `async` where nothing is waited for).

pub mod completions;
pub mod config;
mod connect;
pub mod context;
pub mod failure;
pub mod health;
pub mod members;
pub mod playground;
pub mod settings;

pub use context::Context;
pub use failure::{Exit, Failure};
