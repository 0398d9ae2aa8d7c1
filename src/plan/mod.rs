//! A plan: a runbook resolved against one cluster as observed now. Immutable, self-contained, hashed.

pub mod types;
