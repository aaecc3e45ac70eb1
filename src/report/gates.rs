//! Thresholds: a measurement in, what it falls short of out.

use super::numbers::{Numbers, display_percent, percent};
use super::{highest_level, sum};
use crate::model::{Coverage, Level};

/// What a measurement has to reach; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gates {
    /// Least percentage of statements and branches together.
    pub total: Option<f64>,
    /// Least percentage of statements.
    pub line: Option<f64>,
    /// Least percentage of branches.
    pub branch: Option<f64>,
    /// Least percentage of condition outcomes.
    pub condition: Option<f64>,
    /// Least percentage of conditions shown by MC/DC.
    pub mcdc: Option<f64>,
    /// Least percentage of functions that were entered.
    pub function: Option<f64>,
    /// Every file has to reach the percentages, rather than all together.
    pub per_file: bool,
    /// Most statements that may be missed.
    pub uncovered_lines: Option<u64>,
    /// Most branches that may be missed.
    pub uncovered_branches: Option<u64>,
    /// Most condition outcomes that may be missed.
    pub uncovered_conditions: Option<u64>,
    /// Most conditions that MC/DC may miss.
    pub uncovered_mcdc: Option<u64>,
    /// Most functions that may be missed.
    pub uncovered_functions: Option<u64>,
    /// Decimals that percentages are rounded to before they are compared.
    pub precision: usize,
}

/// Something that is counted and can be gated.
#[derive(Clone, Copy)]
struct Metric {
    /// Its name in a message on a percentage.
    name: &'static str,
    /// What is not covered of it, in a message on a number.
    uncovered: &'static str,
    /// The end of the option on its percentage.
    option: &'static str,
    /// The end of the option on its number.
    count_option: &'static str,
    /// The least level that measures it.
    level: Level,
    /// Covered and all.
    count: fn(&Numbers) -> (u64, u64),
}

const TOTAL: Metric = Metric {
    name: "total",
    uncovered: "",
    option: "",
    count_option: "",
    level: Level::Block,
    count: Numbers::ratio,
};
const LINE: Metric = Metric {
    name: "line coverage",
    uncovered: "uncovered lines",
    option: "-line",
    count_option: "lines",
    level: Level::Block,
    count: |n| (n.statements - n.missing, n.statements),
};
const BRANCH: Metric = Metric {
    name: "branch coverage",
    uncovered: "uncovered branches",
    option: "-branch",
    count_option: "branches",
    level: Level::Branch,
    count: |n| (n.branches - n.missing_branches, n.branches),
};
const CONDITION: Metric = Metric {
    name: "condition coverage",
    uncovered: "uncovered condition outcomes",
    option: "-condition",
    count_option: "conditions",
    level: Level::Condition,
    count: |n| (n.seen_outcomes, n.outcomes),
};
const MCDC: Metric = Metric {
    name: "MC/DC",
    uncovered: "conditions not shown by MC/DC",
    option: "-mcdc",
    count_option: "mcdc",
    level: Level::Condition,
    count: |n| (n.shown_conditions, n.conditions),
};

const FUNCTION: Metric = Metric {
    name: "function coverage",
    uncovered: "uncovered functions",
    option: "-function",
    count_option: "functions",
    level: Level::Block,
    count: |n| (n.entered_functions, n.functions),
};

/// One line for each gate that the measurement does not pass. A gate on what
/// was not measured is not passed.
#[must_use]
pub fn failures(coverage: &Coverage, gates: &Gates) -> Vec<String> {
    let mut failures = Vec::new();
    let level = highest_level(coverage);
    let shares = [
        (TOTAL, gates.total),
        (LINE, gates.line),
        (BRANCH, gates.branch),
        (CONDITION, gates.condition),
        (MCDC, gates.mcdc),
        (FUNCTION, gates.function),
    ];
    let all = sum(coverage);
    for (metric, least) in shares {
        let Some(least) = least else { continue };
        let option = format!("fail-under{}", metric.option);
        if level < metric.level {
            failures.push(blind(metric, &option, level));
        } else if gates.per_file {
            let files = coverage.files.iter().map(|f| (Some(f.path.as_str()), Numbers::of(f)));
            failures.extend(files.filter_map(|(p, n)| share(metric, least, p, &n, gates)));
        } else {
            failures.extend(share(metric, least, None, &all, gates));
        }
    }
    let counts = [
        (LINE, gates.uncovered_lines),
        (BRANCH, gates.uncovered_branches),
        (CONDITION, gates.uncovered_conditions),
        (MCDC, gates.uncovered_mcdc),
        (FUNCTION, gates.uncovered_functions),
    ];
    for (metric, most) in counts {
        let Some(most) = most else { continue };
        let option = format!("fail-uncovered-{}", metric.count_option);
        let (covered, total) = (metric.count)(&all);
        let missed = total - covered;
        if level < metric.level {
            failures.push(blind(metric, &option, level));
        } else if missed > most {
            let what = metric.uncovered;
            failures.push(failure(None, &format!("{missed} {what} are more than {option}={most}")));
        }
    }
    failures
}

fn failure(path: Option<&str>, text: &str) -> String {
    match path {
        Some(path) => format!("Coverage failure: {path}: {text}"),
        None => format!("Coverage failure: {text}"),
    }
}

fn blind(metric: Metric, option: &str, level: Level) -> String {
    let (name, needed) = (metric.name, metric.level);
    failure(
        None,
        &format!("{option} is set, but {name} was not measured: level {level}, not {needed}"),
    )
}

fn share(
    metric: Metric,
    least: f64,
    path: Option<&str>,
    numbers: &Numbers,
    gates: &Gates,
) -> Option<String> {
    let (covered, total) = (metric.count)(numbers);
    if !is_under(covered, total, least, gates.precision) {
        return None;
    }
    let shown = display_percent(covered, total, gates.precision);
    let (name, option) = (metric.name, metric.option);
    let least = least_text(least, gates.precision);
    let text = format!("{name} of {shown} is less than fail-under{option}={least}");
    Some(failure(path, &text))
}

/// coverage.py's rule: 100 is 100, all else is compared as it is shown.
fn is_under(covered: u64, total: u64, least: f64, precision: usize) -> bool {
    let exact = percent(covered, total);
    if least >= 100.0 {
        return covered < total;
    }
    let rounded: f64 = format!("{exact:.precision$}").parse().unwrap_or(exact);
    rounded < least
}

/// With as many decimals as the percentage, or all it has.
fn least_text(least: f64, precision: usize) -> String {
    let all = least.to_string();
    let decimals = all.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    format!("{least:.0$}", precision.max(decimals))
}
