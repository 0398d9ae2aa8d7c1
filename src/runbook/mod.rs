//! The file format: types as written, parsing with positions, checking, the catalogue.

pub mod catalogue;
pub mod check;
pub mod embedded;
pub mod parse;
pub mod place;
pub mod schema;
pub mod scope;
mod shape;
pub mod types;

pub use catalogue::Catalogue;
pub use place::Document;
