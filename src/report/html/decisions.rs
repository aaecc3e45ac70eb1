//! What stands under a decision: its conditions with what was seen of each, its
//! paths, and what is missing to show that each condition matters.

use std::fmt::{self, Write};

use super::super::escape::Escaped;
use super::super::numbers::{is_asked, is_lacking, outcomes_of};
use super::super::places::one_line;
use super::lines::Seen;
use crate::model::{ConditionVerdict, DecisionKind, DecisionVerdict, PathVerdict};

/// Rows of a table of paths; there can be thousands.
const ROWS: usize = 48;

/// Is there anything that was not seen of this decision?
pub(super) fn has_gaps(decision: &DecisionVerdict) -> bool {
    let matters = |number: usize| {
        is_assert(decision) || decision.conditions.len() == 1 || decision.conditions[number].mcdc
    };
    let complete = |number: usize| !is_lacking(decision, number) && matters(number);
    decision.not_measured.is_none() && !(0..decision.conditions.len()).all(complete)
}

/// Of an `assert` only the outcomes are asked for that leave it true.
fn is_assert(decision: &DecisionVerdict) -> bool {
    decision.kind == DecisionKind::Assert
}

/// Writes it. `ran` tells whether the decision's line ran.
pub(super) fn write(decision: &DecisionVerdict, ran: bool, out: &mut String) -> fmt::Result {
    if let Some(reason) = &decision.not_measured {
        let (text, reason) = (one_line(&decision.text), Escaped(reason));
        let text = Escaped(&text);
        write!(
            out,
            "<div class=\"dec note unm\"><b>not measured</b> <code>{text}</code>: {reason}</div>"
        )?;
        let wanted = decision.outcomes_only && ran;
        let all = 0..decision.conditions.len();
        for number in all.filter(|number| wanted && is_lacking(decision, *number)) {
            note(decision, number, out)?;
        }
    } else if decision.conditions.len() == 1 {
        if ran && has_gaps(decision) {
            note(decision, 0, out)?;
        }
    } else {
        card(decision, ran, out)?;
    }
    Ok(())
}

/// One condition of a decision, in a line.
fn note(decision: &DecisionVerdict, number: usize, out: &mut String) -> fmt::Result {
    let seen = Seen::of(decision, number);
    let text = one_line(&decision.conditions[number].text);
    let text = Escaped(&text);
    write!(
        out,
        "<div class=\"dec note\"><code class=\"{}\">{text}</code> {}</div>",
        seen.class(),
        seen.words()
    )?;
    Ok(())
}

fn card(decision: &DecisionVerdict, ran: bool, out: &mut String) -> fmt::Result {
    let gaps = has_gaps(decision);
    let open = if ran && gaps { " open" } else { "" };
    let class = match (ran, gaps) {
        (false, _) => "dec idle",
        (true, true) => "dec gaps",
        (true, false) => "dec full",
    };
    write!(out, "<details class=\"{class}\"{open}><summary>")?;
    summary(decision, out)?;
    out.push_str("</summary><div class=\"cols\">");
    conditions(decision, out)?;
    paths(decision, out)?;
    out.push_str("</div></details>");
    Ok(())
}

fn summary(decision: &DecisionVerdict, out: &mut String) -> fmt::Result {
    let all = decision.conditions.len();
    let outcomes = (0..all).map(|number| outcomes_of(decision, number));
    let (seen, asked) = outcomes.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let mut figures = vec![("outcomes", seen, asked)];
    if !is_assert(decision) {
        let taken = decision.paths.iter().filter(|p| p.hit).count();
        figures.push(("paths", taken as u64, decision.paths.len() as u64));
        let shown = decision.conditions.iter().filter(|c| c.mcdc).count();
        figures.push(("MC/DC", shown as u64, all as u64));
    }
    let kind = decision.kind.name().replace('_', " ");
    write!(out, "<span class=\"kind\">{kind}</span>{all} conditions")?;
    for (name, covered, total) in figures {
        let class = if covered == total { "ok" } else { "gap" };
        write!(out, "<span class=\"fig {class}\">{name} <b>{covered}</b>/{total}</span>")?;
    }
    Ok(())
}

/// A short name for a condition in tables: A to Z, then C27 and so on.
fn letter(index: usize) -> String {
    match u8::try_from(index) {
        Ok(n @ 0..26) => char::from(b'A' + n).to_string(),
        _ => format!("C{}", index + 1),
    }
}

fn conditions(decision: &DecisionVerdict, out: &mut String) -> fmt::Result {
    out.push_str(
        "<table class=\"conds\"><thead><tr><th></th><th>condition</th><th>seen</th>\
         <th>MC/DC</th></tr></thead><tbody>",
    );
    for (index, condition) in decision.conditions.iter().enumerate() {
        let seen = Seen::of(decision, index);
        let text = one_line(&condition.text);
        let rows = condition.shown_by.map(|(a, b)| format!("{a} {b}")).or_else(|| {
            let (path, partner) = condition.would_show?;
            Some(partner.map_or(path.to_string(), |p| format!("{path} {p}")))
        });
        write!(
            out,
            "<tr data-rows=\"{}\"><th>{}</th><td><code class=\"{}\">{}</code></td><td class=\"tf\">",
            rows.unwrap_or_default(),
            letter(index),
            seen.class(),
            Escaped(&text)
        )?;
        for (value, letter, word, seen) in
            [(true, "T", "true", condition.seen_true), (false, "F", "false", condition.seen_false)]
        {
            if seen || is_asked(decision, index, value) {
                outcome(letter, word, seen, out)?;
            }
        }
        out.push_str("</td><td class=\"why\">");
        verdict(decision, condition, out)?;
        out.push_str("</td></tr>");
    }
    out.push_str("</tbody></table>");
    Ok(())
}

