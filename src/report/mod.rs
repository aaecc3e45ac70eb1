//! Coverage in, bytes out: one renderer a file, all of one model.
//!
//! A renderer knows neither how the verdicts were reached nor where its bytes
//! go. It never rounds to 0 or 100 percent what is not exactly that, and it
//! never counts as missed what was not measured.

pub mod annotate;
pub mod badge;
pub mod boards;
pub mod cobertura;
pub mod compare;
pub mod diff;
pub mod escape;
pub mod gates;
pub mod gcovr;
pub mod github;
pub mod html;
pub mod json;
pub mod junit;
pub mod lcov;
pub mod moment;
mod mpy_coverage;
pub mod numbers;
pub mod places;
pub mod regions;
pub mod sonar;
pub mod sqlite;
pub mod text;
pub mod total;

use std::collections::BTreeMap;
use std::io::{self, Write};

pub use annotate::ListingOptions;
pub use cobertura::CoberturaOptions;
pub use diff::ChangedLines;
pub use gates::Gates;
pub use html::HtmlOptions;
pub use json::JsonOptions;
pub use lcov::{LcovFlavor, LcovOptions};
pub use moment::Moment;
pub use numbers::Numbers;
pub use sonar::SonarMetric;
pub use sqlite::DataFileOptions;
pub use text::TableOptions;

use crate::model::{Coverage, Level, TestSuite};

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
    /// Modules that ran but could not be covered, and why.
    pub uncovered: BTreeMap<String, String>,
    /// Lines that a change touched, to be spoken of first.
    pub changed: Option<ChangedLines>,
    /// The JSON report.
    pub json: JsonOptions,
    /// LCOV's tracefile.
    pub lcov: LcovOptions,
    /// Cobertura's XML.
    pub cobertura: CoberturaOptions,
    /// What SonarQube's report counts as a branch.
    pub sonar: SonarMetric,
    /// coverage.py's data file.
    pub data_file: DataFileOptions,
    /// The HTML report.
    pub html: HtmlOptions,
    /// Results of unit tests.
    pub tests: Vec<TestSuite>,
}

/// A kind of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// The table for people.
    Text,
    /// The table in Markdown.
    Markdown,
    /// The percentage alone.
    Total,
    /// The listing of the sources.
    Annotate,
    /// The report to look at. In one page here; [`html::pages`] makes many.
    Html,
    /// coverage.py's JSON, with our findings.
    Json,
    /// LCOV's tracefile.
    Lcov,
    /// Cobertura's XML.
    Xml,
    /// coverage.py's data file.
    Coverage,
    /// SonarQube's generic report.
    Sonar,
    /// gcovr's JSON tracefile.
    Gcovr,
    /// mpy-coverage's JSON.
    MpyCoverage,
    /// A summary for a step of GitHub Actions.
    Github,
    /// Annotations for GitHub Actions.
    GithubAnnotations,
    /// A picture of the percentage.
    Badge,
    /// Results of unit tests in JUnit's XML.
    Junit,
}

impl Format {
    /// All formats, in the order of the help text.
    pub const ALL: [Format; 16] = [
        Format::Text,
        Format::Markdown,
        Format::Total,
        Format::Annotate,
        Format::Html,
        Format::Json,
        Format::Lcov,
        Format::Xml,
        Format::Coverage,
        Format::Sonar,
        Format::Gcovr,
        Format::MpyCoverage,
        Format::Github,
        Format::GithubAnnotations,
        Format::Badge,
        Format::Junit,
    ];

    /// The word users type.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Markdown => "markdown",
            Format::Total => "total",
            Format::Annotate => "annotate",
            Format::Html => "html",
            Format::Json => "json",
            Format::Lcov => "lcov",
            Format::Xml => "xml",
            Format::Coverage => "coverage",
            Format::Sonar => "sonar",
            Format::Gcovr => "gcovr",
            Format::MpyCoverage => "mpy-coverage",
            Format::Github => "github",
            Format::GithubAnnotations => "github-annotations",
            Format::Badge => "badge",
            Format::Junit => "junit",
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
            Format::Text | Format::Markdown | Format::Total | Format::Annotate => None,
            Format::Github | Format::GithubAnnotations => None,
            Format::Html => Some("htmlcov"),
            Format::Json => Some("coverage.json"),
            Format::Lcov => Some("lcov.info"),
            Format::Xml => Some("coverage.xml"),
            Format::Coverage => Some(".coverage"),
            Format::Sonar => Some("sonar-coverage.xml"),
            Format::Gcovr => Some("gcovr.json"),
            Format::MpyCoverage => Some("mpy-coverage.json"),
            Format::Badge => Some("coverage.svg"),
            Format::Junit => Some("junit.xml"),
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
    if coverage.files.is_empty() && format != Format::Junit {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "No data to report."));
    }
    let table = |markdown| TableOptions {
        markdown,
        precision: settings.precision,
        ..settings.table.clone()
    };
    match format {
        Format::Text | Format::Markdown => {
            text::table(coverage, &table(format == Format::Markdown), out)?;
            text::uncovered(&settings.uncovered, out)
        }
        Format::Annotate => annotate::listing(coverage, sources, settings.listing, out),
        Format::Total => total::write(coverage, sources, settings, out),
        Format::Html => html::single(coverage, sources, settings, out),
        Format::Json => json::write(coverage, sources, settings, out),
        Format::Lcov => lcov::write(coverage, sources, settings, out),
        Format::Xml => cobertura::write(coverage, sources, settings, out),
        Format::Coverage => sqlite::write(coverage, sources, settings, out),
        Format::Sonar => sonar::write(coverage, sources, settings, out),
        Format::Gcovr => gcovr::write(coverage, sources, settings, out),
        Format::MpyCoverage => mpy_coverage::write(coverage, sources, settings, out),
        Format::Github => github::summary(coverage, sources, settings, out),
        Format::GithubAnnotations => github::annotations(coverage, sources, settings, out),
        Format::Badge => badge::write(coverage, sources, settings, out),
        Format::Junit => junit::write(&settings.tests, out),
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

/// Ascending numbers in short: `0-3` for those that follow each other.
fn in_short(numbers: &[usize], separator: &str) -> String {
    let text = |run: &[usize]| match run {
        [first, .., last] => format!("{first}-{last}"),
        single => single.iter().map(ToString::to_string).collect(),
    };
    let runs = numbers.chunk_by(|before, next| before + 1 == *next);
    runs.map(text).collect::<Vec<_>>().join(separator)
}

/// The counts of all files together.
fn sum(coverage: &Coverage) -> Numbers {
    let mut all = Numbers::default();
    for file in &coverage.files {
        all += Numbers::of(file);
    }
    all
}
