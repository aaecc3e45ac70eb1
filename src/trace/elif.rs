//! The jump behind a last `elif`.
//!
//! Behind the suite of an `elif` MicroPython jumps over the clauses that follow, also
//! where none does. (Behind that of an `if` it does so only where there are some.) The
//! jump has no line of its own. So where the suite ends with a statement that has
//! suites itself, the last line of those is reported though they need not have run.

use crate::parse::Parsed;
use crate::parse::elif::{LastElif, last_elifs};
use crate::plan::outline::{Code, Fence, Outline, Shared, Suite, Tail};

/// Marks the lines that are reported for such a jump, and wants fences behind them.
pub(super) fn fence(parsed: &Parsed, outline: &mut Outline) {
    for LastElif { line, indent, below } in last_elifs(parsed) {
        // One that shares its line with its suite has none in the outline.
        let mine = |suite: &Suite| suite.header == Some(line);
        let Some(number) = outline.suites.iter().position(mine) else { continue };
        // When the jump is reached, a statement without suites has run.
        let last = outline.suites[number].steps.last();
        if last.is_none_or(|step| step.inner.is_empty() || step.defines) {
            continue;
        }
        outline.suites[number].fences.push(Fence {
            tail: Tail::Through,
            text: "pass",
            indent,
            below,
        });
        share_last(outline, number);
    }
}

/// The line of the last statement of a suite is reported for others too, or those of
/// the last statements inside it.
fn share_last(outline: &mut Outline, number: usize) {
    let Some(last) = outline.suites[number].steps.last_mut() else { return };
    // Where a test may be a constant some of the suites may be left out.
    let is_test = last.code == Code::Made;
    let is_own = last.inner.is_empty() || !is_test || last.defines;
    if is_own && last.shared == Shared::No {
        last.shared = Shared::Unfenced;
    }
    let inner = if last.defines { Vec::new() } else { last.inner.clone() };
    let from = if is_test { inner.len().saturating_sub(1) } else { 0 };
    for number in &inner[from..] {
        share_last(outline, *number);
    }
}
