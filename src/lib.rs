//! mpycov: what did the tests exercise in Python that runs on a microcontroller?

pub mod model;
pub mod parse;
pub mod plan;
pub mod report;
pub mod weave;
