//! Coverage in, bytes out: one renderer a file, all of one model.
//!
//! A renderer knows neither how the verdicts were reached nor where its bytes
//! go. It never rounds to 0 or 100 percent what is not exactly that, and it
//! never counts as missed what was not measured.

pub mod annotate;
pub mod numbers;
pub mod text;

use std::collections::BTreeMap;

pub use numbers::Numbers;

/// The source texts of the files of a report, by path. A file whose source is
/// gone or has changed since is not there.
pub type Sources = BTreeMap<String, Vec<u8>>;
