//! The runbooks that the program carries; a test holds the list to the folder `runbooks/`.

/// Name and text.
pub static EMBEDDED: &[(&str, &str)] = &[("restart", include_str!("../../runbooks/restart.yaml"))];
