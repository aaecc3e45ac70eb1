//! Decides what is covered: a parsed file in, its sensor map and the marks to
//! weave out.
//!
//! This stage knows the language and what coverage means; it does not know how
//! a mark is spelled, nor the names of the runtime. It cannot fail.

mod arcs;
mod constants;
mod flow;
mod graph;
mod integers;
mod lines;
pub mod marks;
mod names;
pub mod outline;
mod safety;
pub mod starts;
pub mod unreported;
mod values;
mod walk;

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use crate::model::{Digest, Level};
use crate::parse::Parsed;
use crate::parse::exclude::{Patterns, exclusions};
pub use marks::Plan;

/// What may be used on the firmware, and what is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The level.
    pub level: Level,
    /// Does the firmware know `:=`?
    pub walrus: bool,
    /// Is this the script itself? In other modules the suite of
    /// `if __name__ == "__main__":` never runs and counts for nothing.
    pub main_guard_runs: bool,
    /// What to exclude.
    pub patterns: Patterns,
    /// Text that stands for the patterns in the digest.
    pub pattern_key: String,
}

/// Version of the planner's output: part of every digest, so that hits are
/// never joined to a map numbered in another way.
const PLAN_VERSION: u32 = 2;

/// Plans one file, known to users by `path`.
#[must_use]
pub fn plan(parsed: &Parsed, path: &str, options: &Options) -> Plan {
    let flow = flow::Flow::of(parsed.body());
    let countable = lines::countable(parsed, &flow);
    let mut exclusions = exclusions(parsed, &options.patterns);
    if !options.main_guard_runs {
        walk::guard::exclude_main_guard(parsed, &mut exclusions.excluded);
    }
    let arcs = if options.level >= Level::Branch {
        arcs::find(parsed, &countable.with_code)
    } else {
        arcs::Arcs::new()
    };
    let identity = Identity::of(parsed.text(), path, options);
    walk::walk(parsed, &flow, &countable.statements, &exclusions, arcs, options, identity)
}

/// The names by which a file is known.
struct Identity {
    path: String,
    digest: Digest,
    source_hash: String,
}

impl Identity {
    fn of(text: &[u8], path: &str, options: &Options) -> Self {
        let source_hash = hex(&Sha256::digest(text));
        let settings = format!(
            "{PLAN_VERSION}\0{}\0{}\0{}\0{}\0{path}\0{source_hash}",
            options.level, options.walrus, options.main_guard_runs, options.pattern_key
        );
        let digits = hex(&Sha256::digest(settings.as_bytes()));
        let digest = Digest::parse(&digits[..Digest::LEN]).expect("twelve hexadecimal digits");
        Self { path: path.to_owned(), digest, source_hash }
    }
}

/// SHA-256 of a text in hexadecimal, as the maps record it.
#[must_use]
pub fn source_hash(text: &[u8]) -> String {
    hex(&Sha256::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The lines of a set, as a sorted list.
fn sorted(lines: &BTreeSet<crate::model::Line>) -> Vec<crate::model::Line> {
    lines.iter().copied().collect()
}
