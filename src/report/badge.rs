//! A badge for a README: a picture with the word and the percentage, which
//! loads nothing from anywhere.

use std::io::{self, Write};

use super::total::percentage;
use super::{Settings, Sources, sum};
use crate::model::Coverage;

/// Width of a letter of the badge's font, in tenths of a pixel; about right for
/// letters, digits and signs alike, and `textLength` makes it exact.
const LETTER: usize = 66;
const PADDING: usize = 6;

/// Writes the picture.
///
/// # Errors
/// When writing fails.
pub fn write(
    coverage: &Coverage,
    _: &Sources,
    settings: &Settings,
    out: &mut dyn Write,
) -> io::Result<()> {
    let numbers = sum(coverage);
    let value = format!("{}%", percentage(&numbers, settings.precision));
    let color = color(numbers.percent());
    let label = "coverage";
    let (left, right) = (width(label), width(&value));
    let (label_at, value_at) = (left / 2, left + right / 2);
    let (label_length, value_length) = (left - 2 * PADDING, right - 2 * PADDING);
    let all = left + right;
    writeln!(
        out,
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{all}" height="20" role="img" aria-label="{label}: {value}">
  <title>{label}: {value}</title>
  <clipPath id="c"><rect width="{all}" height="20" rx="3"/></clipPath>
  <g clip-path="url(#c)">
    <rect width="{left}" height="20" fill="#444c56"/>
    <rect x="{left}" width="{right}" height="20" fill="{color}"/>
  </g>
  <g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
    <text x="{label_at}" y="14" textLength="{label_length}">{label}</text>
    <text x="{value_at}" y="14" textLength="{value_length}">{value}</text>
  </g>
</svg>"##
    )
}

fn width(text: &str) -> usize {
    (text.chars().count() * LETTER).div_ceil(10) + 2 * PADDING
}

/// From red to green; only what is complete is the last green.
fn color(percent: f64) -> &'static str {
    match percent {
        p if p >= 100.0 => "#1f883d",
        p if p >= 90.0 => "#4a7d1e",
        p if p >= 75.0 => "#8a6d00",
        p if p >= 50.0 => "#b35900",
        _ => "#c0362c",
    }
}
