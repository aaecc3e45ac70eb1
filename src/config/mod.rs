//! Settings from files: texts in, settings and where each one stands out.
//!
//! Our own file wins as a whole over `[tool.mpycov]` in pyproject.toml, and
//! that over coverage.py's files, of which the settings both programs have are
//! taken. Knows no command and no command line; only [`load`] reads files.

mod entries;
mod ini;
mod search;
mod toml_file;
mod value;

use std::collections::BTreeMap;

pub use search::load;
pub use value::{Kind, Value};

/// A setting that a file may hold.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name in our files: that of the option, with `_`.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Where coverage.py has it: `section:option`. Of several, lists add up.
    pub coverage: &'static [&'static str],
}

const fn key(name: &'static str, kind: Kind, coverage: &'static [&'static str]) -> Key {
    Key { name, kind, coverage }
}

/// The columns a table can be sorted by.
const COLUMNS: &[&str] = &["name", "stmts", "miss", "branch", "brpart", "cover"];

/// What SonarQube's report can count as a branch.
const METRICS: &[&str] = &["line", "branch", "condition", "decision"];

/// All settings, in the order in which they are shown.
pub const KEYS: &[Key] = &[
    key("level", Kind::Choice(&["block", "line", "branch", "condition"]), &[]),
    key("branch", Kind::Flag, &["run:branch"]),
    key("source", Kind::List, &["run:source", "run:source_dirs", "run:source_pkgs"]),
    key("include", Kind::List, &["run:include"]),
    key("omit", Kind::List, &["run:omit"]),
    key("pattern", Kind::Text, &[]),
    key("exclude_lines", Kind::Patterns, &["report:exclude_lines"]),
    key("exclude_also", Kind::Patterns, &["report:exclude_also"]),
    key("partial_branches", Kind::Patterns, &["report:partial_branches"]),
    key("partial_also", Kind::Patterns, &["report:partial_also"]),
    key("micropython", Kind::Text, &[]),
    key("target_version", Kind::Text, &[]),
    key("target", Kind::List, &[]),
    key("baud", Kind::Whole, &[]),
    key("context", Kind::Text, &["run:context"]),
    key("dynamic_context", Kind::Choice(&["none", "test_function"]), &["run:dynamic_context"]),
    key("command_line", Kind::Text, &["run:command_line"]),
    key("timeout", Kind::Number, &[]),
    key("contexts", Kind::List, &["report:contexts"]),
    key("report_include", Kind::List, &["report:include"]),
    key("report_omit", Kind::List, &["report:omit"]),
    key("show_missing", Kind::Flag, &["report:show_missing"]),
    key("skip_covered", Kind::Flag, &["report:skip_covered"]),
    key("skip_empty", Kind::Flag, &["report:skip_empty"]),
    key("ignore_errors", Kind::Flag, &["report:ignore_errors"]),
    key("sort", Kind::SignedChoice(COLUMNS), &["report:sort"]),
    key("precision", Kind::Whole, &["report:precision"]),
    key("fail_under", Kind::Number, &["report:fail_under"]),
    key("fail_under_line", Kind::Number, &[]),
    key("fail_under_branch", Kind::Number, &[]),
    key("fail_under_condition", Kind::Number, &[]),
    key("fail_under_mcdc", Kind::Number, &[]),
    key("fail_under_function", Kind::Number, &[]),
    key("per_file", Kind::Flag, &[]),
    key("fail_uncovered_lines", Kind::Whole, &[]),
    key("fail_uncovered_branches", Kind::Whole, &[]),
    key("fail_uncovered_conditions", Kind::Whole, &[]),
    key("fail_uncovered_mcdc", Kind::Whole, &[]),
    key("fail_uncovered_functions", Kind::Whole, &[]),
    key("format", Kind::List, &["report:format"]),
    key("title", Kind::Text, &["html:title"]),
    key("extra_css", Kind::Text, &["html:extra_css"]),
    key("show_contexts", Kind::Flag, &[]),
    key("html_show_contexts", Kind::Flag, &["html:show_contexts"]),
    key("json_show_contexts", Kind::Flag, &["json:show_contexts"]),
    key("html_skip_covered", Kind::Flag, &["html:skip_covered"]),
    key("html_skip_empty", Kind::Flag, &["html:skip_empty"]),
    key("pretty_print", Kind::Flag, &["json:pretty_print"]),
    key("line_checksums", Kind::Flag, &["lcov:line_checksums"]),
    key("package_depth", Kind::Whole, &["xml:package_depth"]),
    key("sonar_metric", Kind::Choice(METRICS), &[]),
    key("parallel", Kind::Flag, &["run:parallel"]),
    key("relative_files", Kind::Flag, &["run:relative_files"]),
    key("html_dir", Kind::Text, &["html:directory"]),
    key("xml_output", Kind::Text, &["xml:output"]),
    key("json_output", Kind::Text, &["json:output"]),
    key("lcov_output", Kind::Text, &["lcov:output"]),
    key("coverage_output", Kind::Text, &["run:data_file"]),
    key("data_dir", Kind::Text, &[]),
];

/// A setting that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// What it is set to.
    pub value: Value,
    /// The line of its file.
    pub line: u32,
}

/// What the files say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// The file that was taken, if any, as users know it.
    pub file: Option<String>,
    /// The settings in it, by name.
    pub values: BTreeMap<&'static str, Setting>,
    /// Names for places that are the same: its table `paths`.
    pub paths: Vec<SamePlaces>,
}

/// Places that hold the same sources, on this machine and on others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamePlaces {
    /// What the file calls them.
    pub name: String,
    /// The line of the file.
    pub line: u32,
    /// The place here, and then patterns of the others.
    pub places: Vec<String>,
}

impl Settings {
    /// A setting, if the file has it.
    ///
    /// # Panics
    /// If there is no setting of this name at all.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        assert!(KEYS.iter().any(|k| k.name == name), "`{name}` is no setting");
        self.values.get(name).map(|setting| &setting.value)
    }

    /// A text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_text)
    }

    /// A list of texts.
    #[must_use]
    pub fn list(&self, name: &str) -> Option<&[String]> {
        self.get(name).and_then(Value::as_list)
    }

    /// Yes or no.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_flag)
    }

    /// A number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(Value::as_number)
    }

    /// A whole number.
    #[must_use]
    pub fn whole(&self, name: &str) -> Option<usize> {
        self.get(name).and_then(Value::as_whole)
    }

    /// Where a setting stands: `mpycov.toml:3`.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<String> {
        let line = self.values.get(name)?.line;
        Some(format!("{}:{line}", self.file.as_deref().unwrap_or_default()))
    }
}

/// A file of settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] crate::fs::FileError),
    /// The text is not TOML, or not INI.
    #[error("{file}:{line}: {reason}")]
    Syntax {
        /// The file.
        file: String,
        /// The line.
        line: u32,
        /// What is wrong there.
        reason: String,
    },
    /// There is no such setting.
    #[error("{file}:{line}: there is no setting `{name}`\n  help: {help}")]
    Unknown {
        /// The file.
        file: String,
        /// The line.
        line: u32,
        /// What was written.
        name: String,
        /// What it may have been meant to be.
        help: String,
    },
    /// A setting has a value that it cannot take.
    #[error("{file}:{line}: `{name}` {reason}")]
    Value {
        /// The file.
        file: String,
        /// The line.
        line: u32,
        /// The setting.
        name: String,
        /// What is wrong with its value.
        reason: String,
    },
}
