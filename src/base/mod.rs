//! Small things that know nothing of etcd.

pub mod clock;
pub mod counted;
pub mod diff;
pub mod draft;
pub mod duration;
pub mod expr;
pub mod files;
pub mod hash;
pub mod id;
pub mod nearest;
pub mod quote;
pub mod secret;
pub mod size;
pub mod systemd;
pub mod yaml;
