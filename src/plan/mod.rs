//! A plan: a runbook resolved against one cluster as observed now. Immutable, self-contained, hashed.

pub mod bind;
pub mod build;
pub mod drift;
pub mod known;
pub mod parameters;
pub mod quorum;
pub mod scope;
pub mod types;