fn outcome(letter: &str, word: &str, seen: bool, out: &mut String) -> fmt::Result {
    let (class, was) = if seen { ("yes", "was") } else { ("no", "was never") };
    write!(out, "<span class=\"{class}\" title=\"{was} {word}\">{letter}</span>")?;
    Ok(())
}

/// The MC/DC verdict with its reason: the two paths, or the one that is missing.
fn verdict(
    decision: &DecisionVerdict,
    condition: &ConditionVerdict,
    out: &mut String,
) -> fmt::Result {
    if is_assert(decision) && !condition.mcdc {
        out.push_str("not asked of an assert");
        return Ok(());
    }
    if let Some((a, b)) = condition.shown_by.filter(|_| condition.mcdc) {
        let strict = if condition.mcdc_pair { "" } else { " (masking)" };
        write!(out, "<span class=\"ok\">shown</span> by paths {} and {}{strict}", a + 1, b + 1)?;
        return Ok(());
    }
    out.push_str("<span class=\"gap\">not shown</span>");
    let Some((path, partner)) = condition.would_show else { return Ok(()) };
    let Some(missing) = decision.paths.get(path) else { return Ok(()) };
    write!(out, "; needs path {} ", path + 1)?;
    let values = decision.conditions.iter().zip(&missing.values);
    let given: Vec<String> = values
        .enumerate()
        .filter_map(|(index, (_, value))| Some(format!("{}={}", letter(index), sign(*value)?)))
        .collect();
    write!(out, "<code>{}</code>", given.join(" "))?;
    if let Some(partner) = partner {
        write!(out, " beside path {}", partner + 1)?;
    }
    Ok(())
}

fn sign(value: Option<bool>) -> Option<char> {
    value.map(|value| if value { 'T' } else { 'F' })
}

fn paths(decision: &DecisionVerdict, out: &mut String) -> fmt::Result {
    out.push_str("<table class=\"paths\"><thead><tr><th>path</th>");
    for index in 0..decision.conditions.len() {
        write!(out, "<th>{}</th>", letter(index))?;
    }
    out.push_str("<th>result</th><th>seen</th></tr></thead><tbody>");
    let wanted = |path: usize| -> Vec<usize> {
        let all = decision.conditions.iter().enumerate();
        let all = all.filter(|_| !is_assert(decision));
        let of_path = all.filter(|(_, c)| !c.mcdc && c.would_show.is_some_and(|w| w.0 == path));
        of_path.map(|(index, _)| index).collect()
    };
    let all = decision.paths.iter().enumerate();
    let many = decision.paths.len() > ROWS;
    let worth =
        |(index, path): &(usize, &PathVerdict)| !many || path.hit || !wanted(*index).is_empty();
    let mut shown = 0;
    for (index, path) in all.filter(worth).take(ROWS) {
        row(index, path, &wanted(index), out)?;
        shown += 1;
    }
    let rest = decision.paths.len() - shown;
    if rest > 0 {
        let columns = decision.conditions.len() + 3;
        write!(out, "<tr><td class=\"rest\" colspan=\"{columns}\">{rest} more</td></tr>")?;
    }
    out.push_str("</tbody></table>");
    Ok(())
}

fn row(index: usize, path: &PathVerdict, wanted: &[usize], out: &mut String) -> fmt::Result {
    let class = match (path.hit, wanted.is_empty()) {
        (true, _) => "hit",
        (false, false) => "want",
        (false, true) => "miss",
    };
    write!(out, "<tr class=\"{class}\" data-row=\"{index}\"><th>{}</th>", index + 1)?;
    for value in &path.values {
        match value {
            Some(true) => out.push_str("<td class=\"t\">T</td>"),
            Some(false) => out.push_str("<td class=\"f\">F</td>"),
            None => out.push_str("<td class=\"x\">–</td>"),
        }
    }
    match path.outcome {
        Some(true) => out.push_str("<td class=\"res t\">true</td>"),
        Some(false) => out.push_str("<td class=\"res f\">false</td>"),
        None => out.push_str("<td class=\"res x\">last operand</td>"),
    }
    if path.hit {
        out.push_str("<td>seen</td></tr>");
    } else if wanted.is_empty() {
        out.push_str("<td>never</td></tr>");
    } else {
        let names: Vec<String> = wanted.iter().map(|i| letter(*i)).collect();
        write!(out, "<td>never: would show {}</td></tr>", names.join(", "))?;
    }
    Ok(())
}
