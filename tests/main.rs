//! The one test binary: each topic is a module here.
