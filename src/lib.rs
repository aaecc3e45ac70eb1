//! mpycov: what did the tests exercise in Python that runs on a microcontroller?
//!
//! The pipeline, in reading order:
//!
//! ```text
//! discover → parse → plan → weave → (run) → wire → evaluate → report
//! ```
//!
//! A source text is parsed; the plan says what there is to see and which
//! sensors show it; weaving writes the sensors into the text. The program
//! runs; its hits come back as frames; joined with the map they become
//! verdicts, and reports render those. `docs/architecture.md` states what each
//! stage must not know.

pub mod board;
pub mod cli;
pub mod config;
pub mod device;
pub mod discover;
pub mod embedded;
pub mod evaluate;
pub mod fs;
pub mod gather;
pub mod instrument;
pub mod model;
pub mod parse;
pub mod plan;
pub mod report;
pub mod same_places;
pub mod store;
pub mod trace;
pub mod unittest;
pub mod unix;
pub mod weave;
pub mod wire;
