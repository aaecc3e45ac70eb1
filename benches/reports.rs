//! What reports on a large measurement cost.

#![allow(missing_docs, reason = "a benchmark has no users")]

#[path = "../tests/report_support/mod.rs"]
mod report_support;

use divan::Bencher;
use mpycov::report::{Format, Settings, html, render};

fn main() {
    divan::main();
}

fn settings() -> Settings {
    Settings { show_contexts: true, ..report_support::settings() }
}

/// All pages of a report, thrown away as they come.
#[divan::bench(args = [100, 1_000], max_time = 20)]
fn html_pages(bencher: Bencher<'_, '_>, files: usize) {
    let (coverage, sources) = report_support::many(files);
    let settings = settings();
    bencher.bench_local(|| {
        let mut bytes = 0;
        html::pages(&coverage, &sources, &settings, &mut |_, page| {
            bytes += page.len();
            Ok(())
        })
        .map(|()| bytes)
    });
}

/// One report of each kind, on a thousand files.
#[divan::bench(
    args = [Format::Html, Format::Json, Format::Lcov, Format::Xml, Format::Coverage, Format::Text],
    max_time = 10
)]
fn thousand_files(bencher: Bencher<'_, '_>, format: Format) {
    let (coverage, sources) = report_support::many(1_000);
    let settings = settings();
    bencher.bench_local(|| {
        let mut out = Vec::new();
        render(format, &coverage, &sources, &settings, &mut out).map(|()| out.len())
    });
}
