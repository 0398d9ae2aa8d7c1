//! The file format: types as written, parsing with positions, checking, the catalogue.

pub mod scope;
pub mod types;
