//! A run: one execution of a plan. The same loop for the first run, a retry and a resume.

pub mod attempt;
pub mod begin;
pub mod consent;
pub mod copies;
pub mod driver;
pub mod guard;
pub mod interrupt;
pub mod journal;
pub mod lock;
pub mod next;
pub mod operator;
pub mod prepare;
pub mod recorder;
pub mod state;
pub mod store;
#[cfg(test)]
mod trial;
