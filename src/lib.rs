//! etcdops: whole procedures for ill etcd clusters, from a bastion, with a plan, consent, a journal and a resume.
//!
//! The folders stand in one order; a module names only lower ones or its own (`tests/layering.rs`).

pub mod action;
pub mod base;
pub mod call;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod event;
pub mod look;
pub mod plan;
pub mod playground;
pub mod run;
pub mod runbook;
pub mod snapshot;
pub mod transport;
pub mod ui;
