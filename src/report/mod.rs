//! Coverage in, bytes out: one renderer a file, all of one model.
//!
//! A renderer knows neither how the verdicts were reached nor where its bytes
//! go. It never rounds to 0 or 100 percent what is not exactly that, and it
//! never counts as missed what was not measured.

pub mod annotate;
pub mod json;
pub mod moment;
pub mod numbers;
pub mod regions;
pub mod text;

use std::collections::BTreeMap;
use std::io::{self, Write};

pub use annotate::ListingOptions;
pub use json::JsonOptions;
pub use moment::Moment;
pub use numbers::Numbers;
pub use text::TableOptions;

use crate::model::{Coverage, Level};

/// The source texts of the files of a report, by path. A file whose source is
/// gone or has changed since is not there.
pub type Sources = BTreeMap<String, Vec<u8>>;

/// What the user asked of the reports, and what a renderer cannot know.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// When the report is made.
    pub when: Moment,
    /// Absolute path that the paths of the files start from.
    pub root: String,
    /// Decimals of percentages.
    pub precision: usize,
    /// Tell which contexts ran which lines.
    pub show_contexts: bool,
    /// The table.
    pub table: TableOptions,
    /// The annotated listing.
    pub listing: ListingOptions,
    /// The JSON report.
    pub json: JsonOptions,
}

/// A kind of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// The table for people.
    Text,
    /// The table in Markdown.
    Markdown,
    /// The listing of the sources.
    Annotate,
    /// coverage.py's JSON, with our findings.
    Json,
}

impl Format {
    /// All formats, in the order of the help text.
    pub const ALL: [Format; 4] = [
        Format::Text,
        Format::Markdown,
        Format::Annotate,
        Format::Json,
    ];

    /// The word users type.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Markdown => "markdown",
            Format::Annotate => "annotate",
            Format::Json => "json",
        }
    }

    /// The format of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Format::ALL.into_iter().find(|f| f.name() == name)
    }

    /// Where it goes unless the user says otherwise; `None` for standard output.
    #[must_use]
    pub fn default_path(self) -> Option<&'static str> {
        match self {
            Format::Text | Format::Markdown | Format::Annotate => None,
            Format::Json => Some("coverage.json"),
        }
    }
}

/// Writes a report of a format.
///
/// # Errors
/// When there is nothing to report or writing fails.
pub fn render(
    format: Format,
    coverage: &Coverage,
    sources: &Sources,
    settings: &Settings,
    out: &mut dyn Write,
) -> io::Result<()> {
    if coverage.files.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "No data to report.",
        ));
    }
    let table = |markdown| TableOptions {
        markdown,
        precision: settings.precision,
        ..settings.table.clone()
    };
    match format {
        Format::Text => text::table(coverage, &table(false), out),
        Format::Markdown => text::table(coverage, &table(true), out),
        Format::Annotate => annotate::listing(coverage, sources, settings.listing, out),
        Format::Json => json::write(coverage, sources, settings, out),
    }
}

/// The most that was asked for of any file.
fn highest_level(coverage: &Coverage) -> Level {
    let levels = coverage.files.iter().map(|f| f.level);
    levels.max().unwrap_or(Level::Line)
}

/// The values of a path's conditions as letters, as in `TF-`.
fn vector_letters(values: &[Option<bool>]) -> String {
    let letter = |value: &Option<bool>| match value {
        Some(true) => 'T',
        Some(false) => 'F',
        None => '-',
    };
    values.iter().map(letter).collect()
}
