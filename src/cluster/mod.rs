//! What a cluster is: hosts as configured, members as etcd says, the model that a plan computes with.

pub mod called;
pub mod discover;
pub mod host;
pub mod inventory;
pub mod member;
pub mod model;
pub mod observed;
pub mod tls;
pub mod version;
