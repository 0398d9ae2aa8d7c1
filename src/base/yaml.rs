//! YAML files read with positions: every mistake is told with file, line, column and a hint.
//!
//! Two readers work together. The event walk ([`Positions`]) knows where each key and value stands
//! and finds what a typed reader cannot see; the typed reader ([`parse`]) makes the values. Input
//! may be anything at all: it never panics and never grows beyond its size.

use serde::de::DeserializeOwned;

mod diagnostic;
pub mod edit;
mod positions;
mod typed;

pub use diagnostic::{Diagnostic, Source, render};
pub use positions::Positions;

/// Reads the one document of a source into a type. The types deny unknown fields.
///
/// Tells as many problems at once as can be told apart.
pub fn parse<T: DeserializeOwned>(source: &Source) -> Result<T, Vec<Diagnostic>> {
    typed::parse(source)
}

/// Reads a document without a word about duplicate keys, of which the last counts; for readers that tell them from
/// [`Positions`].
pub fn parse_unchecked<T: DeserializeOwned>(source: &Source) -> Option<T> {
    serde_yaml::from_str(&source.text).ok()
}

#[cfg(test)]
mod tests;
