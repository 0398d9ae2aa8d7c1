//! The one test binary: each topic is a module here.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "what went wrong is said")]
#![expect(unreachable_pub, reason = "the helpers in `support` are for all topics")]

mod adoption;
mod backups;
mod backups_boot;
mod backups_kept;
mod cli;
mod cli_actions;
mod cli_questions;
mod cli_runs;
mod completion;
mod config;
mod generated;
mod health;
mod inventory_change;
mod lab_backup;
mod lab_configure;
mod lab_freeze;
mod lab_guided;
mod lab_leases;
mod lab_logs;
mod lab_membership;
mod lab_peers;
mod lab_places;
mod lab_recovery;
mod lab_refusals;
mod lab_runs;
mod lab_smoke;
mod lab_survivor;
mod lab_v2;
mod lab_ways;
mod layering;
mod nospace;
mod playground;
mod readme;
mod recover;
mod recovery_plans;
mod runbooks;
mod safety;
mod simulated;
mod snapshots;
mod support;
mod survivors;
mod watch;
