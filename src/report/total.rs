//! The percentage of statements and branches, alone.

use std::io::{self, Write};

use super::numbers::display_percent;
use super::{Numbers, Settings, Sources, sum};
use crate::model::Coverage;

/// Writes it.
///
/// # Errors
/// When writing fails.
pub fn write(
    coverage: &Coverage,
    _: &Sources,
    settings: &Settings,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "{}", percentage(&sum(coverage), settings.precision))
}

/// The percentage of statements and branches as text.
pub(super) fn percentage(numbers: &Numbers, precision: usize) -> String {
    let (covered, total) = numbers.ratio();
    display_percent(covered, total, precision)
}
